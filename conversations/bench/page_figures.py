"""Figures of pages without a browser: their weight, and the list beside them."""

from __future__ import annotations

import re
import time
from statistics import median
from urllib.parse import urljoin

import aiohttp

from .run import Run
from .site import HEAVY, LIGHT, Person
from .stats import Target

LINKED = re.compile(r'<(?:script[^>]* src|link rel="stylesheet" href)="([^"]+)"')
# What a script imports when it is needed, by `import(…)`, isn't part of a first load.
IMPORTED = re.compile(r'(?:\bfrom|\bimport)\s*"(\.[^"]+)"')
MANY = 10_000


async def weight(run: Run) -> None:
    """What a browser with an empty cache is sent, compressed as it would be."""
    person = await run.person(LIGHT)
    conversation = f"/conversations/{await person.newest()}/"
    for name, path in (("/", "/"), ("a conversation", conversation)):
        sizes = await _sizes(person, path)
        target = Target(40) if path == "/" else None
        run.figure(f"script on first load of {name}", "KiB", target).add(sizes[".js"] / 1024)
        run.figure("  style", "KiB").add(sizes[".css"] / 1024)
        run.figure("  page", "KiB").add(sizes["page"] / 1024)


async def _sizes(person: Person, path: str) -> dict[str, int]:
    """Bytes over the wire of the page, its scripts with all they import, and its styles."""
    sizes = {"page": 0, ".js": 0, ".css": 0}
    base = person.site.url
    cookies = person.cookies()
    headers = {"Accept-Encoding": "gzip, deflate, br"}
    async with aiohttp.ClientSession(auto_decompress=False, cookies=cookies) as wire:
        async with wire.get(base + path, headers=headers) as response:
            sizes["page"] = len(await response.read())
        waiting = [urljoin(base + path, link) for link in LINKED.findall(await person.get(path))]
        seen: set[str] = set()
        while waiting:
            address = waiting.pop()
            if address in seen:
                continue
            seen.add(address)
            async with wire.get(address, headers=headers) as response:
                sizes[address[address.rindex(".") :]] += len(await response.read())
            if address.endswith(".js"):
                source = await person.get(address.removeprefix(base))
                waiting += [urljoin(address, link) for link in IMPORTED.findall(source)]
    return sizes


async def sidebar(run: Run) -> None:
    """The list of somebody with 10 conversations, and with 10,000."""
    await run.site.make(people=1, conversations=MANY, messages=2)
    light, heavy = await run.person(LIGHT), await run.person(HEAVY)
    for path, name in (("/sidebar/", "sidebar"), ("/", "page")):
        few = run.figure(f"{name} with 10 conversations, server", "ms")
        many = run.figure(f"{name} with 10,000 conversations, server", "ms")
        for _run in range(run.repeat):
            few.add(await _answer_ms(light, path))
            many.add(await _answer_ms(heavy, path))


async def _answer_ms(person: Person, path: str, times: int = 10) -> float:
    found = []
    for _turn in range(times):
        began = time.monotonic()
        await person.get(path)
        found.append((time.monotonic() - began) * 1000)
    return median(found)
