"""The forms of signing in: the page, and the code of the second step."""

from __future__ import annotations

from typing import Any

from allauth.account import forms
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as steps
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# Longer than a code counts: its own half minute, and those beside it.
CODE_SECONDS = 120


class LoginForm(forms.LoginForm):
    """The package's, which knows what this site lets in by."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "remember" in self.fields:
            self.fields["remember"].label = _("Keep me signed in")

    @property
    def by_password(self) -> bool:
        return not settings.OIDC_ONLY

    @property
    def registration_open(self) -> bool:
        return settings.REGISTRATION == "open" and self.by_password

    def clean(self) -> Any:
        """Where single sign-on is the only way, no password is looked at."""
        if not self.by_password:
            raise ValidationError(_("Sign in with %(name)s.") % {"name": settings.OIDC_NAME})
        return super().clean()


class OnceMixin:
    """A code works once. The package remembers it for half a minute, but it counts for longer."""

    user: Any

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        used = f"used-code:{self.user.pk}:{normalize_user_code(code)}"
        if not cache.add(used, True, CODE_SECONDS):
            raise get_adapter().validation_error("incorrect_code")
        return code


class CodeForm(OnceMixin, steps.AuthenticateForm):
    """The second step of signing in."""


class CodeAgainForm(OnceMixin, steps.ReauthenticateForm):
    """Proving oneself again."""
