"""`invite`: an address with which one person can register."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.models import OneTimeLink

DAY_MINUTES = 24 * 60


class Command(BaseCommand):
    """Prints one line: the address. One registration, within `--days`."""

    help = "Print an address with which one person can register (PARLEY_REGISTRATION=invite)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=7)
        parser.add_argument("--base", default=settings.SITE_URL or "http://127.0.0.1:8000")

    def handle(self, *args: Any, days: int, base: str, **options: Any) -> None:
        if settings.REGISTRATION != "invite":
            raise CommandError("Registration by invitation is off: set PARLEY_REGISTRATION=invite.")
        if not 1 <= days <= 365:
            raise CommandError("An invitation lasts 1 to 365 days.")
        token = OneTimeLink.objects.issue(OneTimeLink.INVITE, minutes=days * DAY_MINUTES)
        self.stdout.write(f"{base.rstrip('/')}/invitation/{token}/")
