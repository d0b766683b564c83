"""What a person has used: by day, preset, model and conversation.

Days come from the daily sums, everything else from one's own entries in the ledger; how many
queries that takes doesn't depend on how much there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Max
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.models import Conversation, DailySum, LedgerEntry, User
from conversations.models.base import NOTHING
from conversations.models.spending import LedgerQuerySet
from conversations.reports.entries import FIGURES, Line, in_portions, of_days, sum_of
from conversations.spending.money import exact

DEFAULT = "month"
SHOWN_CONVERSATIONS = 20


@dataclass(frozen=True, slots=True)
class Span:
    """Days of the site, the first and the last included."""

    key: str
    label: Any
    first: date
    last: date

    @property
    def by_month(self) -> bool:
        return (self.last - self.first).days > 100

    def steps(self) -> list[date]:
        """The first day of each bar: days, or months."""
        if not self.by_month:
            return [self.first + timedelta(n) for n in range((self.last - self.first).days + 1)]
        months, month = [], self.first
        while month <= self.last:
            months.append(month)
            month = (month + timedelta(days=32)).replace(day=1)
        return months


def spans(today: date) -> list[Span]:
    """What can be chosen, the usual one first."""
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    # Eleven months are four to six days longer than that.
    year = (month - timedelta(days=330)).replace(day=1)
    return [
        Span("month", gettext_lazy("This month"), month, today),
        Span("last", gettext_lazy("Last month"), before.replace(day=1), before),
        Span("7", gettext_lazy("7 days"), today - timedelta(days=6), today),
        Span("30", gettext_lazy("30 days"), today - timedelta(days=29), today),
        Span("12", gettext_lazy("12 months"), year, today),
    ]


def span_of(key: str, today: date) -> Span:
    """The span that `key` names, otherwise this month."""
    known = {span.key: span for span in spans(today)}
    return known.get(key, known[DEFAULT])


@dataclass(slots=True)
class Usage:
    """A person's figures of a span."""

    total: Line
    days: list[Line]
    presets: list[Line] = field(default_factory=list)
    models: list[Line] = field(default_factory=list)
    conversations: list[Line] = field(default_factory=list)
    # What the conversations that aren't shown came to; None where all are.
    others: Line | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.total.requests or self.total.nanos)


def usage_of(person: User, span: Span) -> Usage:
    """Everything that the page shows."""
    days = _days(person, span)
    found = Usage(sum_of(days), days)
    if found.is_empty:
        return found
    found.presets, found.models = _presets_and_models(person, span)
    found.conversations, found.others = _conversations(person, span, found.presets)
    return found


def entries_of(person: User, span: Span) -> LedgerQuerySet:
    """One's own entries of these days."""
    return of_days(LedgerEntry.objects.visible_to(person), span.first, span.last)


def _days(person: User, span: Span) -> list[Line]:
    """A line for each step of the span, also for those with nothing."""
    name = "YEAR_MONTH_FORMAT" if span.by_month else "MONTH_DAY_FORMAT"
    found = {step: Line(date_format(step, name), day=step) for step in span.steps()}
    rows: Any = DailySum.objects.filter(
        of=DailySum.Of.PERSON, subject_id=person.pk, day__gte=span.first, day__lte=span.last
    ).values(
        "day",
        "unknown",
        nanos=F("cost_nanos"),
        requests=F("charges"),
        read=F("prompt_tokens"),
        written=F("completion_tokens"),
    )
    for row in rows:
        found[row["day"].replace(day=1) if span.by_month else row["day"]].add(row)
    return list(found.values())


def _presets_and_models(person: User, span: Span) -> tuple[list[Line], list[Line]]:
    """Both from one reading of the entries; each is called as it was last."""
    rows: Any = (
        entries_of(person, span)
        .order_by()
        .values("preset_id", "preset_name", "model_id", "model_name")
        .annotate(newest=Max("pk"), **FIGURES)
    )
    presets: dict[Any, Line] = {}
    models: dict[Any, Line] = {}
    for row in sorted(rows, key=lambda row: row["newest"]):
        for lines, kind in ((presets, "preset"), (models, "model")):
            line = lines.setdefault(row[f"{kind}_id"] or row[f"{kind}_name"], Line())
            line.name = row[f"{kind}_name"]
            line.add(row)
    return _dearest_first(presets), _dearest_first(models)


def _dearest_first(lines: dict[Any, Line]) -> list[Line]:
    return sorted(lines.values(), key=lambda line: (-line.nanos, -line.requests, line.name))


def _conversations(person: User, span: Span, presets: list[Line]) -> tuple[list[Line], Line | None]:
    """Those that cost most, and what the rest came to."""
    summed: Any = (
        entries_of(person, span).values("conversation_id").annotate(newest=Max("day"), **FIGURES)
    )
    rows = summed.order_by(F("nanos").desc(nulls_last=True), "-requests", "conversation_id")
    found = list(rows[: SHOWN_CONVERSATIONS + 1])
    dearest = found[:SHOWN_CONVERSATIONS]
    titles = _titles(person, [row["conversation_id"] for row in dearest])
    lines = [_conversation(row, titles) for row in dearest]
    return lines, _rest(sum_of(presets), lines) if len(found) > len(dearest) else None


def _titles(person: User, ids: list[UUID]) -> dict[UUID, str]:
    rows = Conversation.objects.visible_to(person).filter(pk__in=ids)
    return dict(rows.values_list("pk", "title"))


def _conversation(row: dict[str, Any], titles: dict[UUID, str]) -> Line:
    pk = row["conversation_id"]
    line = Line(day=row["newest"], key=pk if pk in titles else None)
    line.add(row)
    line.name = titles.get(pk, _("Deleted conversation")) or _("Untitled")
    if pk == NOTHING:
        line.name = _("Outside of conversations")
    return line


def _rest(all_of_it: Line, listed: list[Line]) -> Line:
    rest, seen = Line(_("All others")), sum_of(listed)
    for name in FIGURES:
        setattr(rest, name, getattr(all_of_it, name) - getattr(seen, name))
    return rest


def rows_of(person: User, span: Span) -> Iterator[list[Any]]:
    """One's own entries as rows of a table, its heads first, read in portions."""
    yield [
        _("Day"),
        _("Time"),
        _("Kind"),
        _("Conversation"),
        _("Preset"),
        _("Model"),
        _("Provider"),
        _("Team"),
        _("Tokens read"),
        _("Tokens written"),
        _("Cost, dollars"),
        _("Cost from"),
        _("Reason"),
    ]
    for entry in in_portions(entries_of(person, span)):
        yield [
            entry.day,
            timezone.localtime(entry.at).isoformat(timespec="seconds"),
            entry.get_kind_display(),
            entry.conversation_id if entry.conversation_id != NOTHING else None,
            entry.preset_name,
            entry.model_name,
            entry.provider_name,
            entry.team_name,
            entry.prompt_tokens,
            entry.completion_tokens,
            exact(entry.cost_nanos),
            entry.cost_source,
            entry.reason,
        ]
