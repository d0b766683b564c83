"""Between processes: one subscription per process and watched conversation, one message per tick.

What is published here goes out in batches by conversation; what comes from other processes is
delivered here. Losing a message harms nobody: offsets show the gap, and the row is the truth.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from channels.layers import get_channel_layer

from conversations.engine.frames import Bus, Event, decode, encode

log = logging.getLogger(__name__)

ENGINES = "engines"
RETRY_SECONDS = 1


class Relay:
    """Ties this process's bus to the channel layer."""

    def __init__(self, bus: Bus, on_order: Callable[[str, UUID], None]) -> None:
        self.layer: Any = get_channel_layer()
        self.process = uuid4().hex
        self._bus = bus
        self._on_order = on_order
        self._outgoing: defaultdict[UUID, list[Event]] = defaultdict(list)
        self._wake = asyncio.Event()
        self._groups: asyncio.Queue[tuple[UUID, bool]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._channel = ""
        bus.relay = self._enqueue
        bus.on_watch = lambda conversation, watch: self._groups.put_nowait((conversation, watch))

    def open(self, *, runs_completions: bool) -> None:
        """Listen, as soon as the layer can be reached.

        A process that runs completions hears orders: wake up, stop.
        """
        for work in (self._send_forever(), self._listen(runs_completions)):
            self._tasks.add(asyncio.create_task(work))

    async def _listen(self, runs_completions: bool) -> None:
        while not self._channel:
            try:
                channel = await self.layer.new_channel(f"parley-{self.process[:8]}")
                if runs_completions:
                    await self.layer.group_add(ENGINES, channel)
                self._channel = channel
            except Exception:
                log.warning("the channel layer is out of reach")
                await asyncio.sleep(RETRY_SECONDS)
        await asyncio.gather(self._receive_forever(), self._subscribe_forever())

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def order(self, what: str, completion: UUID) -> None:
        """Tell all engines: `start` (somebody take it) or `stop`. A lost order is found anyway."""
        try:
            await self.layer.group_send(
                ENGINES, {"type": "order", "what": what, "completion": completion.hex}
            )
        except Exception:
            log.warning("the channel layer is out of reach")

    def _enqueue(self, event: Event) -> None:
        self._outgoing[event.conversation].append(event)
        self._wake.set()

    async def _send_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            outgoing, self._outgoing = self._outgoing, defaultdict(list)
            for conversation, events in outgoing.items():
                try:
                    await self.layer.group_send(
                        _group(conversation),
                        {"type": "events", "from": self.process, "data": encode(events)},
                    )
                except Exception:
                    log.warning("the channel layer is out of reach")

    async def _subscribe_forever(self) -> None:
        while True:
            conversation, watch = await self._groups.get()
            change = self.layer.group_add if watch else self.layer.group_discard
            try:
                await change(_group(conversation), self._channel)
            except Exception:
                log.warning("the channel layer is out of reach")
                await asyncio.sleep(RETRY_SECONDS)
                if watch == self._bus.is_watched(conversation):
                    self._groups.put_nowait((conversation, watch))

    async def _receive_forever(self) -> None:
        while True:
            try:
                message = await self.layer.receive(self._channel)
                self._receive(message)
            except Exception:
                log.exception("receiving from the channel layer failed")
                await asyncio.sleep(RETRY_SECONDS)

    def _receive(self, message: dict[str, Any]) -> None:
        if message["type"] == "order":
            self._on_order(message["what"], UUID(message["completion"]))
        elif message["from"] != self.process:
            for event in decode(message["data"]):
                self._bus.deliver(event)


def _group(conversation: UUID) -> str:
    return f"conversation-{conversation.hex}"
