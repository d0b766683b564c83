"""Pages: home, a conversation, older messages, the sidebar's list, what is archived."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from conversations.models import (
    OPEN,
    Completion,
    Conversation,
    LedgerEntry,
    Message,
    Preset,
    Provider,
    User,
)
from conversations.models.providers import dollars
from conversations.problems import NotFound
from conversations.views.answering import answers, uuid_or_none
from conversations.views.presenting import Thread, thread_of

SIDEBAR_PAGE = 40
ARCHIVED_PAGE = 50


@answers("GET")
def home(request: HttpRequest) -> HttpResponse:
    """A new conversation: what to try, and the composer."""
    return room(request, None, Thread([]))


@answers("GET")
def conversation(request: HttpRequest, pk: UUID) -> HttpResponse:
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
    request: HttpRequest, conversation: Conversation | None, thread: Thread, status: int = 200
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
        "suggestions": suggestions() if conversation is None else [],
        "can_manage": conversation is not None and conversation.owner_id == user.pk,
    }
    if not presets and user.is_staff:
        context["needs_provider"] = not Provider.objects.filter(enabled=True).exists()
        context["admin_url"] = reverse("admin:conversations_provider_add")
    if request.htmx and request.htmx.target == "main" and not request.htmx.history_restore_request:
        return render(request, "_main.html", context, status=status)
    context["person"] = user
    context["spend_month"] = spend_of_month(user)
    context["sidebar"] = sidebar_list(user, current=conversation.pk if conversation else None)
    return render(request, "page.html", context, status=status)


def with_address(thread: Thread, conversation: Conversation) -> Thread:
    """The thread, knowing where its older part is."""
    if thread.older_than is not None:
        address = reverse("conversation", args=[conversation.pk])
        thread.older_url = f"{address}?{urlencode({'before': thread.older_than})}"
    return thread


def offered(user: User) -> list[Any]:
    """The presets that `user` may choose, each with the name of its model."""
    presets = Preset.objects.visible_to(user).values_list(
        "pk", "slug", "name", "description", "version__preset_models__model__name"
    )
    return [Choice(*row) for row in presets]


@dataclass
class Choice:
    """A preset as a page offers it."""

    pk: UUID
    slug: str
    name: str
    description: str
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
            "text": _("Explain how a suspension bridge carries its load, with a small table of the"
                      " forces and one formula."),
        },
        {
            "label": _("Write some code"),
            "text": _("Write a Python function that finds overlapping time ranges in a list, with"
                      " a test."),
        },
        {
            "label": _("Improve a text"),
            "text": _("Make this friendlier and half as long: “Please be advised that the office"
                      " will be closed on Friday owing to maintenance.”"),
        },
    ]


def spend_of_month(user: User) -> str:
    """What the person has spent since the month began; nothing where nothing was charged."""
    start = timezone.localtime().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    nanos = LedgerEntry.objects.visible_to(user).since(start).total_nanos()
    return f"${dollars(nanos)}" if nanos else ""


@answers("GET")
def sidebar(request: HttpRequest) -> HttpResponse:
    """One page of the list; `?after=` continues it."""
    current = uuid_or_none(request.GET.get("current", ""))
    listed = sidebar_list(request.user, request.GET.get("after", ""), current)
    return render(request, "_sidebar_items.html", {"sidebar": listed})


@dataclass
class Group:
    """Conversations of one stretch of days."""

    label: str
    items: list[dict[str, Any]] = field(default_factory=list)


def sidebar_list(user: User, after: str = "", current: UUID | None = None) -> dict[str, Any]:
    """One page of conversations, newest first, in groups of days; one query."""
    rows = Conversation.objects.visible_to(user).listed()
    if mark := _mark_of(after):
        rows = rows.filter(active_at__lte=mark[0]).exclude(active_at=mark[0], pk__gte=mark[1])
    running = Completion.objects.filter(conversation=OuterRef("pk"), state__in=OPEN)
    page = list(
        rows.annotate(is_running=Exists(running)).values_list(
            "pk", "title", "active_at", "is_running", "version"
        )[: SIDEBAR_PAGE + 1]
    )
    groups: list[Group] = []
    today = timezone.localtime()
    for pk, title, active_at, is_running, version in page[:SIDEBAR_PAGE]:
        label = _day_label(active_at, today)
        if not groups or groups[-1].label != label:
            groups.append(Group(label))
        groups[-1].items.append(
            {
                "pk": pk, "title": title or _("Untitled"), "version": version,
                "url": reverse("conversation", args=[pk]),
                "is_running": is_running, "is_current": pk == current,
            }
        )
    return {"groups": groups, "next_url": _next_url(page)}


def _next_url(page: list[Any]) -> str:
    if len(page) <= SIDEBAR_PAGE:
        return ""
    last = page[SIDEBAR_PAGE - 1]
    mark = {"after": f"{last[2].isoformat()}~{last[0]}"}
    return f"{reverse('sidebar')}?{urlencode(mark)}"


def _mark_of(after: str) -> tuple[datetime, UUID] | None:
    moment, _tilde, pk = after.partition("~")
    parsed = parse_datetime(moment) if moment else None
    key = uuid_or_none(pk) if parsed else None
    return (parsed, key) if parsed and key else None


def _day_label(moment: datetime, now: datetime) -> str:
    days = (now.date() - timezone.localtime(moment).date()).days
    if days <= 0:
        return _("Today")
    if days == 1:
        return _("Yesterday")
    if days <= 7:
        return _("Previous 7 days")
    return _("Previous 30 days") if timedelta(days) <= timedelta(30) else _("Older")


@answers("GET")
def archived(request: HttpRequest) -> HttpResponse:
    """What was put away, newest first."""
    rows = Conversation.objects.managed_by(request.user).filter(archived_at__isnull=False)
    rows = rows.order_by("-archived_at")
    if before := parse_datetime(request.GET.get("before", "") or "x"):
        rows = rows.filter(archived_at__lt=before)
    page = list(rows[: ARCHIVED_PAGE + 1])
    context = {"conversations": page[:ARCHIVED_PAGE], "person": request.user}
    if len(page) > ARCHIVED_PAGE:
        mark = {"before": page[ARCHIVED_PAGE - 1].archived_at.isoformat()}
        context["next_url"] = f"{reverse('archived')}?{urlencode(mark)}"
    return render(request, "archived.html", context)


@answers("GET")
def message(request: HttpRequest, pk: UUID, message_pk: UUID) -> HttpResponse:
    """One message: as the contract's JSON, or as its article."""
    from conversations.views.answering import wants_json
    from conversations.views.fragments import article_html
    from conversations.views.presenting import as_json, shown
    from django.http import JsonResponse

    rows = Message.objects.visible_to(request.user).select_related("completion")
    found = rows.filter(pk=message_pk, conversation=pk).first()
    if found is None:
        raise NotFound
    if wants_json(request):
        return JsonResponse(as_json(found, found.parts.order_by("index")))
    return HttpResponse(article_html(shown([found.pk])[0]))
