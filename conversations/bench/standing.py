"""Figures of a server that nobody asks anything: its start and its memory."""

from __future__ import annotations

import asyncio

from .run import Run
from .site import DRIVER, SiteChat
from .stats import Target


async def start(run: Run) -> None:
    """Started again with everything prepared, until `/healthz` answers."""
    seconds = run.figure("start to healthy, warm", "s", Target(2.5))
    for _run in range(run.repeat):
        await run.site.stop()
        seconds.add(await run.site.start())
    await _renew(run)


async def memory(run: Run) -> None:
    """Of a fresh server, and what idle sockets add."""
    idle = run.figure("memory, idle", "MiB", Target(130))
    added = run.figure("memory per 1,000 idle sockets", "MiB", Target(40))
    count = 200 if run.quick else 1000
    for _run in range(1 if run.quick else run.repeat):
        await run.site.stop()
        await run.site.start()
        await asyncio.sleep(1)
        idle.add(run.site.server.memory_mib(), run.relay.child.memory_mib())
        async with await run.site.sign_in(DRIVER) as person:
            chats = [SiteChat(person, await person.begin()) for _number in range(10)]
            await person.watch(chats[0])
            await asyncio.sleep(1)
            before = run.site.server.memory_mib()
            for number in range(count):
                await person.watch(chats[number % 10])
            await asyncio.sleep(0.5)
            added.add((run.site.server.memory_mib() - before) * 1000 / count)
            for chat in chats:
                chat.close()
    await _renew(run)


async def _renew(run: Run) -> None:
    """Whoever drove the old server drives the new one."""
    run._parley = None
