"""`up`: prepare what is missing, then serve."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from chatsite.server import ParleyServer, PortTaken, check_port
from conversations.models import OneTimeLink, User
from conversations.preparing import (
    collect_static_files,
    first_provider,
    found_locally,
    how_to_add,
    migrate,
)

SETUP_MINUTES = 24 * 60
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104


class Command(BaseCommand):
    """Prepares the database and the files, then serves until it is stopped."""

    help = "Prepare and serve. Prints the address, and a one-time link while nobody administers."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=os.environ.get("PARLEY_HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=int(os.environ.get("PARLEY_PORT", "8000")))

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        self._check(host, port)
        if migrate(self._say):
            self._say("The database is ready.")
        if collect_static_files():
            self._say("Collected the static files.")
        if first_provider():
            self._say("Added the built-in demo, so that there is something to talk to.")
        asyncio.set_event_loop(asyncio.new_event_loop())
        ParleyServer(host, port, lambda bound: self._ready(host, bound)).run()

    def _check(self, host: str, port: int) -> None:
        if host not in ("127.0.0.1", "::1", "localhost") and not os.environ.get(
            "PARLEY_PRIVATE_PROVIDERS"
        ):
            settings.PRIVATE_PROVIDERS = False
        try:
            check_port(host, port)
        except PortTaken:
            raise CommandError(
                f"Port {port} is taken: another program, or another Parley, listens there. "
                f"Choose one that is free, such as: python3 manage.py up --port {port + 1}"
            ) from None
        except OSError as trouble:
            raise CommandError(f"Can't listen on {host}: {trouble.strerror}.") from None

    def _ready(self, host: str, port: int) -> None:
        shown = "127.0.0.1" if host in ANYWHERE else host
        address = settings.SITE_URL or f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
        self._say(f"Parley is at {address}/ – Ctrl-C stops it.")
        threading.Thread(target=self._after_start, args=(address,), daemon=True).start()

    def _after_start(self, address: str) -> None:
        """What is worth saying once, off the server's loop."""
        try:
            if not User.objects.filter(is_superuser=True, is_active=True).exists():
                token = OneTimeLink.objects.issue(OneTimeLink.SETUP, minutes=SETUP_MINUTES)
                self._say(
                    f"Set up the first administrator (once, within a day): {address}/setup/{token}/"
                )
            for found in found_locally():
                self._say(how_to_add(found))
        finally:
            connection.close()

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
