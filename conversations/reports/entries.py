"""The ledger's entries of some days: how they are found, summed up and read in portions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, Sum
from django.utils import timezone

from conversations.models import LedgerEntry
from conversations.models.spending import LedgerQuerySet
from conversations.spending.money import shown

ENTRIES_AT_ONCE = 1_000
CHARGE = Q(kind=LedgerEntry.Kind.CHARGE)
FIGURES: dict[str, Any] = {
    "nanos": Sum("cost_nanos"),
    "unknown": Count("pk", filter=Q(cost_nanos=None)),
    "requests": Count("pk", filter=CHARGE),
    "read": Sum("prompt_tokens", filter=CHARGE),
    "written": Sum("completion_tokens", filter=CHARGE),
}


@dataclass(slots=True)
class Line:
    """What something came to; `nanos` are the known costs, `unknown` counts the others."""

    name: str = ""
    nanos: int = 0
    unknown: int = 0
    requests: int = 0
    read: int = 0
    written: int = 0
    day: date | None = None
    key: UUID | None = None

    def add(self, figures: dict[str, Any]) -> None:
        for name in FIGURES:
            setattr(self, name, getattr(self, name) + (figures[name] or 0))

    @property
    def known(self) -> int | None:
        """The known costs; None where nothing is known."""
        return None if self.unknown and not self.nanos else self.nanos

    @property
    def spend(self) -> str:
        return shown(self.known)


def sum_of(lines: Iterable[Line]) -> Line:
    total = Line()
    for line in lines:
        total.add({name: getattr(line, name) for name in FIGURES})
    return total


def of_days(rows: LedgerQuerySet, first: date, last: date) -> LedgerQuerySet:
    """The entries of these days; the moments only help the database to find them."""
    begin = timezone.make_aware(datetime.combine(first, time())) - timedelta(days=2)
    end = timezone.make_aware(datetime.combine(last, time())) + timedelta(days=3)
    return rows.filter(at__gte=begin, at__lt=end, day__gte=first, day__lte=last)


def in_portions(rows: LedgerQuerySet) -> Iterator[LedgerEntry]:
    """Oldest first, each portion found by where the last one ended."""
    last: LedgerEntry | None = None
    while True:
        rest = rows
        if last is not None:
            rest = rows.filter(at__gte=last.at).exclude(at=last.at, pk__lte=last.pk)
        portion = list(rest.order_by("at", "pk")[:ENTRIES_AT_ONCE])
        yield from portion
        if len(portion) < ENTRIES_AT_ONCE:
            return
        last = portion[-1]
