"""What the board shows of a period: sums of days, of the whole site and of each subject."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Max, QuerySet, Sum

from conversations.models import DailySum
from conversations.models.base import NOTHING
from conversations.reports import pacing
from conversations.reports.periods import Days

SUMMED = ("cost_nanos", "unknown", "charges", "prompt_tokens", "completion_tokens")
ADDED = {f"total_{name}": Sum(name) for name in SUMMED}


@dataclass(frozen=True, slots=True)
class Sums:
    """What some days came to. The cost is of those charges whose cost is known."""

    cost_nanos: int = 0
    unknown: int = 0
    charges: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def known(self) -> int | None:
        """The cost; None where nobody knows that of any charge."""
        return None if 0 < self.charges <= self.unknown and not self.cost_nanos else self.cost_nanos

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, name) + getattr(other, name) for name in SUMMED))


@dataclass(frozen=True, slots=True)
class Share:
    """What one person, team, preset, provider or model came to; `NOTHING` for what has none."""

    subject: UUID
    name: str
    sums: Sums


class Reading:
    """What several parts of the board show of one period, read once."""

    def __init__(self, days: Days) -> None:
        self.days = days

    @cached_property
    def daily(self) -> dict[date, Sums]:
        return by_day(self.days)

    @cached_property
    def total(self) -> Sums:
        return sum(self.daily.values(), Sums())

    @cached_property
    def errors(self) -> list[tuple[str, int]]:
        return pacing.errors(self.days)

    @cached_property
    def people(self) -> list[Share]:
        return shares(DailySum.Of.PERSON, self.days)

    @cached_property
    def people_active(self) -> int:
        """How many were charged anything."""
        return sum(share.sums.charges > 0 and share.subject != NOTHING for share in self.people)

    @cached_property
    def providers(self) -> list[Share]:
        return shares(DailySum.Of.PROVIDER, self.days)

    def shares(self, of: str, limit: int) -> list[Share]:
        """As `shares`; those that are read anyway aren't read again."""
        known = {DailySum.Of.PERSON.value: "people", DailySum.Of.PROVIDER.value: "providers"}
        return getattr(self, known[of])[:limit] if of in known else shares(of, self.days, limit)


def sums_of(of: str, days: Days) -> QuerySet[DailySum]:
    return DailySum.objects.filter(of=of, day__range=(days.first, days.last))


def total(days: Days, of: str = DailySum.Of.SITE, subject: UUID = NOTHING) -> Sums:
    """What one subject, the whole site by default, came to."""
    return _sums(sums_of(of, days).filter(subject_id=subject).aggregate(**ADDED))


def by_day(days: Days) -> dict[date, Sums]:
    """Each day of the period, also those without a charge."""
    rows = sums_of(DailySum.Of.SITE, days).filter(subject_id=NOTHING)
    found = {row.pop("day"): Sums(**row) for row in rows.values("day", *SUMMED)}
    return {day: found.get(day, Sums()) for day in days}


def by_month(daily: dict[date, Sums]) -> dict[date, Sums]:
    """The days gathered by months, each named by its first day."""
    found: dict[date, Sums] = {}
    for day, sums in daily.items():
        month = day.replace(day=1)
        found[month] = found.get(month, Sums()) + sums
    return found


def shares(of: str, days: Days, limit: int | None = None) -> list[Share]:
    """Who or what the period's spend was for, the dearest first."""
    rows: Any = sums_of(of, days).values("subject_id")
    rows = rows.annotate(name=Max("subject_name"), **ADDED)
    ordered = rows.order_by("-total_cost_nanos", "-total_charges", "subject_id")[:limit]
    return [Share(row["subject_id"], row["name"], _sums(row)) for row in ordered]


def _sums(row: dict[str, Any]) -> Sums:
    return Sums(*(row[f"total_{name}"] or 0 for name in SUMMED))
