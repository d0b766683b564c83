"""The prices on a model's page: what counts, what counted, what is planned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from conversations.models import AuditEntry, LanguageModel, Price
from conversations.models.providers import per_million
from conversations.oversight.auditing import record
from conversations.problems import Invalid
from conversations.spending.pricing import MOST_DOLLARS, PLACES, add_price, remove_planned

# What the forms on the page post.
ADD, REMOVE = "add_price", "remove_price"
CHANGES = {ADD, REMOVE}
ADDED, REMOVED = "price.added", "price.removed"
MOST_SHOWN = 100


def dollars(label: Any, **more: Any) -> forms.DecimalField:
    """An amount in dollars per million tokens, to the billionth."""
    return forms.DecimalField(
        label=label,
        min_value=0,
        max_value=MOST_DOLLARS,
        max_digits=16,
        decimal_places=PLACES,
        localize=False,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        **more,
    )


class PriceForm(forms.Form):
    """A price from a time on."""

    read = dollars(_("Tokens read, $ per million"))
    written = dollars(_("Tokens written, $ per million"))
    cached = dollars(
        _("Cached tokens read, $ per million"),
        required=False,
        help_text=_("Empty: the same as other tokens read."),
    )
    since = forms.DateTimeField(
        label=_("Counts from"),
        required=False,
        help_text=_("Empty: from now on."),
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "class": " ".join(INPUT_CLASSES)},
            format="%Y-%m-%dT%H:%M",
        ),
    )
    assumed = forms.BooleanField(
        label=_("Assumed"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Nobody publishes this price: it is our assumption. Hard budgets need one."),
    )


@dataclass(frozen=True)
class Row:
    """A price as the page shows it; `state` is planned, present or past."""

    pk: int
    read: str
    written: str
    cached: str
    since: datetime
    assumed: bool
    state: str
    by: str


def context(model: LanguageModel) -> dict[str, Any]:
    """The prices, the newest first, and the form for another."""
    prices = list(model.prices.order_by("-valid_from")[:MOST_SHOWN])
    by = _who_added(model)
    now = timezone.now()
    present = next((price.pk for price in prices if price.valid_from <= now), None)
    rows = [_row(price, present, now, by.get(price.pk, "")) for price in prices]
    return {"language_model": model, "prices": rows, "price_form": PriceForm()}


def _row(price: Price, present: int | None, now: datetime, by: str) -> Row:
    state = "planned" if price.valid_from > now else "present" if price.pk == present else "past"
    cached = price.cached_nanos_per_million
    return Row(
        price.pk,
        per_million(price.input_nanos_per_million),
        per_million(price.output_nanos_per_million),
        "" if cached is None else per_million(cached),
        price.valid_from,
        price.assumed,
        state,
        by,
    )


def _who_added(model: LanguageModel) -> dict[int, str]:
    """The names of those who set the prices, by the price's id."""
    entries = AuditEntry.objects.filter(subject_id=str(model.pk), action=ADDED)
    return {entry.detail.get("price"): entry.actor_name for entry in entries[: 2 * MOST_SHOWN]}


def noted(request: HttpRequest, price: Price) -> None:
    """Write into the audit log who set this price."""
    record(ADDED, subject=price.model, request=request, detail={**_told(price), "price": price.pk})


def _told(price: Price) -> dict[str, Any]:
    cached = price.cached_nanos_per_million
    return {
        "read": per_million(price.input_nanos_per_million),
        "written": per_million(price.output_nanos_per_million),
        "cached": "" if cached is None else per_million(cached),
        "from": price.valid_from.isoformat(timespec="minutes"),
        "assumed": price.assumed,
    }


def add(request: HttpRequest, model: LanguageModel) -> PriceForm | None:
    """Add what was posted; None, or the form that says why not."""
    form = PriceForm(request.POST)
    if not form.is_valid():
        return form
    given = form.cleaned_data
    try:
        price = add_price(
            model,
            given["read"],
            given["written"],
            given["cached"],
            since=given["since"],
            assumed=given["assumed"],
        )
    except Invalid as trouble:
        form.add_error("since", str(trouble.detail))
        return form
    noted(request, price)
    messages.success(request, gettext("The price is stored: %(price)s.") % {"price": price})
    return None


def remove(request: HttpRequest, model: LanguageModel) -> None:
    """Remove a planned price; one that counts or counted stays."""
    pk = request.POST.get(REMOVE, "")
    price = remove_planned(model, int(pk)) if pk.isdecimal() and len(pk) < 19 else None
    if price is None:
        messages.error(request, gettext("Only a price that doesn’t count yet can be removed."))
    else:
        record(REMOVED, subject=model, request=request, detail=_told(price))
        messages.success(request, gettext("The planned price is removed."))


def back(model: LanguageModel) -> HttpResponse:
    address = reverse("admin:conversations_languagemodel_change", args=[model.pk])
    return HttpResponseRedirect(f"{address}#prices")
