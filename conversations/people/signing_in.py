"""Signing in: django-allauth's second factors and sessions in our terms, and what is noted of them."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from conversations.models import SiteSettings, User
from conversations.models.secret_field import InvalidToken, cipher
from conversations.oversight.auditing import record
from conversations.people import accounts, ending_sessions, second_factor
from conversations.people.accounts import LINK
from conversations.people.sessions import address_of, close_sessions, sessions_of

__all__ = ["close_sessions", "encrypt_anew", "remove_second_factors", "sessions_of"]

log = logging.getLogger(__name__)


class AccountAdapter(accounts.AccountAdapter):
    """Refusals in sentences that say what helps."""

    error_messages: ClassVar = {
        **accounts.AccountAdapter.error_messages,
        "too_many_login_attempts": _("Too many wrong tries. Wait five minutes, then try again."),
        "rate_limited": _("Too many tries. Wait a minute, then try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Where single sign-on is the only way, nobody chooses a password, invited or not."""
        return not settings.OIDC_ONLY and super().is_open_for_signup(request)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Wrong tries count by name alone: who asks chooses the host and port that they ask for."""
        login = credentials.get("email") or credentials.get("username") or ""
        return str(login).strip().lower()


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of authenticators are encrypted as providers' keys are."""

    error_messages: ClassVar = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is not correct, or it was used already."),
    }

    def encrypt(self, text: str) -> str:
        return cipher(settings.ENCRYPTION_KEYS).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What none of our keys opens becomes a secret that nobody knows: no code fits it."""
        try:
            return cipher(settings.ENCRYPTION_KEYS).decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            log.error("none of the encryption keys opens a second factor")
            return generate_totp_secret()

    def generate_authenticator_name(self, user: Any, type: Any) -> str:  # noqa: A002
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return gettext("Passkey") if not count else gettext("Passkey %d") % (count + 1)


def remove_second_factors(person: User, request: HttpRequest) -> int:
    """What an administrator does for somebody who has lost theirs; returns how many there were."""
    rows = Authenticator.objects.filter(user=person)
    kinds = sorted(rows.values_list("type", flat=True))
    if kinds:
        rows.delete()
        record("second_factor.reset", subject=person, request=request, detail={"kinds": kinds})
    return len(kinds)


@transaction.atomic
def encrypt_anew() -> tuple[int, list[str]]:
    """Encrypt all authenticators' secrets with the newest key: how many, and whose none opens."""
    adapter, done, unreadable = SecondFactorAdapter(), 0, []
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES]
    for row in Authenticator.objects.select_for_update().filter(type__in=kinds):
        name = "secret" if row.type == Authenticator.Type.TOTP else "seed"
        try:
            plain = cipher(settings.ENCRYPTION_KEYS).decrypt(row.data[name].encode()).decode()
        except InvalidToken:
            unreadable.append(str(row.user))
            continue
        row.data[name] = adapter.encrypt(plain)
        row.save(update_fields=["data"])
        done += 1
    return done, unreadable


def connect() -> None:
    """Hear of what the package does."""
    from allauth.mfa import signals

    user_logged_in.connect(_signed_in, dispatch_uid="parley")
    for new in (password_changed, password_set, password_reset):
        new.connect(_password_changed, dispatch_uid="parley")
    signals.authenticator_added.connect(_factor_added, dispatch_uid="parley")
    signals.authenticator_removed.connect(_factor_removed, dispatch_uid="parley")
    signals.authenticator_reset.connect(_codes_made_anew, dispatch_uid="parley")
    for changed in (post_save, post_delete):
        changed.connect(second_factor.policy.forget, SiteSettings, dispatch_uid="parley")
        changed.connect(second_factor.factor_changed, Authenticator, dispatch_uid="parley")
    if settings.OIDC_ISSUER:
        from conversations.people.single_sign_on import noticing

        noticing.connect()


def _signed_in(request: HttpRequest, user: User, **_signal: Any) -> None:
    """Whoever has just come in needn't prove it again at once; by whatever door, it is listed.

    Who came by a link has proven nothing.
    """
    steps = [step["method"] for step in get_authentication_records(request, user)]
    if steps[-1:] != [LINK]:
        record_authentication(request, user, "sign_in", reauthenticated=True)
    if address_of(request):
        UserSession.objects.create_from_request(request)
        by = {"by": list(dict.fromkeys(steps)) or ["registration"]}
        record("person.signed_in", subject=user, request=request, actor=user, detail=by)


def _password_changed(request: HttpRequest, user: User, **_signal: Any) -> None:
    """Whoever was signed in by the one before is no more; this browser stays as it is."""
    here = request.session.session_key
    ending_sessions.end_sessions([key for key in ending_sessions.sessions_of(user) if key != here])


def _factor_added(request: HttpRequest, user: User, authenticator: Any, **_signal: Any) -> None:
    _note("second_factor.added", request, user, authenticator)


def _factor_removed(request: HttpRequest, user: User, authenticator: Any, **_signal: Any) -> None:
    _note("second_factor.removed", request, user, authenticator)


def _codes_made_anew(request: HttpRequest, user: User, authenticator: Any, **_signal: Any) -> None:
    _note("second_factor.renewed", request, user, authenticator)


def _note(action: str, request: HttpRequest, user: User, authenticator: Any) -> None:
    record(
        action, subject=user, request=request, actor=user, detail={"kind": str(authenticator.type)}
    )
