"""`rotate_keys`: encrypt every provider's key anew, with the first of `PARLEY_ENCRYPTION_KEYS`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from conversations.models import Provider
from conversations.models.secret_field import Unreadable


class Command(BaseCommand):
    """Afterwards the older keys can go. A key that none of them opens is reported and left."""

    help = "Encrypt all stored provider keys with the newest encryption key."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            providers = list(Provider.objects.select_for_update().order_by("name"))
            unreadable = [row.name for row in providers if isinstance(row.key, Unreadable)]
            readable = [row for row in providers if row.key]
            for provider in readable:
                provider.save(update_fields=["key"])
        self.stdout.write(f"Encrypted {len(readable)} keys anew.")
        if unreadable:
            raise CommandError(
                f"None of the encryption keys opens the key of: {', '.join(unreadable)}. It was left"
                " as it is. Add the key that it was stored with, or enter the provider's key again."
            )
