"""What the issuer says, and whether it may be believed.

Format: https://openid.net/specs/openid-connect-core-1_0.html
"""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest


class Issuer(OpenIDConnectOAuth2Adapter):
    """The package's, stricter: it is the configured issuer, and its tokens' signatures are checked."""

    @property
    def openid_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().openid_config
        if str(config["issuer"]).rstrip("/") != settings.OIDC_ISSUER:
            raise OAuth2Error("The issuer calls itself by another name.")
        return config

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        """Raises `OAuth2Error` where the token or what is told of its person doesn't fit."""
        encoded = kwargs["response"].get("id_token")
        if not encoded:
            raise OAuth2Error("There is no id_token.")
        told = self._decode_id_token(app, encoded)
        data = {"id_token": told, "userinfo": self._claims(told, token.token)}
        return self.get_provider().sociallogin_from_response(request, data)

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        told: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
        )
        return told

    def _claims(self, told: dict[str, Any], access_token: str) -> dict[str, Any]:
        """The token's claims, and those of the userinfo endpoint where there is one."""
        if "userinfo_endpoint" not in self.openid_config:
            return told
        info = self._fetch_user_info(access_token)
        if info.get("sub") != told["sub"]:
            raise OAuth2Error("The token and the endpoint tell of different people.")
        claims = {**told, **info}
        if "email" in info and info["email"] != told.get("email"):
            # That the one address is verified says nothing of the other.
            claims["email_verified"] = info.get("email_verified", False)
        return claims
