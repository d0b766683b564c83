"""Where people are signed in: each session with its device, and how to end it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import User

BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"), ("curl/", "curl"), ("python", "Python"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS", "Mac"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """A request of somebody who is signed in, as it is remembered until it is stored."""

    person: UUID
    address: str
    user_agent: str
    at: datetime


_seen: dict[str, Seen] = {}


def forget() -> None:
    """As if nobody had been here."""
    _seen.clear()


def notice(request: HttpRequest) -> None:
    """Remember that this session was used; `store_seen` writes it down, off the request's way."""
    session = request.session
    key = session.session_key if getattr(session, "accessed", False) else None
    if not key or key in _seen:
        return
    person, address = session.get(SESSION_KEY), address_of(request)
    if person and address:
        agent = request.headers.get("user-agent", "")
        _seen[key] = Seen(UUID(person), address, agent, timezone.now())


def address_of(request: HttpRequest) -> str:
    """Where a request came from, by the number of proxies that we trust; "" where that is unknown."""
    try:
        found = get_adapter(request).get_client_ip(request)
        return str(ipaddress.ip_address(found))
    except (PermissionDenied, ImproperlyConfigured, ValueError):
        return ""


def store_seen() -> None:
    """Write down what was noticed since, in one statement; sessions that ended stay ended."""
    noticed = {key: _seen.pop(key) for key in [*_seen]}
    if not noticed:
        return
    open_keys = set(
        Session.objects.filter(session_key__in=noticed).values_list("session_key", flat=True)
    )
    people = {seen.person for seen in noticed.values()}
    known = set(User.objects.filter(pk__in=people).values_list("pk", flat=True))
    rows = [
        _row(key, seen)
        for key, seen in noticed.items()
        if key in open_keys and seen.person in known
    ]
    UserSession.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["session_key"],
        update_fields=["last_seen_at", "ip", "user_agent"],
    )


def _row(key: str, seen: Seen) -> UserSession:
    longest = UserSession._meta.get_field("user_agent").max_length
    return UserSession(
        session_key=key,
        user_id=seen.person,
        ip=seen.address,
        user_agent=seen.user_agent[:longest],
        created_at=seen.at,
        last_seen_at=seen.at,
    )


def sessions_of(person: User) -> list[Any]:
    """The person's open sessions, those last used first; each `UserSession` with its `device`."""
    store_seen()
    found = UserSession.objects.purge_and_list(person)
    for session in found:
        session.device = device_of(session.user_agent)
    return sorted(found, key=lambda session: session.last_seen_at, reverse=True)


def close_sessions(person: User, but: str = "") -> int:
    """End all sessions of a person, except the one with the key `but`; returns how many.

    Their pages are refused at once, their sockets close within five seconds.
    """
    store_seen()
    rows = UserSession.objects.filter(user=person).exclude(session_key=but)
    for session in rows:
        session.end()
    return len(rows)


def device_of(user_agent: str) -> str:
    """What a browser says of itself, in short: "Firefox on Linux"."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown device")
