"""A provider inside the site, so that the first chat works without a key. It is no language model.

What it says follows from the words of the last user message alone: headings, list, tasks, table,
code, math, quote, footnote, link, arabic choose parts; think puts reasoning before; long and short,
slow and fast are what they say; cut ends by length after 40 tokens; error fails halfway. Anything
else, a greeting too, gets an introduction.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from decimal import Decimal

from .base import (
    Begin,
    ChatMessage,
    ChatRequest,
    Endpoint,
    Event,
    Finish,
    ListedModel,
    Reasoning,
    Rest,
    Text,
    Usage,
)
from .demo_text import answer, asks, thoughts, tokens
from .errors import ServerFailure

MODEL = ListedModel("parley-demo", context=32_768, price_in=Decimal(0), price_out=Decimal(0))
DELAY_MS = 15.0
CUT_TOKENS = 40
SLOWER = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call will say, in tokens, and how it ends."""

    thoughts: list[str]
    answer: list[str]
    finish: str
    fails: bool
    delay_seconds: float


class DemoAdapter:
    """Adapter for the built-in demo. Option `delay_ms` sets the pace: milliseconds per token."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._delay_ms = float(endpoint.options.get("delay_ms", DELAY_MS))

    async def stream(
        self, request: ChatRequest, rest: Rest | None = None
    ) -> AsyncGenerator[list[Event]]:
        """Yield the reply in batches. See `Adapter.stream`."""
        plan = make_plan(request, self._delay_ms)
        begin = Begin(f"demo-{uuid.uuid4().hex[:12]}", None)
        if not request.stream:
            yield [begin, *_everything(plan, request.n), *_end(plan, request)]
            return
        yield [begin]
        for token in plan.thoughts:
            yield [Reasoning(token, choice) for choice in range(request.n)]
            await asyncio.sleep(plan.delay_seconds)
        for token in plan.answer:
            yield [Text(token, choice) for choice in range(request.n)]
            await asyncio.sleep(plan.delay_seconds)
        if plan.fails:
            raise _failure()
        yield _end(plan, request)

    async def models(self) -> list[ListedModel]:
        return [MODEL]

    async def aclose(self) -> None:
        """Nothing is open."""


def make_plan(request: ChatRequest, delay_ms: float = DELAY_MS) -> Plan:
    """Decide what to say. In a continuation it is what the partial answer still lacks."""
    question = last_question(request.messages)
    said = _text(request.messages[-1]) if request.continuation and request.messages else ""
    rest = tokens(remainder(answer(question), said))
    fails = asks(question, "error") and not said
    limit = request.parameters.max_tokens
    if fails:
        limit = len(rest) // 2
    elif asks(question, "cut") and not said:
        limit = min(CUT_TOKENS, limit or CUT_TOKENS)
    shown = rest if limit is None else rest[:limit]
    pace = 0.0 if asks(question, "fast") else SLOWER if asks(question, "slow") else 1.0
    return Plan(
        thoughts=[] if said else tokens(thoughts(question)),
        answer=shown,
        finish="length" if len(shown) < len(rest) else "stop",
        fails=fails,
        delay_seconds=delay_ms * pace / 1000,
    )


def remainder(whole: str, said: str) -> str:
    """What follows `said` in the whole answer; one that was changed or is complete gets a word."""
    if whole.startswith(said) and len(said) < len(whole):
        return whole[len(said) :]
    return "\n\nThere is nothing to add."


def last_question(messages: tuple[ChatMessage, ...]) -> str:
    """The text of the last user message, or nothing."""
    users = [message for message in messages if message.role == "user"]
    return _text(users[-1]) if users else ""


def _text(message: ChatMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    return " ".join(str(part.get("text", "")) for part in message.content)


def _everything(plan: Plan, n: int) -> list[Event]:
    if plan.fails:
        raise _failure()
    events: list[Event] = []
    for choice in range(n):
        if plan.thoughts:
            events.append(Reasoning("".join(plan.thoughts), choice))
        events.append(Text("".join(plan.answer), choice))
    return events


def _end(plan: Plan, request: ChatRequest) -> list[Event]:
    """Usage, counted in words and free of charge, and why each choice ended."""
    prompt = sum(len(tokens(_text(message))) for message in request.messages)
    completion = (len(plan.thoughts) + len(plan.answer)) * request.n
    usage = Usage(prompt, completion, prompt + completion, Decimal(0))
    return [usage, *(Finish(plan.finish, choice) for choice in range(request.n))]


def _failure() -> ServerFailure:
    error = ServerFailure("the demo was asked for an error")
    error.after_first_token = True
    return error
