"""Takes the README's pictures: starts Parley in a folder of its own, talks to the demo, looks.

    .venv/bin/python docs/pictures/take.py

It needs what the tests need: the development packages and Chromium.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
QUESTIONS = (
    "Regex for invoice numbers",
    "Why is the nightly job slow?",
    "Réponse au client de Lyon",
    "Compare the planets in a table, then show some mathematics",
)
PERSON = (
    "from conversations.models import User; User.objects.create_superuser("
    "'alice', 'alice@example.com', first_name='Alice', last_name='Moreau')"
)


def manage(environment: dict[str, str], *words: str) -> str:
    """Run a command of Parley's; returns what it prints."""
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return done.stdout.decode().strip()


@contextmanager
def running(environment: dict[str, str], port: int) -> Iterator[str]:
    """A server of its own, until the pictures are taken."""
    command = [sys.executable, "manage.py", "up", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            while b"Parley is at" not in server.stdout.readline():
                pass
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def talk(page: Page, address: str) -> None:
    """A few conversations, the last one with something of everything."""
    for question in QUESTIONS:
        page.goto(f"{address}/")
        page.locator("#text").fill(question)
        page.keyboard.press("Enter")
        expect(page.locator('article[data-state="done"]')).to_be_visible(timeout=60_000)


def take(page: Page, name: str, width: int, height: int, scheme: str) -> None:
    """One picture, beginning with the person's question."""
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.locator("#thread").evaluate("thread => { thread.scrollTop = 0 }")
    page.wait_for_timeout(300)
    page.screenshot(path=HERE / f"{name}.png")


def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        environment = {**os.environ, "PARLEY_DATA": data, "PARLEY_BOOTSTRAP": "0"}
        with running(environment, port) as address:
            manage(environment, "shell", "-c", PERSON)
            link = manage(environment, "login_link", "alice", "--base", address)
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=FLAGS
            )
            page = browser.new_page(device_scale_factor=1)
            page.goto(link)
            talk(page, address)
            take(page, "chat-light", 1280, 980, "light")
            take(page, "chat-dark", 1280, 980, "dark")
            take(page, "chat-phone", 390, 844, "light")
            browser.close()


if __name__ == "__main__":
    main()
