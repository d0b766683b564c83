"""A database of before the administration keeps every row, and its ledger gets days and sums."""

import os
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.browser.site import ROOT, environment
from tests.grown.needs import needs

BEFORE = "0006"
ENTRIES = [  # moment, provider, cost
    ("2026-10-31 23:30:00+00:00", "Somewhere", 70),
    ("2026-11-01 00:30:00+00:00", "Somewhere", 30),
    ("2026-11-01 08:00:00+00:00", "Gone", None),
]
INSERT = """
    INSERT INTO conversations_ledgerentry (at, kind, call_id, completion_id, conversation_id,
        user_name, provider_name, model_name, preset_name, usage_source, cost_source,
        prompt_tokens, completion_tokens, cost_nanos)
    VALUES ({0}, 'charge', {0}, {0}, {0}, 'Ada', {0}, 'small', 'Small', 'provider', 'price', 10, 5, {0})
"""
PROVIDER = """
    INSERT INTO conversations_provider (id, name, kind, base_url, "key", options, enabled,
        connect_seconds, first_byte_seconds, silence_seconds, total_seconds, created_at, updated_at)
    VALUES ({0}, 'Somewhere', 'demo', '', '', '{{}}', {0}, 5, 5, 5, 5, {0}, {0})
"""


def manage(env, *arguments):
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


class Sqlite:
    def __init__(self, folder):
        folder.mkdir()
        self.path = folder / "parley.sqlite3"
        self.env = environment(folder)

    def run(self, statement, *values):
        with closing(sqlite3.connect(self.path)) as base, base:
            return base.execute(statement.replace("{0}", "?").format(), values).fetchall()

    def id(self):
        return uuid.uuid4().hex

    def end(self):
        pass


class Postgresql:
    def __init__(self, folder):
        folder.mkdir()
        self.server = needs("TEST_DATABASE_URL")
        self.name = f"parley_upgrade_{os.getpid()}"
        self.order("CREATE DATABASE {}")
        self.url = urlsplit(self.server)._replace(path=f"/{self.name}").geturl()
        self.env = environment(folder, DATABASE_URL=self.url)

    def order(self, statement):
        with psycopg.connect(self.server, autocommit=True) as server:
            server.execute(sql.SQL(statement).format(sql.Identifier(self.name)))

    def run(self, statement, *values):
        with psycopg.connect(self.url) as base:
            done = base.execute(statement.replace("{0}", "%s").format(), values)
            return done.fetchall() if done.description else []

    def id(self):
        return uuid.uuid4()

    def end(self):
        self.order("DROP DATABASE {} WITH (FORCE)")


@pytest.fixture(params=[Sqlite, pytest.param(Postgresql, marks=pytest.mark.grown)])
def old(request, tmp_path):
    old = request.param(tmp_path / "site")
    manage(old.env, "migrate", "conversations", BEFORE, "-v0")
    yield old
    old.end()


@pytest.mark.timeout(240)
def test_an_older_ledger_is_kept_summed_up_and_guarded_again(old):
    provider = old.id()
    moment = ENTRIES[0][0]
    old.run(PROVIDER, provider, True, moment, moment)
    for at, name, cost in ENTRIES:
        old.run(INSERT, at, old.id(), old.id(), old.id(), name, cost)
    manage(old.env, "migrate", "-v0")
    assert manage(old.env, "check_ledger").startswith("The ledger agrees: 3 entries")
    rows = old.run("SELECT day, cost_nanos, provider_id FROM conversations_ledgerentry ORDER BY id")
    assert [(str(day), cost) for day, cost, _provider in rows] == [
        ("2026-10-31", 70), ("2026-11-01", 30), ("2026-11-01", None),
    ]  # fmt: skip
    assert [row[2] for row in rows] == [provider, provider, None]
    sums = old.run(
        "SELECT day, cost_nanos, unknown FROM conversations_dailysum WHERE \"of\" = 'site' ORDER BY day"
    )
    assert [(str(day), cost, unknown) for day, cost, unknown in sums] == [
        ("2026-10-31", 70, 0), ("2026-11-01", 30, 1),
    ]  # fmt: skip
    for statement in ("UPDATE conversations_ledgerentry SET cost_nanos = 0", "DELETE FROM conversations_ledgerentry"):  # fmt: skip
        with pytest.raises((sqlite3.IntegrityError, psycopg.Error), match="append-only"):
            old.run(statement)


@pytest.mark.timeout(240)
def test_the_audit_log_is_guarded_and_only_pruning_opens_it(old):
    manage(old.env, "migrate", "-v0")
    manage(
        old.env,
        "shell",
        "-v0",
        "-c",
        "from conversations.oversight.auditing import record; record('a.b')",
    )
    for statement in ("UPDATE conversations_auditentry SET action = ''", "DELETE FROM conversations_auditentry"):  # fmt: skip
        with pytest.raises((sqlite3.IntegrityError, psycopg.Error), match="append-only"):
            old.run(statement)
    assert old.run("SELECT COUNT(*) FROM conversations_auditentry") == [(1,)]
