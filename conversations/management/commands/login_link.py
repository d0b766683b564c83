"""`login_link`: a one-time address that signs a person in, for scripts and lost passwords."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from conversations.models import OneTimeLink, User


class Command(BaseCommand):
    """Prints one line: the address. It works once, within ten minutes."""

    help = "Print a one-time address that signs USER (name or e-mail address) in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--base", default=settings.SITE_URL or "http://127.0.0.1:8000")

    def handle(self, *args: Any, user: str, base: str, **options: Any) -> None:
        person = User.objects.filter(Q(username__iexact=user) | Q(email__iexact=user)).first()
        if person is None or not person.is_active:
            raise CommandError(f"There is no active person called {user}.")
        token = OneTimeLink.objects.issue(OneTimeLink.LOGIN, person, minutes=10)
        self.stdout.write(f"{base.rstrip('/')}/login/{token}/")
