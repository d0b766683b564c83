"""How posts answer: HTML for pages, JSON for programs, and trouble in words for both."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.middleware import get_user
from django.contrib.auth.views import redirect_to_login
from django.core.cache import cache
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.middleware import HtmxDetails

from conversations.models import User
from conversations.problems import Invalid, NotFound, Refused, TooMany, Unavailable

View = Callable[..., HttpResponse]


class PersonRequest(HttpRequest):
    """A request of somebody who is signed in, as the views here get it."""

    user: User
    htmx: HtmxDetails


def wants_json(request: HttpRequest) -> bool:
    """Whether the asker is a program: it prefers JSON."""
    accepted = request.headers.get("accept", "")
    return accepted.split(",")[0].split(";")[0].strip() == "application/json"


def answers(*methods: str) -> Callable[[View], View]:
    """A view for people who are signed in; expected trouble becomes a status and a sentence."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                # The person, not what Django puts around them until they are asked for.
                request.user = get_user(request)
                if not request.user.is_authenticated and wants_json(request):
                    signed_out = {"error": "signed_out", "detail": "Sign in first."}
                    return JsonResponse(signed_out, status=403)
                if not request.user.is_authenticated and request.method != "GET":
                    # Where a post went to is no place to come back to.
                    return redirect_to_login(reverse("home"))
                return signed_in(request, *args, **kwargs)
            except Refused as problem:
                return refusal(request, problem)
            except OperationalError:
                return refusal(request, Unavailable())

        @login_required
        @require_http_methods(list(methods))
        def signed_in(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def refusal(request: HttpRequest, problem: Refused) -> HttpResponse:
    """The problem as JSON, as a line for the page's script, or as a page."""
    response: HttpResponse
    if wants_json(request):
        detail = {"error": problem.code, "detail": str(problem.detail)}
        response = JsonResponse(detail, status=problem.status)
    elif getattr(request, "htmx", False):
        response = HttpResponse(
            str(problem.detail), status=problem.status, content_type="text/plain; charset=utf-8"
        )
    elif isinstance(problem, NotFound):
        response = render(request, "404.html", status=404)
    else:
        response = render(request, "problem.html", {"problem": problem}, status=problem.status)
    response.headers["X-Problem"] = problem.code
    if isinstance(problem, TooMany):
        response.headers["Retry-After"] = str(problem.retry_after_seconds)
    return response


def limit_sends(request: PersonRequest) -> None:
    """Count this person's sends of the minute; raises `TooMany` beyond the limit."""
    now = time.time()
    minute = int(now // 60)
    key = f"sends:{request.user.pk}:{minute}"
    if cache.add(key, 1, 120):
        return
    if cache.incr(key) > settings.SENDS_PER_MINUTE:
        raise TooMany(max(1, int((minute + 1) * 60 - now)))


def uuid_or_none(text: str) -> uuid.UUID | None:
    """The UUID that `text` spells, None for no text; raises `Invalid` for anything else."""
    if not text:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Invalid("An id isn't one.") from None
