"""HTTP to one provider: deadlines, bounds and the address guard. No wire format lives here.

httpx gives the interface, aiohttp beneath it the speed: a block read through it costs about a third
of one read through httpx's own transport.
"""

import asyncio
import functools
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from httpx_aiohttp import AiohttpTransport

from .base import Endpoint, Rest
from .errors import AddressRefused, ConnectionLost, Protocol, ProviderError, Timeout
from .guard import check_address, check_url

MAX_BODY_BYTES = 16 * 1024 * 1024
LARGE_BLOCK_BYTES = 8 * 1024
MAX_ERROR_BYTES = 64 * 1024
DRAIN_SECONDS = 0.25
LOOK_SECONDS = 0.05
LOST = (httpx.HTTPError, httpx.StreamError, aiohttp.ClientError, OSError)

T = TypeVar("T")


class CheckedResolver(AbstractResolver):
    """Resolves names; a name with any address that may not be called is refused.

    The connection goes to the very addresses that were checked.
    """

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            check_address(result["host"], allow_private=self._allow_private)
        return found

    async def close(self) -> None:
        await self._resolver.close()


class Reply:
    """An answer whose headers have come. Close it with `aclose`, which also stops the provider."""

    def __init__(self, response: httpx.Response, clock: "_Clock") -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._response = response
        self._clock = clock

    async def blocks(self, rest: Rest | None = None) -> AsyncGenerator[bytes]:
        """Yield the body as the network brings it. Raises `Timeout` or `ConnectionLost`.

        While `rest` says so after a block, the connection isn't read: what comes gathers unheard.
        """
        blocks, clock = self._raw(), self._clock
        with clock.watching() as watch:
            while True:
                watch.waits = True
                try:
                    block = await anext(blocks, None)
                except (asyncio.CancelledError, *LOST) as trouble:
                    watch.explain(trouble)
                    raise _mapped(trouble) from trouble
                watch.waits = False
                if block is None:
                    return
                clock.heard()
                yield block
                # A large block isn't all that has gathered.
                if rest and len(block) < LARGE_BLOCK_BYTES and (turn := rest()) is not None:
                    await self._rested(turn)

    async def _rested(self, turn: Awaitable[None]) -> None:
        transport = _transport_of(self._response)
        if transport is None or transport.is_closing():
            await turn
            return
        transport.pause_reading()
        try:
            await turn
        finally:
            transport.resume_reading()

    async def read(self, limit: int = MAX_BODY_BYTES, *, cut: bool = False) -> bytes:
        """Return the whole body; beyond `limit` bytes cut it, or else raise `Protocol`."""
        body = bytearray()
        async for block in self.blocks():
            body += block
            if len(body) > limit and not cut:
                raise Protocol("the answer is longer than 16 MB", status=self.status)
            if len(body) >= limit and cut:
                break
        return bytes(body[:limit])

    async def drain(self) -> None:
        """Read a finished stream's last bytes, so that its connection can be used again."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self.read(MAX_ERROR_BYTES, cut=True)
        except (ProviderError, TimeoutError):
            pass

    async def aclose(self) -> None:
        await self._response.aclose()

    def _raw(self) -> AsyncIterator[bytes]:
        """The body's blocks, passing httpx's layers by when there is nothing to decompress."""
        stream = self._response.stream
        if "content-encoding" in self.headers or not isinstance(stream, httpx.AsyncByteStream):
            return self._response.aiter_bytes()
        return aiter(stream)


class Client:
    """The connections to one endpoint, kept alive and shared by all calls of the process."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(
        self, method: str, url: str, *, body: bytes | None = None, headers: dict[str, str]
    ) -> Reply:
        """Send a request and return its answer, whatever the status; no redirect is followed.

        Raises `AddressRefused`, `ConnectionLost` or `Timeout`.
        """
        check_url(url, allow_private=self.endpoint.allow_private)
        client, clock = self._connected(), _Clock(self.endpoint)
        request = client.build_request(method, url, content=body, headers=headers)
        response = await clock.within(client.send(request, stream=True))
        return Reply(response, clock)

    async def aclose(self) -> None:
        if self._client is not None and self._loop is asyncio.get_running_loop():
            await self._client.aclose()
        self._client = None

    def _connected(self) -> httpx.AsyncClient:
        """The client of this event loop, made on first use."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client, self._loop = _client(self.endpoint), loop
        return self._client


class _Clock:
    """The deadlines of one call, in the event loop's time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._deadlines = endpoint.deadlines
        self._loop = asyncio.get_running_loop()
        self._begin = self._loop.time()
        self._heard: float | None = None
        self.silence = endpoint.deadlines.silence

    def heard(self) -> None:
        """The provider has said something."""
        self._heard = self._loop.time()

    def deadline(self) -> tuple[float, str]:
        """When patience ends, and what it is called."""
        total = self._begin + self._deadlines.total
        if self._heard is not None:
            step, name = self._heard + self._deadlines.silence, "silence"
        else:
            step, name = self._begin + self._deadlines.first_byte, "first byte"
        return (total, "total") if total < step else (step, name)

    async def within(self, step: Awaitable[T]) -> T:
        """Await `step`, no longer than the deadline that applies; map what goes wrong."""
        until, name = self.deadline()
        try:
            async with asyncio.timeout_at(until):
                return await step
        except TimeoutError as trouble:
            raise _late(name) from trouble
        except LOST as trouble:
            raise _mapped(trouble) from trouble

    @contextmanager
    def watching(self) -> "Iterator[_Watch]":
        """Look after this task while it reads: one timer for all its blocks, not one for each."""
        watch = _Watch(self, self._loop)
        try:
            yield watch
        finally:
            watch.end()


class _Watch:
    """Cancels its task once the deadline has passed while it `waits`."""

    def __init__(self, clock: _Clock, loop: asyncio.AbstractEventLoop) -> None:
        self.waits = False
        self._clock, self._loop = clock, loop
        self._task = asyncio.current_task()
        self._late = ""
        self._timer = loop.call_at(self._next_look(), self._look)

    def _look(self) -> None:
        until, name = self._clock.deadline()
        if self._loop.time() < until or not self.waits:
            self._timer = self._loop.call_at(self._next_look(), self._look)
        elif self._task is not None:
            self._late = name
            self._task.cancel()

    def _next_look(self) -> float:
        """At the deadline; sooner while it may still become a nearer one, as the first byte does."""
        now, until = self._loop.time(), self._clock.deadline()[0]
        return max(now + LOOK_SECONDS, min(until, now + self._clock.silence))

    def explain(self, trouble: BaseException) -> None:
        """Raise what has really happened, where it was a cancellation."""
        if not isinstance(trouble, asyncio.CancelledError):
            return
        if self._late and self._task is not None and self._task.uncancel() == 0:
            raise _late(self._late) from trouble
        raise trouble

    def end(self) -> None:
        self._timer.cancel()


def _transport_of(response: httpx.Response) -> asyncio.ReadTransport | None:
    """The connection below httpx and aiohttp; None where the body has come whole already."""
    stream = getattr(response.stream, "_stream", None)
    connection = getattr(getattr(stream, "_aiohttp_response", None), "connection", None)
    transport: asyncio.ReadTransport | None = getattr(connection, "transport", None)
    return transport


def _late(name: str) -> Timeout:
    return Timeout(f"no answer within the {name} deadline")


def _mapped(trouble: BaseException) -> ProviderError:
    """Our error for one of httpx or aiohttp, which maps lost connections to connect timeouts."""
    cause = trouble.__cause__ or trouble
    if isinstance(cause, aiohttp.ServerTimeoutError | TimeoutError):
        return Timeout("no connection within the connect deadline")
    if isinstance(cause, aiohttp.InvalidURL | httpx.UnsupportedProtocol):
        return AddressRefused("the address cannot be read")
    if isinstance(cause, httpx.DecodingError):
        return Protocol(str(cause))
    return ConnectionLost(str(cause) or type(cause).__name__)


def _client(endpoint: Endpoint) -> httpx.AsyncClient:
    connect = endpoint.deadlines.connect
    return httpx.AsyncClient(
        transport=AiohttpTransport(
            verify=tls(), client=lambda: _session(endpoint.allow_private), trust_env=False
        ),
        timeout=httpx.Timeout(None, connect=connect, pool=connect),
        headers={"accept-encoding": "identity", "user-agent": "Parley"},
        follow_redirects=False,
        trust_env=False,
    )


def _session(allow_private: bool) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=0, ssl=tls(), resolver=CheckedResolver(allow_private), keepalive_timeout=30
    )
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    )


@functools.cache
def tls() -> ssl.SSLContext:
    """One context for all providers; `SSL_CERT_FILE` names a private authority's certificates."""
    context: Any = httpx.create_ssl_context()
    assert isinstance(context, ssl.SSLContext)
    return context
