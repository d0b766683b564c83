"""What stands before every page: the second factor where it is required, and who was here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from conversations.models import User
from conversations.people.second_factor import is_lacking, policy
from conversations.people.sessions import notice
from conversations.problems import Refused, Unavailable
from conversations.views.answering import refusal, wants_json

# What somebody needs who has to set their second factor up; and what asks nobody who they are.
OPEN = {
    "security", "session-close", "sessions-close", "mfa_activate_totp", "mfa_add_webauthn",
    "mfa_view_recovery_codes", "mfa_download_recovery_codes", "mfa_generate_recovery_codes",
    "mfa_reauthenticate", "mfa_reauthenticate_webauthn", "account_reauthenticate",
    "account_logout", "admin:logout", "healthz", "readyz", "metrics", "setup", "login-link",
}  # fmt: skip


class NoSecondFactor(Refused):
    """The person has to set one up first."""

    status = 403
    code = "second_factor"
    detail = _("Set up a second factor first: this site requires one.")


class LastSeen:
    """Remembers when each session was last used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        notice(request)
        return response


class SecondFactor:
    """Leads whoever lacks a required second factor to where they set it up, and nowhere else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        match = request.resolver_match
        if (match is not None and match.view_name in OPEN) or not policy.required():
            return None
        try:
            person = request.user
            lacks = isinstance(person, User) and is_lacking(person)
        except OperationalError:
            return refusal(request, Unavailable())
        return _to_set_up(request) if lacks else None


def _to_set_up(request: HttpRequest) -> HttpResponse:
    address = reverse("security")
    if wants_json(request):
        return refusal(request, NoSecondFactor())
    if getattr(request, "htmx", False):
        response = refusal(request, NoSecondFactor())
        response.headers["HX-Redirect"] = address
        return response
    return HttpResponseRedirect(address)
