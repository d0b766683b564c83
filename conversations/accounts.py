"""Who may register, and how people are called: django-allauth's rules in our terms."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from conversations.models import OneTimeLink, User
from conversations.models.people import PERSON

INVITATION = "invitation"


def display_name(user: User) -> str:
    """How a person is called in pages and mails."""
    return user.display_name


class Backend(AuthenticationBackend):
    """Signs in by username or e-mail address."""

    def get_user(self, user_id: UUID) -> User | None:
        """Who a session belongs to: asked by every request, so it takes the short way."""
        user = PERSON.first(pk=user_id)
        return user if user is not None and self.user_can_authenticate(user) else None


class AccountAdapter(DefaultAccountAdapter):
    """Registration is closed unless the settings, or an invitation, open it."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        if settings.REGISTRATION == "open":
            return True
        return settings.REGISTRATION == "invite" and self._invitation(request) is not None

    def clean_email(self, email: str) -> str:
        email = super().clean_email(email)
        # Who resets a password has registered already; and every address gets the same answer.
        match = context.request.resolver_match
        resets = match is not None and match.url_name == "account_reset_password"
        domains = settings.REGISTRATION_DOMAINS
        if domains and not resets and email.rpartition("@")[2].lower() not in domains:
            raise ValidationError(
                _("Addresses of these domains can register: %(domains)s.")
                % {"domains": ", ".join(domains)}
            )
        return email

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> Any:
        if settings.REGISTRATION == "invite":
            token = request.session.pop(INVITATION, "")
            if OneTimeLink.objects.use(OneTimeLink.INVITE, token) is None:
                # Somebody else was faster with it: registration is closed now, and says so.
                raise ImmediateHttpResponse(redirect("account_signup"))
        return super().save_user(request, user, form, commit)

    def _invitation(self, request: HttpRequest) -> OneTimeLink | None:
        token = request.session.get(INVITATION, "")
        return OneTimeLink.objects.valid(OneTimeLink.INVITE, token)
