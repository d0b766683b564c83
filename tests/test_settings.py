"""The settings refuse what is unsafe; each start is a process of its own, with its own environment."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCTION = {
    "PARLEY_URL": "https://chat.example.org",
    "PARLEY_TRUSTED_PROXIES": "1",
    "PARLEY_SECRET_KEY": "x7Qd-long-enough-and-random-" * 3,
}


def start(folder, *arguments, **environment):
    """Run `manage.py` with this environment and nothing of ours."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    virtual = {"VIRTUAL_ENV": sys.prefix, "PARLEY_DATA": str(folder)}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=inherited | virtual | environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def settings_of(folder, *names, **environment):
    """These settings, as `repr` shows them, after a start with this environment."""
    shown = "; ".join(f"print(repr(settings.{name}))" for name in names)
    done = start(
        folder,
        "shell",
        "-v",
        "0",
        "-c",
        f"from django.conf import settings; {shown}",
        **environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[: len(names)]


def test_a_production_site_passes_django_s_own_check(tmp_path):
    done = start(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr


def test_secrets_are_made_once_and_belong_to_their_owner(tmp_path):
    first = settings_of(tmp_path, "SECRET_KEY", "ENCRYPTION_KEYS")
    assert settings_of(tmp_path, "SECRET_KEY", "ENCRYPTION_KEYS") == first
    assert first[0] != first[1]
    for name in ("secret_key", "encryption_key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_secret_can_come_from_a_file_elsewhere(tmp_path):
    (tmp_path / "secret").write_text("y" * 50 + "\n")
    (shown,) = settings_of(
        tmp_path / "data", "SECRET_KEY", PARLEY_SECRET_KEY_FILE=str(tmp_path / "secret")
    )
    assert shown == repr("y" * 50)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PARLEY_ALLOWED_HOSTS": "*"}, "wildcard"),
        ({"PARLEY_ALLOWED_HOSTS": "*.example.org"}, "wildcard"),
        ({"PARLEY_DEBUG": "true", "PARLEY_URL": "https://chat.example.org"}, "PARLEY_DEBUG"),
        ({"PARLEY_SECRET_KEY": "short"}, "PARLEY_SECRET_KEY"),
        ({"PARLEY_SECRET_KEY": "django-insecure-" + "x" * 60}, "PARLEY_SECRET_KEY"),
        ({"PARLEY_ENGINE": "elsewhere"}, "PARLEY_ENGINE"),
        ({"PARLEY_ENGINE": "worker"}, "REDIS_URL"),
        ({"PARLEY_REGISTRATION": "maybe"}, "PARLEY_REGISTRATION"),
    ],
)
def test_what_is_unsafe_or_makes_no_sense_does_not_start(tmp_path, environment, said):
    done = start(tmp_path, "check", **environment)
    assert done.returncode != 0
    assert said in done.stderr


def test_private_providers_are_open_while_the_site_is_on_this_machine_only(tmp_path):
    (local,) = settings_of(tmp_path, "PRIVATE_PROVIDERS")
    (public,) = settings_of(tmp_path, "PRIVATE_PROVIDERS", **PRODUCTION)
    (chosen,) = settings_of(
        tmp_path, "PRIVATE_PROVIDERS", **PRODUCTION, PARLEY_PRIVATE_PROVIDERS="1"
    )
    assert (local, public, chosen) == ("True", "False", "True")


def test_a_public_site_uses_secure_cookies_and_https(tmp_path):
    names = (
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SECURE_SSL_REDIRECT",
        "CSRF_TRUSTED_ORIGINS",
    )
    assert settings_of(tmp_path, *names, **PRODUCTION) == [
        "True", "True", "True", "['https://chat.example.org']",
    ]  # fmt: skip


def test_every_name_that_is_read_stands_in_the_example():
    import re

    read = set()
    for path in (ROOT / "chatsite").glob("*.py"):
        read |= set(re.findall(r'"((?:PARLEY_[A-Z_]+|DATABASE_URL|REDIS_URL))"', path.read_text()))
    example = (ROOT / ".env.example").read_text()
    assert {name for name in read if name not in example} == set()
