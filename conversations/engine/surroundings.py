"""What a run is given by its process, and a call's turn at its provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from conversations.engine import jobs
from conversations.engine.breaker import Breakers
from conversations.engine.frames import Bus
from conversations.engine.gate import Gates, Told
from conversations.engine.writer import Pace
from conversations.providers import KINDS
from conversations.providers.base import Adapter
from conversations.providers.errors import ProviderError
from conversations.tools.base import Toolbox


@dataclass(frozen=True)
class Surroundings:
    """What a run is given by its process."""

    bus: Bus
    pace: Pace
    adapter: Callable[[jobs.Target], Adapter]
    render: Callable[[str, str, str], str]
    renderer_version: int
    toolbox: Toolbox
    gates: Gates = field(default_factory=Gates)
    breakers: Breakers = field(default_factory=Breakers)
    # Hears how each call ended, at once; None is a success.
    called: Callable[[jobs.Target, ProviderError | None], None] = lambda target, trouble: None

    @asynccontextmanager
    async def turn(
        self, target: jobs.Target, tell: Told = lambda place: None
    ) -> AsyncIterator[None]:
        """A call's turn at its provider: waited for in a queue, refused while the model rests.

        `tell` hears the place in the queue. What the call raises is noted of the model.
        """
        provider = target.provider
        most = provider.concurrency or KINDS[provider.kind].most_at_once
        breaker = self.breakers.of((provider.pk, target.model), target.model_name)
        async with self.gates.of(provider.pk, most).entered(tell):
            tries = breaker.before()
            try:
                yield
            except ProviderError as trouble:
                breaker.after(trouble, tries)
                self.called(target, trouble)
                raise
            except BaseException:
                breaker.forget(tries)
                raise
            breaker.after(None, tries)
            self.called(target, None)
