"""A million ledger entries with their calls, daily sums and an audit log, made by SQL in seconds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

TEAMS, PROVIDERS, PRESETS, MODELS = 12, 4, 12, 16
ENTRIES = 1_000_000
# Ids that nothing else has: a kind's number, then the row's.
ID = "printf('%08x%024x', {kind}, {number})"
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
MOMENT = "strftime('%Y-%m-%d %H:%M:%f', julianday('now') - 365.0 * (:count - i) / :count)"
DAY = "date(julianday('now') - 365.0 * (:count - i) / :count)"
COST = "CASE WHEN i % 997 = 0 THEN NULL ELSE 1000000 + (i * 7919) % 9000000 END"


def _id(kind: int, number: str) -> str:
    return ID.format(kind=kind, number=number)


PERSON = "(SELECT id FROM person WHERE number = (i * 31) % :people)"
LEDGER = f"""
INSERT INTO conversations_ledgerentry (
    at, day, kind, call_id, completion_id, conversation_id, user_id, user_name, team_id, team_name,
    provider_id, provider_name, model_id, model_name, preset_id, preset_name, prompt_tokens,
    completion_tokens, usage_source, cost_nanos, cost_source, by_name, reason)
{NUMBERS}
SELECT {MOMENT}, {DAY}, 'charge', {_id(1, "i")}, {_id(2, "i")}, {_id(3, "i / 20")},
    {PERSON}, 'user' || ((i * 31) % :people + 1),
    CASE WHEN i % 3 THEN {_id(4, f"i % {TEAMS}")} END,
    CASE WHEN i % 3 THEN 'Team ' || (i % {TEAMS}) ELSE '' END,
    {_id(5, f"i % {PROVIDERS}")}, 'Provider ' || (i % {PROVIDERS}),
    {_id(6, f"i % {MODELS}")}, 'model-' || (i % {MODELS}),
    {_id(7, f"i % {PRESETS}")}, 'Preset ' || (i % {PRESETS}),
    200 + i % 4000, 50 + i % 900, 'provider', {COST},
    CASE WHEN i % 997 = 0 THEN 'none' ELSE 'price' END, '', ''
FROM n
"""  # noqa: S608
CALLS = f"""
INSERT INTO conversations_call (
    id, completion_id, kind, model_name, provider_name, response_id, request_id, status, error_code,
    error_detail, prompt_tokens, completion_tokens, usage_source, cost_source, started_at,
    first_token_ms, finished_at)
{NUMBERS}
SELECT {_id(1, "i")}, (SELECT id FROM answer WHERE number = i % :answers), 'first',
    'model-' || (i % {MODELS}), 'Provider ' || (i % {PROVIDERS}), '', '',
    CASE WHEN i % 50 THEN 200 ELSE 500 + i % 4 END,
    CASE WHEN i % 50 THEN '' ELSE 'error_' || (i / 50 % 6) END, '',
    200 + i % 4000, 50 + i % 900, 'provider', 'price', {MOMENT},
    CASE WHEN i % 50 THEN 150 + (i * 31) % 2000 END, {MOMENT}
FROM n
"""  # noqa: S608
SUMS = """
INSERT INTO conversations_dailysum (
    of, subject_id, subject_name, day, cost_nanos, unknown, charges, prompt_tokens,
    completion_tokens)
SELECT '{of}', coalesce({column}, '{nothing}'), max({name}), day, coalesce(sum(cost_nanos), 0),
    sum(cost_nanos IS NULL), count(*), sum(prompt_tokens), sum(completion_tokens)
FROM conversations_ledgerentry GROUP BY day, coalesce({column}, '{nothing}')
"""
AUDIT_LOG = f"""
INSERT INTO conversations_auditentry (
    at, action, actor_id, actor_name, subject_kind, subject_id, subject_name, address, detail)
{NUMBERS}
SELECT {MOMENT}, 'kind' || (i % 9) || '.changed', {PERSON}, 'user' || ((i * 31) % :people + 1),
    'preset', i, 'Preset ' || i, '192.0.2.1', '{{}}'
FROM n
"""  # noqa: S608
SUBJECTS = {
    "site": ("NULL", "''"),
    "person": ("user_id", "user_name"),
    "team": ("team_id", "team_name"),
    "preset": ("preset_id", "preset_name"),
    "provider": ("provider_id", "provider_name"),
    "model": ("model_id", "model_name"),
}
PEOPLE = """
CREATE TEMP TABLE person AS
SELECT row_number() OVER (ORDER BY username) - 1 AS number, id FROM conversations_user
"""
ANSWERS = """
CREATE TEMP TABLE answer AS
SELECT row_number() OVER (ORDER BY id) - 1 AS number, id FROM conversations_completion LIMIT 500
"""


def fill(database: Path, entries: int = ENTRIES) -> str:
    """Add them to a site's database; returns the id of somebody who was charged."""
    with closing(sqlite3.connect(database, timeout=60)) as base, base:
        base.execute(PEOPLE)
        base.execute(ANSWERS)
        for table in ("person", "answer"):
            base.execute(f"CREATE UNIQUE INDEX temp.{table}_number ON {table} (number)")
        counts = {
            "people": base.execute("SELECT count(*) FROM person").fetchone()[0],
            "answers": base.execute("SELECT count(*) FROM answer").fetchone()[0],
        }
        base.execute(LEDGER, {"count": entries, **counts})
        base.execute(CALLS, {"count": entries, **counts})
        base.execute(AUDIT_LOG, {"count": entries // 10, **counts})
        for of, (column, name) in SUBJECTS.items():
            base.execute(SUMS.format(of=of, column=column, name=name, nothing="0" * 32))
        found: str = base.execute("SELECT id FROM person WHERE number = 7").fetchone()[0]
    return found
