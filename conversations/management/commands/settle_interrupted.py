"""`settle_interrupted`: end what dead processes left, now."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import BaseCommand

from conversations import process


class Command(BaseCommand):
    """Marks completions with an expired lease as interrupted and settles them."""

    help = "End completions whose process has died. A running server does this by itself."

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(self._sweep())

    async def _sweep(self) -> None:
        here = process.Process(serves=False, runs=True)
        assert here.engine is not None
        await here.engine.sweep()
        await here.adapters.aclose()
        self.stdout.write("Done.")
