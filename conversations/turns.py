"""What people do in a conversation: send, retry, edit, continue, stop. One verb, one transaction.

Each verb returns a `Turn` whose completion is queued and committed; starting it is the caller's
affair. The same client id of the same person returns the first result and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.fitting import check_stored_turn, check_turn
from conversations.models import (
    Completion,
    Conversation,
    Message,
    Part,
    PresetModel,
    Reservation,
    State,
    User,
)
from conversations.models.base import new_id
from conversations.models.completions import CompletionQuerySet
from conversations.models.prepared import insert
from conversations.problems import Conflict, Invalid, NotFound, Refused
from conversations.spending.reserving import Account, account_of, reserve

TITLE_WORDS = 60


@dataclass
class Turn:
    """What a verb did: the person's message (None for a retry) and the replies to come."""

    conversation: Conversation
    completion: Completion
    message: Message | None
    replies: list[Message]
    created: bool = True
    part: Part | None = None
    reservation: Reservation | None = None
    # The person's message has siblings: it isn't the only one after its parent.
    branches: bool = False


def _repeatable(verb: Callable[..., Turn]) -> Callable[..., Turn]:
    """Let a repetition by client id return what the first call did.

    The database's constraint tells: asking first would cost every send a query, and miss a race.
    What a verb refuses now may be what it did before, so that is looked up too.
    """

    @wraps(verb)
    def wrapped(*, author: User, client_id: str, **rest: Any) -> Turn:
        if not (1 <= len(client_id) <= 64 and client_id.isprintable()):
            raise Invalid(_("A send needs a client id of 1 to 64 characters."))
        try:
            with transaction.atomic():
                return verb(author=author, client_id=client_id, **rest)
        except (IntegrityError, Refused):
            if turn := _first_result(author, client_id):
                return turn
            raise

    return wrapped


def _first_result(author: User, client_id: str) -> Turn | None:
    completion = (
        Completion.objects.visible_to(author)
        .select_related("conversation", "lead__parent", "preset_version__preset")
        .filter(asked_by=author, client_id=client_id)
        .first()
    )
    if completion is None:
        return None
    replies = list(completion.replies.order_by("choice")) or [completion.lead]
    return Turn(completion.conversation, completion, completion.lead.parent, replies, created=False)


@_repeatable
def start(
    *, author: User, client_id: str, text: str, preset: str = "", claim: UUID | None = None
) -> Turn:
    """Open a conversation with its first message."""
    text = checked_text(text)
    request = Request(author, client_id, chosen_preset(author, preset), claim)
    conversation = Conversation.objects.create(
        owner=author, title=first_words(text), last_sequence=1 + request.choices
    )
    return _add_turn(conversation, 1, None, text, request)


@_repeatable
def send(
    *,
    author: User,
    client_id: str,
    conversation_id: UUID,
    text: str,
    preset: str = "",
    parent_id: UUID | None = None,
    branch: bool = False,
    claim: UUID | None = None,
) -> Turn:
    """Add a message after `parent_id` (the newest leaf) and ask for a reply.

    Raises `Conflict` when the parent has been answered by now, unless `branch` means a sibling.
    """
    text = checked_text(text)
    request = Request(author, client_id, chosen_preset(author, preset), claim)
    conversation, sequence = _locked(author, conversation_id, messages=1 + request.choices)
    parent = _parent(conversation, parent_id, branch)
    turn = _add_turn(conversation, sequence, parent, text, request)
    turn.branches = branch
    return turn


@_repeatable
def edit(
    *,
    author: User,
    client_id: str,
    message_id: UUID,
    text: str,
    preset: str = "",
    claim: UUID | None = None,
) -> Turn:
    """Say something else instead: a sibling of one's own message, with a reply of its own."""
    text = checked_text(text)
    old = _writable(author, message_id)
    if old.role != Message.Role.USER or old.author_id != author.pk:
        raise Invalid(_("Only your own messages can be edited."))
    request = Request(author, client_id, chosen_preset(author, preset), claim)
    conversation, sequence = _locked(author, old.conversation_id, messages=1 + request.choices)
    turn = _add_turn(conversation, sequence, old.parent, text, request)
    turn.branches = True
    return turn


@_repeatable
def retry(
    *,
    author: User,
    client_id: str,
    message_id: UUID,
    preset: str = "",
    repair: bool = False,
    claim: UUID | None = None,
) -> Turn:
    """Ask for another reply beside this one, by the same preset or another.

    `repair`: of a JSON answer that doesn't fit, which the model is told; once only.
    """
    old = _writable(author, message_id)
    if repair:
        _check_repairable(old)
    asked = old if old.role == Message.Role.USER else old.parent
    assert asked is not None
    request = Request(author, client_id, _preset_again(author, preset, old.completion), claim)
    conversation, sequence = _locked(author, old.conversation_id, messages=request.choices)
    check_stored_turn([asked, old] if repair else [asked], request.chosen)
    request = replace(request, repairs=old.pk if repair else None)
    turn = _ask(conversation, sequence, asked, request)
    turn.message = asked
    return turn


@_repeatable
def continue_(
    *,
    author: User,
    client_id: str,
    message_id: UUID,
    preset: str = "",
    claim: UUID | None = None,
) -> Turn:
    """Let a reply that broke off go on where it stands; its text stays."""
    reply = _writable(author, message_id)
    before = reply.completion
    if before is None:
        raise Invalid(_("Only a reply can be continued."))
    conversation, _sequence = _locked(author, reply.conversation_id, messages=0)
    request = Request(author, client_id, _preset_again(author, preset, before), claim)
    assert reply.parent is not None
    check_stored_turn([reply.parent, reply], request.chosen)
    account = account_of(author, conversation, request.chosen)
    completion = _completion(conversation, reply.pk, request, account, continues=before)
    taken = (
        Message.objects.filter(pk=reply.pk, completion=before)
        .exclude(completion__state__in=[State.QUEUED, State.RUNNING])
        .update(completion=completion, finish_reason="")
    )
    if taken != 1:
        raise Conflict(_("This reply is still being written."), code="running")
    reply.completion = completion
    reservation = reserve(completion, request.chosen.model, account, path_to=reply.pk)
    return Turn(conversation, completion, reply.parent, [reply], reservation=reservation)


@transaction.atomic
def stop(*, user: User, message_id: UUID) -> Completion:
    """Ask that the reply be stopped; a queued one stops at once. Stopping twice is no error."""
    reply = _writable(user, message_id)
    if reply.completion_id is None:
        raise Invalid(_("Only a reply can be stopped."))
    rows = Completion.objects.filter(pk=reply.completion_id)
    _stop(rows, user)
    return rows.select_related("stopped_by", "lead").get()


@transaction.atomic
def stop_all(*, user: User, conversation_id: UUID) -> list[UUID]:
    """Ask that every reply of the conversation be stopped; returns the completions that run."""
    rows = Completion.objects.filter(conversation=conversation_id)
    _stop(rows, user)
    return list(rows.filter(state=State.RUNNING).values_list("pk", flat=True))


@transaction.atomic
def stop_all_of(*, person: User, by: User) -> list[UUID]:
    """Ask that every reply be stopped that `person` asked for; returns the completions that run."""
    rows = Completion.objects.filter(asked_by=person)
    _stop(rows, by)
    return list(rows.filter(state=State.RUNNING).values_list("pk", flat=True))


def _stop(rows: CompletionQuerySet, user: User) -> None:
    """Note the wish on open completions; those that nobody has begun end here."""
    now = timezone.now()
    rows.open().filter(stop_requested_at=None).update(stop_requested_at=now, stopped_by=user)
    queued = list(rows.filter(state=State.QUEUED).values_list("pk", flat=True))
    ended = Completion.objects.filter(pk__in=queued, state=State.QUEUED)
    ended.update(state=State.STOPPED, finished_at=now, finish_reason="stopped")
    Reservation.objects.filter(completion__in=queued, completion__state=State.STOPPED).delete()


def checked_text(text: str) -> str:
    """The text as it is stored, or `Invalid`: empty, too long, or not text."""
    text = text.replace("\r\n", "\n").replace("\x00", "")
    if not text.strip():
        raise Invalid(_("Write something first."), code="empty")
    if len(text) > settings.MESSAGE_MAX_CHARACTERS:
        raise Invalid(
            _("A message can have %(most)d characters; this one has %(count)d.")
            % {"most": settings.MESSAGE_MAX_CHARACTERS, "count": len(text)},
            code="too_long",
        )
    return text.encode("utf-8", "replace").decode()


def first_words(text: str) -> str:
    """A title for now: the beginning of `text`, cut between words."""
    line = " ".join(text.split())
    if len(line) <= TITLE_WORDS:
        return line
    return (line[:TITLE_WORDS].rsplit(" ", 1)[0] or line[:TITLE_WORDS]) + "…"


def chosen_preset(user: User, name: str) -> PresetModel:
    """The preset of this slug or id (or the default) with its first model, if offered to `user`."""
    chosen = PresetModel.objects.chosen_by(user, name) if name.isprintable() else None
    if chosen is None:
        raise Invalid(
            _("This preset isn't offered to you any more. Choose another.")
            if name
            else _("There is no preset to talk to yet."),
            code="preset",
        )
    return chosen


def _preset_again(user: User, name: str, before: Completion | None) -> PresetModel:
    return chosen_preset(user, name or (before.preset_version.preset.slug if before else ""))


def _writable(user: User, message_id: UUID) -> Message:
    message = (
        Message.objects.writable_by(user)
        .select_related("parent", "completion__preset_version__preset")
        .filter(pk=message_id)
        .first()
    )
    if message is None:
        raise NotFound
    return message


def _locked(author: User, conversation_id: UUID, *, messages: int) -> tuple[Conversation, int]:
    """The conversation, its row locked by taking places in its order, and the first place."""
    conversation = Conversation.objects.one_writable(author, conversation_id)
    if conversation is None:
        raise NotFound
    return conversation, Conversation.objects.give_out_sequences(conversation.pk, messages)


def _parent(conversation: Conversation, parent_id: UUID | None, branch: bool) -> Message | None:
    if parent_id is None:
        newest = Message.objects.newest(conversation.pk)
        if newest is None or not newest.choice or newest.completion is None:
            return newest
        parent_id = newest.completion.lead_id
    parent = Message.objects.one_of(conversation.pk, parent_id)
    if parent is None:
        raise NotFound
    if not branch and parent.is_answered():
        raise Conflict(_("Someone has written here before you."), code="answered")
    return parent


@dataclass(frozen=True)
class Request:
    """Who asks for a reply, under which client id, from which preset.

    `claim` is the token of the process that will run it itself, if that is known already.
    """

    author: User
    client_id: str
    chosen: PresetModel
    claim: UUID | None = None
    repairs: UUID | None = None

    @property
    def choices(self) -> int:
        """How many replies the preset asks for at once."""
        return 1 if self.repairs else int(self.chosen.version.parameters.get("n") or 1)


def _check_repairable(reply: Message) -> None:
    """Only an answer whose problem is known, and not one that is a repair already."""
    before = reply.completion
    judged = reply.parts.filter(kind=Part.Kind.JSON).exclude(problem=None).exclude(problem="")
    done = Completion.objects.filter(
        conversation=reply.conversation_id, parameters__repairs=str(reply.pk)
    )
    is_one = before is not None and before.parameters.get("repairs")
    if before is None or is_one or not judged.exists() or done.exists():
        raise Invalid(_("There is nothing to repair in this reply."))


def _add_turn(
    conversation: Conversation, sequence: int, parent: Message | None, text: str, request: Request
) -> Turn:
    """The person's message, then a reply to it."""
    check_turn([(Message.Role.USER, text)], request.chosen, parent.pk if parent else None)
    message = Message(
        conversation=conversation,
        parent=parent,
        author=request.author,
        role=Message.Role.USER,
        sequence=sequence,
    )
    part = Part(message=message, text=text)
    before = parent.completion if parent else None
    turn = _ask(conversation, sequence + 1, message, request, part, before)
    turn.message, turn.part = message, part
    return turn


def _ask(
    conversation: Conversation,
    sequence: int,
    asked: Message,
    request: Request,
    part: Part | None = None,
    before: Completion | None = None,
) -> Turn:
    """A completion and its empty replies after `asked` (stored with it when new)."""
    waits_for = before if before is not None and before.is_open else None
    lead_id = new_id()
    account = account_of(request.author, conversation, request.chosen)
    completion = _completion(conversation, lead_id, request, account, waits_for=waits_for)
    replies = [
        Message(
            pk=new_id() if choice else lead_id,
            conversation=conversation,
            parent=asked,
            role=Message.Role.ASSISTANT,
            sequence=sequence + choice,
            completion=completion,
            choice=choice,
        )
        for choice in range(request.choices)
    ]
    if part is None:
        insert(*replies)
    else:
        insert(asked, *replies)
        insert(part)
    path_to = request.repairs or asked.pk
    reservation = reserve(completion, request.chosen.model, account, path_to=path_to)
    return Turn(conversation, completion, None, replies, reservation=reservation)


def _completion(
    conversation: Conversation,
    lead_id: UUID,
    request: Request,
    account: Account,
    *,
    continues: Completion | None = None,
    waits_for: Completion | None = None,
) -> Completion:
    """Queued; or running at once, claimed by the process that asks."""
    version = request.chosen.version
    parameters = version.parameters
    if continues is not None:  # one reply goes on, whatever was written beside it
        parameters = {name: value for name, value in parameters.items() if name != "n"}
    if request.repairs is not None:
        parameters = parameters | {"repairs": str(request.repairs), "n": 1}
    parameters = account.bounded(parameters, request.chosen)
    completion = Completion(
        conversation=conversation,
        lead_id=lead_id,
        asked_by=request.author,
        team_id=account.charged.team,
        client_id=request.client_id,
        preset_version=version,
        parameters=parameters,
        continues=continues,
        waits_for=waits_for,
    )
    if request.claim is not None and waits_for is None:
        completion.claimed_by(request.claim)
    insert(completion)
    return completion
