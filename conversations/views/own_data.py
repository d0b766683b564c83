"""One's own data: everything that is kept of a person, for themselves, in one file."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import render

from conversations.oversight.auditing import record
from conversations.people import person_copy
from conversations.problems import TooMany
from conversations.views.answering import PersonRequest, answers

# Making the file reads everything: not more often than this.
PAUSE_SECONDS = 60


@answers("GET")
def page(request: PersonRequest) -> HttpResponse:
    """What is in the file, and the button that makes it."""
    return render(request, "own_data.html")


@answers("POST")
def file(request: PersonRequest) -> Any:
    """The file itself."""
    if not cache.add(f"own-data:{request.user.pk}", 1, PAUSE_SECONDS):
        raise TooMany(PAUSE_SECONDS)
    detail = {"conversations": True}
    record("person.exported", subject=request.user, request=request, detail=detail)
    return person_copy.response(request.user, conversations=True)
