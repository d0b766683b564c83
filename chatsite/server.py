"""Daphne as we run it: pings, small client messages, no compression, and an orderly end.

What a socket says takes a short way: the same text is framed once for all who get it, and written
at once. Twisted would ask epoll first whether it may, and ask it to forget again after each frame.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import defer, reactor, tcp

PING_SECONDS = 15
# Both directions: our own frames stay under 256 KiB, the socket refuses more than 64 KiB from pages.
MOST_MESSAGE_BYTES = 512 * 1024


class PortTaken(Exception):
    """Something else listens there."""


class Socket(WebSocketProtocol):
    """Daphne's socket, which may close with the codes that tell a page to come back.

    autobahn leaves those from 1001 to 1014 to itself; what sends the frame knows no such bound.
    """

    def say(self, text: str) -> None:
        """Send a text message now, as far as the connection takes it; the rest as soon as it can."""
        if self.state != self.STATE_OPEN:
            return
        if self.send_queue:
            self.sendMessage(text.encode(), isBinary=False)
        else:
            write_now(self.transport, framed(text))

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802
        if code is not None and 1001 <= code < 3000:
            self.sendCloseFrame(code=code)
        else:
            super().serverClose(code)


WebSocketFactory.protocol = Socket


@lru_cache(maxsize=4)
def framed(text: str) -> bytes:
    """A server's whole text message by RFC 6455, section 5.2: final, unmasked, uncompressed."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + struct.pack("!H", size) + payload
    return b"\x81\x7f" + struct.pack("!Q", size) + payload


def write_now(transport: Any, data: bytes) -> None:
    """Write to the kernel directly where nothing waits before it; what it doesn't take waits."""
    if isinstance(transport, tcp.Connection) and not (
        transport.dataBuffer
        or transport._tempDataBuffer
        or transport.disconnecting
        or not transport.connected
    ):
        sent = transport.writeSomeData(data)
        if isinstance(sent, int) and sent > 0:
            data = data[sent:]
    if data:
        transport.write(data)


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

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """A socket's application may take the short way, which it finds in its scope."""
        if scope["type"] == "websocket":
            scope["extensions"] = {"parley.say": protocol.say}
        return super().create_application(protocol, scope)

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
