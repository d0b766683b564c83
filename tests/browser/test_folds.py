"""Old blocks of a long answer, once they are folded: what may scroll still does, and reads the same."""

import pytest
from playwright.sync_api import expect

from tests.browser.site import answer_to, held

LONG = "Tell me [[tokens=600 text=markdown delay=1]]"
NARROW = "8rem"


@pytest.fixture
def folds(chat):
    chat.begins(LONG)
    chat.is_done()
    return chat.answer.locator("> .folded")


def narrow(chat, width):
    chat.page.evaluate(
        "width => { document.getElementById('messages').style.inlineSize = width }", width
    )


def overflow_of(box):
    return box.evaluate("e => getComputedStyle(e).overflowX")


def test_a_block_that_fits_has_no_scroll_box(chat, folds):
    expect(folds.first).to_contain_class("fits")
    for name in ("pre", ".table"):
        assert overflow_of(folds.first.locator(name).first) == "visible"


def test_code_that_becomes_too_wide_scrolls_sideways_until_it_fits_again(chat, folds):
    narrow(chat, NARROW)
    expect(chat.answer.locator("> .folded.fits")).to_have_count(0)
    code = folds.first.locator("pre").first
    assert overflow_of(code) == "auto"
    code.focus()
    chat.page.keyboard.press("ArrowRight")
    chat.page.wait_for_function("e => e.scrollLeft > 0", arg=code.element_handle())
    narrow(chat, "")
    expect(chat.answer.locator("> .folded:not(.fits)")).to_have_count(0)
    assert overflow_of(code) == "visible"


def test_wrapped_code_does_not_run_out_of_its_block_when_it_is_not_wrapped_any_more(chat, folds):
    block = folds.first.locator("figure.code").first
    wrap = block.get_by_role("button", name="Wrap long lines")
    wrap.click()
    narrow(chat, NARROW)
    expect(chat.answer.locator("> .folded.fits")).to_have_count(0)
    wrap.click()
    assert overflow_of(block.locator("pre")) == "auto"


def test_the_buttons_of_code_stand_in_its_head_and_take_no_place(chat, folds):
    block = folds.first.locator("figure.code").first
    with_buttons = block.bounding_box()
    tools = block.locator(".code-tools button").last.bounding_box()
    head = block.locator("pre").bounding_box()["y"]
    assert with_buttons["y"] < tools["y"] < tools["y"] + tools["height"] <= head
    assert tools["x"] + tools["width"] < with_buttons["x"] + with_buttons["width"]
    block.locator(".code-tools").evaluate("e => e.remove()")
    assert block.bounding_box() == with_buttons


def test_going_up_counts_even_if_text_comes_before_the_page_is_told(chat, stand_in):
    question, name = held(tokens=1200, text="prose", at=900)
    chat.begins(question)
    chat.has_text(" ".join(answer_to(question).split()[:900]))
    assert chat.distance_to_end <= 2
    before = chat.page.evaluate(
        """async key => {
        const thread = document.getElementById('thread');
        thread.scrollTop -= 300;
        const before = thread.scrollTop;
        const more = '<p>More text.</p>'.repeat(9);
        const { count } = document.getElementById(`${key}-0`).dataset;
        const message = `<!--1 ${key} 0 ${count} ${count} 99999--><div id="${key}-0-open" hx-swap-oob="innerHTML">${more}</div>`;
        document.dispatchEvent(new CustomEvent('htmx:wsBeforeMessage', { detail: { message } }));
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        return before;
    }""",
        chat.reply.get_attribute("id"),
    )
    expect(chat.answer).to_contain_text("More text.More text.")
    assert chat.thread.evaluate("t => t.scrollTop") == before
    stand_in.release(name)
    chat.has_answer(question)
    assert chat.thread.evaluate("t => t.scrollTop") == before
