"""What a call asks: as much of the conversation as its model takes, as a request."""

from __future__ import annotations

from conversations.engine.context import DoesNotFit, Kept, cut_further, fit, room_of
from conversations.engine.jobs import Job, Target
from conversations.providers.base import ChatMessage, ChatRequest, Parameters
from conversations.providers.errors import ContextLength

PARAMETERS = frozenset(Parameters.__dataclass_fields__)


def fitted(job: Job, target: Target) -> Kept:
    """The newest turns that fit the model. Raises `ContextLength`, with the numbers, if none does."""
    room = room_of(target.window, job.parameters, target.factor)
    try:
        return fit(job.system_text, job.history, room)
    except DoesNotFit as trouble:
        raise ContextLength(f"not sent: {trouble}") from None


def shorter(job: Job, kept: Kept, times: int) -> Kept | None:
    """Less than `kept`, which the model found too long; None when it is one turn."""
    return cut_further(job.system_text, kept, times)


def request_of(job: Job, target: Target, kept: Kept) -> ChatRequest:
    """What is sent: the instructions, then what was kept."""
    messages = [ChatMessage(role, text) for role, text in kept.messages]
    if job.system_text:
        messages.insert(0, ChatMessage("system", job.system_text))
    known = {name: value for name, value in job.parameters.items() if name in PARAMETERS}
    for name in ("stop", "functions"):
        if known.get(name):
            known[name] = tuple(known[name])
    return ChatRequest(
        model=target.model_name,
        messages=tuple(messages),
        parameters=Parameters(**known),
        n=len(job.replies),
        user=job.user,
        continuation=job.continues,
        limits=target.limits,
    )
