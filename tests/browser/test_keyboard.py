"""Everything works without a pointer."""

import pytest
from playwright.sync_api import expect

from tests.browser.site import held


@pytest.fixture
def talk(chat, alice):
    chat.opens(alice.has("Say it [[tokens=6]]").conversation).is_connected()
    return chat


def focused(chat):
    return chat.page.locator(":focus")


def test_shift_enter_breaks_the_line_and_enter_sends(talk):
    talk.box.press_sequentially("one")
    talk.box.press("Shift+Enter")
    talk.box.press_sequentially("two [[tokens=3]]")
    expect(talk.box).to_have_value("one\ntwo [[tokens=3]]")
    talk.shows(said=1, replies=1)
    talk.box.press("Enter")
    talk.shows(said=2, replies=2)
    expect(talk.said.last.locator(".message-text")).to_have_text("one two [[tokens=3]]")
    talk.is_done()
    expect(talk.box).to_be_focused()


def test_enter_that_ends_a_composition_sends_nothing(talk):
    talk.box.fill("かな")
    talk.box.evaluate(
        """box => box.dispatchEvent(new KeyboardEvent("keydown",
            {key: "Enter", bubbles: true, cancelable: true, isComposing: true}))"""
    )
    expect(talk.box).to_have_value("かな")
    talk.shows(said=1, replies=1)


def test_escape_stops_the_reply_that_runs(talk, stand_in):
    question, name = held()
    talk.says(question)
    talk.shows(said=2, replies=2)
    expect(talk.answer).to_be_visible()
    talk.page.keyboard.press("Escape")
    talk.is_done("stopped")
    stand_in.release(name)


def test_up_in_an_empty_box_edits_the_last_message(talk):
    talk.box.press("ArrowUp")
    editor = talk.page.get_by_label("Edit your message")
    expect(editor).to_be_focused()
    editor.press("Escape")
    expect(editor).to_have_count(0)
    talk.box.focus()
    talk.box.press("ArrowUp")
    editor.fill("Another [[tokens=4]]")
    editor.press("Enter")
    talk.has_answer("Another [[tokens=4]]")
    expect(talk.said.last.locator(".branches [data-count]")).to_have_text("2/2")


def test_up_in_a_box_with_text_moves_within_it(talk):
    talk.box.fill("text")
    talk.box.press("ArrowUp")
    expect(talk.page.get_by_label("Edit your message")).to_have_count(0)


def test_control_shift_o_begins_a_new_conversation(talk):
    talk.page.keyboard.press("Control+Shift+O")
    expect(talk.page.get_by_role("heading", name="Begin a conversation")).to_be_visible()
    expect(talk.box).to_be_focused()


def test_a_question_mark_opens_the_sheet_but_not_while_writing(talk):
    sheet = talk.page.locator("#help")
    talk.box.press_sequentially("?")
    expect(talk.box).to_have_value("?")
    expect(sheet).to_be_hidden()
    talk.thread.focus()
    talk.page.keyboard.press("?")
    expect(sheet).to_be_visible()
    talk.page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def from_the_top(chat):
    """Begin where somebody begins who comes to the page by Tab."""
    chat.page.locator(".skip-link").focus()


def test_the_first_stop_skips_to_the_content(talk):
    from_the_top(talk)
    expect(talk.page.locator(".skip-link")).to_be_in_viewport(ratio=1)
    talk.page.keyboard.press("Shift+Tab")
    expect(focused(talk)).to_have_count(0)
    from_the_top(talk)
    talk.page.keyboard.press("Enter")
    expect(talk.page.locator("#main")).to_be_focused()
    talk.page.keyboard.press("Tab")
    assert focused(talk).evaluate("e => e.closest('.room-head') !== null")


PLACE = """e => {
    const place = e.closest("#sidebar, .room-head, #messages, #composer");
    return place ? place.id || place.className : "";
}"""


def test_tab_goes_from_the_list_through_the_head_and_thread_to_the_box(talk):
    from_the_top(talk)
    seen = []
    for _ in range(60):
        talk.page.keyboard.press("Tab")
        place = focused(talk).evaluate(PLACE)
        if place and place not in seen:
            seen.append(place)
        if place == "composer":
            break
    assert seen == ["sidebar", "room-head", "messages", "composer"]


def test_what_has_the_focus_shows_it(talk):
    from_the_top(talk)
    for _ in range(12):
        talk.page.keyboard.press("Tab")
        one = focused(talk)
        ring = one.evaluate(
            """e => { const s = getComputedStyle(e), p = getComputedStyle(e.parentElement);
                return [s.outlineStyle, p.outlineStyle, s.boxShadow].join(" ") }"""
        )
        assert ring != "none none none", one.evaluate("e => e.outerHTML.slice(0, 200)")


def test_a_menu_is_used_with_arrows_and_given_back_the_focus(talk):
    talk.page.locator(".preset-button").focus()
    talk.page.keyboard.press("Enter")
    expect(focused(talk)).to_have_attribute("aria-checked", "true")
    before = focused(talk).get_attribute("data-value")
    talk.page.keyboard.press("ArrowDown")
    assert focused(talk).get_attribute("data-value") != before
    talk.page.keyboard.press("Escape")
    expect(talk.page.locator("#preset-menu")).to_be_hidden()
    expect(talk.page.locator(".preset-button")).to_be_focused()


def test_a_reply_is_tried_again_without_a_pointer(talk):
    button = talk.reply.locator(".actions [data-do=try-again]")
    button.focus()
    expect(button).to_be_visible()
    talk.page.keyboard.press("Enter")
    expect(focused(talk)).to_have_text("The same preset")
    talk.page.keyboard.press("Enter")
    talk.has_answer("Say it [[tokens=6]]")
    expect(talk.reply.locator(".branches [data-count]")).to_have_text("2/2")
    assert focused(talk).evaluate("e => e !== document.body")


def test_a_title_is_renamed_without_a_pointer(talk):
    talk.page.get_by_role("button", name="More").focus()
    talk.page.keyboard.press("Enter")
    expect(focused(talk)).to_have_text("Rename")
    talk.page.keyboard.press("Enter")
    field = talk.page.get_by_role("textbox", name="Title")
    expect(field).to_be_focused()
    field.fill("By hand")
    field.press("Enter")
    expect(talk.title).to_have_text("By hand")
