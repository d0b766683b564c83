"""Daphne as we run it: pings, small client messages, no compression, and an orderly end."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
from collections.abc import Callable
from typing import Any

from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import defer, reactor

PING_SECONDS = 15
# Both directions: our own frames stay under 256 KiB, the socket refuses more than 64 KiB from pages.
MOST_MESSAGE_BYTES = 512 * 1024


class PortTaken(Exception):
    """Something else listens there."""


class Socket(WebSocketProtocol):
    """Daphne's socket, which may close with the codes that tell a page to come back.

    autobahn leaves those from 1001 to 1014 to itself; what sends the frame knows no such bound.
    """

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802
        if code is not None and 1001 <= code < 3000:
            self.sendCloseFrame(code=code)
        else:
            super().serverClose(code)


WebSocketFactory.protocol = Socket


class ParleyServer(Server):
    """Opens the process when the loop runs, and closes it before the connections end."""

    def __init__(self, host: str, port: int, on_ready: Callable[[int], None]) -> None:
        from chatsite.asgi import application

        self._on_ready = on_ready
        interface = host.replace(":", r"\:")
        super().__init__(
            application,
            endpoints=[f"tcp:port={port}:interface={interface}:backlog=512"],
            ping_interval=PING_SECONDS,
            ping_timeout=30,
            websocket_max_message_size=MOST_MESSAGE_BYTES,
            websocket_max_frame_size=MOST_MESSAGE_BYTES,
            application_close_timeout=5,
            verbosity=0,
            server_name="parley",
        )

    def run(self) -> None:
        reactor.callWhenRunning(lambda: asyncio.ensure_future(self._open()))  # type: ignore[attr-defined]
        super().run()

    async def _open(self) -> None:
        from django.conf import settings

        from conversations import process

        process.current = process.Process(serves=True, runs=settings.ENGINE == "inline")
        await process.current.open()
        # What is loaded by now stays: later collections needn't look at it.
        gc.collect()
        gc.freeze()
        self._on_ready(self.listening_addresses[0][1])

    def kill_all_applications(self) -> Any:
        """First what runs is stored and marked, then the connections end."""
        ended = defer.Deferred.fromFuture(asyncio.ensure_future(self._close()))
        ended.addBoth(lambda _result: Server.kill_all_applications(self))
        return ended

    async def _close(self) -> None:
        from conversations import process

        if process.current is not None:
            await process.current.close()


def check_port(host: str, port: int) -> None:
    """Raises `PortTaken` when nothing more can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as trouble:
            if trouble.errno in (errno.EADDRINUSE, errno.EACCES):
                raise PortTaken from trouble
            raise
