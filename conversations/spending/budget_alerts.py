"""Telling administrators, once, that a budget is nearly used or used up."""

from __future__ import annotations

from conversations.models import Alert, LedgerEntry, Period, Scope
from conversations.models.providers import dollars
from conversations.oversight.alerting import raise_alert
from conversations.spending.budgets import Charged, Level, levels


def after_charge(entry: LedgerEntry) -> None:
    """Of a charge that was just booked: which of its budgets it carried over a mark."""
    if not entry.cost_nanos:
        return
    charged = Charged(entry.user_id, entry.team_id, entry.preset_id, entry.provider_id)
    for level in levels(charged):
        if not level.budget.own and (kind := _passed(level, entry.cost_nanos)):
            raise_alert(kind, _subject(level, entry), _called(level, entry), _detail(level))


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
