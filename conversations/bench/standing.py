"""Figures of a server that nobody asks anything: its start and its memory."""

from __future__ import annotations

import asyncio

from .drive import SiteChat
from .run import Run
from .site import DRIVER
from .stats import Target


async def start(run: Run) -> None:
    """Started again with everything prepared, until `/healthz` answers."""
    seconds = run.figure("start to healthy, warm", "s", Target(2.5))
    for _run in range(run.repeat):
        await run.site.stop()
        seconds.add(await run.site.start())
    run.server_is_new()


async def memory(run: Run) -> None:
    """Of a fresh server, and what idle sockets add."""
    idle = run.figure("memory, idle", "MiB", Target(130))
    added = run.figure("memory per 1,000 idle sockets", "MiB", Target(40))
    count = 200 if run.quick else 1000
    for _run in range(min(run.repeat, 2)):
        await run.site.stop()
        await run.site.start()
        await asyncio.sleep(1)
        idle.add(run.site.server.memory_mib(), run.relay.child.memory_mib())
        async with await run.site.sign_in(DRIVER) as person:
            chats = [SiteChat(person, await person.begin()) for _number in range(10)]
            await chats[0].watch()
            await asyncio.sleep(1)
            before = run.site.server.memory_mib()
            for number in range(count):
                await chats[number % 10].watch()
            await asyncio.sleep(0.5)
            added.add((run.site.server.memory_mib() - before) * 1000 / count)
            for chat in chats:
                chat.close()
    run.server_is_new()
