"""Coming in, the first chat, going out; and what a stranger sees."""

import re

import pytest
from playwright.sync_api import expect

from conversations.providers.demo_text import answer
from tests.browser.chat import Chat
from tests.browser.site import DEMO, PASSWORD, Person


@pytest.fixture
def visitor(browsing, site):
    """Somebody who has not signed in."""
    return Chat(browsing().new_page(), site.url)


def sign_in(chat, name, password=PASSWORD):
    chat.page.get_by_label("E-mail or username").fill(name)
    chat.page.get_by_label("Password").fill(password)
    chat.page.get_by_role("button", name="Sign in", exact=True).click()


def test_somebody_signs_in_and_has_a_first_chat_with_the_demo(visitor, site, names):
    visitor.page.goto(site.url)
    sign_in(visitor, f"{next(names)}@example.com")
    visitor.is_ready()
    expect(visitor.page.get_by_role("heading", name="Begin a conversation")).to_be_visible()
    expect(visitor.page.locator(".preset-button")).to_contain_text("Demo")
    expect(visitor.page.locator(".suggestions button")).to_have_count(3)
    visitor.says("fast quote")
    visitor.is_done()
    expect(visitor.answer).to_contain_text(answer("fast quote").split("\n")[0].strip("# "))
    expect(visitor.page).to_have_url(re.compile(r"/conversations/[0-9a-f-]{36}/$"))
    expect(visitor.rows).to_have_count(1)


def test_a_suggestion_fills_the_box_and_is_not_sent(chat):
    chat.opens()
    chat.page.locator(".suggestions button").first.click()
    expect(chat.box).to_have_value(re.compile("suspension bridge"))
    expect(chat.box).to_be_focused()
    expect(chat.messages).to_have_count(0)


def test_a_wrong_password_is_told_in_a_sentence(visitor, site):
    visitor.page.goto(site.url)
    sign_in(visitor, "user3", "not-it-at-all")
    expect(visitor.page.get_by_role("alert")).to_contain_text("not correct")


def signs_in(page, person):
    page.get_by_label("E-mail or username").fill(person.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_signing_out_closes_the_conversation_in_other_tabs_too(browsing, site, names, watch):
    person = Person(site, next(names))
    turn = person.has("fast short", DEMO)
    window = browsing(person)
    first, second = (Chat(window.new_page(), site.url) for _ in range(2))
    second.opens(turn.conversation).is_connected()
    second.box.fill("Still there?")
    third = Chat(window.new_page(), site.url).opens()
    first.opens(turn.conversation)
    first.page.locator(".person").click()
    first.page.get_by_role("menuitem", name="Sign out").click()
    expect(first.page.get_by_role("heading", name="Sign in")).to_be_visible()
    watch.allow("status of 403", "status of 404")
    expect(second.page.get_by_role("heading", name="Sign in")).to_be_visible()
    third.says("Nothing is lost")
    expect(third.page.get_by_role("heading", name="Sign in")).to_be_visible()
    signs_in(second.page, person)
    expect(second.box).to_have_value("Still there?")
    third.opens()
    expect(third.box).to_have_value("Nothing is lost")


def test_a_strangers_conversation_and_none_at_all_look_the_same(
    browsing, site, alice, charlie, watch
):
    watch.allow("status of 404")
    turn = alice.has("fast short", DEMO)
    page = browsing(charlie).new_page()
    seen = []
    for pk in (turn.conversation, turn.message):
        answered = page.goto(f"{site.url}/conversations/{pk}/")
        assert answered.status == 404
        expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
        seen.append(page.locator("main").inner_html())
    assert seen[0] == seen[1]
