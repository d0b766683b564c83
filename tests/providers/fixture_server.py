"""A server on loopback that is one of the providers, as far as the wire goes.

It has that provider's addresses, checks every request against `wire_rules`, refuses in that
provider's words what doesn't fit (`asked[-1].complaints` tells what), and otherwise answers with the
`Delivery` that a test gave it. It can also stall, cut, slice, delay, lie, redirect and go away.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

from conversations.providers import base
from tests.providers import wire_rules

KEY = "key-of-alice-0123456789"
ACCOUNT = "0a1b2c3d4e5f"
MODEL = "@cf/qwen/qwen2.5-coder-32b-instruct"
BASES = {
    "deepinfra": "/v1/openai",
    "aimlapi": "/v1",
    "cloudflare": f"/client/v4/accounts/{ACCOUNT}/ai",
    "openai_compatible": "/v1",
}
CHAT = {"cloudflare": rf"/run/{re.escape(MODEL)}"}
LISTING = {
    "aimlapi": r"/models\?include=pricing,capabilities",
    "cloudflare": r"/models/search\?page=\d+&per_page=\d+",
}
SSE, JSON, HTML = "text/event-stream", "application/json", "text/html"


@dataclass(frozen=True)
class Delivery:
    """How to answer. `ends` are the positions where the body is sliced into writes of their own.

    `delay` is in seconds before each slice. `finish` is whole, reset (the connection ends before
    the body does) or stall (nothing more comes). `sized` sends a content-length instead of chunks.
    """

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": JSON})
    ends: tuple[int, ...] = ()
    delay: float = 0
    finish: str = "whole"
    sized: bool = False

    def slices(self) -> Iterator[bytes]:
        for begin, end in pairwise([0, *self.ends, len(self.body)]):
            yield self.body[begin:end]


@dataclass
class Asked:
    """A request as it came; `body` is decoded with exact numbers, `complaints` what is wrong."""

    method: str
    target: str
    headers: dict[str, str]
    raw: bytes
    body: Any = None
    complaints: list[str] = field(default_factory=list)
    closed_early: bool = False


class FixtureServer:
    """`async with FixtureServer("cloudflare") as server:` serves until the end."""

    def __init__(self, kind: str, *deliveries: Delivery) -> None:
        """Each delivery answers one request, the last one also all that follow."""
        self.kind = kind
        self.deliveries = list(deliveries) or [Delivery()]
        self.asked: list[Asked] = []
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()
        await asyncio.sleep(0)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{BASES[self.kind]}"

    @property
    def complaints(self) -> list[str]:
        return [complaint for asked in self.asked for complaint in asked.complaints]

    def endpoint(self, **fields: Any) -> base.Endpoint:
        """The endpoint of an adapter for this server."""
        limits = base.Deadlines(connect=20, first_byte=20, silence=20, total=60)
        known = {"key": KEY, "deadlines": limits, "allow_private": True}
        url = self.base_url.replace(ACCOUNT, "{account_id}")
        options = {"account_id": ACCOUNT} if self.kind == "cloudflare" else {}
        return base.Endpoint(url, **{**known, "options": options, **fields})

    def leave(self) -> None:
        """Go away: connections break, new ones are refused."""
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            asked = await _read(reader)
            self.asked.append(asked)
            refusal = self._refusal(asked)
            await _send(refusal or self._next(), asked, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _next(self) -> Delivery:
        return self.deliveries.pop(0) if len(self.deliveries) > 1 else self.deliveries[0]

    def _refusal(self, asked: Asked) -> Delivery | None:
        """The answer to a request that isn't as it should be; None if it is."""
        path = asked.target.removeprefix(BASES[self.kind])
        chats = re.fullmatch(CHAT.get(self.kind, "/chat/completions"), path)
        lists = re.fullmatch(LISTING.get(self.kind, "/models"), path)
        if (asked.method, True) not in (("POST", bool(chats)), ("GET", bool(lists))):
            return self._complain(asked, 404, [f"address: {asked.method} {asked.target}"])
        keyless = lists and self.kind == "aimlapi"
        if asked.headers.get("authorization") != (None if keyless else f"Bearer {KEY}"):
            return self._complain(asked, 401, [f"authorization: {asked.headers}"])
        wrong = self._wrong(asked) if chats else []
        status = 422 if self.kind == "deepinfra" else 400
        return self._complain(asked, status, wrong) if wrong else None

    def _wrong(self, asked: Asked) -> list[str]:
        try:
            asked.body = wire_rules.read(asked.raw)
        except ValueError as trouble:
            return [f"body: {trouble}"]
        if asked.headers.get("content-type") != JSON:
            return ["content-type: is no JSON"]
        return wire_rules.complaints(self.kind, asked.body)

    def _complain(self, asked: Asked, status: int, complaints: list[str]) -> Delivery:
        asked.complaints += complaints
        body = REFUSALS[self.kind](status, complaints)
        return Delivery(json.dumps(body).encode(), status, sized=True)


def _detail(status: int, complaints: list[str]) -> Any:
    if status != 422:
        return {"detail": {"error": "; ".join(complaints)}}
    split = [complaint.partition(": ") for complaint in complaints]
    listed = [{"loc": ["body", name], "msg": msg, "type": "value_error"} for name, _, msg in split]
    return {"detail": listed}


def _statement(status: int, complaints: list[str]) -> Any:
    said = {"message": "; ".join(complaints), "path": "/v1/chat/completions", "requestId": "r-1"}
    return said | {"statusCode": status, "timestamp": "2026-11-20T10:00:00Z"}


def _envelope(status: int, complaints: list[str]) -> Any:
    code = {401: 10000, 404: 7003}.get(status, 5006)
    said = {"code": code, "message": "AiError: " + "; ".join(complaints)}
    return {"result": None, "success": False, "errors": [said], "messages": []}


def _error(status: int, complaints: list[str]) -> Any:
    field_name, _, _ = complaints[0].partition(": ")
    said = {"message": "; ".join(complaints), "type": "invalid_request_error"}
    return {"error": said | {"param": field_name, "code": None}}


REFUSALS = {
    "deepinfra": _detail,
    "aimlapi": _statement,
    "cloudflare": _envelope,
    "openai_compatible": _error,
}


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    split = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in split}
    raw = await reader.readexactly(int(headers.get("content-length", 0)))
    method, target, _ = first.split(" ")
    return Asked(method, target, headers, raw)


async def _send(
    delivery: Delivery, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    length = f"content-length: {len(delivery.body)}"
    frame = length if delivery.sized else "transfer-encoding: chunked"
    lines = [f"{name}: {value}" for name, value in delivery.headers.items()]
    head = [f"HTTP/1.1 {delivery.status} Answer", *lines, frame, "connection: close", "", ""]
    writer.write("\r\n".join(head).encode("latin-1"))
    for piece in filter(None, delivery.slices()):
        await asyncio.sleep(delivery.delay)
        chunk = piece if delivery.sized else b"%x\r\n%s\r\n" % (len(piece), piece)
        writer.write(chunk)
        await writer.drain()
    if delivery.finish == "stall":
        asked.closed_early = not await reader.read()
    elif delivery.finish == "whole":
        writer.write(b"" if delivery.sized else b"0\r\n\r\n")
        await writer.drain()
