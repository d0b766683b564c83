"""A Parley of its own in a temporary folder, and people who use it over loopback."""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp

from .processes import Child, cores, run

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
