"""Alerts of budgets whose period is over: nobody has to close them."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.utils import timezone

from conversations.models import Alert, Budget, Period
from conversations.models.budgets import ROLLING_DAYS
from conversations.oversight.alerting import close_alert

KINDS = (Alert.Kind.BUDGET_NEARLY, Alert.Kind.BUDGET_USED)


def close_past() -> int:
    """Close those whose period is over, or whose budget is gone; returns how many were."""
    alerts = Alert.objects.filter(kind__in=KINDS, closed_at=None)
    told = [(alert, *found) for alert in alerts if (found := _parts(alert.subject))]
    budgets = Budget.objects.in_bulk([pk for _alert, pk, _since in told]) if told else {}
    over = (alert for alert, pk, since in told if _is_over(budgets.get(pk), since))
    return sum(close_alert(alert.kind, alert.subject) for alert in over)


def _parts(subject: str) -> tuple[UUID, date] | None:
    """The budget, and the first day of its period."""
    pk, since, *_who = [*subject.split(" "), ""]
    try:
        return UUID(pk), date.fromisoformat(since)
    except ValueError:
        return None


def _is_over(budget: Budget | None, since: date) -> bool:
    if budget is None:
        return True
    period = Period(budget.period)
    # Of 30 days that go along, all that it told of have to be over.
    told = since + timedelta(days=ROLLING_DAYS - 1) if period == Period.ROLLING else since
    return told < period.begins(timezone.localdate())
