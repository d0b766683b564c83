"""Who may register, and how people are called: django-allauth's rules in our terms."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account import forms as allauth_forms
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from conversations.models import OneTimeLink, User
from conversations.models.people import PERSON, Standing
from conversations.people import inviting

INVITATION = "invitation"
# How somebody came in who only had a one-time link.
LINK = "link"


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
        return settings.REGISTRATION == "open" or invitation_of(request) is not None

    def clean_email(self, email: str) -> str:
        email = super().clean_email(email)
        # Who resets a password has registered already; and every address gets the same answer.
        match = context.request.resolver_match
        resets = match is not None and match.url_name == "account_reset_password"
        domains = settings.REGISTRATION_DOMAINS
        if resets or not domains or email.lower() == invited_address(context.request):
            return email
        if email.rpartition("@")[2].lower() not in domains:
            raise ValidationError(
                _("Addresses of these domains can register: %(domains)s.")
                % {"domains": ", ".join(domains)}
            )
        return email

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> Any:
        """Store a new person, whose invitation is spent in the same transaction.

        Who comes by single sign-on is let in by its own rules.
        """
        if hasattr(form, "sociallogin"):
            return super().save_user(request, user, form, commit)
        with transaction.atomic():
            invitation = self._spent(request)
            if invitation is None and settings.REGISTRATION != "open":
                # Somebody else was faster with it: registration is closed now, and says so.
                raise ImmediateHttpResponse(redirect("account_signup"))
            inviting.arrives(user, invitation)
            user = super().save_user(request, user, form, commit)
            if invitation is not None and invitation.email:
                self.stash_verified_email(request, invitation.email)
            inviting.has_arrived(user, invitation, request)
        return user

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """What is taken back is what one was about to change to, never one's address."""
        return email_address.email.lower() != email_address.user.email.lower()

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """Who waits for approval is told so; who is suspended, that."""
        waits = user.standing == Standing.WAITING
        return redirect("account-waiting" if waits else "account_inactive")

    def _spent(self, request: HttpRequest) -> OneTimeLink | None:
        token = request.session.pop(INVITATION, "")
        return OneTimeLink.objects.use(OneTimeLink.INVITE, token)


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]
    """The package's form; who was invited by address registers with that one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if address := invited_address(context.request):
            self.initial["email"] = self.fields["email"].initial = address
            self.fields["email"].disabled = True
            self.fields["email"].help_text = _("Your invitation is for this address.")


class ResetForm(allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    """Asks for the mail that leads to a new password, where mail is sent."""

    @property
    def can_be_sent(self) -> bool:
        return bool(settings.MAIL_IS_SENT)


class AddressForm(allauth_forms.AddEmailForm):  # type: ignore[misc]
    """Another address for oneself. It counts once it is confirmed, so mail has to be sent."""

    @property
    def can_be_confirmed(self) -> bool:
        return bool(settings.MAIL_IS_SENT)

    def clean_email(self) -> str:
        if not self.can_be_confirmed:
            raise ValidationError(
                _("This site sends no mail. An administrator can change your address.")
            )
        email: str = super().clean_email()
        return email

    def save(self, request: HttpRequest) -> Any:
        """The present address stays until the new one is confirmed, even if it never was."""
        EmailAddress.objects.filter(user=self.user, verified=False).delete()
        return super().save(request)


def invitation_of(request: HttpRequest) -> OneTimeLink | None:
    """The invitation with which somebody came, if it is still good."""
    token = request.session.get(INVITATION, "")
    return OneTimeLink.objects.valid(OneTimeLink.INVITE, token) if token else None


def invited_address(request: HttpRequest) -> str:
    """The only address with which this invitation can be used; empty for any."""
    invitation = invitation_of(request)
    return invitation.email.lower() if invitation else ""
