"""The board's tables: the same rows for the page and for CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from conversations.models import Capability, DailySum
from conversations.models.base import NOTHING
from conversations.reports import board, pacing
from conversations.reports.board import Reading, Share, Sums
from conversations.reports.periods import Days, month
from conversations.spending import money

TOP, ALL = 10, 1_000
LEDGER, CALLS = "admin:conversations_ledgerentry_changelist", "admin:conversations_call_changelist"
Of = DailySum.Of


class Subject(NamedTuple):
    """What a table of shares is by: title, heading, the sums' kind, and what none is called."""

    title: Any
    heading: Any
    of: str
    nothing: Any


SHARES: dict[str, Subject] = {
    "person": Subject(_l("By person"), _l("Person"), Of.PERSON, _l("Nobody")),
    "team": Subject(_l("By team"), _l("Team"), Of.TEAM, _l("No team")),
    "preset": Subject(_l("By preset"), _l("Preset"), Of.PRESET, _l("No preset")),
    "provider": Subject(_l("By provider"), _l("Provider"), Of.PROVIDER, _l("Unknown provider")),
    "model": Subject(_l("By model"), _l("Model"), Of.MODEL, _l("Unknown model")),
}


@dataclass(frozen=True, slots=True)
class Row:
    """Values in the order of the columns, and the address of the rows that they sum."""

    values: tuple[Any, ...]
    link: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and how a value is shown."""

    title: str
    show: Callable[[Any], str] = str
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """`more`: there are more rows than these."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: list[Row]
    note: str = ""
    more: bool = False

    @property
    def shown(self) -> Iterator[tuple[str, list[tuple[str, bool]]]]:
        """For the page: each row's link and its cells as text, with whether they are numbers."""
        for row in self.rows:
            pairs = zip(self.columns, row.values, strict=True)
            yield row.link, [(column.show(value), column.is_number) for column, value in pairs]

    def csv(self) -> Iterator[list[Any]]:
        """Amounts in dollars with all their digits."""
        yield [column.title for column in self.columns]
        for row in self.rows:
            pairs = zip(self.columns, row.values, strict=True)
            yield [money.exact(v) if c.show is money.shown else v for c, v in pairs]


def count(value: int) -> str:
    return number_format(value, force_grouping=True)


def seconds(value: float | None) -> str:
    return "–" if value is None else f"{number_format(value / 1000, 2)} s"


def speed(value: float | None) -> str:
    return "–" if value is None else number_format(value, 0)


def ledger(days: Days, **filters: str) -> str:
    """The ledger's list with exactly the entries of these days and filters."""
    return _list(LEDGER, days, filters)


def calls(days: Days, **filters: str) -> str:
    return _list(CALLS, days, filters)


def _list(name: str, days: Days, filters: dict[str, str]) -> str:
    period = {"since": days.first.isoformat(), "until": days.last.isoformat()}
    return f"{reverse(name)}?{urlencode(period | filters)}"


def _money_columns(title: str) -> tuple[Column, ...]:
    return (
        Column(title, is_number=False),
        Column(_("Spend"), money.shown),
        Column(_("Requests"), count),
        Column(_("Tokens read"), count),
        Column(_("Tokens written"), count),
        Column(_("Unknown costs"), count),
    )


def _figures(sums: Sums) -> tuple[int | None, ...]:
    read, written = sums.prompt_tokens, sums.completion_tokens
    return sums.known, sums.charges, read, written, sums.unknown


def day_table(reading: Reading, limit: int = TOP) -> Table:
    """Newest first; a long period by months. Days without anything are left out."""
    rows = [Row((name, *_figures(sums)), ledger(part)) for name, part, sums in _steps(reading)]
    return Table("day", _("By day"), _money_columns(_("Day")), rows[:limit], more=len(rows) > limit)


def _steps(reading: Reading) -> list[tuple[str, Days, Sums]]:
    """Days, or months, with a charge."""
    days, daily = reading.days, reading.daily
    if days.is_long:
        months = board.by_month(daily).items()
        steps = [(date_format(m, "YEAR_MONTH_FORMAT"), days & month(m), s) for m, s in months]
    else:
        steps = [(date_format(d, "DATE_FORMAT"), Days(d, d), s) for d, s in daily.items()]
    return [(name, part, sums) for name, part, sums in reversed(steps) if sums != Sums()]


def share_table(name: str, reading: Reading, limit: int = TOP) -> Table:
    subject, days = SHARES[name], reading.days
    found = reading.shares(subject.of, limit + 1)
    rows = [Row(_share_values(name, share), _share_link(name, days, share)) for share in found]
    columns = _money_columns(str(subject.heading))
    return Table(name, str(subject.title), columns, rows[:limit], more=len(rows) > limit)


def _share_values(name: str, share: Share) -> tuple[Any, ...]:
    return share.name or str(SHARES[name].nothing), *_figures(share.sums)


def _share_link(name: str, days: Days, share: Share) -> str:
    return ledger(days, **{name: "none" if share.subject == NOTHING else str(share.subject)})


def error_table(reading: Reading, limit: int = TOP) -> Table:
    columns = Column(_("Kind"), is_number=False), Column(_("Calls"), count)
    days = reading.days
    rows = [Row((code, number), calls(days, error=code)) for code, number in reading.errors]
    return Table("errors", _("Errors"), columns, rows[:limit], more=len(rows) > limit)


def pace_table(reading: Reading, limit: int = TOP) -> Table:
    columns = (
        Column(_("Provider"), is_number=False),
        Column(_("First token, median"), seconds),
        Column(_("95th percentile"), seconds),
        Column(_("Tokens per second, median"), speed),
        Column(_("Slowest 5%"), speed),
        Column(_("Answers"), count),
    )
    days = reading.days
    named = [share.name for share in reading.providers[:limit] if share.name]
    rows = [
        Row(
            (p.provider, p.first_ms, p.first_ms_most, p.tokens_per_second,
             p.tokens_per_second_least, p.answers),
            calls(days, provider=p.provider, error="none"),
        )
        for p in pacing.paces(days, named)
    ]  # fmt: skip
    note = _("Of each provider the newest %(count)d answers of the period.") % {
        "count": pacing.SAMPLE
    }
    return Table("pace", _("How quick providers are"), columns, rows, note)


def table(name: str, reading: Reading, limit: int = TOP) -> Table:
    """The table of that name."""
    if name in SHARES:
        return share_table(name, reading, limit)
    return {"day": day_table, "errors": error_table, "pace": pace_table}[name](reading, limit)


# Who may see which.
NAMES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("day", *SHARES), (Capability.SPEND,)),
    **dict.fromkeys(("errors", "pace"), (Capability.SPEND, Capability.PROVIDERS)),
}
