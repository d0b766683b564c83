"""The site itself: health, figures for operators, and the doors that open once."""

from __future__ import annotations

import ipaddress
from typing import ClassVar

from allauth.account import app_settings
from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.forms import UserCreationForm
from django.core.cache import cache
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.forms import EmailInput
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from conversations import process
from conversations.models import OneTimeLink, User
from conversations.people import addresses
from conversations.people.accounts import INVITATION, LINK

RUNNING = Gauge("parley_running_completions", "Completions that this process runs")
SOCKETS = Gauge("parley_open_sockets", "Pages that watch a conversation in this process")


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database is reachable and migrated, and the cache answers."""
    checks = {"database": _database_is_ready, "cache": _cache_is_ready}
    found = {name: _passes(check) for name, check in checks.items()}
    return JsonResponse(found, status=200 if all(found.values()) else 503)


def _passes(check: object) -> bool:
    try:
        return bool(check())  # type: ignore[operator]
    except Exception:
        return False


def _database_is_ready() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _cache_is_ready() -> bool:
    cache.set("readyz", 1, 5)
    return cache.get("readyz") == 1


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures in Prometheus' form, to who knows the token; without one, to this machine only."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if settings.METRICS_TOKEN:
        from django.utils.crypto import constant_time_compare

        if not constant_time_compare(given, settings.METRICS_TOKEN):
            raise Http404
    elif settings.TRUSTED_PROXIES or not _from_here(request):
        raise Http404
    if process.current is not None:
        RUNNING.set(len(process.current.engine.runs) if process.current.engine else 0)
        rooms = process.current.hub.rooms.values() if process.current.hub else []
        SOCKETS.set(sum(len(room.viewers) for room in rooms))
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _from_here(request: HttpRequest) -> bool:
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class FirstPerson(UserCreationForm):
    """Who sets the site up."""

    class Meta(UserCreationForm.Meta):  # type: ignore[name-defined]
        model = User
        fields = ("username", "email")
        widgets: ClassVar = {"email": EmailInput({"autocomplete": "email"})}


@require_http_methods(["GET", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """The first administrator, by the link that the start printed; it works once."""
    if OneTimeLink.objects.valid(OneTimeLink.SETUP, token) is None or _has_administrator():
        raise Http404
    form = FirstPerson(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            if OneTimeLink.objects.use(OneTimeLink.SETUP, token) is None:
                raise Http404
            user = form.save(commit=False)
            user.is_staff = user.is_superuser = True
            user.save()
            addresses.trust(user, user.email)
        record_authentication(request, user, "password")
        login(request, user)
        return redirect("home")
    return render(request, "setup.html", {"form": form})


def _has_administrator() -> bool:
    return User.objects.filter(is_superuser=True, is_active=True).exists()


@require_http_methods(["GET", "POST"])
def login_link(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in by a link from `manage.py login_link`; it works once.

    An administrator's link signs nobody in: it leads to where a new password is chosen.
    """
    if OneTimeLink.objects.valid(OneTimeLink.RESET, token) is not None:
        return _reset(request, token)
    link = OneTimeLink.objects.use(OneTimeLink.LOGIN, token)
    if link is None or link.user is None or not link.user.is_active:
        raise Http404
    record_authentication(request, link.user, LINK)
    login(request, link.user)
    return redirect("home")


def _reset(request: HttpRequest, token: str) -> HttpResponse:
    """A page with a button: what only looks at the link doesn't spend it."""
    if request.method != "POST":
        answer = render(request, "account/reset_link.html")
        answer.headers["Cache-Control"] = "private, no-store"
        return answer
    link = OneTimeLink.objects.use(OneTimeLink.RESET, token)
    if link is None or link.user is None or not link.user.is_active:
        raise Http404
    key = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(link.user)
    return redirect("account_reset_password_from_key", user_pk_to_url_str(link.user), key)


@require_safe
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Remember the invitation, then let the person register; who is signed in has no use for it."""
    if OneTimeLink.objects.valid(OneTimeLink.INVITE, token) is None:
        raise Http404
    if request.user.is_authenticated:
        return redirect("home")
    request.session[INVITATION] = token
    return redirect("account_signup")


@require_safe
def waiting(request: HttpRequest) -> HttpResponse:
    """What somebody sees who has registered and isn't let in yet."""
    return render(request, "account/waiting.html")
