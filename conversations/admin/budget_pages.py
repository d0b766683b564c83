"""Deciding a request for more."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminTextInputWidget,
)

from conversations.models import NANOS, BudgetRequest, Period, User
from conversations.models.providers import dollars
from conversations.problems import Refused
from conversations.spending import allowances
from conversations.spending.budgets import Charged, Level, levels

if TYPE_CHECKING:
    from conversations.admin.base import ParleyAdmin

USUAL_DAYS = 7


class DecisionForm(forms.Form):
    """What is approved, until the end of which day, and a word to the person."""

    amount = forms.DecimalField(
        label=_("Approve, dollars"),
        min_value=Decimal("0.0001"),
        max_digits=12,
        decimal_places=4,
        widget=UnfoldAdminDecimalFieldWidget,
    )
    until = forms.DateField(label=_("Until the end of"), widget=UnfoldAdminDateWidget)
    answer = forms.CharField(
        label=_("A word to them"), max_length=500, required=False, widget=UnfoldAdminTextInputWidget
    )

    def clean_until(self) -> date:
        last: date = self.cleaned_data["until"]
        if last < timezone.localdate():
            raise forms.ValidationError(_("Choose a day that isn’t over."))
        return last


def decide_page(owner: ParleyAdmin, request: HttpRequest, pk: str) -> HttpResponse:
    """The request with the budget as it stands, and the two answers to it."""
    asked = _found(pk)
    if not owner.has_view_permission(request, asked):
        raise PermissionDenied
    form = DecisionForm(request.POST or None, initial=_initial(asked))
    if request.method == "POST":
        if not owner.has_change_permission(request, asked):
            raise PermissionDenied
        if (answer := _decided(request, asked, form)) is not None:
            return answer
    context = admin.site.each_context(request) | {
        "title": _("%(name)s asks for more") % {"name": asked.person.display_name},
        "opts": owner.opts,
        "asked": asked,
        "level": _standing(asked),
        "form": form,
        "back": reverse("admin:conversations_budgetrequest_changelist"),
        "amounts": _amounts(asked),
    }
    return render(request, "admin/budget_request.html", context)


def _found(pk: str) -> BudgetRequest:
    try:
        return BudgetRequest.objects.select_related("person", "budget", "decided_by").get(pk=pk)
    except (BudgetRequest.DoesNotExist, ValueError, forms.ValidationError):
        raise Http404 from None


def _decided(request: HttpRequest, asked: BudgetRequest, form: DecisionForm) -> HttpResponse | None:
    """Do what was pressed; None where the form has to be mended first."""
    by = request.user
    assert isinstance(by, User)
    refuses = "refuse" in request.POST
    if not refuses and not form.is_valid():
        return None
    try:
        if refuses:
            answer = request.POST.get("answer", "")
            allowances.refuse(asked, by=by, answer=answer, request=request)
            messages.success(request, _("Refused."))
        else:
            _approve(request, by, asked, form.cleaned_data)
    except Refused as problem:
        messages.error(request, str(problem.detail))
    return redirect("admin:conversations_budgetrequest_changelist")


def _approve(request: HttpRequest, by: User, asked: BudgetRequest, chosen: dict[str, Any]) -> None:
    end = datetime.combine(chosen["until"] + timedelta(days=1), time())
    allowances.approve(
        asked,
        by=by,
        amount_nanos=int(chosen["amount"] * NANOS),
        ends_at=timezone.make_aware(end),
        answer=chosen["answer"],
        request=request,
    )
    messages.success(request, _("Approved. It counts from now on."))


def _initial(asked: BudgetRequest) -> dict[str, Any]:
    """As much as was asked for, until the budget renews."""
    today = timezone.localdate()
    renews = Period(asked.budget.period).renews(today) or today + timedelta(days=USUAL_DAYS)
    return {
        "amount": (Decimal(asked.asked_nanos) / NANOS).normalize(),
        "until": renews - timedelta(days=1),
    }


def _standing(asked: BudgetRequest) -> Level | None:
    person = asked.person
    budget = asked.budget
    charged = Charged(
        person.pk, budget.team_id or person.main_team_id, budget.preset_id, budget.provider_id
    )
    return next((level for level in levels(charged) if level.budget.pk == asked.budget_id), None)


def _amounts(asked: BudgetRequest) -> dict[str, str]:
    level = _standing(asked)
    told = {"asked": asked.asked_nanos, "granted": asked.granted_nanos}
    if level is not None:
        told |= {"limit": level.limit, "spent": level.spent, "held": level.held}
    return {name: f"${dollars(nanos)}" for name, nanos in told.items() if nanos is not None}
