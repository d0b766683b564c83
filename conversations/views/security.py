"""The page of one's own security: second factors, where one is signed in, single sign-on."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from conversations.people import second_factor
from conversations.people.sessions import close_sessions, sessions_of
from conversations.problems import NotFound, TooMany
from conversations.views.answering import PersonRequest, answers, refusal
from conversations.views.posts import see

WAIT_SECONDS = 60


@answers("GET")
def page(request: PersonRequest) -> HttpResponse:
    """All of it on one page."""
    factors = list(Authenticator.objects.filter(user=request.user).order_by("created_at"))
    by_type = {factor.type: factor for factor in factors}
    codes = by_type.get(Authenticator.Type.RECOVERY_CODES)
    context = {
        "app": by_type.get(Authenticator.Type.TOTP),
        "passkeys": [one for one in factors if one.type == Authenticator.Type.WEBAUTHN],
        "codes_left": len(codes.wrap().get_unused_codes()) if codes else None,
        "is_required": second_factor.is_required_of(request.user),
        "sessions": sessions_of(request.user),
        "this_session": request.session.session_key,
        "single_sign_on": _single_sign_on(request),
    }
    return render(request, "security.html", context)


def _single_sign_on(request: PersonRequest) -> dict[str, Any] | None:
    """The issuer's name, the accounts there that are linked, and where another is."""
    if not settings.OIDC_ISSUER:
        return None
    from allauth.socialaccount.models import SocialAccount

    return {
        "name": settings.OIDC_NAME,
        "accounts": list(SocialAccount.objects.filter(user=request.user)),
        "link_url": reverse("openid_connect_login", args=["sso"]) + "?process=connect",
    }


@answers("POST")
def close(request: PersonRequest, pk: int) -> HttpResponse:
    """End one of one's sessions; this one is signed out."""
    session = UserSession.objects.filter(user=request.user, pk=pk).first()
    if session is None:
        raise NotFound
    if session.session_key == request.session.session_key:
        logout(request)
        return redirect("account_login")
    session.end()
    messages.success(request, _("That session is closed."))
    return see(reverse("security"))


@answers("POST")
def close_others(request: PersonRequest) -> HttpResponse:
    """End all of one's sessions but this one."""
    count = close_sessions(request.user, but=request.session.session_key or "")
    said = ngettext("One session is closed.", "%(count)d sessions are closed.", count)
    messages.success(request, said % {"count": count})
    return see(reverse("security"))


class TooManyTries(TooMany):
    detail = gettext_lazy("Too many tries from here. Wait a minute, then try again.")


def too_many(request: HttpRequest) -> HttpResponse:
    """What the limits of signing in answer."""
    return refusal(request, TooManyTries(WAIT_SECONDS))
