"""A preset's own pages: its versions, the check of its form as one types, and trying it out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from conversations.admin.preset_parameters import FieldsForm
from conversations.models import Preset, User
from conversations.oversight.auditing import record
from conversations.presets import trying
from conversations.presets.versions import history, restore
from conversations.problems import Invalid, Refused, TooMany

if TYPE_CHECKING:
    from conversations.admin.presets import PresetForm

NUMBER = re.compile(r"[0-9]{1,9}")
# What an answer depends on; a preset without a name can be tried out.
SAID = frozenset(FieldsForm.base_fields) - {"seen_version", "icon"}


def check_form(form: PresetForm) -> HttpResponse:
    """What would be refused, by field; nothing is saved."""
    errors = {name: list(map(str, said)) for name, said in form.errors.items()}
    return JsonResponse({"errors": errors})


def try_out(request: HttpRequest, form: PresetForm) -> HttpResponseBase:
    """The answer to `question` by what the form says now, as it is written: a JSON object a line."""
    assert isinstance(request.user, User)
    errors = {name: list(map(str, form.errors[name])) for name in form.errors if name in SAID}
    if errors:
        told = _("Mend what is marked in the form first.")
        return JsonResponse({"error": "form", "detail": told, "errors": errors}, status=400)
    preset = form.instance if form.version is not None else None
    try:
        trial = trying.begin(request.user, form.meaning, request.POST.get("question", ""), preset)
    except Refused as refused:
        return _refusal(refused)
    response = StreamingHttpResponse(trial.lines(), content_type="application/x-ndjson")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _refusal(refused: Refused) -> HttpResponse:
    detail = refused.detail
    if isinstance(refused, TooMany):
        detail = _("You are trying something out already. Stop that first, or wait for its end.")
    response = JsonResponse({"error": refused.code, "detail": str(detail)}, status=refused.status)
    if isinstance(refused, TooMany):
        response.headers["Retry-After"] = str(refused.retry_after_seconds)
    return response


def versions_page(request: HttpRequest, preset: Preset) -> HttpResponse:
    """All versions with what changed; a post restores one, as a new version."""
    if request.method == "POST":
        _restore(request, preset)
        return HttpResponseRedirect(request.path)
    context: dict[str, Any] = admin.site.each_context(request) | {
        "preset": preset,
        "title": _("Versions of %(name)s") % {"name": preset},
        "opts": Preset._meta,
        "history": history(preset),
        "back": reverse("admin:conversations_preset_change", args=[preset.pk]),
    }
    return render(request, "admin/preset_versions.html", context)


def _restore(request: HttpRequest, preset: Preset) -> None:
    assert isinstance(request.user, User)
    number = request.POST.get("number", "")
    try:
        made = restore(preset, int(number) if NUMBER.fullmatch(number) else 0, request.user)
    except Invalid as refused:
        messages.error(request, str(refused.detail))
        return
    if made is None:
        messages.info(request, _("That is what the preset says now."))
        return
    detail = {"version": made.number, "restored": int(number)}
    record("preset.restored", subject=preset, request=request, detail=detail)
    told = _("Version %(old)s is back, as version %(new)s.")
    messages.success(request, told % {"old": number, "new": made.number})
