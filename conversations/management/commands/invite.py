"""`invite`: an address with which one person can register."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.models import Team
from conversations.people import inviting
from conversations.problems import Refused


class Command(BaseCommand):
    """Prints one line: the address. One registration, within `--days`, whatever the settings say."""

    help = "Print an address with which one person can register, even while registration is closed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=7)
        parser.add_argument("--email", default="", help="only this address can register with it")
        parser.add_argument("--team", default="", help="the team that they join")
        parser.add_argument("--base", default=settings.SITE_URL or "http://127.0.0.1:8000")

    def handle(
        self, *args: Any, days: int, email: str, team: str, base: str, **options: Any
    ) -> None:
        joined = Team.objects.filter(name__iexact=team).first() if team else None
        if team and joined is None:
            raise CommandError(f"There is no team called {team}.")
        try:
            token = inviting.invite(None, email=email, team=joined, days=days)
        except Refused as refused:
            raise CommandError(str(refused.detail)) from None
        self.stdout.write(f"{base.rstrip('/')}/invitation/{token}/")
