"""What is asked of Parley and of the bare relay alike, and what comes of it."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from .processes import Child, Failed
from .sockets import Socket
from .stats import percentile

STAMP = re.compile(rb"(?<![\w-])\d{9,18}(?![\w-])")
ENDED = re.compile(
    rb'-state" hx-swap-oob="true"[^>]*? data-state="(done|failed|interrupted|stopped)"'
)
PACE_MS = 20
START_SECONDS = 1.0
SETTLE_SECONDS = 0.4
LONGEST_SECONDS = 60


class Stream:
    """One answer as its viewer gets it. Stamped tokens tell when the provider sent them."""

    def __init__(self, *, stamped: bool = True) -> None:
        self._stamped = stamped
        self.began = self._newest = time.monotonic_ns()
        self.first: int | None = None
        self.delays: list[int] = []
        self.trouble = ""
        self.fetching = 0
        self.ended = asyncio.Event()
        self._told = False

    def feed(self, data: bytes, now: int) -> None:
        for found in STAMP.findall(data) if self._stamped else ():
            stamp = int(found)
            if self._newest < stamp <= now:
                self._newest = stamp
                self.delays.append(now - stamp)
        if self.first is None and self.delays:
            self.first = now
        if b"[DONE]" in data:
            self.ended.set()
        elif b"-state" in data and (state := ENDED.search(data)):
            if state[1] != b"done":
                self.trouble = state[1].decode()
            self._told = True
            self.check()

    def check(self) -> None:
        """It has ended when its state is told and nothing is on its way by HTTP."""
        if self._told and not self.fetching:
            self.ended.set()

    def fail(self, trouble: str) -> None:
        self.trouble = trouble
        self.ended.set()

    async def end(self, seconds: float = LONGEST_SECONDS) -> None:
        try:
            await asyncio.wait_for(self.ended.wait(), seconds)
        except TimeoutError:
            self.fail("it never ended")

    @property
    def first_ms(self) -> float:
        return math.nan if self.first is None else (self.first - self.began) / 1e6


class Chat:
    """Where questions are asked, one after another."""

    def __init__(self) -> None:
        self.stream: Stream | None = None

    async def ask(self, text: str) -> Stream:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class Load:
    """A server under load."""

    def __init__(self, child: Child) -> None:
        self.child = child

    async def chats(self, count: int, viewers: int = 1) -> list[Chat]:
        raise NotImplementedError


class RelayChat(Chat):
    socket: Socket

    async def ask(self, text: str) -> Stream:
        stream = self.stream = Stream(stamped="stamp=" in text)
        self.socket.send(text)
        return stream

    def on_text(self, data: bytes, now: int) -> None:
        if self.stream is not None:
            self.stream.feed(data, now)

    def close(self) -> None:
        self.socket.close()


class BareRelay(Load):
    """The yardstick."""

    def __init__(self, child: Child, port: int) -> None:
        super().__init__(child)
        self.port = port

    async def chats(self, count: int, viewers: int = 1) -> list[Chat]:
        chats = [RelayChat() for _number in range(count)]
        for chat in chats:
            chat.socket = await Socket.open(self.port, "/", chat.on_text)
        return list(chats)


@dataclass
class Paced:
    """What a paced run came to. Delays are of the tokens within the window, in milliseconds."""

    firsts: list[float] = field(default_factory=list)
    failed: int = 0
    delays: list[float] = field(default_factory=list)
    cpu_us: float = math.nan
    memory_mib: float = math.nan
    waited: float = math.nan

    def first(self, share: float) -> float:
        return percentile(self.firsts, share)

    def delay(self, share: float) -> float:
        return percentile(self.delays, share)


async def paced(load: Load, count: int, seconds: float, viewers: int = 1) -> Paced:
    """Start `count` answers within a second, then watch a window of so many seconds."""
    chats = await load.chats(count, viewers)
    tokens = round((START_SECONDS + 3 * SETTLE_SECONDS + seconds) * 1000 / PACE_MS)
    text = f"[[tokens={tokens} delay={PACE_MS} stamp=yes text=prose]]"
    try:
        tasks = [
            asyncio.create_task(_ask_later(chat, text, START_SECONDS * place / count))
            for place, chat in enumerate(chats)
        ]
        await asyncio.sleep(START_SECONDS + SETTLE_SECONDS)
        result = await _window(load, chats, seconds)
        for stream in await asyncio.gather(*tasks):
            await stream.end()
            result.firsts.append(stream.first_ms)
            result.failed += bool(stream.trouble) or stream.first is None
        result.firsts = [value for value in result.firsts if not math.isnan(value)]
        return result
    finally:
        for chat in chats:
            chat.close()


async def _ask_later(chat: Chat, text: str, seconds: float) -> Stream:
    await asyncio.sleep(seconds)
    return await chat.ask(text)


async def _window(load: Load, chats: Sequence[Chat], seconds: float) -> Paced:
    """What the server did for the tokens that came in these seconds."""
    child = load.child
    before = [len(chat.stream.delays) if chat.stream else 0 for chat in chats]
    cpu, waited = child.cpu_seconds(), child.waited_seconds()
    await asyncio.sleep(seconds)
    cpu, waited = child.cpu_seconds() - cpu, child.waited_seconds() - waited
    memory = child.memory_mib()
    delays: list[float] = []
    for chat, start in zip(chats, before, strict=True):
        if chat.stream:
            delays += [delay / 1e6 for delay in chat.stream.delays[start:]]
    used = cpu / len(delays) * 1e6 if delays else math.nan
    share = waited / (waited + cpu) if cpu else math.nan
    return Paced(delays=delays, cpu_us=used, memory_mib=memory, waited=share)


async def first_tokens(load: Load, times: int) -> list[float]:
    """Milliseconds to the first token of one answer after another."""
    (chat,) = await load.chats(1)
    found = []
    for _turn in range(times):
        stream = await chat.ask("[[tokens=1 stamp=yes]]")
        await stream.end()
        found.append(stream.first_ms)
    chat.close()
    return [value for value in found if not math.isnan(value)]


async def flood(load: Load, count: int, tokens: int, text: str = "prose") -> tuple[float, float]:
    """Tokens per second of `count` answers until all have ended, and processor µs per token."""
    chats = await load.chats(count)
    cpu, began = load.child.cpu_seconds(), time.monotonic()
    streams = await asyncio.gather(
        *(chat.ask(f"[[tokens={tokens} text={text} seed={n}]]") for n, chat in enumerate(chats))
    )
    for stream in streams:
        await stream.end()
    seconds, cpu = time.monotonic() - began, load.child.cpu_seconds() - cpu
    for chat in chats:
        chat.close()
    for stream in streams:
        if stream.trouble:
            raise Failed(f"A flood failed: {stream.trouble}")
    return count * tokens / seconds, cpu / (count * tokens) * 1e6
