"""My usage: what one has spent, what is left of the budgets, and a lower limit of one's own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import User
from conversations.problems import NotFound, Refused
from conversations.reports import spreadsheets
from conversations.reports.plot import bars
from conversations.reports.usage import rows_of, span_of, spans, usage_of
from conversations.spending import allowances, budgets
from conversations.spending.money import shown
from conversations.spending.own_limits import own_limits, set_own_limits
from conversations.views.answering import PersonRequest, answers
from conversations.views.posts import see
from conversations.views.usage_forms import AskForm, LimitsForm, ask_form


@answers("GET")
def usage(request: PersonRequest) -> HttpResponse:
    """The page, for the days that `?period=` names."""
    return _page(request)


def _page(
    request: PersonRequest,
    *,
    limits: LimitsForm | None = None,
    asked: AskForm | None = None,
    status: int = 200,
) -> HttpResponse:
    today = timezone.localdate()
    span = span_of(request.GET.get("period", ""), today)
    found = usage_of(request.user, span)
    context = {
        "person": request.user,
        "spans": spans(today),
        "span": span,
        "usage": found,
        "plot": bars([(line.name, line.nanos) for line in found.days]),
        "limits": limits or LimitsForm(limits=own_limits(request.user)),
        "budgets": _budgets(request.user, asked),
    }
    return render(request, "usage/page.html", context, status=status)


def _budgets(user: User, asked: AskForm | None) -> list[dict[str, Any]]:
    """Each budget that counts the person, in words, with a form that asks for more of it."""
    newest = budgets.newest_requests(user)
    rows = []
    for level in budgets.standing(user):
        request = newest.get(level.budget.pk)
        form = None if level.budget.own else ask_form(level.budget)
        if asked is not None and asked.cleaned_data.get("budget") == level.budget.pk:
            form = asked
        rows.append(_in_words(level) | {"asked": request, "form": form})
        if request is not None:
            rows[-1]["asked_amount"] = shown(request.asked_nanos)
            rows[-1]["granted"] = shown(request.granted_nanos)
    return rows


def _in_words(level: budgets.Level) -> dict[str, Any]:
    sentence = budgets.until(level)
    return {
        "level": level,
        "left": shown(level.left),
        "limit": shown(level.limit),
        "held": shown(level.held) if level.held else "",
        "more": shown(level.more) if level.more else "",
        "used": f"{min(1, max(0, level.share)):.1%}",
        "until": f"{sentence[:1].upper()}{sentence[1:]}.",
    }


@answers("GET")
def entries(request: PersonRequest) -> Any:
    """One's own entries of the period as a file."""
    span = span_of(request.GET.get("period", ""), timezone.localdate())
    return spreadsheets.streamed(f"usage-{span.first}-{span.last}", rows_of(request.user, span))


@answers("POST")
def set_limits(request: PersonRequest) -> HttpResponse:
    """Set, change or take away one's own limits."""
    form = LimitsForm(request.POST, limits=own_limits(request.user))
    if not form.is_valid():
        return _page(request, limits=form, status=400)
    try:
        changed = set_own_limits(request.user, form.amounts(), request)
    except Refused as problem:
        form.add_error(None, str(problem.detail))
        return _page(request, limits=form, status=problem.status)
    if changed:
        messages.success(request, _("Your own limits are changed. They count from now on."))
    return see(reverse("usage"))


@answers("POST")
def ask(request: PersonRequest) -> HttpResponse:
    """Ask for more of a budget that counts the person."""
    form = AskForm(request.POST)
    valid = form.is_valid()
    wanted = form.cleaned_data.get("budget")
    known = [level.budget for level in budgets.standing(request.user) if not level.budget.own]
    budget = next((budget for budget in known if budget.pk == wanted), None)
    if budget is None:
        raise NotFound
    form.auto_id = f"ask-{budget.pk.hex}-%s"
    if not valid:
        return _page(request, asked=form, status=400)
    try:
        given = form.cleaned_data
        allowances.ask(request.user, budget, given["amount"], given["reason"])
    except Refused as problem:
        form.add_error(None, str(problem.detail))
        return _page(request, asked=form, status=problem.status)
    messages.success(request, _("Your request is sent. An administrator will decide."))
    return see(reverse("usage"))


@answers("POST")
def withdraw(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Ask no more."""
    allowances.withdraw(request.user, pk)
    messages.success(request, _("You don’t ask for it any more."))
    return see(reverse("usage"))
