"""Chromium, as a person would see it; its main thread tells what it costs."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from .processes import pinned
from .run import Run
from .site import Person

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
# Notes when the prompt could be used, when the last message stood on the screen, and long tasks.
WATCH = """
  window.__bench = { long: [] };
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) {
      window.__bench.long.push([startTime, duration]);
    }
  }).observe({ type: "longtask", buffered: true });
  const look = () => {
    const { __bench: seen } = window;
    const messages = document.querySelectorAll("#messages > .message");
    const box = messages[messages.length - 1]?.getBoundingClientRect();
    const shown = box && box.height > 0 && box.bottom > 0 && box.bottom <= innerHeight;
    if (shown && document.readyState !== "loading") seen.last ??= performance.now();
    const text = document.getElementById("text");
    const ready = document.body?.dataset.connection === "open";
    if (text && !text.disabled && ready) seen.usable ??= performance.now();
    if (seen.usable === undefined || (messages.length && seen.last === undefined)) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
"""


class Absent(Exception):
    """No browser here."""


@asynccontextmanager
async def browser(run: Run) -> AsyncIterator[Any]:
    """Chromium on all cores; raises `Absent` where there is none."""
    path = os.environ.get("PARLEY_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise Absent("playwright isn't installed (requirements/dev.txt has it)") from None
    if path is None:
        raise Absent("there is no Chromium on this machine")
    every = set(range(os.cpu_count() or 1))
    async with async_playwright() as play:
        with pinned(every if hasattr(os, "sched_setaffinity") else set()):
            chromium = await play.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield chromium
        finally:
            await chromium.close()


@asynccontextmanager
async def visit(chromium: Any, person: Person) -> AsyncIterator[Any]:
    """A window with an empty cache, signed in."""
    context = await chromium.new_context(viewport={"width": 1280, "height": 800})
    try:
        cookies = [
            {"name": name, "value": value, "url": person.site.url}
            for name, value in person.cookies().items()
        ]
        await context.add_cookies(cookies)
        await context.add_init_script(WATCH)
        yield await context.new_page()
    finally:
        await context.close()


async def until(page: Any, name: str, seconds: float = 20) -> float:
    """When the page noted `name`, in milliseconds since it was asked for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = await page.evaluate(f"window.__bench?.{name}")
        if found is not None:
            return float(found)
        await asyncio.sleep(0.05)
    raise TimeoutError(f"the page never came to “{name}”")


class MainThread:
    """What the page's main thread has worked, in processor seconds."""

    def __init__(self, page: Any, session: Any) -> None:
        self._page, self._session = page, session

    @classmethod
    async def of(cls, page: Any) -> MainThread:
        session = await page.context.new_cdp_session(page)
        await session.send("Performance.enable", {"timeDomain": "threadTicks"})
        return cls(page, session)

    async def seconds(self) -> dict[str, float]:
        metrics = (await self._session.send("Performance.getMetrics"))["metrics"]
        return {metric["name"]: metric["value"] for metric in metrics}

    async def long_tasks(self, since: float) -> list[float]:
        """Milliseconds of each task over 50 ms that began after `since`."""
        found = await self._page.evaluate("window.__bench.long")
        return [duration for start, duration in found if start >= since]

    async def now(self) -> float:
        return float(await self._page.evaluate("performance.now()"))
