"""Other answers and other wordings: nothing is overwritten."""

import pytest
from playwright.sync_api import expect

from conversations.providers.demo_text import answer
from tests.browser.site import DEMO, SMALL, answer_to

QUESTION = "Say it [[tokens=6 seed=1]]"


@pytest.fixture
def talk(chat, alice):
    """A tab with one finished turn."""
    chat.opens(alice.has(QUESTION).conversation).is_connected()
    return chat


def branches(article, count):
    expect(article.locator(".branches [data-count]")).to_have_text(count)


def test_trying_again_puts_a_sibling_beside_the_reply(talk):
    talk.tries_again()
    branches(talk.reply, "2/2")
    talk.has_answer(QUESTION)
    talk.shows(said=1, replies=1)
    expect(talk.reply.locator(".who")).to_have_text("stand-in")
    talk.reloads()
    branches(talk.reply, "2/2")


def test_trying_again_with_another_preset_says_which_answered(talk):
    talk.tries_again(SMALL)
    talk.has_answer(QUESTION)
    branches(talk.reply, "2/2")
    expect(talk.reply.locator(".who")).to_have_text("stand-in-small")


def test_the_arrows_go_to_the_other_version_and_back(talk):
    talk.tries_again(SMALL)
    talk.has_answer(QUESTION)
    talk.goes_back_a_version()
    branches(talk.reply, "1/2")
    expect(talk.reply.locator(".who")).to_have_text("stand-in")
    expect(talk.reply.get_by_role("button", name="Previous version")).to_be_disabled()
    talk.reply.get_by_role("button", name="Next version").click()
    branches(talk.reply, "2/2")
    talk.shows(said=1, replies=1)


def test_editing_makes_a_sibling_and_the_old_wording_stays(talk):
    other = "Say something else [[tokens=9 seed=2]]"
    talk.does("edit", talk.said.last)
    box = talk.page.get_by_label("Edit your message")
    expect(box).to_have_value(QUESTION)
    box.fill(other)
    talk.page.get_by_role("button", name="Send as a new version").click()
    talk.has_answer(other)
    branches(talk.said.last, "2/2")
    talk.shows(said=1, replies=1)
    talk.goes_back_a_version(talk.said.last)
    branches(talk.said.last, "1/2")
    expect(talk.said.last).to_contain_text("Say it")
    talk.has_answer(QUESTION)


def test_cancelling_an_edit_changes_nothing(talk):
    talk.does("edit", talk.said.last)
    talk.page.get_by_label("Edit your message").fill("Never mind")
    talk.page.get_by_role("button", name="Cancel").click()
    expect(talk.said.last).to_contain_text("Say it")
    expect(talk.said.last.locator(".branches")).to_have_count(0)


def test_a_turn_after_an_older_branch_goes_on_there(talk):
    talk.tries_again(SMALL)
    talk.has_answer(QUESTION)
    talk.goes_back_a_version()
    branches(talk.reply, "1/2")
    talk.says("More of it [[tokens=5 seed=6]]")
    talk.has_answer("More of it [[tokens=5 seed=6]]")
    talk.shows(said=2, replies=2)
    branches(talk.replies.first, "1/2")
    talk.reloads()
    talk.shows(said=2, replies=2)


def test_a_reply_cut_by_its_length_goes_on_to_the_whole(chat):
    question = "cut quote fast"
    chat.begins(question, DEMO)
    chat.is_done()
    expect(chat.notice).to_contain_text("Cut off at the length limit.")
    so_far = chat.answer.inner_text().split()
    chat.notice.get_by_role("button", name="Continue").click()
    expect(chat.notice).to_have_count(0)
    chat.is_done()
    # The post's answer may say so already while patches that were sent before it still come.
    expect(chat.answer.locator("[data-open]")).to_have_count(0)
    assert chat.answer.inner_text().split()[: len(so_far)] == so_far
    grown = chat.markup
    chat.reloads()
    assert chat.markup == grown
    chat.shows(said=1, replies=1)


def test_a_continued_reply_is_stored_whole(chat, alice):
    turn = alice.has("cut quote fast", DEMO)
    chat.opens(turn.conversation)
    chat.notice.get_by_role("button", name="Continue").click()
    expect(chat.notice).to_have_count(0)
    chat.is_done()
    assert alice.stored(turn)["text"] == answer("cut quote fast")


def test_continuing_what_a_provider_cut_off_keeps_the_text(chat):
    question = "Go [[tokens=10 finish=length]]"
    chat.begins(question)
    chat.has_answer(question)
    chat.notice.get_by_role("button", name="Continue").click()
    chat.has_text(f"{answer_to(question)} {answer_to(question)}")
