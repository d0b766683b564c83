"""Reading somebody else's conversation as an administrator: for an hour, with a reason, on record."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import Access, Capability, Conversation, Role, User
from conversations.oversight.auditing import record
from conversations.problems import Invalid, NotFound

PERIOD = timedelta(hours=1)
MOST_CHARACTERS = 200
# How long the owner is told of it in the conversation.
TOLD = timedelta(days=30)


@transaction.atomic
def open_for_reading(
    by: User, conversation: Conversation, reason: str, request: HttpRequest | None = None
) -> Access | None:
    """Let `by` read it until an hour from now; None where they can read it anyway.

    The audit log gets the owner's name and the reason; nothing of what is said there.
    """
    if not by.may(Capability.READ):
        raise NotFound
    reason = " ".join(reason.split())
    if not 3 <= len(reason) <= MOST_CHARACTERS:
        raise Invalid(_("Write why, in 3 to %(most)d characters.") % {"most": MOST_CHARACTERS})
    if Conversation.objects.of(by).filter(pk=conversation.pk).exists():
        return None
    if conversation.deleted_at is not None:
        raise NotFound
    access, _created = Access.objects.update_or_create(
        conversation=conversation,
        user=by,
        defaults={"role": Role.READER, "until": timezone.now() + PERIOD, "reason": reason},
    )
    owner = conversation.owner.display_name
    detail = {"owner": owner, "reason": reason}
    name = f"{owner}, {conversation.pk}"
    record(
        "conversation.opened",
        subject=conversation,
        name=name,
        actor=by,
        request=request,
        detail=detail,
    )
    return access


def reading_of(person: User, conversation: Conversation) -> Access | None:
    """The opening by which the person reads this now; None where it is theirs or shared with them."""
    openings = Access.objects.openings().standing().filter(user=person, conversation=conversation)
    opening = openings.first()
    if opening and Conversation.objects.of(person).filter(pk=conversation.pk).exists():
        return None
    return opening


def told_to_owner(conversation: Conversation) -> list[Access]:
    """Who opened it lately, for the owner to know."""
    since = timezone.now() + PERIOD - TOLD
    rows = Access.objects.openings().filter(conversation=conversation, until__gt=since)
    return list(rows.select_related("user").order_by("until"))
