"""What a call asks: as much of the conversation as its model takes, as a request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from conversations.engine.context import DoesNotFit, Kept, cut_further, fit, room_of
from conversations.engine.estimate import tokens_of, tokens_of_messages
from conversations.engine.jobs import Job, Target
from conversations.engine.rounds import Round
from conversations.providers.base import ChatMessage, ChatRequest, Parameters
from conversations.providers.errors import ContextLength

Messages = Sequence[ChatMessage]
Tools = Sequence[Mapping[str, Any]]
PARAMETERS = frozenset(Parameters.__dataclass_fields__)


def fitted(job: Job, target: Target, around: Round) -> Kept:
    """The newest turns that fit the model. Raises `ContextLength`, with the numbers, if none does.

    Beside them goes what the round has: tools, and what has to follow.
    """
    room = room_of(target.window, job.parameters, target.factor)
    beside = room.tokens(estimate_of(around.more, around.tools))
    room = replace(room, answer=room.answer + beside)
    try:
        return fit(job.system_text, job.history, room)
    except DoesNotFit as trouble:
        raise ContextLength(f"not sent: {trouble}") from None


def shorter(job: Job, kept: Kept, times: int) -> Kept | None:
    """Less than `kept`, which the model found too long; None when it is one turn."""
    return cut_further(job.system_text, kept, times)


def texts_of(messages: Messages) -> Iterator[str]:
    """All that these messages say, the arguments of tools included."""
    for message in messages:
        yield str(message.content)
        yield from (call.arguments for call in message.tool_calls)


def estimate_of(more: Messages, tools: Tools) -> int:
    """About how many tokens these add to a request."""
    return tokens_of_messages(texts_of(more)) + sum(tokens_of(json.dumps(tool)) for tool in tools)


def messages_of(texts: Iterable[tuple[str, str]]) -> tuple[ChatMessage, ...]:
    """Roles and texts as messages."""
    return tuple(ChatMessage(role, text) for role, text in texts)


def request_of(
    job: Job, target: Target, kept: Kept, more: Messages = (), tools: Tools = ()
) -> ChatRequest:
    """What is sent: the instructions, what was kept, and what tools said since."""
    messages = [ChatMessage(role, text) for role, text in kept.messages]
    if job.system_text:
        messages.insert(0, ChatMessage("system", job.system_text))
    known = {name: value for name, value in job.parameters.items() if name in PARAMETERS}
    for name in ("stop", "functions"):
        if known.get(name):
            known[name] = tuple(known[name])
    if job.parameters.get("tool_choice") == "required" and any(m.role == "tool" for m in more):
        known["tool_choice"] = "auto"  # it has called one
    return ChatRequest(
        model=target.model_name,
        messages=(*messages, *more),
        tools=tuple(tools),
        parameters=Parameters(**known),
        n=len(job.replies),
        user=job.user,
        continuation=job.continues,
        limits=target.limits,
    )
