"""Asking for more than a budget gives, and deciding that; a person's own lower limit."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import Alert, Budget, BudgetRequest, Period, Scope, User
from conversations.models.providers import NANOS, dollars
from conversations.oversight.alerting import close_alert, raise_alert
from conversations.oversight.auditing import record
from conversations.problems import Conflict, Invalid, NotFound
from conversations.spending.budgets import standing

MOST_ASKED = 1_000_000 * NANOS


@transaction.atomic
def ask(person: User, budget: Budget, amount_nanos: int, reason: str) -> BudgetRequest:
    """Ask for so much more of a budget that counts the person; administrators are told.

    Raises `NotFound` (it doesn't count them), `Invalid`, or `Conflict` while one request is open.
    """
    if budget.own or budget.pk not in {level.budget.pk for level in standing(person)}:
        raise NotFound
    if not 0 < amount_nanos <= MOST_ASKED:
        raise Invalid(_("Say how much more you need, in dollars."))
    try:
        with transaction.atomic():
            asked = BudgetRequest.objects.create(
                budget=budget, person=person, asked_nanos=amount_nanos, reason=reason.strip()[:500]
            )
    except IntegrityError:
        raise Conflict(_("You have asked already; an administrator will decide.")) from None
    raise_alert(
        Alert.Kind.BUDGET_REQUEST,
        asked.pk.hex,
        person.display_name,
        f"${dollars(amount_nanos)} · {budget}",
    )
    return asked


@transaction.atomic
def withdraw(person: User, request_id: UUID) -> None:
    """Ask no more."""
    rows = BudgetRequest.objects.visible_to(person).filter(pk=request_id, state="open")
    found = rows.first()
    if found is None:
        raise NotFound
    close_alert(Alert.Kind.BUDGET_REQUEST, found.pk.hex, person.display_name)
    found.delete()


def approve(
    asked: BudgetRequest,
    *,
    by: User,
    amount_nanos: int,
    ends_at: datetime,
    answer: str = "",
    request: HttpRequest | None = None,
) -> None:
    """Give so much more until then. Raises `Invalid`, or `Conflict` if it is decided already."""
    if amount_nanos <= 0:
        raise Invalid(_("Approve an amount above zero, or refuse."))
    if ends_at <= timezone.now():
        raise Invalid(_("Choose an end that is still to come."))
    _decide(asked, by, BudgetRequest.State.APPROVED, answer, request, amount_nanos, ends_at)


def refuse(
    asked: BudgetRequest, *, by: User, answer: str = "", request: HttpRequest | None = None
) -> None:
    """Give nothing more. Raises `Conflict` if it is decided already."""
    _decide(asked, by, BudgetRequest.State.REFUSED, answer, request, None, None)


@transaction.atomic
def _decide(
    asked: BudgetRequest,
    by: User,
    state: str,
    answer: str,
    request: HttpRequest | None,
    granted: int | None,
    ends_at: datetime | None,
) -> None:
    rows = BudgetRequest.objects.filter(pk=asked.pk, state=BudgetRequest.State.OPEN)
    decided = rows.update(
        state=state,
        answer=answer.strip()[:500],
        granted_nanos=granted,
        ends_at=ends_at,
        decided_by=by,
        decided_at=timezone.now(),
    )
    if not decided:
        raise Conflict(_("Somebody has decided this already."))
    close_alert(Alert.Kind.BUDGET_REQUEST, asked.pk.hex, by.display_name)
    detail = {"budget": str(asked.budget), "asked": dollars(asked.asked_nanos)}
    if granted is not None and ends_at is not None:
        detail |= {"approved": dollars(granted), "until": ends_at.isoformat()}
    record(
        f"budget.{state}",
        subject=asked.person,
        request=request,
        actor=by,
        detail=detail,
    )


@transaction.atomic
def set_own(person: User, period: str, amount_nanos: int | None) -> None:
    """A person's own lower limit for a period; None: none any more."""
    rows = Budget.objects.filter(user=person, period=period, own=True)
    if period not in Period.values:
        raise Invalid(_("Choose a period."))
    if amount_nanos is None:
        rows.delete()
        return
    if not 0 <= amount_nanos <= MOST_ASKED:
        raise Invalid(_("Write an amount of dollars, zero or more."))
    if not rows.update(amount_nanos=amount_nanos):
        Budget.objects.create(
            scope=Scope.PERSON, user=person, period=period, amount_nanos=amount_nanos, own=True
        )
