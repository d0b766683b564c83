"""Several tabs, and a network that comes and goes."""

import pytest
from playwright.sync_api import expect

from tests.browser.site import answer_to, held


@pytest.fixture
def lossy(watch):
    """What a browser says when the network is gone."""
    watch.allow(
        "ERR_INTERNET_DISCONNECTED", "WebSocket connection", "htmx:(afterRequest|sendError)"
    )


def test_two_tabs_show_the_same_growing_answer(tab, stand_in):
    question, name = held(tokens=60, text="markdown")
    first, second = tab(), tab()
    first.begins(question)
    expect(first.answer).to_contain_text("second point")
    second.opens(first.conversation).is_connected()
    expect(second.answer).to_contain_text("second point")
    stand_in.release(name)
    for one in (first, second):
        one.is_done()
        one.shows(said=1, replies=1)
    assert first.markup == second.markup
    grown = second.markup
    assert second.reloads().markup == grown


def test_a_turn_sent_in_one_tab_comes_to_the_other_once(tab):
    first, second = tab(), tab()
    first.begins("One [[tokens=5]]")
    first.is_done()
    second.opens(first.conversation).is_connected()
    question = "Two [[tokens=40 delay=10 seed=3]]"
    first.says(question)
    for one in (first, second):
        one.shows(said=2, replies=2)
        one.has_answer(question)
    second.says("Three [[tokens=6 seed=4]]")
    for one in (first, second):
        one.shows(said=3, replies=3)
        one.has_answer("Three [[tokens=6 seed=4]]")


def test_a_lost_network_is_told_and_caught_up_exactly(chat, context, stand_in, lossy):
    question, name = held(tokens=80, text="prose", delay=5)
    half = " ".join(answer_to(question).split()[:40])
    chat.begins(question)
    chat.has_text(half)
    context.set_offline(True)
    expect(chat.page.locator(".when-offline")).to_be_visible()
    stand_in.release(name)
    chat.has_text(half)
    context.set_offline(False)
    chat.has_answer(question)
    chat.shows(said=1, replies=1)
    expect(chat.page.locator(".when-offline")).to_be_hidden()


def test_what_came_while_the_network_was_gone_is_there_afterwards(
    tab, browsing, alice, site, lossy
):
    first = tab()
    first.begins("One [[tokens=5]]")
    first.is_done()
    away = browsing(alice)
    second = type(first)(away.new_page(), site.url).opens(first.conversation).is_connected()
    away.set_offline(True)
    expect(second.page.locator(".when-offline")).to_be_visible()
    first.says("Two [[tokens=12 seed=8]]")
    first.has_answer("Two [[tokens=12 seed=8]]")
    second.shows(said=1, replies=1)
    away.set_offline(False)
    second.shows(said=2, replies=2)
    second.has_answer("Two [[tokens=12 seed=8]]")


def test_sending_while_offline_keeps_the_text_and_works_afterwards(chat, context, lossy):
    chat.begins("One [[tokens=5]]")
    chat.is_done()
    context.set_offline(True)
    chat.says("Two [[tokens=7 seed=2]]")
    expect(chat.problem).to_contain_text("The server can’t be reached. Your text is kept here.")
    expect(chat.box).to_have_value("Two [[tokens=7 seed=2]]")
    context.set_offline(False)
    chat.problem.get_by_role("button", name="Try again").click()
    chat.has_answer("Two [[tokens=7 seed=2]]")
    chat.shows(said=2, replies=2)
    expect(chat.problem).to_be_hidden()


def test_a_first_message_sent_while_offline_is_kept_too(chat, context, lossy):
    chat.opens().takes("stand-in")
    context.set_offline(True)
    chat.says("One [[tokens=5]]")
    expect(chat.problem).to_contain_text("Your text is kept here.")
    context.set_offline(False)
    chat.problem.get_by_role("button", name="Try again").click()
    chat.has_answer("One [[tokens=5]]")
    chat.shows(said=1, replies=1)
