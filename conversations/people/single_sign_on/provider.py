"""The issuer as django-allauth's provider."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string

from conversations.people.single_sign_on.groups import GRANTED
from conversations.people.single_sign_on.issuer import Issuer

KEPT = ("name", "email", "preferred_username")
MOST_GROUPS = 1_000


class SingleSignOn(OpenIDConnectProvider):
    """Asks with a nonce, believes an address only where it is said to be verified, keeps little."""

    package = "conversations.people.single_sign_on"
    oauth2_adapter_class = Issuer

    def redirect(
        self, request: HttpRequest, process: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        nonce = get_random_string(32)
        given = kwargs.pop("auth_params", None)
        asked = self.get_auth_params() if given is None else given
        return super().redirect(
            request, process, *args, auth_params={**asked, "nonce": nonce}, nonce=nonce, **kwargs
        )

    def sociallogin_from_response(self, request: HttpRequest, response: dict[str, Any]) -> Any:
        login = super().sociallogin_from_response(request, response)
        login.nonce = response["id_token"].get("nonce")
        login.groups = groups_in(response["userinfo"])
        rows = SocialAccount.objects.filter(provider=self.sub_id, uid=login.account.uid)
        known = rows.values_list("extra_data", flat=True).first() or {}
        login.account.extra_data[GRANTED] = known.get(GRANTED, [])
        return login

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """What is stored of the account: how it is called, nothing more."""
        return {name: data["userinfo"][name] for name in KEPT if data["userinfo"].get(name)}

    def extract_email_addresses(self, data: dict[str, Any]) -> list[EmailAddress]:
        claims = data["userinfo"]
        if not isinstance(claims.get("email"), str):
            return []
        # Some issuers spell the truth as a text; the text "false" must not pass for it.
        verified = claims.get("email_verified") in (True, "true")
        return [EmailAddress(email=claims["email"], verified=verified, primary=True)]


def groups_in(claims: dict[str, Any]) -> list[str]:
    """The person's groups; none where nothing is said of them."""
    told = claims.get(settings.OIDC_GROUPS_CLAIM) or []
    listed = [told] if isinstance(told, str) else told
    if not isinstance(listed, list):
        return []
    return [group for group in listed[:MOST_GROUPS] if isinstance(group, str) and group]
