"""Figures that need a browser; without one they are left out, and the report says so."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from functools import wraps
from statistics import median
from typing import Any

from .browser import Absent, MainThread, browser, until, visit
from .run import Group, Run
from .site import DRIVER, HEAVY, LIGHT, Person
from .stats import Target

LENGTHS = (1_000, 2_000, 4_000, 8_000)
# 200 tokens a second, twice what the peers were measured at.
DELAY_MS = 5
SIZES = (50, 500, 5_000)


def with_browser(group: Callable[[Run, Any], Awaitable[None]]) -> Group:
    """Give the group a browser, or note that it was skipped."""

    @wraps(group)
    async def guarded(run: Run) -> None:
        try:
            async with browser(run) as chromium:
                await group(run, chromium)
        except Absent as trouble:
            run.notes.append(f"SKIPPED, no browser figures ({group.__name__}): {trouble}.")

    return guarded


@with_browser
async def prompt(run: Run, chromium: Any) -> None:
    """From asking for `/` with an empty cache to a prompt that takes text."""
    person = await run.person(LIGHT)
    usable = run.figure("prompt usable, cold", "s", Target(0.6))
    for _run in range(run.repeat):
        async with visit(chromium, person) as page:
            await page.goto(f"{person.site.url}/", wait_until="commit")
            usable.add(await until(page, "usable") / 1000)


@with_browser
async def opening(run: Run, chromium: Any) -> None:
    """From asking for a conversation to its last message on the screen."""
    person = await run.person(HEAVY)
    seconds: dict[int, list[float]] = {}
    for size in SIZES:
        await run.site.make(people=1, conversations=1, messages=size)
        url = f"{person.site.url}/conversations/{await person.newest()}/"
        target = Target(0.4) if size == 500 else None
        warm = run.figure(f"last of {size:,} messages visible", "s", target)
        cold = run.figure(f"  with an empty cache, {size:,}", "s")
        for _run in range(run.repeat):
            async with visit(chromium, person) as page:
                cold.add(await _visible(page, url))
                warm.add(median([await _visible(page, url) for _turn in range(3)]))
        seconds[size] = warm.runs
    ratio = run.figure("  5,000 messages against 50", "×", Target(1.2))
    for long, small in zip(seconds[5_000], seconds[50], strict=True):
        ratio.add(long / small)


async def _visible(page: Any, url: str) -> float:
    await page.goto(url, wait_until="commit")
    return await until(page, "last") / 1000


@with_browser
async def growing(run: Run, chromium: Any) -> None:
    """The main thread's work while an answer of mixed Markdown comes."""
    person = await run.person(DRIVER)
    costs: dict[int, list[float]] = {}
    lengths = LENGTHS[:2] if run.quick else LENGTHS
    for length in lengths:
        used = run.figure(f"main thread per token, {length:,} tokens", "ms", Target(0.8))
        script = run.figure("  of it script", "ms")
        tasks = run.figure("  tasks over 50 ms", "", Target(0))
        longest = run.figure("  longest of them", "ms")
        for _run in range(run.repeat if length <= LENGTHS[0] else 1):
            total, scripted, long = await _grown(run, chromium, person, length)
            used.add(total)
            script.add(scripted)
            tasks.add(len(long))
            longest.add(max(long, default=0))
        costs[length] = used.runs
    last = lengths[-1]
    ratio = run.figure(f"  {last:,} tokens against {lengths[0]:,}", "×", Target(1.2))
    ratio.add(median(costs[last]) / median(costs[lengths[0]]))


async def _grown(
    run: Run, chromium: Any, person: Person, tokens: int
) -> tuple[float, float, list[float]]:
    """Main thread and script in milliseconds per token, and the long tasks."""
    conversation = await person.begin()
    async with visit(chromium, person) as page:
        await page.goto(f"{person.site.url}/conversations/{conversation}/")
        await until(page, "usable")
        await asyncio.sleep(1)
        thread = await MainThread.of(page)
        before, since = await thread.seconds(), await thread.now()
        text = f"[[tokens={tokens} delay={DELAY_MS} text=markdown]]"
        sent = await person.post(f"/conversations/{conversation}/messages/", text=text)
        reply = f"/conversations/{conversation}/messages/{sent['replies'][0]}/"
        await asyncio.sleep(tokens * DELAY_MS / 1000)
        state = await _ended(person, reply)
        await asyncio.sleep(0.5)
        after, long = await thread.seconds(), await thread.long_tasks(since)
        # Reading all of the text is a task of its own, and a long one.
        shown = len(await page.inner_text("#messages > .message:last-child .prose"))
        if state != "done" or shown < tokens * 3:
            run.notes.append(f"growing: {tokens} tokens ended {state}, {shown} characters shown")
            return math.nan, math.nan, []
        used, script = (
            (after[name] - before[name]) * 1000 / tokens
            for name in ("TaskDuration", "ScriptDuration")
        )
        return used, script, long


async def _ended(person: Person, reply: str) -> str:
    headers = {"Accept": "application/json"}
    for _turn in range(120):
        async with person.http.get(person.site.url + reply, headers=headers) as response:
            state = str(json.loads(await response.text())["state"])
        if state not in ("queued", "running"):
            return state
        await asyncio.sleep(0.5)
    return "endless"
