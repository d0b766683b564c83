"""Statements: what a closed month came to, in all, per person and per team.

Everything is summed from the ledger itself, in whole nanodollars; only what is shown is rounded.
A closed month stays as it is, since a correction is an entry of the day on which it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from conversations.models import DailySum, LedgerEntry, SiteSettings, User
from conversations.models.base import NOTHING
from conversations.models.spending import LedgerQuerySet
from conversations.reports import periods
from conversations.reports.entries import CHARGE, FIGURES, Line, of_days, sum_of
from conversations.spending.money import converted

# What was being booked at midnight is in the ledger by then.
CLOSES_AFTER = timedelta(hours=1)
CORRECTION = Q(kind=LedgerEntry.Kind.CORRECTION)
PERSON, TEAM = "person", "team"
KINDS = {PERSON: "user", TEAM: "team"}


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the site's own calendar."""

    first: date

    @classmethod
    def named(cls, key: str) -> Month | None:
        """The month that a text such as `2026-10` names."""
        try:
            first = date.fromisoformat(f"{key}-01")
        except ValueError:
            return None
        is_plain = f"{first:%Y-%m}" == key and periods.FIRST <= first <= periods.LAST
        return cls(first) if is_plain else None

    @property
    def key(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def label(self) -> str:
        return date_format(self.first, "YEAR_MONTH_FORMAT")

    @property
    def next(self) -> date:
        return (self.first + timedelta(days=32)).replace(day=1)

    @property
    def last(self) -> date:
        return self.next - timedelta(days=1)

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be booked in it any more."""
        end = timezone.make_aware(datetime.combine(self.next, time()))
        return timezone.now() >= end + CLOSES_AFTER

    def entries(self) -> LedgerQuerySet:
        return of_days(LedgerEntry.objects.all(), self.first, self.last)


@dataclass(slots=True)
class Overview:
    """A month's lines, dearest first."""

    people: list[Line]
    teams: list[Line]
    total: Line


@dataclass(slots=True)
class Statement:
    """What one person or team is charged for a month.

    `lines` are charges by preset and model (`name`, `beside`); `total` counts corrections, too.
    """

    name: str
    lines: list[tuple[Line, str]]
    corrections: list[LedgerEntry]
    charged: Line
    total: Line


@dataclass(frozen=True, slots=True)
class Currency:
    """What amounts are shown in beside dollars: the rate, and the day that it is of."""

    code: str
    per_dollar: Any
    day: date

    def amount(self, nanos: int | None) -> str:
        """Empty where nobody knows it."""
        if nanos is None:
            return ""
        return f"{self.code} {converted(nanos, self.per_dollar):,}".replace("-", "−")


def currency() -> Currency | None:
    """The one that is set, with its rate and date; None: dollars alone."""
    site = SiteSettings.current()
    if not (site.currency and site.currency_per_dollar and site.currency_date):
        return None
    return Currency(site.currency, site.currency_per_dollar, site.currency_date)


def closed_months() -> list[tuple[Month, Line]]:
    """The closed months in which anything was booked, newest first, with what they came to."""
    rows = DailySum.objects.filter(of=DailySum.Of.SITE).order_by("-day")
    found: dict[Month, Line] = {}
    for day, nanos, unknown, requests in rows.values_list(
        "day", "cost_nanos", "unknown", "charges"
    ):
        line = found.setdefault(Month(day.replace(day=1)), Line())
        line.nanos, line.unknown = line.nanos + nanos, line.unknown + unknown
        line.requests += requests
    return [(month, line) for month, line in found.items() if month.is_closed]


def overview(month: Month) -> Overview:
    """Per person and per team; the total is of the people, which is all of the ledger."""
    people = _lines(month, PERSON)
    return Overview(people, _lines(month, TEAM), sum_of(people))


def _lines(month: Month, kind: str) -> list[Line]:
    column = KINDS[kind]
    rows = (
        month.entries()
        .order_by()
        .values(f"{column}_id", f"{column}_name")
        .annotate(newest=Max("pk"), **FIGURES)
    )
    found: dict[UUID, Line] = {}
    for row in sorted(rows, key=lambda row: row["newest"]):
        pk = row[f"{column}_id"] or NOTHING
        line = found.setdefault(pk, Line(key=pk))
        line.name = row[f"{column}_name"] or line.name
        line.add(row)
    names = nameless() if kind == PERSON else {}
    for pk, line in found.items():
        line.name = names.get(pk) or _name(kind, pk, line.name)
    return sorted(found.values(), key=lambda line: (-line.nanos, line.name))


def nameless() -> dict[UUID, str]:
    """Who was made nameless since stays so, whatever the ledger says."""
    rows = User.objects.exclude(anonymised_at=None)
    return {user.pk: user.display_name for user in rows.iterator()}


def _name(kind: str, pk: UUID, booked: str) -> str:
    if pk == NOTHING:
        return _("Nobody") if kind == PERSON else _("No team")
    return booked


def statement(month: Month, kind: str, pk: UUID) -> Statement | None:
    """A person's or a team's month; None where nothing was booked for them."""
    column = KINDS[kind]
    rows = month.entries().filter(**{f"{column}_id": None if pk == NOTHING else pk})
    corrections = list(rows.filter(CORRECTION).order_by("at", "pk"))
    lines = _charges(rows)
    if not lines and not corrections:
        return None
    charged, total = sum_of(line for line, _model in lines), Line()
    total.add(rows.aggregate(**FIGURES))
    booked = rows.order_by("-at", "-pk").values_list(f"{column}_name", flat=True).first() or ""
    names = nameless()
    for entry in corrections:
        entry.by_name = names.get(entry.by_id or NOTHING, entry.by_name)
    name = names.get(pk) or _name(kind, pk, booked)
    return Statement(name, lines, corrections, charged, total)


def _charges(rows: LedgerQuerySet) -> list[tuple[Line, str]]:
    """The charges by preset and model, by their names at that time."""
    both = ("preset_name", "model_name")
    grouped: Any = rows.filter(CHARGE).order_by(*both).values(*both).annotate(**FIGURES)
    found = []
    for row in grouped:
        line = Line(row["preset_name"])
        line.add(row)
        found.append((line, row["model_name"]))
    return found
