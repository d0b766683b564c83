"""What administrators do with people: let in, suspend, reinstate, reset, and give capabilities.

One verb, one transaction, one line in the audit log. A verb that isn't allowed raises a `Refused`
with the sentence to show. Whoever acts must have every capability of the person they act on.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import turns
from conversations.models import Access, Alert, Capability, OneTimeLink, User
from conversations.models.people import Standing
from conversations.oversight.alerting import close_alert
from conversations.oversight.auditing import record
from conversations.people.ending_sessions import end_sessions, sessions_of
from conversations.problems import Conflict, Invalid

SUPERUSER = "superuser"
RESET_HOURS = 24


@transaction.atomic
def approve(by: User, person: User, request: HttpRequest | None = None) -> None:
    """Let somebody in who has registered and waits."""
    check_may_change(by, person)
    rows = User.objects.filter(Standing.WAITING.condition, pk=person.pk)
    if not rows.update(approved_at=timezone.now(), is_active=True):
        raise Conflict(_("They don't wait any more."))
    close_alert(Alert.Kind.PERSON_WAITING, str(person.pk), by.display_name)
    record("person.approved", subject=person, actor=by, request=request)
    person.refresh_from_db()


def suspend(by: User, person: User, request: HttpRequest | None = None) -> list[UUID]:
    """Shut somebody out; they lose nothing. Returns the completions of theirs that are to be stopped.

    Their sessions end, replies that they asked for stop, their open invitations are withdrawn.
    """
    check_may_remove(by, person)
    sessions = sessions_of(person)
    with transaction.atomic():
        keep_a_superuser(person)
        active = User.objects.filter(pk=person.pk, is_active=True)
        if not active.update(is_active=False, suspended_at=timezone.now()):
            raise Conflict(_("They are not active."))
        OneTimeLink.objects.filter(user=person).delete()
        OneTimeLink.objects.filter(purpose=OneTimeLink.INVITE, made_by=person).delete()
        end_sessions(sessions)
        record("person.suspended", subject=person, actor=by, request=request)
        running = turns.stop_all_of(person=person, by=by)
    person.refresh_from_db()
    return running


@transaction.atomic
def reinstate(by: User, person: User, request: HttpRequest | None = None) -> None:
    """Let somebody in again who was suspended."""
    check_may_change(by, person)
    rows = User.objects.filter(Standing.SUSPENDED.condition, pk=person.pk)
    if not rows.update(is_active=True, suspended_at=None):
        raise Conflict(_("They are not suspended."))
    record("person.reinstated", subject=person, actor=by, request=request)
    person.refresh_from_db()


def reset(by: User, person: User, request: HttpRequest | None = None) -> str:
    """Take their password away and sign them out. Returns the token of a link to a new one.

    What becomes of the token is the caller's affair: only its hash is stored.
    """
    check_may_change(by, person)
    if not person.is_active:
        raise Invalid(_("Only somebody who is active can sign in with a new password."))
    sessions = sessions_of(person)
    with transaction.atomic():
        person.set_unusable_password()
        person.save(update_fields=["password"])
        end_sessions(sessions)
        record("person.reset", subject=person, actor=by, request=request)
        return OneTimeLink.objects.issue(OneTimeLink.RESET, person, minutes=RESET_HOURS * 60)


@transaction.atomic
def set_capabilities(
    by: User, person: User, chosen: Iterable[str], request: HttpRequest | None = None
) -> None:
    """Give the person exactly these capabilities; `"superuser"` stands for all but reading.

    Nobody gives or takes what they don't have; reading and superusers are a superuser's affair.
    """
    wanted, held = set(chosen), set(given_to(person))
    check_capabilities(by, person, wanted)
    if wanted == held:
        return
    person.is_superuser = SUPERUSER in wanted
    for name in Capability.values:
        setattr(person, f"may_{name}", name in wanted)
    person.save(update_fields=["is_superuser", *(f"may_{name}" for name in Capability.values)])
    if Capability.READ in held - wanted:
        end_openings(person)
    detail = {"capabilities": [sorted(held), sorted(wanted)]}
    record("person.capabilities", subject=person, actor=by, request=request, detail=detail)


def check_capabilities(by: User, person: User, chosen: Iterable[str]) -> None:
    """Refuse what `set_capabilities` would."""
    check_may_change(by, person)
    wanted, held = set(chosen), set(given_to(person))
    for name in sorted(wanted ^ held):
        _check_may_give(by, name)
    if SUPERUSER in held - wanted:
        keep_a_superuser(person)


def end_openings(person: User) -> None:
    """They read nobody's conversations any more; whose it was is still told that they did."""
    openings = Access.objects.openings().standing().filter(user=person)
    openings.update(until=Now())


def given_to(person: User) -> list[str]:
    """What the person was given, whether or not they are active: names, and `"superuser"`."""
    names = [name for name in Capability.values if getattr(person, f"may_{name}")]
    return [SUPERUSER, *names] if person.is_superuser else names


def check_may_change(by: User, person: User) -> None:
    """Only who manages people, and holds whatever the person holds."""
    if not by.may(Capability.PEOPLE):
        raise Invalid(_("You don't manage people."))
    if person.anonymised_at is not None:
        raise Conflict(_("Nobody knows any more who this was."))
    if by.is_superuser:
        return
    if set(given_to(person)) - set(given_to(by)):
        raise Invalid(_("They have a capability that you don't have. Ask a superuser."))


def check_may_remove(by: User, person: User) -> None:
    """As `check_may_change`; and nobody shuts themselves out."""
    check_may_change(by, person)
    if by.pk == person.pk:
        raise Invalid(_("That is you. Ask another administrator."))


def _check_may_give(by: User, name: str) -> None:
    if by.is_superuser:
        return
    if name in (SUPERUSER, Capability.READ):
        raise Invalid(_("Only a superuser decides who is one, and who may open conversations."))
    if not by.may(name):
        raise Invalid(_("Nobody gives or takes a capability that they don't have."))


def keep_a_superuser(person: User) -> None:
    """Refuse when nobody else could undo it. The rows are locked: two can't go at once."""
    if not person.is_superuser:
        return
    with transaction.atomic():
        rows = User.objects.select_for_update().filter(is_superuser=True, is_active=True)
        others = [pk for pk in rows.order_by("pk").values_list("pk", flat=True) if pk != person.pk]
    if not others:
        raise Invalid(_("They are the last active superuser. Make another one first."))
