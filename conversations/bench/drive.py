"""Parley under load: conversations with open pages, driven by one person."""

from __future__ import annotations

import asyncio
import re

import aiohttp

from .load import Chat, Load, Stream
from .site import Person
from .sockets import Socket

ACK = re.compile(rb"<!--(\d+)")
ACK_SECONDS = 1
MOST_BYTES = 32 * 1024
# A frame that would be too large tells the page to fetch the message instead.
FETCH = re.compile(rb' hx-get="(/conversations/[^"]+)"')


class Page:
    """One open socket: acknowledges once a second, and at once what is much."""

    def __init__(self, chat: SiteChat) -> None:
        self.chat = chat
        self.leads = not chat.pages
        self.socket: Socket | None = None
        self._last = b""
        self._bytes = 0
        self._loop = asyncio.get_running_loop()

    def on_text(self, data: bytes, now: int) -> None:
        found = ACK.match(data)
        if found and not self._last:
            self._loop.call_later(ACK_SECONDS, self._acknowledge)
        self._last = found[1] if found else self._last
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            self._acknowledge()
        if self.leads and self.chat.stream is not None:
            if b" hx-get=" in data and (address := FETCH.search(data)):
                self.chat.fetch(address[1].decode())
            self.chat.stream.feed(data, now)

    def _acknowledge(self) -> None:
        last, self._last, self._bytes = self._last, b"", 0
        if self.socket is not None and last:
            self.socket.send(f'{{"ack":{last.decode()}}}')


class SiteChat(Chat):
    """A conversation of Parley."""

    def __init__(self, person: Person, conversation: str) -> None:
        super().__init__()
        self.person = person
        self.conversation = conversation
        self.pages: list[Page] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def watch(self) -> None:
        """Open a socket as a page does."""
        site = self.person.site
        cookies = "; ".join(f"{name}={value}" for name, value in self.person.cookies().items())
        page = Page(self)
        headers = {"Origin": site.url, "Cookie": cookies}
        path = f"/ws/conversations/{self.conversation}/"
        page.socket = await Socket.open(site.port, path, page.on_text, headers)
        page.socket.on_close = self._closed
        page.socket.send('{"have":{},"after":1000000}')
        self.pages.append(page)

    def _closed(self) -> None:
        if self.stream is not None and not self.stream.ended.is_set():
            self.stream.fail("the socket was closed")

    def fetch(self, path: str) -> None:
        """Get a message whole, as a page does that was told to."""
        assert self.stream is not None
        self.stream.fetching += 1
        task = asyncio.get_running_loop().create_task(self._fetch(self.stream, path))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self, stream: Stream, path: str) -> None:
        try:
            await self.person.get(path)
        except aiohttp.ClientError as trouble:
            stream.fail(str(trouble))
        stream.fetching -= 1
        stream.check()

    async def ask(self, text: str) -> Stream:
        stream = self.stream = Stream(stamped="stamp=" in text)
        try:
            await self.person.post(f"/conversations/{self.conversation}/messages/", text=text)
        except aiohttp.ClientError as trouble:
            stream.fail(str(trouble))
        return stream

    def close(self) -> None:
        for page in self.pages:
            if page.socket is not None:
                page.socket.close()


class Parley(Load):
    """The site under load, driven by one person."""

    def __init__(self, person: Person) -> None:
        super().__init__(person.site.server)
        self.person = person
        self._free: list[str] = []

    async def chats(self, count: int, viewers: int = 1) -> list[Chat]:
        """So many conversations with open sockets; those used before are used again."""
        while len(self._free) < count:
            self._free.append(await self.person.begin())
        chats = [SiteChat(self.person, self._free[place]) for place in range(count)]
        for chat in chats:
            for _viewer in range(viewers):
                await chat.watch()
        await asyncio.sleep(0.3)
        return list(chats)
