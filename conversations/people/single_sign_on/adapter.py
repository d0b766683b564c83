"""Who comes in by single sign-on, and as whom."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, _build_apps_from_settings
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from conversations.people import addresses
from conversations.people.single_sign_on.vouching import confirm


class Adapter(DefaultSocialAccountAdapter):
    """One issuer, from the environment. People are matched by what it vouches for, never by a claim."""

    def list_apps(
        self, request: HttpRequest, provider: Any = None, client_id: Any = None
    ) -> list[Any]:
        found = _build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in found.values() for app in apps]

    def get_requests_session(self) -> Any:
        session = super().get_requests_session()
        session.trust_env = False
        return session

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Refuse an answer to another question, and an address that somebody here has already."""
        asked = sociallogin.state.get("nonce") or ""
        if not asked or not constant_time_compare(asked, str(sociallogin.nonce or "")):
            raise refused(request)
        # What the session keeps of a sign-in that has further steps.
        sociallogin.state["groups"] = sociallogin.groups
        if sociallogin.state.get("process") == "connect":
            return
        if not sociallogin.is_existing:
            self._check_newcomer(request, sociallogin)
        elif found := sociallogin._did_authenticate_by_email:
            confirm(sociallogin.user, found, request)

    def _check_newcomer(self, request: HttpRequest, sociallogin: Any) -> None:
        for address in sociallogin.email_addresses:
            if address.verified:
                addresses.dismiss_claims(address.email)
        name = settings.OIDC_NAME
        if any(is_claimed(address.email) for address in sociallogin.email_addresses):
            raise refused(
                request,
                _(
                    "Somebody here has your address already, and %(name)s doesn’t say that it is"
                    " verified. Sign in as before, then link %(name)s on the page Security."
                )
                % {"name": name},
            )
        if not settings.OIDC_REGISTRATION:
            raise refused(
                request, _("You have no account here yet. An administrator can invite you.")
            )

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return bool(settings.OIDC_REGISTRATION)

    def authenticate_by_email(self, sociallogin: Any) -> tuple[Any, str] | None:
        """Whose a verified address is. Who only waits to confirm it is somebody else."""
        for address in sociallogin.email_addresses:
            person = addresses.owner_of(address.email) if address.verified else None
            if person is not None:
                return person, address.email
        return None

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: SocialAccount) -> str:
        return reverse("security")


def is_claimed(address: str) -> bool:
    """Whether somebody has this address, or says so."""
    claims = EmailAddress.objects.filter(email__iexact=address)
    return claims.exists() or addresses.is_taken(address)


def refused(request: HttpRequest, problem: str = "") -> ImmediateHttpResponse:
    """Raise it: the page that says why somebody isn't let in."""
    page = render(
        request, "socialaccount/authentication_error.html", {"problem": problem}, status=403
    )
    return ImmediateHttpResponse(page)
