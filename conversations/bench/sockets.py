"""A WebSocket client that costs little: a load generator must not be what is measured."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable

OnText = Callable[[bytes, int], None]
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Socket(asyncio.Protocol):
    """Calls `on_text(message, now)` for each text message; `now` is `time.monotonic_ns()`."""

    def __init__(self, on_text: OnText) -> None:
        self.on_text = on_text
        self.on_close: Callable[[], None] | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = False
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(
        cls, port: int, path: str, on_text: OnText, headers: dict[str, str] | None = None
    ) -> Socket:
        """Connect on loopback; raises `ConnectionError` when the server refuses."""
        loop = asyncio.get_running_loop()
        _transport, socket = await loop.create_connection(lambda: cls(on_text), "127.0.0.1", port)
        socket._greet(port, path, headers or {})
        await asyncio.wait_for(socket.opened, 20)
        return socket

    def _greet(self, port: int, path: str, headers: dict[str, str]) -> None:
        lines = {
            "Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13", **headers,
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        }  # fmt: skip
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        assert self._transport is not None
        self._transport.write(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the socket was refused"))
        elif self.on_close is not None:
            self.on_close()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self._buffer += data
        if not self.opened.done() and not self._greeted():
            return
        buffer, at, end = self._buffer, 0, len(self._buffer)
        while end - at >= 2:
            head, size = 2, buffer[at + 1]
            if size >= 126:
                head = 4 if size == 126 else 10
                size = int.from_bytes(buffer[at + 2 : at + head], "big")
            if end - at < head + size:
                break
            start, kind = at + head, buffer[at] & 15
            at = start + size
            if kind == TEXT:
                self.on_text(bytes(buffer[start:at]), now)
            else:
                self._control(kind, bytes(buffer[start:at]))
        del buffer[:at]

    def _greeted(self) -> bool:
        head, found, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not found:
            return False
        if b" 101 " not in head[:20]:
            self.opened.set_exception(ConnectionError(head[:40].decode("latin-1")))
            return False
        self._buffer = bytearray(rest)
        self.opened.set_result(None)
        return True

    def _control(self, kind: int, payload: bytes) -> None:
        if kind == PING:
            self._write(PONG, payload)
        elif kind == CLOSE:
            self.close()

    def send(self, text: str) -> None:
        self._write(TEXT, text.encode())

    def _write(self, kind: int, payload: bytes) -> None:
        """Clients mask what they send; a mask of zeros leaves it as it is."""
        size = len(payload)
        assert size < 65536
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        if self._transport is not None and not self.closed:
            self._transport.write(bytes([0x80 | kind]) + length + bytes(4) + payload)

    def close(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.close()
