"""Pages: home, a conversation, older messages, the sidebar's list, what is archived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from conversations.models import (
    Completion,
    Conversation,
    Kind,
    PresetModel,
    Provider,
    User,
)
from conversations.problems import NotFound
from conversations.views.answering import PersonRequest, answers, uuid_or_none
from conversations.views.costs import spend_of_month
from conversations.views.opened import reading
from conversations.views.presenting import Thread, thread_of
from conversations.views.sidebar import sidebar_list


@answers("GET")
def home(request: PersonRequest) -> HttpResponse:
    """A new conversation: what to try, and the composer."""
    return room(request, None, Thread([]))


@answers("GET")
def conversation(request: PersonRequest, pk: UUID) -> HttpResponse:
    """A conversation with its newest part; `?at=` another branch, `?before=` the part above."""
    found = Conversation.objects.visible_to(request.user).filter(pk=pk).first()
    if found is None:
        raise NotFound
    at, before = (uuid_or_none(request.GET.get(name, "")) for name in ("at", "before"))
    thread = thread_of(found, at, before)
    if thread is None:
        raise NotFound
    if before is not None and request.htmx:
        context = {"thread": with_address(thread, found)}
        return render(request, "_messages_older.html", context)
    return room(request, found, thread)


def room(
    request: PersonRequest, conversation: Conversation | None, thread: Thread, status: int = 200
) -> HttpResponse:
    """The whole page, or only what changes when the page is there already."""
    user = request.user
    presets = list(offered(user))
    chosen = last_preset(conversation, presets)
    context: dict[str, Any] = {
        "conversation": conversation,
        "thread": with_address(thread, conversation) if conversation else thread,
        "is_running": thread.is_running,
        "presets": presets,
        "preset": chosen,
        "no_presets": not presets,
        "own_presets": settings.OWN_PRESETS,
        "suggestions": suggestions() if conversation is None else [],
        "can_manage": conversation is not None and conversation.owner_id == user.pk,
    }
    if conversation is not None:
        context |= reading(user, conversation)
    if conversation is None and user.is_staff:
        context |= missing_provider(bool(presets))
    if request.htmx and request.htmx.target == "main" and not request.htmx.history_restore_request:
        return render(request, "_main.html", context, status=status)
    context["person"] = user
    context["spend_month"] = spend_of_month(user)
    context["sidebar"] = sidebar_list(user, current=conversation.pk if conversation else None)
    return render(request, "page.html", context, status=status)


def missing_provider(has_presets: bool) -> dict[str, Any]:
    """What an administrator is told while there is nothing real to talk to."""
    real = Provider.objects.filter(enabled=True).exclude(kind=Kind.DEMO).exists()
    return {
        "needs_provider": not has_presets and not real,
        "only_demo": has_presets and not real,
        "admin_url": reverse("admin:conversations_provider_changelist"),
    }


def with_address(thread: Thread, conversation: Conversation) -> Thread:
    """The thread, knowing where its older part is."""
    if thread.older_than is not None:
        address = reverse("conversation", args=[conversation.pk])
        thread.older_url = f"{address}?before={thread.older_than}"
    return thread


def offered(user: User) -> list[Choice]:
    """The presets that `user` may choose, each with the name of its first model."""
    rows = PresetModel.objects.offered_to(user)
    fields = ("pk", "slug", "name", "description", "icon", "owner")
    columns = (f"version__preset__{field}" for field in fields)
    return [Choice(*row) for row in rows.values_list(*columns, "model__name")]


@dataclass
class Choice:
    """A preset as a page offers it."""

    pk: UUID
    slug: str
    name: str
    description: str
    icon: str
    owner: UUID | None
    model_name: str


def last_preset(conversation: Conversation | None, presets: list[Choice]) -> Choice | None:
    """What the conversation was last held with; None if that is no longer offered."""
    if conversation is None:
        return presets[0] if presets else None
    last = (
        Completion.objects.filter(conversation=conversation)
        .order_by("-pk")
        .values_list("preset_version__preset", flat=True)
        .first()
    )
    if last is None:
        return presets[0] if presets else None
    return next((preset for preset in presets if preset.pk == last), None)


def suggestions() -> list[dict[str, str]]:
    """Three things to try on a first visit."""
    return [
        {
            "label": _("Explain something"),
            "text": _(
                "Explain how a suspension bridge carries its load, with a small table of the"
                " forces and one formula."
            ),
        },
        {
            "label": _("Write some code"),
            "text": _(
                "Write a Python function that finds overlapping time ranges in a list, with a test."
            ),
        },
        {
            "label": _("Improve a text"),
            "text": _(
                "Make this friendlier and half as long: “Please be advised that the office"
                " will be closed on Friday owing to maintenance.”"
            ),
        },
    ]
