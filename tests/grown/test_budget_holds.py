"""Two hundred sends at once against a budget for fifty, with stops, cuts and a killed process.

Never over, the ledger is what the provider reported, and nothing stays reserved: on SQLite in one
process, and on PostgreSQL with two web processes and a worker.
"""

import os
import random
import sqlite3
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.browser.site import Person, Program, Site, StandIn, until
from tests.grown.needs import needs

SENDS, FITS, PEOPLE = 200, 50, 20
PRESET = "stand-in"
# What was spent and what is held, read as one moment.
STANDING = """
    SELECT (SELECT COALESCE(SUM(cost_nanos), 0) FROM conversations_ledgerentry)
         + (SELECT COALESCE(SUM(amount_nanos), 0) FROM conversations_reservation)
"""
HELD = "SELECT COUNT(*) FROM conversations_reservation"
CHARGES = """
    SELECT usage_source, prompt_tokens, completion_tokens, cost_nanos, conversation_id
    FROM conversations_ledgerentry
"""
SETTING_UP = """
from conversations.models import Budget, Preset
from conversations.presets.offering import new_version
preset = Preset.objects.get(slug="stand-in")
models = [row.model for row in preset.version.preset_models.all()]
new_version(preset, models, parameters={"max_tokens": 100})
Preset.objects.filter(slug="stand-in").update(writes_titles=False)
"""
BUDGET = 'Budget.objects.create(scope="site", period="ever", amount_nanos={amount})'
REDIS_NUMBER = 11
READ_NANOS, WRITTEN_NANOS = 1_000, 2_000  # a token at $1 and $2 a million


class Small:
    """One process on SQLite; the answers are written where the sends arrive."""

    def __init__(self, folder):
        self.site = Site(folder)
        self.webs = [self.site]

    def rows(self, query):
        with closing(
            sqlite3.connect(f"file:{self.site.folder}/parley.sqlite3?mode=ro", uri=True)
        ) as base:
            return base.execute(query).fetchall()

    def kill(self):
        """The server dies with everything that it writes, and comes back."""
        self.site.web.kill()
        self.site.start()

    def end(self):
        self.site.web.end()


class Grown:
    """Two web processes and a worker, on PostgreSQL and Redis."""

    def __init__(self, folder):
        self.server = needs("TEST_DATABASE_URL")
        store = urlsplit(needs("TEST_REDIS_URL"))._replace(path=f"/{REDIS_NUMBER}").geturl()
        self.name = f"parley_budget_{os.getpid()}"
        self.run("CREATE DATABASE {}")
        self.url = urlsplit(self.server)._replace(path=f"/{self.name}").geturl()
        env = {"DATABASE_URL": self.url, "REDIS_URL": store, "PARLEY_ENGINE": "worker"}
        self.site = Site(folder, **env)
        self.webs = [self.site, Site(folder, **env)]
        self.hire()

    def run(self, statement):
        with psycopg.connect(self.server, autocommit=True) as server:
            server.execute(sql.SQL(statement).format(sql.Identifier(self.name)))

    def hire(self):
        log = self.site.folder / "worker.log"
        self.worker = Program(["manage.py", "worker"], self.site.env, log)
        self.worker.says("The worker is ready")

    def rows(self, query):
        with psycopg.connect(self.url) as base:
            return base.execute(query).fetchall()

    def kill(self):
        """The worker dies with everything that it writes; another takes its place."""
        self.worker.kill()
        self.hire()

    def end(self):
        for program in (*(site.web for site in self.webs), self.worker):
            program.end()
        self.run("DROP DATABASE {} WITH (FORCE)")


@pytest.fixture(params=[Small, pytest.param(Grown, marks=pytest.mark.grown)])
def place(request, tmp_path):
    place = request.param(tmp_path / "site")
    place.provider = StandIn(tmp_path)
    place.site.furnish(place.provider, people=PEOPLE)
    place.site.command("shell", "-c", SETTING_UP)
    yield place
    place.end()
    place.provider.program.end()


class Load:
    """Everybody sends at once; some stop what they asked for, some answers are cut."""

    def __init__(self, place):
        self.place = place
        self.people = [
            Person(place.webs[number % len(place.webs)], f"user{number + 1}")
            for number in range(PEOPLE)
        ]
        self.chance = random.Random(11)
        self.statuses = []
        self.amount = self.measured()

    def measured(self):
        """What one send holds."""
        turn = self.people[0].asks(self.text(0), PRESET)
        ((amount,),) = self.place.rows("SELECT amount_nanos FROM conversations_reservation")
        person = self.people[0]
        person.post(f"/conversations/{turn.conversation}/messages/{turn.reply}/stop/")
        until(lambda: self.place.rows(HELD) == [(0,)])
        return amount

    def text(self, number):
        """All as long as each other, with a number that the provider's log shows; some are brief."""
        size = "tokens=20 delay=10" if number % 3 == 0 else "tokens=60 delay=80"
        cut = f" cut={self.chance.randrange(5, 40)}" if number % 7 == 3 else ""
        return f"Send {number:04} [[{size}{cut}]]".ljust(60, ".")

    def send(self, number):
        """One message; stopped after a while by some."""
        person = self.people[number % PEOPLE]
        try:
            done = person.post(
                "/conversations/", text=self.text(number), preset=PRESET, client_id=uuid.uuid4().hex
            )
            self.statuses.append(done.status_code)
            if done.status_code == 201 and number % 5 == 1:
                told = done.json()
                time.sleep(0.1 + (number % 40) / 30)
                path = f"/conversations/{told['conversation']}/messages/{told['replies'][0]}/stop/"
                person.post(path)
        except Exception:  # the server was killed under it
            self.statuses.append(0)


def watched(place, limit, stop, over):
    """Look all the time: it is never passed, also not for a moment."""
    while not stop.is_set():
        try:
            ((standing,),) = place.rows(STANDING)
        except (sqlite3.Error, psycopg.Error):
            continue
        if standing > limit:
            over.append(standing)
        time.sleep(0.01)


@pytest.mark.timeout(300)
def test_a_hard_budget_is_never_passed(place):
    load = Load(place)
    spent_before = place.rows(STANDING)[0][0]
    limit = spent_before + FITS * load.amount
    place.site.command("shell", "-c", SETTING_UP + BUDGET.format(amount=limit))
    stop, over = threading.Event(), []
    watcher = threading.Thread(target=watched, args=[place, limit, stop, over])
    watcher.start()
    with ThreadPoolExecutor(SENDS) as pool:
        for number in range(1, SENDS + 1):
            pool.submit(load.send, number)
        # The budget is full now, and most of what fills it is being written.
        until(lambda: 402 in load.statuses, 60)
        time.sleep(0.5)
        place.kill()
    statuses = load.statuses
    # A lease of the killed process runs out after 20 s, and what it held is settled then.
    until(lambda: place.rows(HELD) == [(0,)], 60)
    stop.set()
    watcher.join()
    assert over == []
    assert set(statuses) <= {201, 402, 0, 503}
    assert statuses.count(201) >= FITS / 2
    assert statuses.count(402) > 0, "the budget was never reached: the test proves nothing"
    assert_ledger_is_what_was_reported(place)
    (line,) = place.site.command("check_ledger")
    assert line.startswith("The ledger agrees")


def assert_ledger_is_what_was_reported(place):
    """Each charge by the provider's own count is one that it reported, at its price, and once."""
    reported = {}
    for call in place.provider.asked("Send "):
        if call.get("usage"):
            usage = call["usage"]["prompt_tokens"], call["usage"]["completion_tokens"]
            reported[usage] = reported.get(usage, 0) + 1
    charges = place.rows(CHARGES)
    assert len({charge[4] for charge in charges}) == len(charges), "each is charged once"
    counted = [charge for charge in charges if charge[0] == "provider"]
    assert counted
    for _source, read, written, cost, _conversation in charges:
        assert cost == read * READ_NANOS + written * WRITTEN_NANOS
    for _source, read, written, _cost, _conversation in counted:
        reported[read, written] = reported.get((read, written), 0) - 1
        assert reported[read, written] >= 0, "more is charged than was reported"
    done = place.rows("SELECT COUNT(*) FROM conversations_completion WHERE state = 'done'")
    assert len(counted) == done[0][0]
