"""One message: its article, its JSON, and everything known about a reply."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from conversations.models import Call, Message, PresetVersion, User
from conversations.problems import NotFound
from conversations.views.answering import PersonRequest, answers, wants_json
from conversations.views.presenting import as_json, shown

LONGEST_VALUE = 200
SOURCES = {
    "provider": _("as the provider says"),
    "price": _("price × tokens"),
    "estimated": _("estimated"),
}


@answers("GET")
def message(request: PersonRequest, pk: UUID, message_pk: UUID) -> HttpResponse:
    """One message: as the contract's JSON, or as its article."""
    rows = Message.objects.visible_to(request.user).select_related("completion")
    found = rows.filter(pk=message_pk, conversation=pk).first()
    if found is None:
        raise NotFound
    if wants_json(request):
        return JsonResponse(as_json(found, found.parts.order_by("index")))
    return HttpResponse(shown([found.pk])[0].article)


@answers("GET")
def details(request: PersonRequest, pk: UUID, message_pk: UUID) -> HttpResponse:
    """The inside of the dialog about one reply."""
    rows = Message.objects.visible_to(request.user).filter(conversation=pk)
    message = (
        rows.select_related("completion__preset_version__preset__version")
        .filter(pk=message_pk)
        .first()
    )
    if message is None or message.completion is None:
        raise NotFound
    completion = message.completion
    calls = list(completion.calls.exclude(kind=Call.Kind.TITLE))
    return render(request, "_details.html", {"details": _details(message, calls, request.user)})


def _details(message: Message, calls: list[Call], user: User) -> dict[str, Any]:
    completion = message.completion
    assert completion is not None
    last = calls[-1] if calls else None
    facts = completion.facts()
    found: dict[str, Any] = {
        "model_name": last.model_name if last else "",
        "provider_name": last.provider_name if last else "",
        "preset_name": completion.preset_version.preset.name,
        **_version(completion.preset_version, user),
        "parameters": [
            (name, _shown(value)) for name, value in sorted(completion.parameters.items())
        ],
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "usage_source": SOURCES.get(completion.usage_source, ""),
        "cost_usd": facts.get("cost", ""),
        "cost_source": SOURCES.get(completion.cost_source, ""),
        "first_token_seconds": facts.get("first"),
        "tokens_per_second": facts.get("speed"),
        "finish_reason": message.finish_reason or completion.finish_reason,
        "window_tokens": completion.window_tokens,
        "room_tokens": completion.room_tokens,
        "left_out": completion.left_out,
    }
    if user.is_staff:
        found["provider_words"] = completion.error_detail
        found["calls"] = calls
    return found


def _version(version: PresetVersion, user: User) -> dict[str, Any]:
    """Which version it was; what it said only to whom the preset shows that."""
    preset = version.preset
    newest = preset.version.number if preset.version else None
    return {
        "preset_version": version.number,
        "newest_version": newest if newest != version.number else None,
        "instructions": version.system_text if preset.shows_instructions_to(user) else "",
    }


def _shown(value: object) -> str:
    """A parameter as JSON: exact to the last digit, and of a schema the beginning."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
