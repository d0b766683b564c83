"""What waits for an administrator: alerts, requests, a budget, the first steps of a new site."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Exists, QuerySet
from django.utils import timezone

from conversations.models import (
    Alert,
    Budget,
    BudgetRequest,
    Capability,
    Kind,
    OneTimeLink,
    Period,
    Preset,
    Provider,
    Scope,
    User,
)
from conversations.reports.periods import Days
from conversations.spending.budgets import Level, levels_of

# Which alerts concern whom.
CONCERNS: dict[str, tuple[str, ...]] = {
    Capability.SPEND: (
        Alert.Kind.BUDGET_NEARLY,
        Alert.Kind.BUDGET_USED,
        Alert.Kind.ABOVE_RESERVATION,
        Alert.Kind.BUDGET_REQUEST,
    ),
    Capability.PROVIDERS: (Alert.Kind.PROVIDER_FAILING, Alert.Kind.KEY_REFUSED),
    Capability.PEOPLE: (Alert.Kind.PERSON_WAITING,),
}


@dataclass(frozen=True, slots=True)
class Used:
    """The site's budget as it stands, and the days that it counts."""

    level: Level
    days: Days


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first things to do on a new site."""

    name: str
    done: bool


def site_budget(today: date | None = None) -> Used | None:
    """The whole site's budget of the month, or of another period; None: there is none."""
    today = today or timezone.localdate()
    found = list(Budget.objects.filter(scope=Scope.SITE, enabled=True).order_by("amount_nanos"))
    if not found:
        return None
    budget = next((one for one in found if one.period == "month"), found[0])
    days = Days(Period(budget.period).begins(today), today)
    return Used(levels_of([budget])[0], days)


def open_alerts(capabilities: Iterable[str]) -> QuerySet[Alert]:
    """Alerts that nobody has closed yet, of those that concern these capabilities.

    Requests for more stand for themselves: see `open_requests`.
    """
    rows = concerning(capabilities).filter(closed_at=None)
    return rows.exclude(kind=Alert.Kind.BUDGET_REQUEST)


def concerning(capabilities: Iterable[str]) -> QuerySet[Alert]:
    kinds = [kind for name in capabilities for kind in CONCERNS.get(name, ())]
    return Alert.objects.filter(kind__in=kinds)


def open_requests() -> QuerySet[BudgetRequest]:
    rows = BudgetRequest.objects.filter(state=BudgetRequest.State.OPEN)
    subjects = ("budget__user", "budget__team", "budget__preset", "budget__provider")
    return rows.select_related("person", *subjects)


def first_steps(user: User) -> list[Step]:
    """What a new site needs, and whether it has it; in one query."""
    real = Provider.objects.filter(enabled=True).exclude(kind=Kind.DEMO)
    offered = Preset.objects.filter(enabled=True, version__language_models__provider__in=real)
    done = {
        "provider": Exists(real),
        "preset": Exists(offered),
        "invite": Exists(User.objects.exclude(pk=user.pk))
        | Exists(OneTimeLink.objects.filter(purpose=OneTimeLink.INVITE)),
        "budget": Exists(Budget.objects.filter(own=False)),
    }
    asked = {f"has_{name}": condition for name, condition in done.items()}
    person: Any = User.objects.filter(pk=user.pk)
    told = person.values(**asked).get()
    return [Step(name, bool(told[f"has_{name}"])) for name in done]
