"""A provider's page for a new key: tested first, stored then; the one before overlaps for a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from conversations import connections, rotation
from conversations.models import Provider, User

if TYPE_CHECKING:
    from conversations.providers.checkup import Checkup

AT_ONCE, CHOSEN = "0", "chosen"
SPANS = [
    (AT_ONCE, _("Remove it at once")),
    ("1", _("May be used for an hour")),
    ("24", _("May be used for 24 hours")),
    ("168", _("May be used for 7 days")),
    (CHOSEN, _("May be used until the time below")),
]
LONGEST = timedelta(days=90)


class RotationForm(forms.Form):
    """The new key, and how long the one before may be used."""

    key = forms.CharField(
        label=_("New key"),
        max_length=4_000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off", "autofocus": True}),
        help_text=_("It is tested before it is stored. That asks a model for one word."),
    )
    overlap = forms.ChoiceField(
        label=_("The key before"),
        choices=SPANS,
        initial="24",
        widget=UnfoldAdminSelectWidget,
        help_text=_("While it may be used it is asked only where the new key is refused."),
    )
    until = forms.DateTimeField(
        label=_("Until"),
        required=False,
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "class": " ".join(INPUT_CLASSES)},
            format="%Y-%m-%dT%H:%M",
        ),
    )
    untested = forms.BooleanField(
        label=_("Store it even if it can’t be tested"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("For when the provider doesn’t answer at all. A refused key is never stored."),
    )

    def __init__(self, provider: Provider, data: Any = None) -> None:
        super().__init__(data)
        self._stored = provider.key

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"].strip()
        if key == self._stored:
            raise forms.ValidationError(_("This is the key that is stored already."))
        if not key.isascii() or not key.isprintable() or " " in key:
            raise forms.ValidationError(_("A key has no blanks and no special characters."))
        return key

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("overlap") == CHOSEN and "until" not in self.errors:
            until = cleaned.get("until")
            now = timezone.now()
            if until is None or not now < until <= now + LONGEST:
                self.add_error("until", _("Choose a time within the next 90 days."))
        return cleaned

    @property
    def old_until(self) -> datetime | None:
        """Until when the key before counts; None: not at all."""
        overlap = self.cleaned_data["overlap"]
        if overlap == CHOSEN:
            until: datetime = self.cleaned_data["until"]
            return until
        return timezone.now() + timedelta(hours=int(overlap)) if overlap != AT_ONCE else None


def rotate_page(request: HttpRequest, provider: Provider) -> HttpResponse:
    """The form; a post tests the new key and stores it, or ends the overlap."""
    if request.method == "POST" and "end" in request.POST:
        return _end(request, provider)
    form = RotationForm(provider, request.POST or None)
    checkup = None
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        checkup = connections.check_key(provider, form.cleaned_data["key"], request.user)
        if _may_be_stored(checkup, form):
            return _store(request, provider, form)
    return render(request, "admin/provider_rotate.html", _context(request, provider, form, checkup))


def _may_be_stored(checkup: Checkup, form: RotationForm) -> bool:
    if checkup.proves_the_key:
        return True
    return bool(form.cleaned_data["untested"]) and not checkup.key_refused


def _store(request: HttpRequest, provider: Provider, form: RotationForm) -> HttpResponse:
    hint, until = provider.key.hint, form.old_until
    rotation.rotate(provider, form.cleaned_data["key"], until=until, request=request)
    told = gettext("The new key is stored and used from now on.")
    if until is not None and provider.key:
        told += " " + gettext(
            "The one before, ending in %(hint)s, may be used until %(until)s."
        ) % {
            "hint": hint,
            "until": date_format(timezone.localtime(until), "DATETIME_FORMAT"),
        }
    messages.success(request, told)
    return HttpResponseRedirect(_back(provider))


def _end(request: HttpRequest, provider: Provider) -> HttpResponse:
    if rotation.end_overlap(provider, request):
        messages.success(request, gettext("The key before is removed. Only the new one is used."))
    return HttpResponseRedirect(_back(provider))


def _back(provider: Provider) -> str:
    return reverse("admin:conversations_provider_change", args=[provider.pk])


def _context(
    request: HttpRequest, provider: Provider, form: RotationForm, checkup: Checkup | None
) -> dict[str, Any]:
    return admin.site.each_context(request) | {
        "provider": provider,
        "title": gettext("A new key for %(name)s") % {"name": provider},
        "opts": Provider._meta,
        "back": _back(provider),
        "form": form,
        "checkup": checkup,
        "since": rotation.key_since(provider),
        "overlap": provider.keys_overlap,
    }
