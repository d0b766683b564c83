"""What happens when somebody has come in by single sign-on, and what is noted of it."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import user_logged_in, user_signed_up
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.signals import social_account_added, social_account_removed
from django.conf import settings
from django.http import HttpRequest

from conversations.models import User
from conversations.oversight.auditing import record
from conversations.people.single_sign_on.groups import (
    GRANTED,
    follow,
    follow_administrators,
    leave_groups,
)


def connect() -> None:
    """Hear of sign-ins by the issuer."""
    user_logged_in.connect(_signed_in, dispatch_uid="parley-sso")
    user_signed_up.connect(_signed_up, dispatch_uid="parley-sso")
    social_account_added.connect(_linked, dispatch_uid="parley-sso")
    social_account_removed.connect(_unlinked, dispatch_uid="parley-sso")


def _signed_in(request: HttpRequest, user: User, sociallogin: Any = None, **_signal: Any) -> None:
    if sociallogin is None:
        return
    groups = sociallogin.state.get("groups") or []
    follow(user, groups, request)
    account = SocialAccount.objects.filter(pk=sociallogin.account.pk).first()
    if account is None:
        return
    granted = follow_administrators(user, groups, account.extra_data.get(GRANTED, []), request)
    if granted != account.extra_data.get(GRANTED, []):
        account.extra_data[GRANTED] = granted
        account.save(update_fields=["extra_data"])


def _signed_up(request: HttpRequest, user: User, sociallogin: Any = None, **_signal: Any) -> None:
    if sociallogin is not None:
        _note("person.registered", request, user)


def _linked(request: HttpRequest, sociallogin: Any, **_signal: Any) -> None:
    _note("single_sign_on.linked", request, sociallogin.user)


def _unlinked(request: HttpRequest, socialaccount: Any, **_signal: Any) -> None:
    _note("single_sign_on.unlinked", request, socialaccount.user)
    leave_groups(socialaccount.user, socialaccount, request)


def _note(action: str, request: HttpRequest, person: User) -> None:
    record(action, subject=person, request=request, actor=person, detail={"by": settings.OIDC_NAME})
