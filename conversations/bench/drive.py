"""Parley under load: conversations with open pages, driven by one person."""

from __future__ import annotations

import asyncio
import re

import aiohttp

from .load import Chat, Load, Stream
from .site import Person
from .sockets import Socket

ACK = re.compile(rb"<!--(\d+)")
ACK_SECONDS = 0.25


class Page:
    """One open socket: acknowledges four times a second at most, as our script does."""

    def __init__(self, chat: SiteChat) -> None:
        self.chat = chat
        self.leads = not chat.pages
        self.socket: Socket | None = None
        self._last = b""
        self._loop = asyncio.get_running_loop()

    def on_text(self, data: bytes, now: int) -> None:
        found = ACK.match(data)
        if found and not self._last:
            self._loop.call_later(ACK_SECONDS, self._acknowledge)
        self._last = found[1] if found else self._last
        if self.leads and self.chat.stream is not None:
            self.chat.stream.feed(data, now)

    def _acknowledge(self) -> None:
        last, self._last = self._last, b""
        if self.socket is not None:
            self.socket.send(f'{{"ack":{last.decode()}}}')


class SiteChat(Chat):
    """A conversation of Parley."""

    def __init__(self, person: Person, conversation: str) -> None:
        super().__init__()
        self.person = person
        self.conversation = conversation
        self.pages: list[Page] = []

    async def watch(self) -> None:
        """Open a socket as a page does."""
        site = self.person.site
        cookies = "; ".join(f"{name}={value}" for name, value in self.person.cookies().items())
        page = Page(self)
        headers = {"Origin": site.url, "Cookie": cookies}
        path = f"/ws/conversations/{self.conversation}/"
        page.socket = await Socket.open(site.port, path, page.on_text, headers)
        page.socket.send('{"have":{},"after":1000000}')
        self.pages.append(page)

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
