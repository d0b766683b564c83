"""Letting people in: invitations that expire, and who waits for approval."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import (
    Alert,
    Capability,
    Conversation,
    Membership,
    OneTimeLink,
    Team,
    User,
)
from conversations.oversight.alerting import raise_alert
from conversations.oversight.auditing import record
from conversations.problems import Invalid, NotFound

DAY_MINUTES = 24 * 60
MOST_DAYS = 365


@transaction.atomic
def invite(
    by: User | None,
    email: str = "",
    team: Team | None = None,
    days: int = 7,
    request: HttpRequest | None = None,
) -> str:
    """The token of an address with which one person can register, whatever the settings say.

    With `email` only for that address, and instead of an earlier invitation of it. Who comes
    becomes a member of `team`. `by` is None for the operator at a shell. Only a hash is stored.
    """
    if by is not None and not by.may(Capability.PEOPLE):
        raise Invalid(_("You don't manage people."))
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(_("An invitation lasts 1 to %(most)d days.") % {"most": MOST_DAYS})
    if by is not None and team is not None:
        check_may_let_read(by, team)
    email = email.strip().lower()
    if email and User.objects.filter(email__iexact=email).exists():
        raise Invalid(_("Somebody with this address is here already."))
    if email:
        open_invitations().filter(email=email).delete()
    token = OneTimeLink.objects.issue(
        OneTimeLink.INVITE, minutes=days * DAY_MINUTES, email=email, made_by=by, team=team
    )
    about = {"days": days} | ({"team": team.name} if team else {})
    record("person.invited", actor=by, request=request, name=email, detail=about)
    return token


def check_may_let_read(by: User, team: Team) -> None:
    """Members read the team's conversations: refuse who could let a second self in to do so."""
    if by.is_superuser or by.may(Capability.READ):
        return
    if Conversation.objects.filter(team=team).exists():
        raise Invalid(
            _(
                "Members read the team’s conversations. Ask a superuser, or whoever may open"
                " conversations."
            )
        )


@transaction.atomic
def withdraw(by: User, invitation: OneTimeLink, request: HttpRequest | None = None) -> None:
    """The address opens nothing any more."""
    if not by.may(Capability.PEOPLE):
        raise Invalid(_("You don't manage people."))
    if not open_invitations().filter(pk=invitation.pk).delete()[0]:
        raise NotFound(_("This invitation has been used or withdrawn already."))
    record("invitation.withdrawn", actor=by, request=request, name=invitation.email)


def open_invitations():  # type: ignore[no-untyped-def]
    """Those that can still be used."""
    rows = OneTimeLink.objects.filter(purpose=OneTimeLink.INVITE)
    return rows.filter(expires_at__gt=timezone.now())


def arrives(person: User, invitation: OneTimeLink | None) -> None:
    """Before a new person is stored: only who was invited needs no approval where it is asked for."""
    if invitation is None and settings.REGISTRATION_APPROVAL:
        person.is_active, person.approved_at = False, None


def has_arrived(
    person: User, invitation: OneTimeLink | None, request: HttpRequest | None = None
) -> None:
    """After a new person was stored: their team, the log, and a word to administrators."""
    detail = {}
    if invitation is not None and invitation.team is not None:
        Membership.objects.get_or_create(team=invitation.team, user=person)
        person.main_team = invitation.team
        person.save(update_fields=["main_team"])
        detail["team"] = invitation.team.name
    if invitation is not None and invitation.made_by is not None:
        detail["invited_by"] = invitation.made_by.display_name
    record("person.registered", subject=person, actor=person, request=request, detail=detail)
    if person.approved_at is None:
        raise_alert(Alert.Kind.PERSON_WAITING, str(person.pk), person.display_name)
