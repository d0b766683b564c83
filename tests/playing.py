"""An engine in a test's own loop, and an adapter that plays what the test tells it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

from channels.db import database_sync_to_async

from conversations.engine import jobs, tasks
from conversations.engine.frames import Bus, Frame, Settled
from conversations.engine.surroundings import Surroundings
from conversations.engine.writer import Pace
from conversations.models import Completion
from conversations.providers.base import Finish, Text, Usage
from conversations.rendering import RENDERER_VERSION, render_part
from conversations.tools.base import Toolbox
from tests import making

in_db = database_sync_to_async
END = [Usage(10, 5, 15), Finish("stop")]


class Played:
    """Plays one list of steps per call, the last one again for further calls.

    A text or a list of events is a batch, an exception is raised, an `asyncio.Event` is waited for.
    """

    def __init__(self, *calls: list[Any]) -> None:
        self.calls = calls
        self.requests: list[Any] = []
        self.ended = 0

    async def stream(self, request: Any, rest: Any = None) -> Any:
        steps = self.calls[min(len(self.requests), len(self.calls) - 1)]
        self.requests.append(request)
        try:
            for step in steps:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield [Text(step)] if isinstance(step, str) else step
                    await asyncio.sleep(0)
        finally:
            self.ended += 1


class Watching:
    """Everything that a bus told about one conversation."""

    def __init__(self, bus: Bus, conversation: Any) -> None:
        self.events: list[Any] = []
        bus.subscribe(conversation, self.events.append)

    @property
    def frames(self) -> list[Frame]:
        return [event for event in self.events if isinstance(event, Frame)]

    @property
    def settled(self) -> list[Settled]:
        return [event for event in self.events if isinstance(event, Settled)]


def surroundings(adapter: Any, bus: Bus | None = None, toolbox: Any = None) -> Surroundings:
    """What a run is given: `adapter` is one for all models, or a function of the model's name."""
    chosen = adapter if callable(adapter) else lambda _name: adapter
    return Surroundings(
        bus or Bus(),
        Pace(asyncio.get_running_loop()),
        lambda target: chosen(target.model_name),
        render_part,
        RENDERER_VERSION,
        toolbox or Toolbox([]),
    )


@asynccontextmanager
async def engine(
    adapter: Any, *, opened: bool = True, after: Any = None, toolbox: Any = None
) -> Any:
    """An engine whose models all answer as `adapter` plays."""
    made = tasks.Engine(surroundings(adapter, toolbox=toolbox), after)
    if opened:
        made.open()
    try:
        yield made
    finally:
        await made.close()


async def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait until `condition` (an async function, too) holds."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        await asyncio.sleep(0.01)


async def state_of(completion: Any) -> str:
    rows = Completion.objects.filter(pk=getattr(completion, "pk", completion))
    return await in_db(rows.values_list("state", flat=True).get)()


async def ended(completion: Any) -> Completion:
    """The completion, once it has ended."""

    async def found() -> Completion | None:
        row = await in_db(Completion.objects.get)(pk=completion.pk)
        return None if row.is_open else row

    row: Completion = await until(found)
    return row


async def text_of(message: Any) -> str:
    return await in_db(making.text_of)(message.pk)


async def claimed(completion: Any) -> jobs.Job:
    job = await in_db(jobs.claim)(completion.pk)
    assert job is not None
    return job
