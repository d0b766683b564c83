"""How many calls go to a provider at once, and who waits how far back. All on the server's loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

TELL_SECONDS = 1.0

Told = Callable[[int], None]


class _Waiter:
    """Somebody in the queue."""

    __slots__ = ("may", "tell")

    def __init__(self, tell: Told, may: asyncio.Future[None]) -> None:
        self.tell, self.may = tell, may


class Gate:
    """Lets `limit` in at once, first come, first served. A limit of None lets everybody in."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.inside = 0
        self._queue: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def entered(self, tell: Told) -> AsyncIterator[None]:
        """Wait for a place. Who waits is told how many go in before them, counted from 1; then 0."""
        await self._enter(tell)
        try:
            yield
        finally:
            self.inside -= 1
            self._let_in()

    async def _enter(self, tell: Told) -> None:
        if self._has_room and not self._queue:
            self.inside += 1
            return
        waiter = _Waiter(tell, asyncio.get_running_loop().create_future())
        self._queue.append(waiter)
        self._tell_places(only=waiter)
        try:
            await waiter.may
        except asyncio.CancelledError:
            if waiter.may.done() and not waiter.may.cancelled():
                self.inside -= 1
            elif waiter in self._queue:
                self._queue.remove(waiter)
            self._let_in()
            raise
        tell(0)

    @property
    def _has_room(self) -> bool:
        return self.limit is None or self.inside < self.limit

    def _let_in(self) -> None:
        while self._queue and self._has_room:
            waiter = self._queue.popleft()
            if not waiter.may.done():  # stopped in this very tick, and about to hear of it
                self.inside += 1
                waiter.may.set_result(None)

    def _tell_places(self, only: _Waiter | None = None) -> None:
        """Tell one who has just come, or now and then all: a page may have come later than they."""
        if only is not None:
            only.tell(len(self._queue))
        else:
            self._timer = None
            for place, waiter in enumerate(self._queue, 1):
                waiter.tell(place)
        if self._queue and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(TELL_SECONDS, self._tell_places)


class Gates:
    """One gate for each provider of this process."""

    def __init__(self) -> None:
        self._gates: dict[Hashable, Gate] = {}

    def of(self, provider: Hashable, limit: int | None) -> Gate:
        """The provider's gate, with the limit as it is set now."""
        gate = self._gates.setdefault(provider, Gate(limit))
        if gate.limit != limit:
            gate.limit = limit
            gate._let_in()
        return gate
