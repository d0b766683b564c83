"""The lower limits that people set for themselves, one for each period."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest

from conversations.models import Budget, Period, User
from conversations.oversight.auditing import record
from conversations.spending import allowances

PERIODS = (Period.DAY, Period.WEEK, Period.MONTH)


def own_limits(person: User) -> dict[str, int]:
    """What the person has set, nanodollars by period."""
    rows = Budget.objects.filter(user=person, own=True)
    return dict(rows.values_list("period", "amount_nanos"))


@transaction.atomic
def set_own_limits(person: User, amounts: dict[str, int | None], request: HttpRequest) -> bool:
    """Set or take away (None) what these periods may cost; whether anything is different now."""
    before = own_limits(person)
    changed = {period: new for period, new in amounts.items() if before.get(period) != new}
    for period, nanos in changed.items():
        allowances.set_own(person, period, nanos)
    if changed:
        # How much is the person's own affair.
        detail = {"periods": ", ".join(changed)}
        record("budget.own_limit", subject=person, request=request, detail=detail)
    return bool(changed)
