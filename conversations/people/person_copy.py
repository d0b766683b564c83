"""All that is kept about a person, as a ZIP file that is sent while it is made.

`profile.json`, `usage.json`, and of each conversation of theirs one JSON file with every branch and
one Markdown file with the newest. At no time is more than one conversation in memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from asgiref.sync import sync_to_async
from django.core.serializers.json import DjangoJSONEncoder
from django.http import StreamingHttpResponse
from django.utils import timezone

from conversations.models import (
    Conversation,
    LedgerEntry,
    Membership,
    Message,
    Part,
    User,
)

ROWS_AT_ONCE = 500
# What a file's name in a header can do without.
NOT_PLAIN = re.compile(r"[^A-Za-z0-9-]")
USAGE = (
    "at",
    "kind",
    "conversation_id",
    "preset_name",
    "provider_name",
    "model_name",
    "team_name",
    "prompt_tokens",
    "completion_tokens",
    "usage_source",
    "cost_nanos",
    "cost_source",
    "reason",
)


def copy_of(person: User, *, conversations: bool = True) -> Iterator[bytes]:
    """The pieces of the ZIP file. `conversations`: with what was said, or without."""
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_DEFLATED) as archive:
        for name, write in _files(person, conversations):
            with archive.open(name, "w") as file:
                for text in write():
                    file.write(text.encode())
                    yield sink.taken()
    yield sink.taken()


def response(person: User, *, conversations: bool) -> StreamingHttpResponse:
    """The file to keep, sent while it is made."""
    pieces = copy_of(person, conversations=conversations)
    answer = StreamingHttpResponse(_in_steps(pieces), content_type="application/zip")
    name = NOT_PLAIN.sub("-", f"{person.username}-{timezone.localdate():%Y-%m-%d}")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


async def _in_steps(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """One piece at a time, each made in the thread that has the database."""
    while (piece := await sync_to_async(_next)(pieces)) is not None:
        yield piece


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)


class _Sink:
    """A file that can't be gone back in; what was written is taken away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What is left is taken afterwards."""

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


Writing = Callable[[], Iterable[str]]


def _files(person: User, conversations: bool) -> Iterator[tuple[str, Writing]]:
    yield "profile.json", lambda: [_json(_profile(person))]
    yield "usage.json", lambda: _usage(person)
    if not conversations:
        return
    rows = Conversation.objects.filter(owner=person, deleted_at=None).order_by("created_at", "pk")
    for pk in list(rows.values_list("pk", flat=True)):
        conversation = rows.select_related("team").filter(pk=pk).first()
        if conversation is None:  # deleted since
            continue
        messages = _messages(conversation)
        told = _conversation(conversation, messages)
        yield f"conversations/{pk}.json", lambda told=told: [_json(told)]  # type: ignore[misc]
        text = markdown(told)
        yield f"conversations/{pk}.md", lambda text=text: [text]  # type: ignore[misc]


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2) + "\n"


def _profile(person: User) -> dict[str, Any]:
    places = Membership.objects.filter(user=person).select_related("team").order_by("team__name")
    return {
        "id": person.pk,
        "username": person.username,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "joined": person.date_joined,
        "last_sign_in": person.last_login,
        "approved": person.approved_at,
        "suspended": person.suspended_at,
        "capabilities": person.capabilities,
        "memberships": [{"team": place.team.name, "role": place.role} for place in places],
    }


def _usage(person: User) -> Iterator[str]:
    """The ledger's entries of the person, oldest first, some at a time."""
    rows = LedgerEntry.objects.of(person).order_by("at", "pk").values(*USAGE)
    separator = "["
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
        yield f"{separator}\n{json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)}"
        separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"


def _messages(conversation: Conversation) -> list[dict[str, Any]]:
    """Every message of every branch, in the order of writing."""
    parts: dict[Any, list[dict[str, str]]] = {}
    for part in Part.objects.filter(message__conversation=conversation).order_by("index"):
        parts.setdefault(part.message_id, []).append({"kind": part.kind, "text": part.text})
    rows = Message.objects.filter(conversation=conversation).order_by("sequence")
    rows = rows.select_related("author", "completion__preset_version__preset")
    return [_message(message, parts.get(message.pk, [])) for message in rows]


def _message(message: Message, parts: list[dict[str, str]]) -> dict[str, Any]:
    completion = message.completion
    told: dict[str, Any] = {
        "id": message.pk,
        "parent": message.parent_id,
        "role": message.role,
        "at": message.created_at,
        "author": message.author.display_name if message.author else None,
        "parts": parts,
    }
    if completion is not None:
        told["preset"] = completion.preset_version.preset.name
        told["state"] = completion.state
        told["usage"] = {
            "prompt_tokens": completion.prompt_tokens,
            "completion_tokens": completion.completion_tokens,
            "cost_nanos": completion.cost_nanos,
        }
    return told


def _conversation(conversation: Conversation, messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": conversation.pk,
        "title": conversation.title,
        "team": conversation.team.name if conversation.team else None,
        "created": conversation.created_at,
        "last_message": conversation.active_at,
        "archived": conversation.archived_at,
        "messages": messages,
    }


def markdown(told: dict[str, Any]) -> str:
    """The newest branch to read: a heading for each message, then what it says."""
    lines = [f"# {told['title']}" if told["title"] else "# –"]
    for message in _newest_branch(told["messages"]):
        who = message.get("preset") or message["author"] or message["role"]
        said = [part["text"] for part in message["parts"] if part["kind"] in ("answer", "json")]
        lines += [f"## {who}, {message['at']:%Y-%m-%d %H:%M}", "\n".join(said)]
    return "\n\n".join(lines) + "\n"


def _newest_branch(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """From the root to the last message."""
    by_id = {message["id"]: message for message in messages}
    path: list[dict[str, Any]] = []
    message = messages[-1] if messages else None
    while message is not None:
        path.append(message)
        message = by_id.get(message["parent"])
    return path[::-1]
