"""One run: what it has started, the figures it collects, and which it collects."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from .drive import Parley
from .load import BareRelay
from .processes import Child, cores, pinned
from .site import DRIVER, Person, Site
from .stats import Figure, Target

LONGEST_SECONDS = 900


@dataclass
class Run:
    """A site with its provider and relay, all on loopback, and the figures so far."""

    site: Site
    provider: str
    relay: BareRelay
    repeat: int
    quick: bool
    say: Callable[[str], None]
    stack: AsyncExitStack
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    _parley: Parley | None = None

    def figure(self, name: str, unit: str, target: Target | None = None) -> Figure:
        made = Figure(name, unit, target=target)
        self.figures.append(made)
        return made

    async def person(self, name: str) -> Person:
        return await self.stack.enter_async_context(await self.site.sign_in(name))

    async def parley(self) -> Parley:
        """The site as the driver uses it. Kept, so that conversations are used again."""
        if self._parley is None:
            self._parley = Parley(await self.person(DRIVER))
        return self._parley

    def server_is_new(self) -> None:
        """The server was started again: whoever drove the old one signs in again."""
        self._parley = None


Group = Callable[[Run], Awaitable[None]]


def groups() -> dict[str, Group]:
    """What can be measured, in its order: what wants a fresh server comes first."""
    from . import administration, browser_figures, page_figures, standing, streams

    return {
        "start": standing.start,
        "memory": standing.memory,
        "first": streams.first,
        "one": streams.one,
        "twenty": streams.twenty,
        "hundred": streams.hundred,
        "flood": streams.floods,
        "viewers": streams.viewers,
        "weight": page_figures.weight,
        "sidebar": page_figures.sidebar,
        "administration": administration.pages,
        "prompt": browser_figures.prompt,
        "opening": browser_figures.opening,
        "growing": browser_figures.growing,
    }


@asynccontextmanager
async def begun(repeat: int, quick: bool, say: Callable[[str], None]) -> AsyncIterator[Run]:
    """Everything started; when it ends, all that was started is gone."""
    with pinned(cores()[1]):
        async with AsyncExitStack() as stack:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-bench-"))
            folder = Path(name)
            provider = await Child.start(
                ["-m", f"{__package__}.provider"], log=folder / "provider.log"
            )
            stack.push_async_callback(provider.stop)
            url = f"{await provider.says('http')}/v1"
            arguments = ["-m", f"{__package__}.relay", "--provider", url]
            relay = await Child.start(arguments, log=folder / "relay.log", on=cores()[0])
            stack.push_async_callback(relay.stop)
            port = int((await relay.says("port")).split()[1])
            site = Site(folder)
            stack.push_async_callback(site.stop)
            await site.start()
            await site.prepare(url)
            run = Run(site, url, BareRelay(relay, port), repeat, quick, say, stack)
            yield run


async def measure(names: list[str], repeat: int, quick: bool, say: Callable[[str], None]) -> Run:
    """Measure the named groups; a group that fails is noted and the rest goes on."""
    task = asyncio.current_task()
    assert task is not None
    with suppress(NotImplementedError, ValueError, RuntimeError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with asyncio.timeout(LONGEST_SECONDS), begun(repeat, quick, say) as run:
        for name in names:
            began = time.monotonic()
            try:
                await groups()[name](run)
            except Exception as trouble:
                run.notes.append(f"{name}: {type(trouble).__name__}: {trouble}")
            say(f"  {name}: {time.monotonic() - began:.0f} s")
        _note_noise(run)
    return run


def _note_noise(run: Run) -> None:
    waited = sorted(value for value in run.waited if value == value)
    if waited and waited[len(waited) // 2] > 0.1:
        share = waited[len(waited) // 2]
        run.notes.append(
            f"The server waited for a core {share:.0%} of the time that it could have run:"
            " other work shares this machine. Trust ratios and processor times more than delays."
        )
    if (os.cpu_count() or 1) < 2:
        run.notes.append("One core only: the load takes its time from the server.")
