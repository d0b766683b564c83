"""One call of a trial: what is sent, where it goes, what is told of what comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from conversations import process
from conversations.engine import jobs
from conversations.engine.rounds import storable
from conversations.models import LanguageModel, LedgerEntry, Preset, PresetVersion, User
from conversations.models.base import NOTHING
from conversations.models.providers import dollars
from conversations.presets.placeholders import fill
from conversations.presets.rules import column_of
from conversations.presets.versions import Meaning
from conversations.providers.base import Finish, Reasoning, Text, ToolCall, Usage
from conversations.spending import budgets

MOST_TOKENS = 1_000
MOST_TOOL_CHARACTERS = 4_000
Line = dict[str, Any]


@dataclass
class Spent:
    """What one call has come to so far."""

    usage: Usage | None = None
    text: str = ""
    finish: str = ""
    first_ms: int | None = None


def job_of(person: User, meaning: Meaning, question: str, preset: Preset | None) -> jobs.Job:
    """What the engine would be given for this question."""
    version = PresetVersion(system_text=meaning.system_text, parameters=meaning.parameters)
    team = person.main_team
    filled = fill(
        meaning.system_text,
        day=timezone.localdate(),
        person=person.display_name,
        team=team.name if team else "",
    )
    return jobs.Job(
        completion=NOTHING,
        conversation=NOTHING,
        claim=NOTHING,
        user="",
        person=person.pk,
        charged=budgets.Charged(person.pk, person.main_team_id, preset.pk if preset else None),
        system_text=version.instructions_with(filled),
        parameters=_bounded(meaning),
        history=[("user", question)],
        more=[],
        replies=[jobs.Reply(NOTHING, [])],
        targets=[_target(model) for model in meaning.models],
        call=NOTHING,
        continues=False,
        waited=False,
        titling=False,
    )


def _bounded(meaning: Meaning) -> dict[str, Any]:
    """One answer, of bounded length where a model takes a bound."""
    parameters = {name: value for name, value in meaning.parameters.items() if name != "n"}
    if all("max_tokens" in column_of(model) for model in meaning.models):
        bounds = [MOST_TOKENS, *(m.output_tokens for m in meaning.models if m.output_tokens)]
        parameters["max_tokens"] = min([parameters.get("max_tokens") or MOST_TOKENS, *bounds])
    return parameters


def _target(model: LanguageModel) -> jobs.Target:
    return jobs.Target(
        model.pk,
        model.name,
        model.provider,
        model.price_at(),
        model.context_tokens,
        limits=model.own_limits,
    )


@asynccontextmanager
async def adapter_of(target: jobs.Target) -> AsyncIterator[Any]:
    """The process's adapter, after the call's turn at the provider; without one, a new adapter."""
    here = process.current
    async with AsyncExitStack() as stack:
        if here is not None and here.loop is asyncio.get_running_loop():
            await stack.enter_async_context(here.surroundings.turn(target))
            yield here.surroundings.adapter(target)
            return
        adapter = process.adapter_of(target.provider)
        stack.push_async_callback(adapter.aclose)
        yield adapter


def take(batch: list[Any], spent: Spent, began: float, tell: Callable[[Line], None]) -> None:
    for event in batch:
        match event:
            case Text(text, 0):
                _note(text, spent, began)
                tell({"text": storable(text)})
            case Reasoning(text, 0):
                _note(text, spent, began)
                tell({"reasoning": storable(text)})
            case ToolCall():
                _note(event.name + event.arguments, spent, began)
                tell({"tool": storable(f"{event.name} {event.arguments}")[:MOST_TOOL_CHARACTERS]})
            case Usage():
                spent.usage = event
            case Finish(reason, 0):
                spent.finish = reason


def _note(text: str, spent: Spent, began: float) -> None:
    if spent.first_ms is None:
        spent.first_ms = round((time.monotonic() - began) * 1000)
    spent.text += text


def figures_of(entry: LedgerEntry | None, spent: Spent, seconds: float) -> Line:
    """What the answer came to, in words for people."""
    known = entry is not None and entry.cost_nanos is not None
    return {
        "prompt_tokens": entry.prompt_tokens if entry else None,
        "completion_tokens": entry.completion_tokens if entry else None,
        "estimated": bool(entry and entry.usage_source == "estimated"),
        "cost": f"${dollars(entry.cost_nanos or 0)}" if entry and known else None,
        "first_ms": spent.first_ms,
        "seconds": round(seconds, 1),
        "finish": spent.finish,
    }
