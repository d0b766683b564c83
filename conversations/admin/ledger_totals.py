"""What the ledger's list comes to: from the daily sums where they say it, otherwise added up."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum
from django.http import QueryDict

from conversations.admin.filters import NONE
from conversations.admin.ledger_filters import SUBJECTS, of_days
from conversations.models import DailySum, LedgerEntry
from conversations.models.base import NOTHING, is_uuid
from conversations.reports import board, periods
from conversations.reports.paging import MOST
from conversations.reports.periods import Days
from conversations.spending import money

ALWAYS = Days(periods.FIRST, periods.LAST)
SITE = DailySum.Of.SITE


@dataclass(frozen=True, slots=True)
class Totals:
    """Entries, their known cost, and of how many nobody knows it.

    `cost_nanos` is None and `has_more` true of more entries than are added up for a page.
    """

    entries: int
    cost_nanos: int | None
    unknown: int = 0
    has_more: bool = False

    @property
    def cost(self) -> str:
        if self.cost_nanos is None:
            return "–"
        nothing_known = 0 < self.entries <= self.unknown and not self.cost_nanos
        return money.shown(None if nothing_known else self.cost_nanos)


def totals(rows: QuerySet[LedgerEntry], given: QueryDict, days: Days | None) -> Totals:
    """Of the list's rows, as the filters in the address chose them."""
    subjects = [name for name in SUBJECTS if given.get(name)]
    kind, is_plain = given.get("kind", ""), not (given.get("q") or given.get("cost"))
    if not is_plain or len(subjects) > 1 or kind not in ("", LedgerEntry.Kind.CHARGE):
        return _added(rows)
    name = subjects[0] if subjects else ""
    value = given.get(name, "")
    if name and value != NONE and not is_uuid(value):
        return Totals(0, 0)
    subject = UUID(value) if name and value != NONE else NOTHING
    known = board.total(days or ALWAYS, SUBJECTS[name][0] if name else SITE, subject)
    count, corrected = _corrections(name, value, days or ALWAYS)
    if kind:
        return Totals(known.charges, known.cost_nanos - corrected, known.unknown)
    return Totals(known.charges + count, known.cost_nanos, known.unknown)


def _corrections(name: str, value: str, days: Days) -> tuple[int, int]:
    """How many, and their sum: they are few, with an index of their own. Sums count charges."""
    rows = of_days(LedgerEntry.objects.filter(kind=LedgerEntry.Kind.CORRECTION), days)
    if name:
        rows = rows.filter(**{SUBJECTS[name][1]: None if value == NONE else UUID(value)})
    found = rows.aggregate(entries=Count("pk"), cost=Sum("cost_nanos"))
    return found["entries"], found["cost"] or 0


def _added(rows: QuerySet[LedgerEntry]) -> Totals:
    """Added up, unless there are too many."""
    some = rows.order_by()[: MOST + 1].values("pk", "cost_nanos")
    found = some.aggregate(
        entries=Count("pk"), cost=Sum("cost_nanos"), unknown=Count("pk", filter=Q(cost_nanos=None))
    )
    if found["entries"] > MOST:
        return Totals(MOST, None, has_more=True)
    return Totals(found["entries"], found["cost"] or 0, found["unknown"])
