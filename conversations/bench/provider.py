"""A stand-in for a provider of language models, on loopback, for tests and benchmarks.

    python -m conversations.bench.provider --port 0

prints its URL and serves `POST /v1/chat/completions` and `GET /v1/models` in OpenAI's form. The last
user message may steer it: `[[tokens=200 delay=20 text=markdown]]`.

- `tokens` how many, `text` words|prose|markdown|code, `seed` which, `reasoning` tokens of it before
- `first` and `delay`: milliseconds before the first and between tokens; 0 floods, with back-pressure
- `stamp=yes`: each token is the sending time (`time.monotonic_ns()`) and a blank
- `finish` the reason, `usage` yes|no|auto, `done=no` without `[DONE]`
- `tool=NAME args={…}` calls a tool, until it is told a result; `text=json:{…}` answers just this, and
  `then={…}` is the answer to the next message when that has no directives
- `cut` loses the connection after so many tokens; `error=500` sends an error event after `at`
  tokens (half of them by default); `hold=NAME` waits there for `POST /control/release/NAME`
- `status=429` answers with an error, `retry_after` and `says` in it; `fails=2` only the first two times
- `hang` seconds before any answer; `html=yes` a page; `whole=yes` JSON though a stream was asked

`GET /control/requests` lists the last 1000 calls: body, headers, the usage that was reported in a
stream, whether the client closed early.
`POST /control/reset` forgets them. `expected_text` tells what a call gets.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import time
from typing import Any, Self

from .provider_events import (
    delta_of,
    ending,
    event,
    events_of,
    flood,
    framed,
    stamped,
    usage,
    whole_reply,
)
from .provider_text import (
    Directives,
    blank,
    expected_reasoning,
    expected_text,
    halfway,
    read_directives,
)

__all__ = ["StandIn", "expected_reasoning", "expected_text", "read_directives"]

PAGE = b"<!doctype html><html><head><title>Welcome</title></head><body>A page</body></html>"


class StandIn:
    """The server. `async with StandIn() as server:` serves at `server.url` until the end."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.requests: collections.deque[dict[str, Any]] = collections.deque(maxlen=1000)
        self.failures: collections.Counter[str] = collections.Counter()
        self.holds: dict[str, asyncio.Event] = collections.defaultdict(asyncio.Event)
        self.connected = 0
        self.connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self.connections):
            connection.abort()
        await self._server.wait_closed()

    def release(self, name: str) -> None:
        """Let the calls go on that hold at `name`, now and later."""
        self.holds[name].set()

    def reset(self) -> None:
        """Forget all calls, failures and holds."""
        self.requests.clear()
        self.failures.clear()
        self.holds.clear()


class _Connection(asyncio.Protocol):
    """One client connection: reads requests, answers one after another."""

    def __init__(self, server: StandIn) -> None:
        self.server = server
        self.buffer = bytearray()
        self.task: asyncio.Task[None] | None = None
        self.may_write = asyncio.Event()
        self.may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.connected += 1
        self.server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.connections.discard(self)
        if self.task:
            self.task.cancel()

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._next()

    def _next(self) -> None:
        head, end, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        if not end or (self.task and not self.task.done()):
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        size = int(headers.get("content-length") or 0)
        if len(rest) < size:
            return
        self.buffer = bytearray(rest[size:])
        method, path, _ = first.split(" ")
        self.task = asyncio.create_task(self._answer(method, path, headers, rest[:size]))
        self.task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception():
            self.abort()
        else:
            self._next()

    def abort(self) -> None:
        self.transport.abort()

    async def write(self, data: bytes) -> None:
        self.transport.write(data)
        await self.may_write.wait()

    async def send(self, status: int, body: bytes, kind: str, *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Stand-in", f"content-type: {kind}", *headers]
        head = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""])
        await self.write(head.encode() + body)

    async def send_json(self, value: object, status: int = 200, *headers: str) -> None:
        await self.send(status, json.dumps(value).encode(), "application/json", *headers)

    async def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        server = self.server
        if path == "/v1/chat/completions" and method == "POST":
            await self._chat(json.loads(body), headers)
        elif path == "/v1/models":
            models = [{"id": name, "object": "model"} for name in ("stand-in", "stand-in-small")]
            await self.send_json({"object": "list", "data": models})
        elif path == "/control/requests":
            await self.send_json(list(server.requests))
        elif path == "/control/reset":
            server.reset()
            await self.send_json({})
        elif path.startswith("/control/release/"):
            server.release(path.rpartition("/")[2])
            await self.send_json({})
        else:
            await self.send_json({"error": {"message": "Not found"}}, 404)

    async def _chat(self, body: dict[str, Any], headers: dict[str, str]) -> None:
        record = {"body": body, "headers": headers, "closed_early": True, "at": time.time()}
        self.server.requests.append(record)
        message = last_user_message(body)
        asked = read_directives(message)
        if "[[" not in message and (later := asked_for_later(body)):
            asked = read_directives(f"[[text=json:{later}]]")
        if asked.hang:
            await asyncio.sleep(asked.hang)
        if await self._failed(asked, message):
            record["closed_early"] = False
            return
        if asked.html == "yes":
            await self.send(200, PAGE, "text/html")
        elif body.get("stream") and asked.whole != "yes":
            record["usage"] = await self._stream(asked, body)
        else:
            await asyncio.sleep((asked.first + asked.delay * asked.tokens) / 1000)
            await self.send_json(whole_reply(asked, body))
        record["closed_early"] = False

    async def _failed(self, asked: Directives, message: str) -> bool:
        """Answer with an error if one is asked for, and is still due."""
        self.server.failures[message] += 1
        over = asked.fails and self.server.failures[message] > asked.fails
        if asked.status == 200 or over:
            return False
        headers = [f"retry-after: {asked.retry_after}"] if asked.retry_after else []
        headers += [f"location: {self.server.url}/v1/models"] if asked.status < 400 else []
        said = f"The stand-in was told to answer {asked.status} {asked.says}".strip()
        error = {"message": said, "type": "stand_in"}
        await self.send_json({"error": error}, asked.status, *headers, "x-request-id: req-stand-in")
        return True

    async def _stream(self, asked: Directives, body: dict[str, Any]) -> dict[str, int] | None:
        """Stream the answer; returns the usage if it came to report one."""
        choices = body.get("n") or 1
        head = (
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
        )
        await self.write(f"{head}x-request-id: req-stand-in\r\n\r\n".encode())
        roles = [delta_of(choice, role="assistant") for choice in range(choices)]
        await self.write(framed(event({"choices": roles})))
        await asyncio.sleep(asked.first / 1000)
        every = len(events_of(asked, choices))
        end = every if asked.cut < 0 else min(every, asked.reasoning + asked.cut * choices)
        stop = asked.reasoning + halfway(asked) * choices if asked.hold or asked.error else end
        await self._tokens(asked, choices, 0, min(stop, end))
        if asked.hold:
            await self.server.holds[asked.hold].wait()
        if asked.error:
            error = {"message": "The stand-in failed midway", "code": asked.error}
            await self.write(framed(event({"error": error})) + b"0\r\n\r\n")
            return None
        await self._tokens(asked, choices, stop, end)
        if asked.cut >= 0:
            self.transport.close()
            return None
        await self.write(framed(ending(asked, body, choices)) + b"0\r\n\r\n")
        return usage(asked, body, choices)

    async def _tokens(self, asked: Directives, choices: int, begin: int, end: int) -> None:
        """Write events `begin` to `end`: each at its time, or as fast as the client reads."""
        if not asked.delay:
            for block in flood(asked, choices, begin, end):
                await self.write(block() if callable(block) else block)
                await asyncio.sleep(0)
            return
        started = time.monotonic()
        events = events_of(asked, choices)
        for position in range(begin, end):
            due = started + (position - begin) // choices * asked.delay / 1000
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            stamp = asked.stamp == "yes"
            data = stamped(blank(asked.text, position)) if stamp else events[position]
            await self.write(framed(data))


def asked_for_later(body: dict[str, Any]) -> str:
    """What an earlier message wants said to the last one."""
    texts = [str(m.get("content")) for m in body.get("messages", []) if m.get("role") == "user"]
    return read_directives(texts[-2]).then if len(texts) > 1 else ""


def last_user_message(body: dict[str, Any]) -> str:
    """The text of the last user message, whose parts are joined."""
    users = [m for m in body.get("messages", []) if m.get("role") == "user"]
    content = users[-1].get("content") if users else ""
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return str(content or "")


async def serve(port: int) -> None:
    async with StandIn(port) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args().port))
