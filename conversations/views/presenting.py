"""Messages as templates show them. A page load renders no Markdown of finished messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from typing import Any
from uuid import UUID

from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from conversations.models import Completion, Conversation, Message, Part, State
from conversations.models.messages import json_facts
from conversations.rendering import RENDERER_VERSION, growing_part, render_part
from conversations.rendering.parts import part_html

PAGE = 30


@dataclass
class ShownMessage:
    """One message with everything that its article says: nothing that differs between viewers."""

    message: Message
    body: SafeString = field(default_factory=SafeString)
    facts: dict[str, str] = field(default_factory=dict)
    text: str = ""
    siblings: list[UUID] = field(default_factory=list)
    # How many replies the request for this one asked for.
    choices: int = 1

    def __post_init__(self) -> None:
        message, completion = self.message, self.message.completion
        self.pk, self.key, self.role = message.pk, message.key, message.role
        self.parent_id, self.sequence = message.parent_id, message.sequence
        self.created_at, self.author_id = message.created_at, message.author_id
        self.author_name = message.author.display_name if message.author else ""
        if message.author is None and self.role == Message.Role.USER:
            self.author_name = _("Former member")
        self.preset_name = completion.preset_version.preset.name if completion else ""
        asked_by = completion.asked_by if completion else None
        self.asked_by_name = asked_by.display_name if asked_by else ""
        self.asked_by_id = asked_by.pk if asked_by else None
        place = self.siblings.index(self.pk) if self.pk in self.siblings else 0
        self.sibling_index, self.sibling_count = place + 1, max(1, len(self.siblings))
        self.prev_id = self.siblings[place - 1] if place else None
        self.next_id = self.siblings[place + 1] if place + 1 < len(self.siblings) else None

    @property
    def state(self) -> str:
        return self.facts.get("state", "")

    @property
    def article(self) -> SafeString:
        """The article, the same for every viewer: its data, an empty foot, the body, the state's mark.

        Words and actions are put in by the script from the page's <template>s, so that bytes
        shared over the socket hold none. Built by hand: a template takes ten times as long, for
        every message of a page and of a turn.
        """
        key, role = self.key, self.role
        at = localtime(self.created_at)
        data = f'data-id="{self.pk}" data-role="{role}" data-parent="{self.parent_id or ""}"'
        data += f' data-sequence="{self.sequence}" data-at="{at.isoformat()}"'
        data += f' data-author="{escape(self.author_name)}" data-author-id="{self.author_id or ""}"'
        if role == Message.Role.USER:
            who, body = escape(self.author_name), escape(self.text)
            when = f' <time datetime="{at.isoformat()}">{at:%H:%M}</time>'
            body = f'<div class="message-text" dir="auto">{body}</div>'
        else:
            who, when, body = escape(self.preset_name), "", self.body
            data += f' data-preset="{who}" data-asked-by="{escape(self.asked_by_name)}"'
            data += f' data-asked-by-id="{self.asked_by_id or ""}"'
            data += "".join(f' data-{name}="{escape(fact)}"' for name, fact in self.facts.items())
        if self.choices > 1:
            data += f' data-choices="{self.choices}"'
        if self.sibling_count > 1:
            data += f' data-siblings="{self.sibling_index}/{self.sibling_count}"'
            data += f' data-prev="{self.prev_id or ""}" data-next="{self.next_id or ""}"'
        return mark_safe(  # noqa: S308
            f'<article id="{key}" class="message message--{role}" {data}>'
            f'<header class="message-head"><span class="who">{who}</span>{when}</header>'
            f'<div id="{key}-body" class="message-body" hx-disable>{body}</div>'
            # In a box of its own: a child that changes has all its siblings styled anew.
            f'<span hidden><i id="{key}-state"></i></span><footer id="{key}-foot" class="message-foot"></footer>'
            "</article>"
        )


@dataclass
class Thread:
    """A stretch of the path through a conversation, newest at the end."""

    messages: list[ShownMessage]
    older_than: UUID | None = None
    older_url: str = ""

    @property
    def is_running(self) -> bool:
        return any(shown.state in ("queued", "running") for shown in self.messages)


def thread_of(
    conversation: Conversation, at: UUID | None = None, before: UUID | None = None
) -> Thread | None:
    """The newest page of the path through `at`, or the page that ends above `before`.

    None when `at` or `before` isn't a message of this conversation.
    """
    here = Message.objects.filter(conversation=conversation)
    if before is not None:
        leaf = here.filter(pk=before).values_list("parent_id", flat=True).first()
    elif at is not None:
        leaf = Message.objects.leaf_below(at) if here.filter(pk=at).exists() else None
    else:
        leaf = Message.objects.newest_leaf(conversation.pk)
    if leaf is None:
        return None if (at or before) else Thread([])
    ids = Message.objects.path_to(leaf, PAGE + 1)
    older = ids[1] if len(ids) > PAGE else None
    messages = shown(ids[-PAGE:])
    if before is None and messages[-1].choices > 1:
        # Nobody has chosen yet: they stand side by side.
        messages[-1:] = shown(Message.objects.beside(leaf)) or messages[-1:]
    return Thread(messages, older_than=older)


def shown(ids: Iterable[UUID]) -> list[ShownMessage]:
    """These messages in this order; four queries however many there are."""
    messages = Message.objects.select_related(
        "author",
        "completion__asked_by",
        "completion__stopped_by",
        "completion__preset_version__preset",
    ).in_order(ids)
    parts = _parts(messages)
    siblings = _siblings(messages)
    found = []
    for message in messages:
        beside = siblings[message.parent_id]
        by_one = sum(message.completion_id == completion for _pk, completion in beside)
        choices = by_one if message.completion_id else 1
        pks = [pk for pk, _completion in beside]
        found.append(present(message, parts[message.pk], pks, choices))
    return found


def present(
    message: Message, parts: list[Part], siblings: list[UUID], choices: int = 1
) -> ShownMessage:
    """One message from loaded rows; no query."""
    completion = message.completion
    if completion is None:
        text = "".join(part.text for part in parts)
        return ShownMessage(message, text=text, siblings=siblings)
    body = "".join(part_markup(message, part, is_open=completion.is_open) for part in parts)
    facts = completion.facts() | _judged(parts)
    if message.finish_reason and completion.state == State.DONE:
        facts["finish"] = message.finish_reason
    if completion.state == State.DONE and not parts:
        facts |= Completion.SILENT
    if completion.state == State.QUEUED and completion.waits_for_id is None:
        facts["state"] = State.RUNNING.value
    body = mark_safe(body)  # noqa: S308
    return ShownMessage(message, body, facts, siblings=siblings, choices=choices)


def part_markup(message: Message, part: Part, *, is_open: bool) -> str:
    """A part's stored rendering; what still grows, or is older than the renderer, is made now."""
    prefix = f"{message.key}-{part.index}"
    if is_open:
        growing = growing_part(part.kind, prefix)
        growing.feed(part.text)
        grown = growing.count, len(part.text)
        return part_html(message.key, part.index, part.kind, growing.html(), grown)
    if part.renderer_version != RENDERER_VERSION:
        part.html = render_part(part.kind, part.text, prefix)
        part.renderer_version = RENDERER_VERSION
        part.save(update_fields=["html", "renderer_version"])
    seconds = _reasoning_seconds(part)
    return part_html(message.key, part.index, part.kind, part.html, seconds=seconds)


def _judged(parts: Iterable[Part]) -> dict[str, str]:
    """What was found of a JSON answer: the last one counts."""
    last = [part for part in parts if part.problem is not None][-1:]
    return json_facts(last[0].problem or "", last[0].problem_path) if last else {}


def _reasoning_seconds(part: Part) -> float | None:
    return part.seconds if part.kind == Part.Kind.REASONING else None


def _parts(messages: list[Message]) -> defaultdict[UUID, list[Part]]:
    found: defaultdict[UUID, list[Part]] = defaultdict(list)
    for part in Part.objects.filter(message__in=[m.pk for m in messages]).order_by("index"):
        found[part.message_id].append(part)
    return found


def _siblings(
    messages: list[Message],
) -> defaultdict[UUID | None, list[tuple[UUID, UUID | None]]]:
    """Each parent's children, oldest first: their ids, and their completions'."""
    found: defaultdict[UUID | None, list[tuple[UUID, UUID | None]]] = defaultdict(list)
    parents = {message.parent_id for message in messages}
    rows = Message.objects.filter(parent__in=[parent for parent in parents if parent])
    if None in parents:
        rows = rows | Message.objects.filter(conversation=messages[0].conversation_id, parent=None)
    those = rows.order_by("sequence").values_list("parent_id", "pk", "completion_id")
    for parent, pk, completion in those:
        found[parent].append((pk, completion))
    return found


def as_json(message: Message, parts: Iterable[Part]) -> dict[str, Any]:
    """A message as the contract for other programs has it."""
    completion = message.completion
    texts = {"answer": "", "reasoning": ""}
    for part in parts:
        if part.kind in texts or part.kind == Part.Kind.JSON:
            texts["answer" if part.kind == Part.Kind.JSON else part.kind] += part.text
    return {
        "id": str(message.pk),
        "state": completion.state if completion else "done",
        "text": texts["answer"],
        "reasoning": texts["reasoning"],
        "finish_reason": _finish(message),
        "error": (completion.error_code or None) if completion else None,
        "usage": _usage(completion),
        "cost": _cost(completion),
    }


def _finish(message: Message) -> str | None:
    completion = message.completion
    return (message.finish_reason or completion.finish_reason or None) if completion else None


def _usage(completion: Completion | None) -> dict[str, Any] | None:
    if completion is None or completion.prompt_tokens is None:
        return None
    return {
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "source": completion.usage_source,
    }


def _cost(completion: Completion | None) -> dict[str, str] | None:
    if completion is None or completion.cost_nanos is None:
        return None
    return {"usd": exact_dollars(completion.cost_nanos), "source": completion.cost_source}


def exact_dollars(nanos: int) -> str:
    """All digits of an amount, none that says nothing: 26800 is "0.0000268"."""
    whole, rest = divmod(nanos, 1_000_000_000)
    digits = f"{rest:09d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
