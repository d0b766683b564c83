"""What a start makes ready: the database, the collected files, something to talk to."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from conversations.models import Kind, Provider
from conversations.presets.offering import offer_models

if TYPE_CHECKING:
    from conversations.providers.discovery import LocalServer

MIGRATION_LOCK = 7_202_611
DEMO = "demo"
FREE = (Decimal(0), Decimal(0))


def migrate(say: Callable[[str], None]) -> bool:
    """Bring the database up to date, one process at a time; True if there was something to do."""
    if not _pending():
        return False
    with _alone():
        if not _pending():
            return False
        if backup := _back_up():
            say(f"Kept a copy of the database: {backup.name}")
        call_command("migrate", interactive=False, verbosity=0)
    return True


def _pending() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@contextmanager
def _alone() -> Iterator[None]:
    """Of several processes that start at once, one migrates and the others wait."""
    if connection.vendor != "postgresql":
        with (settings.DATA_DIR / ".migrating").open("w") as lock:
            _lock_file(lock.fileno())
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def _lock_file(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # not on Windows, where one process is all there is
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def _back_up() -> Path | None:
    """Copy a SQLite database that holds something before it is changed."""
    name = settings.DATABASES["default"]["NAME"]
    if connection.vendor != "sqlite" or not connection.introspection.table_names():
        return None
    target = Path(f"{name}.before-{timezone.now():%Y%m%d-%H%M%S}")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(target)])
    return target


def collect_static_files() -> bool:
    """Collect hashed, compressed files into the data folder when any of them changed."""
    if settings.DEBUG or settings.COLLECTED:
        return False
    root = Path(settings.STATIC_ROOT)
    stamp, wanted = root / ".stamp", _static_version()
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    shutil.rmtree(root, ignore_errors=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(wanted)
    return True


def _static_version() -> str:
    """Changes whenever one of our files does, or a package that brings some."""
    digest = hashlib.sha256()
    for file in sorted((settings.BASE_DIR / "static").rglob("*")):
        if file.is_file():
            digest.update(f"{file} {file.stat().st_mtime_ns} {file.stat().st_size}".encode())
    for config in apps.get_app_configs():
        folder = Path(config.path) / "static"
        if folder.exists():
            digest.update(f"{folder} {folder.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


def first_provider() -> bool:
    """While there is no provider at all, the demo makes the first chat work."""
    if Provider.objects.exists():
        return False
    with transaction.atomic():
        provider = Provider.objects.create(name="Demo", kind=Kind.DEMO)
        offer_models(
            provider,
            {DEMO: FREE},
            preset_name="Demo",
            description="Shows what Parley does. It is no language model.",
        )
    return True


def found_locally() -> list[LocalServer]:
    """Model servers on this machine that aren't providers yet."""
    if not (settings.SITE_IS_LOCAL and settings.PRIVATE_PROVIDERS):
        return []
    from conversations.providers.discovery import find_local

    known = set(Provider.objects.values_list("base_url", flat=True))
    return [found for found in asyncio.run(find_local()) if found.base_url not in known]


def how_to_add(found: LocalServer) -> str:
    """The line that tells an administrator what was found, and how to add it."""
    models = " ".join(f"--model {model}" for model in found.models[:5])
    return (
        f"Found {found.name} on this machine. Add it in the administration, or with: "
        f'python3 manage.py provider add "{found.name}" --kind openai_compatible '
        f"--base-url {found.base_url} {models}".rstrip()
    )
