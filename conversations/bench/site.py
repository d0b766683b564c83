"""A Parley of its own in a temporary folder, and people who use it over loopback."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import time
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp

from .load import Chat, Load, Stream
from .processes import Child, cores, run
from .sockets import Socket

ACK = re.compile(rb"<!--(\d+)")
ACK_SECONDS = 0.25
HEAVY, DRIVER, LIGHT = "user1", "user2", "user3"


class Site:
    """Data and server. Nothing of the environment that names another site's reaches it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "parley.log"
        self.child: Child | None = None
        self.url = ""
        self.preset = ""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PARLEY_", "DJANGO_"))}
        self.env = kept | {
            "PARLEY_DATA": str(folder), "PARLEY_BOOTSTRAP": "0", "PARLEY_ENGINE": "inline",
            "DATABASE_URL": f"sqlite:///{folder}/parley.sqlite3", "REDIS_URL": "",
            "PARLEY_DEBUG": "0", "PARLEY_URL": "", "PARLEY_ALLOWED_HOSTS": "",
            "PARLEY_SENDS_PER_MINUTE": "1000000", "PARLEY_SOCKETS_PER_PERSON": "100000",
        }  # fmt: skip

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    @property
    def server(self) -> Child:
        assert self.child is not None
        return self.child

    async def start(self) -> float:
        """Start the server; returns the seconds until `/healthz` answered."""
        began = time.monotonic()
        arguments = ["manage.py", "up", "--port", "0"]
        self.child = await Child.start(arguments, log=self.log, env=self.env, on=cores()[0])
        line = await self.child.says("Parley is at ")
        self.url = line.split()[3].rstrip("/")
        async with aiohttp.ClientSession() as session:
            (await session.get(f"{self.url}/healthz")).raise_for_status()
        return time.monotonic() - began

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop()

    async def command(self, *arguments: str) -> str:
        return await run(["manage.py", *arguments], env=self.env, log=self.log)

    async def prepare(self, provider: str) -> None:
        """Name the provider and make a few people; the server must have run once."""
        kind = ("--kind", "openai_compatible", "--base-url", provider, "--model", "stand-in")
        self.preset = (await self.command("provider", "add", "Stand-in", *kind)).split()[-1]
        await self.make(people=3, conversations=30, messages=2)

    async def make(self, *, people: int, conversations: int, messages: int) -> None:
        count = ("--conversations", str(conversations), "--messages", str(messages))
        await self.command("create_demo_data", "--users", str(people), *count)

    async def sign_in(self, name: str) -> Person:
        person = Person(self, name)
        link = await self.command("login_link", name, "--base", self.url)
        (await person.http.get(link.strip(), allow_redirects=False)).raise_for_status()
        return person


class Person:
    """Somebody signed in."""

    def __init__(self, site: Site, name: str) -> None:
        self.site = site
        self.name = name
        connector = aiohttp.TCPConnector(limit=0)
        self.http = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.CookieJar(unsafe=True)
        )

    async def __aenter__(self) -> Person:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.close()

    def cookies(self) -> dict[str, str]:
        return {cookie.key: cookie.value for cookie in self.http.cookie_jar}

    async def get(self, path: str) -> str:
        async with self.http.get(self.site.url + path) as response:
            response.raise_for_status()
            return await response.text()

    async def post(self, path: str, **fields: str) -> dict[str, str]:
        """Send a form; returns the contract's JSON."""
        origin = self.site.url
        headers = {
            "Accept": "application/json", "Origin": origin, "Referer": f"{origin}/",
            "X-CSRFToken": self.cookies()["parley_csrf"],
        }  # fmt: skip
        form = {"client_id": secrets.token_hex(12), "preset": self.site.preset, **fields}
        async with self.http.post(origin + path, data=form, headers=headers) as response:
            response.raise_for_status()
            found: dict[str, str] = await response.json()
            return found

    async def begin(self) -> str:
        """A new conversation with one short exchange; returns its id."""
        return (await self.post("/conversations/", text="[[tokens=1]]"))["conversation"]

    async def newest(self) -> str:
        """The id of the conversation at the top of the list."""
        found = re.search(r'href="/conversations/([0-9a-f-]{36})/"', await self.get("/sidebar/"))
        assert found is not None
        return found[1]

    async def watch(self, chat: SiteChat) -> None:
        """Open a socket as a page does."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies().items())
        page = Page(chat)
        headers = {"Origin": self.site.url, "Cookie": cookies}
        path = f"/ws/conversations/{chat.conversation}/"
        page.socket = await Socket.open(self.site.port, path, page.on_text, headers)
        page.socket.send('{"have":{},"after":1000000}')
        chat.pages.append(page)


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
                await self.person.watch(chat)
        await asyncio.sleep(0.3)
        return list(chats)
