"""The list of conversations: in the sidebar by pages and days, and what was put away."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from conversations.models import OPEN, Completion, Conversation, User
from conversations.views.answering import PersonRequest, answers, uuid_or_none

SIDEBAR_PAGE = 40
ARCHIVED_PAGE = 50


@answers("GET")
def sidebar(request: PersonRequest) -> HttpResponse:
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
    rows = Conversation.objects.of(user).listed()
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
                "pk": pk,
                "title": title or _("Untitled"),
                "version": version,
                "url": reverse("conversation", args=[pk]),
                "is_running": is_running,
                "is_current": pk == current,
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
    parsed = _moment(moment)
    key = uuid_or_none(pk) if parsed else None
    return (parsed, key) if parsed and key else None


def _moment(text: str) -> datetime | None:
    """The moment that `text` spells, with its time zone; None for what is in no calendar."""
    try:
        parsed = parse_datetime(text)
        return parsed.astimezone(UTC) if parsed and parsed.tzinfo else None
    except (ValueError, OverflowError):
        return None


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
def archived(request: PersonRequest) -> HttpResponse:
    """What was put away, newest first."""
    rows = Conversation.objects.managed_by(request.user).filter(archived_at__isnull=False)
    rows = rows.order_by("-archived_at")
    if before := _moment(request.GET.get("before", "")):
        rows = rows.filter(archived_at__lt=before)
    page = list(rows[: ARCHIVED_PAGE + 1])
    context: dict[str, Any] = {"conversations": page[:ARCHIVED_PAGE], "person": request.user}
    if len(page) > ARCHIVED_PAGE:
        last = page[ARCHIVED_PAGE - 1].archived_at
        context["next_url"] = f"{reverse('archived')}?{urlencode({'before': str(last)})}"
    return render(request, "archived.html", context)
