"""`worker`: run completions that the web processes queue."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from conversations import process


class Command(BaseCommand):
    """Claims queued completions and runs them until it is stopped."""

    help = "Run completions for web processes that have PARLEY_ENGINE=worker."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.GROWN:
            raise CommandError("A worker needs REDIS_URL: its answers reach the pages through it.")
        asyncio.run(self._work())

    async def _work(self) -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        process.current = process.Process(serves=False, runs=True)
        await process.current.open()
        self.stdout.write("The worker is ready.")
        self.stdout.flush()
        await stopping.wait()
        await process.current.close()
