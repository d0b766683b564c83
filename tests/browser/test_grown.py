"""The same journeys on the grown set-up: two web processes, a worker, PostgreSQL and Redis.

Each tab talks to another web process, and the reply is written in neither of them.
"""

import os
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from playwright.sync_api import expect
from psycopg import sql

from tests.browser.chat import Chat
from tests.browser.site import Person, Program, Site, answer_to, held

pytestmark = pytest.mark.grown

INTERRUPTED_MS = 30_000
# A number of its own, so that nothing meets what other programs keep there.
REDIS_NUMBER = 9


@pytest.fixture(scope="module")
def services():
    """Addresses of a database made for this run, and of Redis."""
    database, store = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_REDIS_URL")
    if not (database and store):
        missing = "TEST_DATABASE_URL and TEST_REDIS_URL name no PostgreSQL and Redis"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    redis.Redis.from_url(store).ping()
    name = f"parley_browser_{os.getpid()}"
    with psycopg.connect(database, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield (
            urlsplit(database)._replace(path=f"/{name}").geturl(),
            urlsplit(store)._replace(path=f"/{REDIS_NUMBER}").geturl(),
        )
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class Grown:
    """Two web processes of one site, and the worker that writes for them."""

    def __init__(self, folder, database, store):
        env = {"DATABASE_URL": database, "REDIS_URL": store, "PARLEY_ENGINE": "worker"}
        self.first, self.second = Site(folder, **env), Site(folder, **env)
        self.workers = 0
        self.hire()

    def hire(self):
        """Start another worker."""
        self.workers += 1
        log = self.first.folder / f"worker-{self.workers}.log"
        self.worker = Program(["manage.py", "worker"], self.first.env, log)
        self.worker.says("The worker is ready")

    def end(self):
        for program in (self.first.web, self.second.web, self.worker):
            program.end()


@pytest.fixture(scope="module")
def grown(services, stand_in, tmp_path_factory):
    grown = Grown(tmp_path_factory.mktemp("grown"), *services)
    grown.first.furnish(stand_in, people=2)
    yield grown
    grown.end()


@pytest.fixture(scope="module")
def alice(grown):
    return Person(grown.first, "user1")


@pytest.fixture
def tabs(context, grown):
    """A tab on each web process."""
    return [Chat(context.new_page(), site.url) for site in (grown.first, grown.second)]


def half_of(question):
    words = answer_to(question).split()
    return " ".join(words[: len(words) // 2])


def test_a_reply_grows_and_shows_its_figures(tabs):
    question = "Tell me [[tokens=90 delay=15 text=prose]]"
    here, _there = tabs
    here.begins(question)
    expect(here.answer).to_contain_text(" ".join(answer_to(question).split()[:5]))
    here.has_answer(question)
    here.shows(said=1, replies=1)
    expect(here.reply.locator(".figures")).to_contain_text("90 tokens")


def test_tabs_on_different_processes_show_the_same_growing_answer(tabs, stand_in):
    question, name = held(tokens=60, text="markdown")
    here, there = tabs
    here.begins(question)
    expect(here.answer).to_contain_text("second point")
    there.opens(here.conversation).is_connected()
    expect(there.answer).to_contain_text("second point")
    stand_in.release(name)
    for tab in tabs:
        tab.is_done()
        tab.shows(said=1, replies=1)
    assert here.markup == there.markup


def test_a_turn_sent_through_one_process_comes_to_the_other_once(tabs):
    here, there = tabs
    here.begins("One [[tokens=4]]").is_done()
    there.opens(here.conversation).is_connected()
    question = "Two [[tokens=40 delay=10 seed=3]]"
    there.says(question)
    for tab in tabs:
        tab.shows(said=2, replies=2)
        tab.has_answer(question)


def test_stopping_before_the_first_token_through_the_other_process(tabs):
    here, there = tabs
    here.begins("Wait [[tokens=10 first=60000]]")
    expect(here.reply.locator(".waiting")).to_be_visible()
    there.opens(here.conversation).is_connected()
    there.stop.click()
    for tab in tabs:
        tab.is_done("stopped")


def test_stopping_midway_through_the_other_process_keeps_the_text(tabs, stand_in):
    question, name = held(tokens=40)
    here, there = tabs
    here.begins(question)
    here.has_text(half_of(question))
    there.opens(here.conversation).is_connected()
    there.stop.click()
    for tab in tabs:
        tab.is_done("stopped")
        tab.has_text(half_of(question))
    stand_in.release(name)


def test_a_reload_in_the_middle_goes_on_by_itself(tabs, stand_in):
    question, name = held(tokens=60, text="prose", delay=4)
    here, _there = tabs
    here.begins(question)
    here.has_text(half_of(question))
    here.reloads()
    here.has_text(half_of(question))
    stand_in.release(name)
    here.has_answer(question)
    here.shows(said=1, replies=1)


def test_a_killed_worker_leaves_the_reply_to_be_continued_by_another(tabs, grown, stand_in):
    question, name = held(tokens=40)
    here, there = tabs
    here.begins(question)
    here.has_text(half_of(question))
    there.opens(here.conversation).is_connected()
    there.has_text(half_of(question))
    grown.worker.kill()
    grown.hire()
    for tab in tabs:
        expect(tab.reply).to_have_attribute("data-state", "interrupted", timeout=INTERRUPTED_MS)
        tab.has_text(half_of(question))
    stand_in.release(name)
    here.notice.get_by_role("button", name="Continue").click()
    for tab in tabs:
        tab.is_done()
        tab.has_text(f"{half_of(question)} {answer_to(question)}")
        tab.shows(said=1, replies=1)


def test_a_killed_web_process_interrupts_nobody_and_its_tab_comes_back(
    tabs, grown, stand_in, watch
):
    watch.allow("ERR_CONNECTION_", "WebSocket connection", r"\[object Event\]")
    question, name = held(tokens=80, text="prose", delay=4)
    here, there = tabs
    here.begins(question)
    here.has_text(half_of(question))
    there.opens(here.conversation).is_connected()
    there.has_text(half_of(question))
    grown.second.web.kill()
    expect(there.page.locator(".when-reconnecting")).to_be_visible()
    stand_in.release(name)
    here.has_answer(question)
    there.has_text(half_of(question))
    grown.second.start()
    there.has_answer(question)
    there.shows(said=1, replies=1)
    expect(there.page.locator(".when-reconnecting")).to_be_hidden()


def test_a_worker_that_ends_in_order_marks_its_reply_at_once(tabs, grown, stand_in):
    question, name = held(tokens=40)
    here, there = tabs
    here.begins(question)
    here.has_text(half_of(question))
    there.opens(here.conversation).is_connected()
    grown.worker.end()
    for tab in tabs:
        expect(tab.reply).to_have_attribute("data-state", "interrupted", timeout=5_000)
        tab.has_text(half_of(question))
    stand_in.release(name)
    grown.hire()
    there.notice.get_by_role("button", name="Continue").click()
    for tab in tabs:
        tab.is_done()
