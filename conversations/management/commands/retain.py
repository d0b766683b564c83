"""`retain`: remove what is older than the periods that an administrator has set."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from conversations.oversight import retention

AT_ONCE = 1_000


class Command(BaseCommand):
    """Does what the server does once a day, now; it can be interrupted and run again."""

    help = "Remove what is older than the periods in the site settings. A server does it by itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would go, remove nothing"
        )

    def handle(self, *args: Any, dry_run: bool = False, **options: Any) -> None:
        for due in retention.preview():
            oldest = f", the oldest of {due.oldest:%Y-%m-%d}" if due.oldest else ""
            self.stdout.write(f"{due.label}: {due.count}{oldest}")
        if dry_run:
            return
        total = 0
        while done := retention.apply(AT_ONCE):
            total += done.total
            if done.is_complete or not done.total:
                break
        self.stdout.write(f"Removed: {total}.")
