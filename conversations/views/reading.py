"""What the hub asks the database for, and who may still watch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from channels.db import database_sync_to_async
from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone

from conversations.live import Hub, Snapshot, Viewer
from conversations.models import OPEN, Conversation, Message, Part, User
from conversations.people.second_factor import is_lacking
from conversations.views.fragments import title_html
from conversations.views.presenting import shown

if TYPE_CHECKING:
    from conversations.engine.tasks import Engine

MOST_NEWER = 50
GOES_AWAY = 4404


class StoredReader:
    """Reads from the rows; a message that is written in this process from its writer."""

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine

    async def running(self, conversation: UUID) -> list[Snapshot]:
        stored = await database_sync_to_async(_running)(conversation)
        return [self._fresh(snapshot.message) or snapshot for snapshot in stored]

    async def snapshot(self, message: UUID) -> Snapshot | None:
        return self._fresh(message) or await database_sync_to_async(_snapshot)(message)

    async def articles(self, conversation: UUID, messages: Iterable[UUID]) -> dict[UUID, str]:
        return await database_sync_to_async(_articles)(conversation, list(messages))

    async def after(self, conversation: UUID, sequence: int) -> dict[UUID, str]:
        return await database_sync_to_async(_after)(conversation, sequence)

    def _fresh(self, message: UUID) -> Snapshot | None:
        run = self._engine.writes(message) if self._engine else None
        if run is None:
            return None
        writer = next(writer for writer in run.writers if writer.message == message)
        # What was published, not what was written: frames in the pace's hand come after it.
        return Snapshot(
            message, [(part.index, part.kind, part.text[: part.sent]) for part in writer.parts]
        )


def _running(conversation: UUID) -> list[Snapshot]:
    rows = Message.objects.filter(conversation=conversation, completion__state__in=OPEN)
    return [_of(message) for message in rows.prefetch_related("parts")]


def _snapshot(message: UUID) -> Snapshot | None:
    rows = Message.objects.filter(pk=message, completion__state__in=OPEN)
    found = rows.prefetch_related("parts").first()
    return _of(found) if found else None


def _of(message: Message) -> Snapshot:
    parts: list[Part] = sorted(message.parts.all(), key=lambda part: part.index)
    return Snapshot(message.pk, [(part.index, part.kind, part.text) for part in parts])


def _articles(conversation: UUID, messages: list[UUID]) -> dict[UUID, str]:
    """A page can name any message: only those of the conversation that it may watch are shown."""
    here = Message.objects.filter(conversation=conversation, pk__in=messages)
    ids = set(here.values_list("pk", flat=True))
    return {message.pk: message.article for message in shown(pk for pk in messages if pk in ids)}


def _after(conversation: UUID, sequence: int) -> dict[UUID, str]:
    rows = Message.objects.filter(conversation=conversation, sequence__gt=sequence)
    ids = list(rows.order_by("sequence").values_list("pk", flat=True)[:MOST_NEWER])
    return {message.pk: message.article for message in shown(ids)}


async def recheck(hub: Hub) -> None:
    """Close the sockets of those who signed out, were suspended or lost access."""
    watching = [
        (room.conversation, viewer) for room in hub.rooms.values() for viewer in room.viewers
    ]
    if not watching:
        return
    pairs = {(conversation, viewer.person) for conversation, viewer in watching}
    sessions = {viewer.session for _conversation, viewer in watching if viewer.session}
    allowed, signed_in = await database_sync_to_async(_standing)(pairs, sessions)
    for conversation, viewer in watching:
        gone = viewer.session and viewer.session not in signed_in
        if gone or (conversation, viewer.person) not in allowed:
            await viewer.socket.close(code=GOES_AWAY)


def _standing(
    pairs: set[tuple[UUID, UUID]], sessions: set[str]
) -> tuple[set[tuple[UUID, UUID]], set[str]]:
    """Which pairs of conversation and person may still be, and which sessions still stand."""
    from django.contrib.sessions.models import Session

    people = User.objects.filter(pk__in={person for _c, person in pairs}, is_active=True)
    active = {person.pk for person in people if not is_lacking(person)}
    owned = set(
        Conversation.objects.filter(pk__in={c for c, _p in pairs}, deleted_at=None).values_list(
            "pk", "owner"
        )
    )
    allowed = {pair for pair in pairs if pair in owned and pair[1] in active}
    for conversation, person in pairs - allowed:
        if person in active:
            user = User(pk=person)
            if Conversation.objects.visible_to(user).filter(pk=conversation).exists():
                allowed.add((conversation, person))
    standing = Session.objects.filter(session_key__in=sessions, expire_date__gt=timezone.now())
    return allowed, set(standing.values_list("session_key", flat=True))


def session_key(session: SessionBase | None) -> str:
    return (session.session_key or "") if session is not None else ""


def may_watch(viewer: Viewer, conversation: UUID) -> bool:
    """Whether this person may read this conversation now."""
    user = User.objects.filter(pk=viewer.person, is_active=True).first()
    if user is None or is_lacking(user):
        return False
    return Conversation.objects.visible_to(user).filter(pk=conversation).exists()


def other_title(conversation: UUID, version: int) -> str:
    """The title's markup, if it has another version by now."""
    rows = Conversation.objects.filter(pk=conversation).exclude(version=version)
    found = rows.values_list("title", "version").first()
    return title_html(conversation, *found) if found else ""
