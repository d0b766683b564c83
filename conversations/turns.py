"""What people do in a conversation: send, retry, edit, continue, stop. One verb, one transaction.

Each verb returns a `Turn` whose completion is queued and committed; starting it is the caller's
affair. The same client id of the same person returns the first result and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models import (
    Completion,
    Conversation,
    LanguageModel,
    Message,
    Part,
    Preset,
    PresetModel,
    Reservation,
    State,
    User,
)
from conversations.models.base import new_id
from conversations.problems import Conflict, Invalid, NotFound
from conversations.reserving import reserve

TITLE_WORDS = 60


@dataclass
class Turn:
    """What a verb did: the person's message (None for a retry) and the replies to come."""

    conversation: Conversation
    completion: Completion
    message: Message | None
    replies: list[Message]
    created: bool = True
    parts: dict[UUID, list[Part]] = field(default_factory=dict)


def _repeatable(verb: Callable[..., Turn]) -> Callable[..., Turn]:
    """Let a repetition by client id return what the first call did, also when both race."""

    @wraps(verb)
    def wrapped(*, author: User, client_id: str, **rest: Any) -> Turn:
        if not 1 <= len(client_id) <= 64:
            raise Invalid(_("A send needs a client id of 1 to 64 characters."))
        if turn := _first_result(author, client_id):
            return turn
        try:
            with transaction.atomic():
                return verb(author=author, client_id=client_id, **rest)
        except IntegrityError:
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
def start(*, author: User, client_id: str, text: str, preset: str) -> Turn:
    """Open a conversation with its first message."""
    text = checked_text(text)
    chosen = chosen_preset(author, preset)
    conversation = Conversation.objects.create(
        owner=author, title=first_words(text), last_sequence=2
    )
    return _add_turn(conversation, 1, None, author, client_id, text, chosen)


@_repeatable
def send(
    *,
    author: User,
    client_id: str,
    conversation_id: UUID,
    text: str,
    preset: str,
    parent_id: UUID | None = None,
    branch: bool = False,
) -> Turn:
    """Add a message after `parent_id` (the newest leaf) and ask for a reply.

    Raises `Conflict` when the parent has been answered by now, unless `branch` means a sibling.
    """
    text = checked_text(text)
    conversation, sequence = _locked(author, conversation_id, messages=2)
    parent = _parent(conversation, parent_id, branch)
    chosen = chosen_preset(author, preset)
    return _add_turn(conversation, sequence, parent, author, client_id, text, chosen)


@_repeatable
def edit(*, author: User, client_id: str, message_id: UUID, text: str, preset: str) -> Turn:
    """Say something else instead: a sibling of one's own message, with a reply of its own."""
    text = checked_text(text)
    old = _writable(author, message_id)
    if old.role != Message.Role.USER or old.author_id != author.pk:
        raise Invalid(_("Only your own messages can be edited."))
    conversation, sequence = _locked(author, old.conversation_id, messages=2)
    chosen = chosen_preset(author, preset)
    return _add_turn(conversation, sequence, old.parent, author, client_id, text, chosen)


@_repeatable
def retry(*, author: User, client_id: str, message_id: UUID, preset: str = "") -> Turn:
    """Ask for another reply beside this one, by the same preset or another."""
    old = _writable(author, message_id)
    if old.role == Message.Role.USER:
        asked, before = old, None
    else:
        asked, before = old.parent, old.completion
    assert asked is not None
    conversation, sequence = _locked(author, old.conversation_id, messages=1)
    chosen = _preset_again(author, preset, before)
    turn = _ask(conversation, sequence, asked, author, client_id, chosen)
    turn.message = asked
    return turn


@_repeatable
def continue_(*, author: User, client_id: str, message_id: UUID, preset: str = "") -> Turn:
    """Let a reply that broke off go on where it stands; its text stays."""
    reply = _writable(author, message_id)
    before = reply.completion
    if before is None:
        raise Invalid(_("Only a reply can be continued."))
    conversation, _sequence = _locked(author, reply.conversation_id, messages=0)
    chosen = _preset_again(author, preset, before)
    completion = _completion(conversation, reply.pk, author, client_id, chosen, continues=before)
    taken = (
        Message.objects.filter(pk=reply.pk, completion=before)
        .exclude(completion__state__in=[State.QUEUED, State.RUNNING])
        .update(completion=completion)
    )
    if taken != 1:
        raise Conflict(_("This reply is still being written."), code="running")
    reply.completion = completion
    reserve(completion, _model_of(chosen), path_to=reply.pk)
    return Turn(conversation, completion, reply.parent, [reply])


@transaction.atomic
def stop(*, user: User, message_id: UUID) -> Completion:
    """Ask that the reply be stopped; a queued one stops at once. Stopping twice is no error."""
    reply = _writable(user, message_id)
    if reply.completion is None:
        raise Invalid(_("Only a reply can be stopped."))
    now = timezone.now()
    rows = Completion.objects.filter(pk=reply.completion_id)
    rows.open().filter(stop_requested_at=None).update(stop_requested_at=now, stopped_by=user)
    if rows.filter(state=State.QUEUED).update(
        state=State.STOPPED, finished_at=now, finish_reason="stopped"
    ):
        Reservation.objects.filter(completion_id=reply.completion_id).delete()
    return rows.select_related("stopped_by", "preset_version__preset").get()


def checked_text(text: str) -> str:
    """The text as it is stored, or `Invalid`: empty, too long, or not text."""
    text = text.replace("\r\n", "\n")
    if not text.strip():
        raise Invalid(_("Write something first."), code="empty")
    if len(text) > settings.MESSAGE_MAX_CHARACTERS:
        raise Invalid(
            _("A message can have %(most)d characters; this one has %(count)d.")
            % {"most": settings.MESSAGE_MAX_CHARACTERS, "count": len(text)},
            code="too_long",
        )
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def first_words(text: str) -> str:
    """A title for now: the beginning of `text`, cut between words."""
    line = " ".join(text.split())
    if len(line) <= TITLE_WORDS:
        return line
    return (line[:TITLE_WORDS].rsplit(" ", 1)[0] or line[:TITLE_WORDS]) + "…"


def chosen_preset(user: User, name: str) -> Preset:
    """The preset of this slug or id (or the default), if `user` may choose it."""
    offered = Preset.objects.visible_to(user).select_related("version")
    preset = (offered.named(name) if name else offered).first()
    if preset is None:
        raise Invalid(
            _("This preset isn't offered any more. Choose another.") if name
            else _("There is no preset to talk to yet."),
            code="preset",
        )
    return preset


def _preset_again(user: User, name: str, before: Completion | None) -> Preset:
    return chosen_preset(user, name or (before.preset_version.preset.slug if before else ""))


def _model_of(preset: Preset) -> LanguageModel:
    """The model that is called first."""
    first = PresetModel.objects.select_related("model").get(version=preset.version_id, position=0)
    return first.model


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
    conversation = Conversation.objects.writable_by(author).filter(pk=conversation_id).first()
    if conversation is None:
        raise NotFound
    return conversation, Conversation.objects.give_out_sequences(conversation.pk, messages)


def _parent(conversation: Conversation, parent_id: UUID | None, branch: bool) -> Message | None:
    here = Message.objects.filter(conversation=conversation).select_related("completion")
    if parent_id is None:
        return here.order_by("-sequence").first()
    parent = here.filter(pk=parent_id).first()
    if parent is None:
        raise NotFound
    if not branch and here.filter(parent=parent).exists():
        raise Conflict(_("Someone has written here before you."), code="answered")
    return parent


def _add_turn(
    conversation: Conversation,
    sequence: int,
    parent: Message | None,
    author: User,
    client_id: str,
    text: str,
    preset: Preset,
) -> Turn:
    """The person's message, then a reply to it."""
    message = Message.objects.create(
        conversation=conversation, parent=parent, author=author, role=Message.Role.USER,
        sequence=sequence,
    )
    part = Part.objects.create(message=message, text=text)
    before = parent.completion if parent else None
    turn = _ask(conversation, sequence + 1, message, author, client_id, preset, before)
    turn.message = message
    turn.parts[message.pk] = [part]
    return turn


def _ask(
    conversation: Conversation,
    sequence: int,
    asked: Message,
    author: User,
    client_id: str,
    preset: Preset,
    before: Completion | None = None,
) -> Turn:
    """A queued completion and its empty reply after `asked`; the first call is reserved."""
    waits_for = before if before is not None and before.is_open else None
    lead_id = new_id()
    completion = _completion(
        conversation, lead_id, author, client_id, preset, waits_for=waits_for
    )
    reply = Message.objects.create(
        pk=lead_id, conversation=conversation, parent=asked, role=Message.Role.ASSISTANT,
        sequence=sequence, completion=completion,
    )
    reserve(completion, _model_of(preset), path_to=asked.pk)
    return Turn(conversation, completion, None, [reply])


def _completion(
    conversation: Conversation,
    lead_id: UUID,
    author: User,
    client_id: str,
    preset: Preset,
    *,
    continues: Completion | None = None,
    waits_for: Completion | None = None,
) -> Completion:
    assert preset.version is not None
    return Completion.objects.create(
        conversation=conversation, lead_id=lead_id, asked_by=author, client_id=client_id,
        preset_version=preset.version, parameters=preset.version.parameters,
        continues=continues, waits_for=waits_for,
    )
