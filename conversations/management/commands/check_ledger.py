"""`check_ledger`: prove that charges, calls, reservations and daily sums agree."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.models import LedgerEntry
from conversations.models.providers import dollars
from conversations.spending import ledger


class Command(BaseCommand):
    """Prints what disagrees, a line each, and fails; or one line that says what was proven."""

    help = "Prove the ledger: charges against calls, reservations, and the daily sums."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--rebuild", action="store_true", help="make the daily sums anew from the ledger first"
        )

    def handle(self, *args: Any, rebuild: bool, **options: Any) -> None:
        if rebuild:
            self.stdout.write(f"Made {ledger.rebuild()} daily sums anew.")
        found = ledger.check()
        for line in found:
            self.stdout.write(line)
        if found:
            raise CommandError(f"{len(found)} things disagree.")
        entries = LedgerEntry.objects.count()
        total = dollars(LedgerEntry.objects.total_nanos())
        self.stdout.write(f"The ledger agrees: {entries} entries, ${total} in all.")
