"""Periods of whole days, by the site's own calendar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

TODAY, WEEK, MONTH, LAST_MONTH, YEAR = "today", "7days", "month", "last_month", "year"
NAMES: dict[str, Any] = {
    TODAY: _("Today"),
    WEEK: _("7 days"),
    MONTH: _("This month"),
    LAST_MONTH: _("Last month"),
    YEAR: _("12 months"),
}
# What an open end is: nothing was charged before, or will be after.
FIRST, LAST = date(2000, 1, 1), date(2100, 1, 1)
# More days than this are shown by months.
LONG = 62


@dataclass(frozen=True, slots=True)
class Days:
    """From the first day to the last, both counted."""

    first: date
    last: date

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """When the first day begins and when the day after the last does."""
        return _begins(self.first), _begins(self.last + timedelta(days=1))

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def is_long(self) -> bool:
        """Whether months say more of it than days."""
        return self.count > LONG

    def __and__(self, other: Days) -> Days:
        """The days that are in both."""
        return Days(max(self.first, other.first), min(self.last, other.last))

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=number) for number in range(self.count))


def month(day: date) -> Days:
    """The whole month that the day is in."""
    following = (day.replace(day=28) + timedelta(days=5)).replace(day=1)
    return Days(day.replace(day=1), following - timedelta(days=1))


def named(name: str, today: date | None = None) -> Days | None:
    """The period of that name; None: there is none."""
    today = today or timezone.localdate()
    begin = today.replace(day=1)
    match name:
        case "today":
            return Days(today, today)
        case "7days":
            return Days(today - timedelta(days=6), today)
        case "month":
            return Days(begin, today)
        case "last_month":
            return month(begin - timedelta(days=1))
        case "year":
            return Days((begin - timedelta(days=330)).replace(day=1), today)
        case _:
            return None


def between(first: str, last: str) -> Days | None:
    """From one ISO date to another; a missing one is open. None: neither is a date."""
    begin, end = _day(first), _day(last)
    if begin is None and end is None:
        return None
    return Days(begin or FIRST, end or LAST)


def _day(text: str) -> date | None:
    try:
        return min(max(date.fromisoformat(text), FIRST), LAST)
    except ValueError:
        return None


def _begins(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
