"""`settle_interrupted`: end what dead processes left, now."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import BaseCommand

from conversations import process

# Time for other processes to hear of it, so that open pages show it.
TELLING_SECONDS = 1


class Command(BaseCommand):
    """Marks completions with an expired lease as interrupted and settles them."""

    help = "End completions whose process has died. A running server does this by itself."

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(self._sweep())

    async def _sweep(self) -> None:
        here = process.Process(serves=False, runs=True)
        assert here.engine is not None
        if here.relay is not None:
            here.relay.open(runs_completions=False)
        await here.engine.sweep()
        if here.relay is not None:
            await asyncio.sleep(TELLING_SECONDS)
            await here.relay.close()
        await here.adapters.aclose()
        self.stdout.write("Done.")
