"""A reply as it grows: seen at once, kept when stopped, whole after a reload."""

import re

from playwright.sync_api import expect

from conversations.bench.provider import expected_reasoning
from tests.browser.site import answer_to, held


def test_the_answer_grows_to_exactly_what_the_provider_says(chat, alice):
    question = "Tell me [[tokens=90 delay=15 text=prose]]"
    words = answer_to(question).split()
    chat.begins(question)
    expect(chat.answer).to_contain_text(" ".join(words[:5]), use_inner_text=True)
    chat.is_done("running")
    expect(chat.stop).to_be_visible()
    expect(chat.answer).to_contain_text(" ".join(words[:40]), use_inner_text=True)
    chat.has_answer(question)
    expect(chat.stop).to_be_hidden()
    chat.shows(said=1, replies=1)


def test_a_finished_reply_shows_its_figures(chat):
    chat.begins("Tell me [[tokens=30 delay=5 first=20]]")
    chat.is_done()
    expect(chat.reply.locator(".figures")).to_contain_text("30 tokens")
    expect(chat.reply.locator(".figures")).to_contain_text("tokens/s")
    expect(chat.reply.locator(".figures")).to_contain_text("$0.0000")


def test_stopping_before_the_first_token_ends_the_reply(chat, alice):
    chat.begins("Wait [[tokens=10 first=60000]]")
    expect(chat.reply.locator(".waiting")).to_be_visible()
    chat.stop.click()
    chat.is_done("stopped")
    expect(chat.notice).to_contain_text("You stopped this reply.")
    expect(chat.notice.get_by_role("button", name="Try again")).to_be_visible()
    expect(chat.stop).to_be_hidden()


def test_stopping_midway_keeps_the_text_so_far(chat, stand_in):
    question, name = held(tokens=40)
    half = " ".join(answer_to(question).split()[:20])
    chat.begins(question)
    chat.has_text(half)
    chat.stop.click()
    chat.is_done("stopped")
    expect(chat.notice).to_contain_text("You stopped this reply.")
    chat.has_text(half)
    chat.reloads()
    chat.has_text(half)
    expect(chat.notice).to_contain_text("You stopped this reply.")
    stand_in.release(name)


def test_a_reload_in_the_middle_loses_nothing_and_goes_on_by_itself(chat, stand_in):
    question, name = held(tokens=60, text="prose")
    half = " ".join(answer_to(question).split()[:30])
    chat.begins(question)
    chat.has_text(half)
    chat.reloads()
    chat.is_done("running")
    chat.has_text(half)
    stand_in.release(name)
    chat.has_answer(question)
    chat.shows(said=1, replies=1)


def test_reloads_while_tokens_come_end_at_exactly_the_expected_text(chat):
    question = "Tell me [[tokens=120 delay=15 text=markdown]]"
    chat.begins(question)
    for heading in ("Section 1", "row 1"):
        expect(chat.answer).to_contain_text(heading)
        chat.reloads()
    chat.is_done()
    grown = chat.markup
    chat.reloads()
    assert chat.markup == grown


def test_a_message_sent_while_a_reply_runs_waits_for_it(chat, stand_in):
    first, name = held(tokens=10)
    second = "And then [[tokens=12 seed=5]]"
    chat.begins(first)
    chat.has_text(" ".join(answer_to(first).split()[:5]))
    chat.says(second)
    chat.shows(said=2, replies=2)
    expect(chat.replies.nth(1)).to_have_attribute("data-state", "queued")
    stand_in.release(name)
    chat.has_answer(second)
    expect(chat.replies.nth(0)).to_have_attribute("data-state", "done")
    expect(chat.replies.nth(0).locator(".part--answer")).to_have_text(
        answer_to(first), use_inner_text=True
    )


def test_reasoning_is_folded_and_tells_how_long_it_took(chat):
    question = "Think [[tokens=20 reasoning=30 delay=40]]"
    thoughts = " ".join(expected_reasoning(question).split())
    chat.begins(question)
    fold = chat.reply.locator("details.part--reasoning")
    expect(fold.locator("summary")).to_have_text("Thinking…")
    chat.has_answer(question)
    expect(fold).not_to_have_attribute("open", "")
    # Thirty deltas of 40 ms, and what the machine adds.
    expect(fold.locator("summary")).to_have_text(re.compile(r"^Thought for [1-4] s$"))
    fold.locator("summary").click()
    expect(fold).to_contain_text(thoughts, use_inner_text=True)
    chat.reloads()
    expect(fold.locator("summary")).to_contain_text("Thought for")


def test_who_comes_in_while_it_thinks_is_told_at_the_end_how_long(chat):
    question = "Think [[tokens=5 reasoning=50 delay=40]]"
    chat.begins(question)
    fold = chat.reply.locator("details.part--reasoning")
    expect(fold.locator("summary")).to_have_text("Thinking…")
    chat.reloads()
    expect(fold.locator("summary")).to_have_text("Thinking…")
    chat.has_answer(question)
    expect(fold.locator("summary")).to_have_text(re.compile(r"^Thought for [1-4] s$"))


def test_what_is_read_out_does_not_pile_up(chat):
    """Finished blocks are said to those who hear the page; old ones go as new ones come."""
    chat.begins("Tell me [[tokens=1500 text=markdown delay=1]]")
    chat.is_done()
    lines = chat.page.locator("#spoken > p")
    expect(lines).to_have_count(50)
    expect(lines.last).to_have_text("The reply is finished.")
