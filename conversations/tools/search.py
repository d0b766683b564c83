"""Searching in the conversations that the asker may read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connection
from django.db.models import Max, Q, QuerySet
from django.urls import reverse

from conversations.models import Conversation, Part, User
from conversations.tools.base import Asker, Spec, ToolError
from conversations.tools.clock import own_zone

MOST_HITS = 10
MOST_WORDS = 8
MOST_CHARACTERS = 200
BEFORE, AFTER = 80, 160
BLANKS = re.compile(r"\s+")
SPEC = Spec(
    name="search_conversations",
    description=(
        "Searches the earlier conversations that this person can read, by words that must all occur "
        f"in one message or in its conversation’s title. Gives up to {MOST_HITS}, newest first, "
        "with title, date, an excerpt and the address."
    ),
    parameters={
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "minLength": 1,
                "maxLength": MOST_CHARACTERS,
                "description": "A few words, without quotes or operators. Few find more than many.",
            }
        },
        "required": ["query"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True)
class Hit:
    """The newest message of a conversation in which all words occur; `date` is the asker's."""

    title: str
    date: str
    snippet: str
    address: str

    def told(self) -> str:
        return f"{self.title or 'Untitled'} ({self.date})\n{self.address}\n{self.snippet}"


class Search:
    """The tool `search_conversations`."""

    async def specs(self) -> Sequence[Spec]:
        return [SPEC]

    async def call(self, name: str, arguments: Mapping[str, Any], asker: Asker) -> str:
        words = words_of(arguments["query"])
        # A search may take its time, and what else runs here saves its text by one thread.
        async with ThreadSensitiveContext():
            hits = await sync_to_async(_find_apart)(words, asker)
        if not hits:
            return "Nothing was found."
        return "\n\n".join(f"{at}. {hit.told()}" for at, hit in enumerate(hits, 1))


def words_of(query: str) -> list[str]:
    """What to look for. Raises `ToolError` where that is nothing, or too much."""
    words = list(dict.fromkeys(query.replace("\0", " ").casefold().split()))
    if not words:
        raise ToolError("There is no word to look for.")
    if len(words) > MOST_WORDS:
        raise ToolError(f"Search for {MOST_WORDS} words at most.")
    return words


def _find_apart(words: Sequence[str], asker: Asker) -> list[Hit]:
    """As `find`, in a thread that ends afterwards, and its connection with it."""
    try:
        return find(words, asker)
    finally:
        if not connection.in_atomic_block:
            connection.close()


def find(words: Sequence[str], asker: Asker) -> list[Hit]:
    """One hit per conversation, newest first, in three queries."""
    user = User.objects.filter(pk=asker.user, is_active=True).first()
    if user is None:
        return []
    parts = _matching(words, user, asker.conversation)
    newest = (
        parts.values("message__conversation")
        .annotate(sequence=Max("message__sequence"), at=Max("message__created_at"))
        .order_by("-at", "-message__conversation")[:MOST_HITS]
    )
    places = [(row["message__conversation"], row["sequence"]) for row in newest]
    found = _at_places(parts, places)
    return [_hit(found[place], words, asker) for place in places if place in found]


def _matching(words: Sequence[str], user: User, without: UUID | None) -> QuerySet[Part]:
    """Texts of people and answers in which each word occurs, or else in the title above them."""
    visible = Conversation.objects.of(user)
    if without is not None:
        visible = visible.exclude(pk=without)
    parts = Part.objects.filter(kind__in=Part.SAID, message__conversation__in=visible.values("pk"))
    for word in words:
        parts = parts.filter(_holds("text", word) | _holds("message__conversation__title", word))
    return parts


def _holds(field: str, word: str) -> Q:
    """SQLite's own comparison knows only the case of ASCII; its regular expressions are Python's."""
    if connection.vendor == "sqlite" and not word.isascii():
        return Q(**{f"{field}__iregex": re.escape(word)})
    return Q(**{f"{field}__icontains": word})


def _at_places(
    parts: QuerySet[Part], places: Sequence[tuple[UUID, int]]
) -> dict[tuple[UUID, int], Part]:
    """The first matching part of each of these messages, by conversation and sequence."""
    if not places:
        return {}
    wanted = Q()
    for conversation, sequence in places:
        wanted |= Q(message__conversation=conversation, message__sequence=sequence)
    found: dict[tuple[UUID, int], Part] = {}
    for part in parts.filter(wanted).select_related("message__conversation").order_by("index"):
        found.setdefault((part.message.conversation_id, part.message.sequence), part)
    return found


def _hit(part: Part, words: Sequence[str], asker: Asker) -> Hit:
    message = part.message
    at = message.created_at.astimezone(own_zone(asker))
    address = reverse("conversation", args=[message.conversation_id])
    return Hit(
        title=message.conversation.title,
        date=f"{at:%Y-%m-%d %H:%M}",
        snippet=snippet(part.text, words),
        address=f"{address}?at={message.pk}",
    )


def snippet(text: str, words: Sequence[str]) -> str:
    """The text around the first word that occurs in it, on one line; otherwise how it begins."""
    lower = text.lower()
    first = min((at for word in words if (at := lower.find(word)) >= 0), default=0)
    start, end = max(0, first - BEFORE), min(len(text), first + AFTER)
    inner = BLANKS.sub(" ", text[start:end]).strip()
    return f"{'…' if start else ''}{inner}{'…' if end < len(text) else ''}"
