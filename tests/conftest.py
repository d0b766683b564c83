"""What all tests share: an empty cache, no running process, and a word about what was skipped."""

import os
import shutil
from collections import Counter

import pytest
from django.conf import settings
from django.core.cache import cache

from conversations import consumers, process
from conversations.people import second_factor, sessions


@pytest.fixture(scope="session", autouse=True)
def processes_are_the_real_site():
    """What a test starts as a process of its own is no test."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "chatsite.settings"


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch):
    """Each test begins with nothing counted, cached or running in this process."""
    # As Django's own client does: a test's transaction must not lose its connection.
    monkeypatch.setattr("channels.db.close_old_connections", lambda **_: None)
    cache.clear()
    consumers.open_sockets.clear()
    process.current = None
    sessions.forget()
    # As if it had been asked for just now: whoever counts queries doesn't count this one.
    second_factor.policy.hold("")


def pytest_terminal_summary(terminalreporter):
    """Skipped tests are named, with the reason: nobody should believe that they ran."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(
        report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)
    )
    for reason, count in reasons.items():
        terminalreporter.write_line(f"NOT RUN: {count} × {reason}", yellow=True, bold=True)


def pytest_unconfigure():
    shutil.rmtree(settings.DATA_DIR, ignore_errors=True)
