"""On a phone, and in the narrowest window that counts."""

import pytest
from playwright.sync_api import expect

from tests.browser.chat import Chat


@pytest.fixture
def phone(browsing, alice, site):
    def open_at(width=390):
        window = browsing(
            alice, viewport={"width": width, "height": 760}, has_touch=True, is_mobile=True
        )
        return Chat(window.new_page(), site.url)

    return open_at


def does_not_scroll_sideways(page):
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_the_list_is_a_drawer(phone, alice):
    turn = alice.has("Say it [[tokens=6]]")
    chat = phone().opens()
    drawer = chat.page.locator("#sidebar")
    expect(drawer).to_be_hidden()
    chat.page.get_by_role("button", name="Show the conversations").click()
    expect(drawer).to_be_visible()
    chat.page.locator(f'.side-row[data-id="{turn.conversation}"] a').click()
    expect(chat.said).to_contain_text("Say it")
    expect(drawer).to_be_hidden()
    chat.page.get_by_role("button", name="Show the conversations").click()
    chat.page.get_by_role("button", name="Hide the sidebar").click()
    expect(drawer).to_be_hidden()


def test_a_chat_is_held_with_the_thumb(phone):
    chat = phone().opens()
    chat.takes("stand-in")
    chat.box.tap()
    chat.box.fill("Tell me [[tokens=200 text=prose]]")
    chat.send.tap()
    chat.has_answer("Tell me [[tokens=200 text=prose]]")
    expect(chat.box).to_be_in_viewport(ratio=1)
    expect(chat.reply.locator(".actions [data-do=copy]")).to_be_visible()
    does_not_scroll_sideways(chat.page)


@pytest.mark.parametrize("width", [360, 390])
def test_nothing_scrolls_sideways(phone, alice, site, width):
    turn = alice.has("Write all of it [[tokens=120 text=markdown]]")
    long_word = alice.has(f"{'x' * 300} [[tokens=40 text=code]]", conversation=turn.conversation)
    chat = phone(width).opens(long_word.conversation)
    does_not_scroll_sideways(chat.page)
    for path in ("/", "/archived/", "/accounts/password/change/", "/accounts/email/"):
        chat.page.goto(f"{site.url}{path}")
        does_not_scroll_sideways(chat.page)


def test_the_box_grows_to_two_fifths_of_the_window_and_no_further(phone):
    chat = phone().opens()
    chat.box.fill("\n".join(str(number) for number in range(60)))
    height = chat.box.bounding_box()["height"]
    assert 100 < height <= 0.4 * 760 + 24
    expect(chat.send).to_be_in_viewport(ratio=1)


def test_at_twice_the_size_everything_can_still_be_reached(browsing, alice, site):
    window = browsing(alice, viewport={"width": 640, "height": 400}, device_scale_factor=2)
    chat = Chat(window.new_page(), site.url)
    chat.opens(alice.has("Say it [[tokens=60 text=markdown]]").conversation)
    does_not_scroll_sideways(chat.page)
    expect(chat.box).to_be_in_viewport(ratio=1)
    expect(chat.page.get_by_role("button", name="Show the conversations")).to_be_visible()
