"""Whose an account is when the issuer vouches for its address."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from conversations.models import OneTimeLink, User
from conversations.oversight.auditing import record
from conversations.people import addresses
from conversations.people.ending_sessions import end_sessions, sessions_of
from conversations.people.single_sign_on.groups import leave_groups


@transaction.atomic
def confirm(person: User, email: str, request: HttpRequest) -> None:
    """The address is theirs. Where nobody had confirmed it, every other way in goes, lest two have it.

    An administrator whom the operator made was nobody else's to register, and keeps theirs.
    """
    rows = EmailAddress.objects.filter(user=person, email__iexact=email)
    if rows.filter(verified=True).exists():
        return
    if rows.exists() or not person.is_staff:
        _shut_out(person, request)
    addresses.trust(person, email)


def _shut_out(person: User, request: HttpRequest) -> None:
    """Whoever made the account comes in no more, by whatever they left there."""
    person.set_unusable_password()
    person.save(update_fields=["password"])
    Authenticator.objects.filter(user=person).delete()
    OneTimeLink.objects.filter(user=person).delete()
    for account in SocialAccount.objects.filter(user=person):
        account.delete()
        leave_groups(person, account, request)
    here = request.session.session_key
    end_sessions([key for key in sessions_of(person) if key != here])
    detail = {"by": settings.OIDC_NAME}
    record("person.reset", subject=person, request=request, actor=person, detail=detail)
