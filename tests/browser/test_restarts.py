"""The server dies, or is restarted in order, while a reply is being written."""

import re

import pytest
from playwright.sync_api import expect

from conversations.providers.demo_text import answer
from tests.browser.site import DEMO, Person, Site, answer_to, held, until

# What a dead process left is taken over when its lease of 20 s has run out.
INTERRUPTED_MS = 30_000


@pytest.fixture(scope="module")
def site(stand_in, tmp_path_factory):
    """A site that may be killed."""
    site = Site(tmp_path_factory.mktemp("fragile"))
    site.furnish(stand_in, people=3)
    yield site
    site.web.end()


@pytest.fixture(scope="module")
def alice(site):
    return Person(site, "user1")


@pytest.fixture(autouse=True)
def refused(watch):
    """What a browser says while nobody listens, and of a socket that a restart closes."""
    watch.allow("ERR_CONNECTION_", "WebSocket connection", r"\[object Event\]")


def test_a_killed_server_leaves_what_is_stored_and_the_reply_can_go_on(chat, alice, site, stand_in):
    question, name = held(tokens=40)
    half = " ".join(answer_to(question).split()[:20])
    chat.begins(question)
    chat.has_text(half)
    until(lambda: told(alice, chat) == half)
    site.web.kill()
    expect(chat.page.locator(".when-reconnecting")).to_be_visible()
    site.start()
    expect(chat.page.locator(".when-reconnecting")).to_be_hidden()
    expect(chat.reply).to_have_attribute("data-state", "interrupted", timeout=INTERRUPTED_MS)
    chat.has_text(half)
    expect(chat.notice).to_contain_text("Interrupted by a restart. The text so far is kept.")
    stand_in.release(name)
    chat.notice.get_by_role("button", name="Continue").click()
    chat.is_done()
    chat.has_text(f"{half} {answer_to(question)}")
    chat.shows(said=1, replies=1)


def told(alice, chat) -> str:
    """What is stored of the last reply, with its blanks as a page shows them."""
    pk = chat.reply.get_attribute("data-id")
    path = f"/conversations/{chat.conversation}/messages/{pk}/"
    answered = alice.http.get(path, headers={"Accept": "application/json"})
    return " ".join(answered.json()["text"].split())


def test_a_page_that_shows_more_than_was_stored_goes_back_to_it(chat, alice, site):
    """Tokens come until the very kill; afterwards page and database agree, and so they end."""
    question = "slow footnote"
    chat.begins(question, DEMO)
    expect(chat.answer).to_contain_text(re.compile(r".{60}", re.DOTALL))
    site.web.kill()
    site.start()
    expect(chat.reply).to_have_attribute("data-state", "interrupted", timeout=INTERRUPTED_MS)
    stored = chat.markup
    chat.reloads()
    assert chat.markup == stored
    chat.notice.get_by_role("button", name="Continue").click()
    expect(chat.notice).to_have_count(0)
    expect(chat.reply).to_have_attribute("data-state", "done", timeout=40_000)
    grown = chat.markup
    chat.reloads()
    assert chat.markup == grown
    assert told(alice, chat).split() == answer(question).split()


def test_an_orderly_restart_marks_the_reply_at_once(chat, alice, site, stand_in):
    question, name = held(tokens=40)
    half = " ".join(answer_to(question).split()[:20])
    chat.begins(question)
    chat.has_text(half)
    site.web.end()
    expect(chat.reply).to_have_attribute("data-state", "interrupted", timeout=3_000)
    chat.has_text(half)
    site.start()
    assert told(alice, chat) == half
    expect(chat.page.locator(".when-reconnecting")).to_be_hidden()
    stand_in.release(name)
    chat.notice.get_by_role("button", name="Continue").click()
    chat.is_done()
    chat.has_text(f"{half} {answer_to(question)}")


def test_sending_while_the_server_is_away_keeps_the_text(chat, alice, site, watch):
    watch.allow("htmx:(afterRequest|sendError)")
    chat.opens(alice.has("One [[tokens=4]]").conversation).is_connected()
    site.web.kill()
    chat.says("Two [[tokens=5 seed=3]]")
    expect(chat.problem).to_contain_text("The server can’t be reached. Your text is kept here.")
    site.start()
    chat.problem.get_by_role("button", name="Try again").click()
    chat.has_answer("Two [[tokens=5 seed=3]]")
    chat.shows(said=2, replies=2)
