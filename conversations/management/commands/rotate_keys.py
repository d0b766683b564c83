"""`rotate_keys`: encrypt every provider's keys anew, with the first of `PARLEY_ENCRYPTION_KEYS`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from conversations.models import Provider
from conversations.models.secret_field import Unreadable
from conversations.people.signing_in import encrypt_anew


class Command(BaseCommand):
    """Afterwards the older keys can go. A key that none of them opens is reported and left."""

    help = "Encrypt all stored provider keys with the newest encryption key."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            providers = list(Provider.objects.select_for_update().order_by("name"))
            keys = [(row, name) for row in providers for name in ("key", "old_key")]
            unreadable = [row.name for row, name in keys if _is_unreadable(row, name)]
            readable = [(row, name) for row, name in keys if getattr(row, name)]
            for provider, name in readable:
                provider.save(update_fields=[name])
        self.stdout.write(f"Encrypted {len(readable)} keys anew.")
        factors, closed = encrypt_anew()
        if factors:
            self.stdout.write(f"Encrypted {factors} secrets of second factors anew.")
        if closed:
            names = ", ".join(dict.fromkeys(closed))
            self.stderr.write(
                f"None of the encryption keys opens the second factor of: {names}. They have to set"
                " it up again."
            )
        if unreadable:
            raise CommandError(
                f"None of the encryption keys opens the key of: {', '.join(dict.fromkeys(unreadable))}. It was left"
                " as it is. Add the key that it was stored with, or enter the provider's key again."
            )


def _is_unreadable(provider: Provider, name: str) -> bool:
    return isinstance(getattr(provider, name), Unreadable)
