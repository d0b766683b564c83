"""Correcting what a call was charged: a new entry with the difference, by a person, with a reason."""

from __future__ import annotations

from decimal import Decimal

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from conversations.models import NANOS, Capability, LedgerEntry, User
from conversations.oversight.auditing import record
from conversations.problems import Refused
from conversations.spending import ledger, money


class CorrectionForm(forms.Form):
    """What the call should have cost, and why."""

    cost = forms.DecimalField(
        label=gettext_lazy("It should have cost, dollars"),
        min_value=Decimal(0),
        max_digits=18,
        decimal_places=9,
        widget=UnfoldAdminDecimalFieldWidget,
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("It stays with the correction, for everybody who reads the ledger."),
    )


def correct_page(request: HttpRequest, entry: LedgerEntry) -> HttpResponse:
    """The charge with its corrections so far, and the form for another."""
    user = request.user
    if not (isinstance(user, User) and user.may(Capability.SPEND)):
        raise PermissionDenied
    form = CorrectionForm(request.POST or None)
    is_good = request.method == "POST" and form.is_valid()
    would_book = _would_book(form, ledger.of_call(entry.call_id)) if is_good else ""
    confirmed = would_book and request.POST.get("confirmed") == would_book
    if confirmed and _corrected(request, user, entry, form):
        return redirect("admin:conversations_ledgerentry_change", entry.pk)
    rows = LedgerEntry.objects.filter(call_id=entry.call_id).order_by("pk")
    booked = ledger.of_call(entry.call_id)
    context = admin.site.each_context(request) | {
        "title": _("Correct a charge"),
        "opts": LedgerEntry._meta,
        "entry": entry,
        "rows": [(row, money.shown(row.cost_nanos)) for row in rows],
        "booked": money.shown(booked),
        "would_book": "" if form.errors else would_book,
        "form": form,
        "is_charge": entry.kind == LedgerEntry.Kind.CHARGE,
        "back": reverse("admin:conversations_ledgerentry_change", args=[entry.pk]),
    }
    return render(request, "admin/ledger_correct.html", context)


def _would_book(form: CorrectionForm, booked: int | None) -> str:
    """What a confirmation asks about: the difference that the new entry has."""
    nanos = int(form.cleaned_data["cost"] * NANOS)
    if nanos == booked:
        form.add_error("cost", _("That is what the ledger says already."))
        return ""
    return money.shown(nanos - (booked or 0))


def _corrected(
    request: HttpRequest, user: User, entry: LedgerEntry, form: CorrectionForm
) -> LedgerEntry | None:
    """The correction; None where it was refused, with the reason in the form."""
    nanos = int(form.cleaned_data["cost"] * NANOS)
    try:
        made = ledger.correct(entry, by=user, cost_nanos=nanos, reason=form.cleaned_data["reason"])
    except Refused as problem:
        form.add_error(None, str(problem.detail))
        return None
    detail = {"call": str(entry.call_id), "difference": str(money.exact(made.cost_nanos))}
    record("ledger.corrected", subject=entry, request=request, name=entry.user_name, detail=detail)
    messages.success(request, _("Corrected: a new entry of today has the difference."))
    return made
