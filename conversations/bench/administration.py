"""Figures of the administration on a site with a million ledger entries and as many calls."""

from __future__ import annotations

import asyncio
import json
import time
from statistics import median

from .ledger_rows import ENTRIES, fill
from .run import Run
from .site import LIGHT, Person
from .stats import Target

PEOPLE, TIMES = 500, 10
LEDGER = "/admin/conversations/ledgerentry/"
PROMOTE = "from conversations.models import User; User.objects.filter(username={name!r}).update(is_superuser=True, is_staff=True)"
# In a process of its own: every statement of every thread counts.
COUNT = """
import json
from django.db.backends.utils import CursorWrapper
from django.test import Client
from conversations.models import User
counted, execute = [], CursorWrapper.execute
def counting(self, sql, params=None):
    counted.append(sql)
    return execute(self, sql, params)
CursorWrapper.execute = counting
client = Client(headers={{"host": "localhost"}})
client.force_login(User.objects.get(username={name!r}))
found = {{}}
for name, path in {paths!r}.items():
    client.get(path)
    counted.clear()
    assert client.get(path).status_code == 200, path
    found[name] = len(counted)
print(json.dumps(found))
"""


async def pages(run: Run) -> None:
    """The slowest of several answers, and how many queries each takes."""
    entries = ENTRIES // 10 if run.quick else ENTRIES
    paths = _paths(await _prepared(run, entries), entries)
    person = await run.person(LIGHT)
    for name, path in paths.items():
        usual = run.figure(f"{name}, median of {TIMES}", "ms")
        slowest = run.figure("  slowest", "ms", Target(300))
        for _run in range(run.repeat):
            answers = [await _answer_ms(person, path) for _turn in range(TIMES)]
            usual.add(median(answers))
            slowest.add(max(answers))
    code = COUNT.format(name=LIGHT, paths=paths)
    told = json.loads(
        (await run.site.command("shell", "--no-imports", "-c", code)).splitlines()[-1]
    )
    for name, queries in told.items():
        run.figure(f"{name}, queries", "", Target(30)).add(queries)


async def _prepared(run: Run, entries: int) -> str:
    """Fill the site while nobody uses it; returns the id of somebody who was charged."""
    await run.site.make(people=PEOPLE, conversations=PEOPLE, messages=2)
    await run.site.command("shell", "--no-imports", "-c", PROMOTE.format(name=LIGHT))
    await run.site.stop()
    found = await asyncio.to_thread(fill, run.site.folder / "parley.sqlite3", entries)
    await run.site.start()
    run.server_is_new()
    return found


def _paths(person: str, entries: int) -> dict[str, str]:
    """What is asked for; the deep page is in the middle, which is the furthest from both ends."""
    return {
        "board": "/admin/",
        "board, 12 months": "/admin/?period=year",
        "ledger": LEDGER,
        "ledger, one person": f"{LEDGER}?person={person}&period=all",
        "ledger, last month": f"{LEDGER}?period=last_month",
        "ledger, searched": f"{LEDGER}?q=user42",
        "ledger, deep page": f"{LEDGER}?period=all&p={entries // 100}",
        "calls that failed": "/admin/conversations/call/?error=any&period=year",
        "audit log": "/admin/conversations/auditentry/",
        "people": "/admin/conversations/user/",
    }


async def _answer_ms(person: Person, path: str) -> float:
    began = time.monotonic()
    await person.get(path)
    return (time.monotonic() - began) * 1000
