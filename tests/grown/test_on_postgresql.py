"""Models, verbs, ledger, engine and views once more, on PostgreSQL."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.grown.needs import needs

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    "test_models", "test_constraints", "test_trees", "test_turns", "test_turns_ending", "test_turns_together",
    "test_ledger", "test_engine", "test_engine_leases", "test_engine_trouble", "test_views", "test_posts", "test_pages",
    "test_prepared", "test_insert", "test_history", "test_choices", "test_repairs", "test_syncing",
    "test_engine_context", "test_engine_gates", "test_engine_tools", "test_engine_nonsense",
    "test_turns_context", "test_tools_search", "test_admin_presets", "test_admin_providers",
    "test_budgets", "test_budgets_together", "test_ledger_proof", "test_engine_money", "test_allowances", "test_preset_access", "test_people_verbs",
]  # fmt: skip


@pytest.mark.grown
@pytest.mark.timeout(600)
def test_everything_holds_on_postgresql_too():
    url = needs("TEST_DATABASE_URL")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "--timeout", "120",
         *(f"tests/{name}.py" for name in FILES)],
        cwd=ROOT, env=os.environ | {"PARLEY_TEST_DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": ""},
        capture_output=True, text=True,
    )  # fmt: skip
    tail = "\n".join(done.stdout.splitlines()[-60:])
    assert done.returncode == 0, f"{tail}\n{done.stderr[-2000:]}"
