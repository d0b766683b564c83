"""Signing a person out everywhere: in the database and in the cache before it."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone

from conversations.models import User

ROWS_AT_ONCE = 500


def sessions_of(person: User) -> list[str]:
    """Keys of the sessions in which the person is signed in; each is opened to see whose it is."""
    standing = Session.objects.filter(expire_date__gt=timezone.now())
    rows = standing.iterator(chunk_size=ROWS_AT_ONCE)
    return [row.pk for row in rows if row.get_decoded().get(SESSION_KEY) == str(person.pk)]


def end_sessions(keys: list[str]) -> None:
    """These are signed out; pages that are open close within five seconds."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for key in keys:
        store(session_key=key).delete()
