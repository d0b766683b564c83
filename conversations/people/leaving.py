"""When a person leaves for good: what goes with them, and what stays with others.

The ledger keeps its copy of the name: it is append-only, and what was spent must be explained. So
does the audit log, until its retention ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import (
    OPEN,
    Access,
    Alert,
    Budget,
    BudgetRequest,
    Completion,
    Conversation,
    Membership,
    OneTimeLink,
    User,
)
from conversations.oversight.alerting import close_alert
from conversations.oversight.auditing import record
from conversations.people import standing as people
from conversations.people.ending_sessions import end_sessions, sessions_of
from conversations.people.forgetting import forget_name, forget_single_sign_on
from conversations.presets import own as own_presets
from conversations.problems import Conflict

AT_ONCE = 50
# What packages keep of a person beside the row: addresses, second factors, other sign-ins.
PACKAGES = ("account", "mfa", "socialaccount", "usersessions")


@dataclass(frozen=True)
class Belongings:
    """How many conversations would go, and how many would get another owner."""

    alone: int
    shared: int


def belongings(person: User) -> Belongings:
    """What their leaving would do to their conversations."""
    owned = Conversation.objects.filter(owner=person)
    shared = len(heirs_of(person))
    return Belongings(alone=owned.count() - shared, shared=shared)


def anonymise(by: User, person: User, request: HttpRequest | None = None) -> None:
    """Nobody knows any more who this was: name, address, ways to sign in, memberships are gone.

    Conversations that nobody else can read are deleted. Others get another owner and keep the
    messages, by a "Former member". Raises `Conflict` while a reply of theirs is being written.
    """
    sessions = _check_may_leave(by, person)
    with transaction.atomic():
        _hand_over_and_clear(person, sessions)
        record("person.anonymised", subject=person, actor=by, request=request)
        _forget(person)
    person.refresh_from_db()


def delete(by: User, person: User, request: HttpRequest | None = None) -> None:
    """As `anonymise`, and the row goes, too; what they wrote in others' conversations stays."""
    sessions = _check_may_leave(by, person)
    with transaction.atomic():
        handed_over = _hand_over_and_clear(person, sessions)
        detail = {"handed_over": handed_over}
        record("person.deleted", subject=person, actor=by, request=request, detail=detail)
        User.objects.filter(pk=person.pk).delete()


def heirs_of(person: User) -> dict[UUID, UUID]:
    """Who gets which of the person's conversations: an editor if there is one, or a reader.

    Of a team's conversation a member of the team, of another one somebody it is shared with. Who
    is active goes before who is suspended.
    """
    owned = Conversation.objects.filter(owner=person, deleted_at=None)
    here = Q(user__approved_at__isnull=False, user__anonymised_at=None) & ~Q(user=person)
    members = Membership.objects.filter(here, team__conversation__in=owned)
    shares = Access.objects.filter(here, until=None, conversation__in=owned)
    found: dict[UUID, UUID] = {}
    pairs = [
        pair
        for is_active in (True, False)
        for rows, conversation in ((members, "team__conversation"), (shares, "conversation"))
        for pair in rows.filter(user__is_active=is_active)
        .order_by("role", "pk")
        .values_list(conversation, "user")
    ]
    mine = set(owned.values_list("pk", flat=True))
    for conversation, user in pairs:
        if conversation in mine:
            found.setdefault(conversation, user)
    return found


def _check_may_leave(by: User, person: User) -> list[str]:
    """Refuse, or shut them out first; returns the keys of their sessions."""
    people.check_may_remove(by, person)
    if person.is_active:
        raise Conflict(_("Suspend them first: nobody who is signed in is deleted."))
    running = Completion.objects.filter(state__in=OPEN)
    owned = Q(conversation__owner=person)
    if running.filter(owned | Q(asked_by=person)).exists():
        raise Conflict(_("A reply of theirs is still being written. Try again in a moment."))
    return sessions_of(person)


def _hand_over_and_clear(person: User, sessions: list[str]) -> int:
    """Give away what others can read, delete the rest, and end all standing; returns how many stayed."""
    people.keep_a_superuser(person)
    heirs = heirs_of(person)
    for conversation, heir in heirs.items():
        Conversation.objects.filter(pk=conversation).update(owner=heir)
        Access.objects.filter(conversation=conversation, user=heir).delete()
    left = Conversation.objects.filter(owner=person).values_list("pk", flat=True)
    while pks := list(left[:AT_ONCE]):
        Conversation.objects.filter(pk__in=pks).delete()
    end_sessions(sessions)
    OneTimeLink.objects.filter(Q(user=person) | Q(made_by=person)).delete()
    close_alert(Alert.Kind.PERSON_WAITING, str(person.pk))
    forget_name(person)
    forget_single_sign_on(person)
    own_presets.forget(person)
    return len(heirs)


def _forget(person: User) -> None:
    """Empty the row, and delete what tells of the person elsewhere."""
    for rows in (Membership, Budget):
        rows.objects.filter(user=person).delete()
    Access.objects.filter(user=person, until=None).delete()
    people.end_openings(person)
    BudgetRequest.objects.filter(person=person, state=BudgetRequest.State.OPEN).delete()
    for relation in User._meta.related_objects:
        model = relation.related_model
        if model._meta.app_label in PACKAGES:
            model._default_manager.filter(**{relation.field.name: person}).delete()
    person.username = f"former-{person.pk.hex}"
    person.first_name = person.last_name = person.email = ""
    person.is_active = person.is_superuser = False
    person.may_people = person.may_providers = person.may_spend = person.may_read = False
    person.main_team = person.last_login = None
    person.anonymised_at = timezone.now()
    person.set_unusable_password()
    person.save()
