"""A server and a stand-in provider for each test process, a browser, and tabs that tolerate no error."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.chat import Chat
from tests.browser.site import Person, Site, StandIn

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# user1 and user2 belong to the tests of long lists.
FIRST_PERSON = 3


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    """Where the system's Chromium is."""
    if CHROMIUM:
        return CHROMIUM
    if os.environ.get("CI"):
        pytest.fail("There is no Chromium, and in CI the browser tests have to run.")
    pytest.skip("no Chromium on this machine: the browser tests did not run")


# Of the package, not of the session: while it runs, this thread has a running loop, which Django's
# ORM refuses. It has ended before the tests of another folder begin.
@pytest.fixture(scope="package")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stand_in(chromium, tmp_path_factory):
    stand_in = StandIn(tmp_path_factory.mktemp("stand-in"))
    yield stand_in
    stand_in.program.kill()


@pytest.fixture(scope="session")
def site(stand_in, tmp_path_factory):
    """The site that most tests share; nobody restarts it."""
    site = Site(tmp_path_factory.mktemp("site"))
    site.furnish(stand_in)
    yield site
    site.web.end()


@pytest.fixture(scope="session")
def names(site):
    return (f"user{number}" for number in itertools.count(FIRST_PERSON))


@pytest.fixture(scope="module")
def alice(site, names):
    """Whoever owns the conversations of a module."""
    return Person(site, next(names))


@pytest.fixture(scope="module")
def charlie(site, names):
    """A stranger."""
    return Person(site, next(names))


class Watch:
    """What a browser's console says during one test. Only what the test allows by name may come."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.allowed: list[str] = []

    def allow(self, *patterns: str) -> None:
        """Let errors pass that the test causes on purpose."""
        self.allowed += patterns

    def over(self, context) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.said.append(f"uncaught: {error.error}"))

    def _console(self, message) -> None:
        if message.type in ("error", "warning") and not message.page.url.split("?")[0].count(
            "/admin/"
        ):
            self.said.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def left(self) -> list[str]:
        return [said for said in self.said if not any(re.search(one, said) for one in self.allowed)]


@pytest.fixture
def watch():
    watch = Watch()
    yield watch
    assert watch.left() == [], "the browser's console must stay empty"


@pytest.fixture
def browsing(browser, watch):
    """Makes windows of their own, with their own cookies: `browsing(person, viewport=…)`."""
    with contextlib.ExitStack() as stack:

        def make(person=None, **options):
            context = stack.enter_context(contextlib.closing(browser.new_context(**options)))
            watch.over(context)
            if person is not None:
                context.add_cookies(person.cookies)
            return context

        yield make


@pytest.fixture
def context(browsing, alice):
    """Alice's browser."""
    return browsing(alice, viewport={"width": 1280, "height": 800})


@pytest.fixture
def tab(context, site):
    """Opens a tab of Alice's browser."""
    return lambda: Chat(context.new_page(), site.url)


@pytest.fixture
def chat(tab):
    """One tab of Alice's."""
    return tab()
