"""The site and the stand-in provider as processes of their own, and people who use it by HTTP."""

from __future__ import annotations

import atexit
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import httpx

from conversations.bench.provider import expected_text

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct-horse-battery-7"
STAND_IN, SMALL, DEMO = "stand-in", "stand-in-small", "demo"
START_SECONDS = 60
OURS = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a process of the site is started with: nothing of the caller's, nothing of a `.env`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PARLEY_") and name not in OURS
    }
    return {
        **kept,
        "PARLEY_BOOTSTRAP": "0",
        "PARLEY_DATA": str(folder),
        "PARLEY_SENDS_PER_MINUTE": "100000",
        "PARLEY_ENGINE": "inline",
        "PARLEY_URL": "",
        "PARLEY_LANGUAGE": "en",
        "PARLEY_REGISTRATION": "closed",
        "PARLEY_EMAIL_URL": "consolemail://",
        "DATABASE_URL": f"sqlite:///{folder}/parley.sqlite3",
        "REDIS_URL": "",
        **more,
    }


class Program:
    """A Python process of ours. Its lines can be waited for; its errors are kept in a file."""

    def __init__(self, arguments: list[str], env: dict[str, str], log: Path) -> None:
        self._heard: list[str] = []
        self._is_silent = False  # it has ended
        self._news = threading.Condition()
        self.log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.pid = self._process.pid
        threading.Thread(target=self._listen, daemon=True).start()
        atexit.register(self.kill)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._heard.append(line.strip())
                self._news.notify_all()
        with self._news:
            self._is_silent = True
            self._news.notify_all()

    def says(self, pattern: str, seconds: float = START_SECONDS) -> str:
        """Wait for a line that fits `pattern`; returns its first group, or what fitted."""

        def found() -> re.Match[str] | None:
            return next((m for line in self._heard if (m := re.search(pattern, line))), None)

        with self._news:
            self._news.wait_for(lambda: found() or self._is_silent, seconds)
            match = found()
        if match is None:
            raise AssertionError(f"No line like {pattern!r}:\n{self.log.read_text()[-4000:]}")
        return match[1] if match.re.groups else match[0]

    def end(self) -> None:
        """The orderly way, as a deployment does it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)

    def kill(self) -> None:
        """At once, with no time for anything."""
        self._process.kill()
        self._process.wait(20)


class StandIn:
    """The provider that says what it is told to."""

    def __init__(self, folder: Path) -> None:
        arguments = ["-m", "conversations.bench.provider", "--port", "0"]
        self.program = Program(arguments, environment(folder), folder / "stand-in.log")
        self.url = self.program.says(r"http://\S+")

    def release(self, name: str) -> None:
        """Let the answers go on that hold at `name`."""
        httpx.post(f"{self.url}/control/release/{name}", trust_env=False)

    def asked(self, text: str) -> list[dict]:
        """The calls so far whose last user message holds `text`."""
        calls = httpx.get(f"{self.url}/control/requests", trust_env=False).json()
        return [call for call in calls if text in str(call["body"]["messages"])]


class Site:
    """Parley, served for tests. `restart` begins again on the same port with the same data."""

    def __init__(self, folder: Path, **env: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.env = environment(folder, **env)
        self.port = 0
        self.start()

    def start(self) -> None:
        """Serve, on the port that it had if it had one; returns when pages can be asked for."""
        arguments = ["manage.py", "up", "--port", str(self.port)]
        self.web = Program(arguments, self.env, self.folder / "web.log")
        self.url = self.web.says(r"Parley is at (http://\S+?)/ ")
        self.port = int(self.url.rpartition(":")[2])

    def command(self, *arguments: str) -> list[str]:
        """Run a management command; returns the lines that it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout.splitlines()

    def furnish(self, stand_in: StandIn, people: int = 40) -> None:
        """People, called user1 and so on, and the stand-in's two models with a price each."""
        self.command(
            *("create_demo_data", "--users", str(people), "--conversations", "0"),
            *("--password", PASSWORD),
        )
        self.command(
            *("provider", "add", "Stand-in", "--kind", "openai_compatible"),
            *("--base-url", f"{stand_in.url}/v1"),
            *("--model", f"{STAND_IN}=1/2", "--model", f"{SMALL}=0.1/0.2"),
        )


@dataclass(frozen=True)
class Turn:
    """What was asked and where the reply is, by id."""

    conversation: str
    message: str
    reply: str


class Person:
    """Somebody who is signed in and does without a browser what a test needs beforehand."""

    def __init__(self, site: Site, name: str, password: str = PASSWORD) -> None:
        self.site, self.name = site, name
        self.http = httpx.Client(base_url=site.url, trust_env=False, timeout=30)
        self.http.get("/accounts/login/").raise_for_status()
        done = self.post("/accounts/login/", "text/html", login=name, password=password)
        assert done.status_code == 302, f"{name} could not sign in: {done.status_code}"

    @property
    def cookies(self) -> list[dict]:
        """The session, as a browser keeps it."""
        return [
            {"name": cookie.name, "value": cookie.value, "url": self.site.url}
            for cookie in self.http.cookies.jar
        ]

    def post(self, path: str, accept: str = "application/json", **values: str) -> httpx.Response:
        headers = {"X-CSRFToken": self.http.cookies["parley_csrf"], "Referer": self.site.url}
        return self.http.post(path, data=values, headers={**headers, "Accept": accept})

    def asks(self, text: str, preset: str = STAND_IN, conversation: str = "", **more: str) -> Turn:
        """Send a message, by default as the first of a new conversation."""
        path = f"/conversations/{conversation}/messages/" if conversation else "/conversations/"
        client_id = more.pop("client_id", uuid.uuid4().hex)
        told = self.post(path, text=text, preset=preset, client_id=client_id, **more).json()
        return Turn(told["conversation"], told["message"], told["replies"][0])

    def stored(self, turn: Turn) -> dict:
        """The reply as the database has it."""
        path = f"/conversations/{turn.conversation}/messages/{turn.reply}/"
        return self.http.get(path, headers={"Accept": "application/json"}).json()

    def has(self, text: str, preset: str = STAND_IN, **more: str) -> Turn:
        """Like `asks`, and the reply is finished."""
        turn = self.asks(text, preset, **more)
        until(lambda: self.stored(turn)["state"] not in ("queued", "running"))
        return turn


def until(holds, seconds: float = 20) -> None:
    """Wait for what no page shows and no line tells."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "It did not come to that in time."
        time.sleep(0.02)


def answer_to(text: str) -> str:
    """What the stand-in says to this, with its blanks as a page shows them."""
    return " ".join(expected_text(text).split())


def held(tokens: int = 40, **more: object) -> tuple[str, str]:
    """A question whose answer holds half-way until it is released, and the hold's name."""
    name = uuid.uuid4().hex[:8]
    more_said = "".join(f" {key}={value}" for key, value in more.items())
    return f"Go on [[tokens={tokens} hold={name}{more_said}]]", name
