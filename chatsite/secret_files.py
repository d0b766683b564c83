"""Secrets that live in files of the data folder, readable by their owner only (mode 0600)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def fernet_key() -> str:
    """A new key for `cryptography.fernet.Fernet`: 32 random bytes, URL-safe base64."""
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


def secret(name: str, path: Path, make: Callable[[], str]) -> str:
    """The secret `name`: its variable, the file `name`_FILE names, or `path`, made once if absent."""
    if value := os.environ.get(name):
        return value
    file = Path(os.environ.get(f"{name}_FILE") or path)
    if not file.exists():
        _create(file, make())
    return file.read_text().strip()


def given_secret(name: str) -> str:
    """The secret `name` that somebody else has given out: its variable, or the file `name`_FILE names."""
    if value := os.environ.get(name):
        return value
    file = os.environ.get(f"{name}_FILE")
    return Path(file).read_text().strip() if file else ""


def _create(file: Path, value: str) -> None:
    """Write `value` to a new file that appears whole; a process that was faster wins."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(value + "\n")
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
