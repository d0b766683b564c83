"""Telling administrators, once, that a budget is nearly used or used up."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.utils import timezone

from conversations.models import Alert, LedgerEntry, Period, Scope
from conversations.models.providers import dollars
from conversations.oversight.alerting import raise_alert
from conversations.spending.budgets import Charged, Level, levels


def after_charges(entries: Iterable[LedgerEntry]) -> None:
    """Of entries that were just booked together: which budgets they carried over a mark."""
    passed: dict[str, tuple[Level, LedgerEntry, int]] = {}
    for entry in entries:
        charged = Charged(entry.user_id, entry.team_id, entry.preset_id, entry.provider_id)
        for level in levels(charged) if entry.cost_nanos else ():
            if not level.budget.own:
                subject = _subject(level, entry)
                before = passed[subject][2] if subject in passed else 0
                passed[subject] = level, entry, before + (entry.cost_nanos or 0)
    for subject, (level, entry, cost) in passed.items():
        if kind := _passed(level, cost):
            raise_alert(kind, subject, _called(level, entry), _detail(level))


def after_saving(level: Level) -> None:
    """A budget that was made or changed may be past a mark from its first moment."""
    if not level.warns:
        return
    used = level.spent >= level.limit
    kind = Alert.Kind.BUDGET_USED if used else Alert.Kind.BUDGET_NEARLY
    since = Period(level.budget.period).begins(timezone.localdate())
    raise_alert(kind, f"{level.budget.pk.hex} {since}", level.name, _detail(level))


def above_bound(model: UUID | None, name: str, cost: int | None, bound: int | None) -> None:
    """A cost beyond its upper bound, which only a provider can report: it is booked, and told."""
    if cost is not None and bound is not None and cost > bound:
        detail = f"${dollars(cost)} booked, at most ${dollars(bound)} expected"
        raise_alert(Alert.Kind.ABOVE_RESERVATION, str(model), name, detail)


def _passed(level: Level, cost: int) -> str:
    """The mark that lies between what was spent before and now."""
    nearly = level.limit * level.budget.warn_percent // 100
    before = level.spent - cost
    if before < level.limit <= level.spent:
        return Alert.Kind.BUDGET_USED
    return Alert.Kind.BUDGET_NEARLY if before < nearly <= level.spent else ""


def _subject(level: Level, entry: LedgerEntry) -> str:
    """A new period is a new alert; of a budget that each has, each one is their own."""
    since = Period(level.budget.period).begins(entry.day)
    who = f" {entry.user_id}" if level.budget.scope == Scope.EACH_PERSON else ""
    return f"{level.budget.pk.hex} {since}{who and who.replace('-', '')}"


def _called(level: Level, entry: LedgerEntry) -> str:
    if level.budget.scope == Scope.EACH_PERSON:
        return f"{entry.user_name}, {level.budget.get_period_display()}"
    return level.name


def _detail(level: Level) -> str:
    return f"${dollars(level.spent)} of ${dollars(level.limit)}"
