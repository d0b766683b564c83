"""What is sent is stored once; what is not sent is kept."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.chat import Chat
from tests.browser.site import STAND_IN, answer_to

QUESTION = "Say it [[tokens=6]]"


def test_a_double_enter_sends_once(chat, stand_in):
    mark = str(uuid.uuid4())
    chat.opens().takes(STAND_IN)
    chat.box.fill(f"{mark} [[tokens=6]]")
    chat.box.evaluate(
        """box => { for (const _ of [1, 2]) box.dispatchEvent(
            new KeyboardEvent("keydown", {key: "Enter", bubbles: true, cancelable: true})) }"""
    )
    chat.is_done()
    chat.shows(said=1, replies=1)
    assert len(stand_in.asked(mark)) == 1
    chat.reloads()
    chat.shows(said=1, replies=1)


def test_a_double_click_sends_once(chat, alice, stand_in):
    mark = str(uuid.uuid4())
    chat.opens(alice.has(QUESTION).conversation)
    chat.box.fill(f"{mark} [[tokens=6]]")
    chat.send.dblclick()
    chat.shows(said=2, replies=2)
    chat.is_done()
    assert len(stand_in.asked(mark)) == 1


def test_the_same_client_id_twice_stores_once(alice):
    client_id = uuid.uuid4().hex
    first = alice.asks(QUESTION, client_id=client_id)
    assert alice.asks(QUESTION, client_id=client_id) == first
    more = {"text": QUESTION, "preset": STAND_IN, "client_id": uuid.uuid4().hex}
    path = f"/conversations/{first.conversation}/messages/"
    statuses = [alice.post(path, **more).status_code for _ in range(3)]
    assert statuses == [201, 200, 200]


def test_a_send_without_an_answer_is_sent_again_with_its_id_and_stored_once(chat, alice, watch):
    chat.opens(alice.has(QUESTION).conversation)
    watch.allow("ERR_FAILED", "htmx:(afterRequest|sendError)")
    ids = []

    def stored_but_not_told(route):
        ids.append(re.search(r"client_id=([\w-]+)", route.request.post_data)[1])
        if len(ids) > 1:
            return route.continue_()
        route.fetch()
        return route.abort()

    chat.page.route("**/messages/", stored_but_not_told)
    chat.says("Once only [[tokens=7]]")
    expect(chat.problem).to_contain_text("Your text is kept here.")
    chat.reloads()
    expect(chat.box).to_have_value("Once only [[tokens=7]]")
    chat.box.press("Enter")
    chat.shows(said=2, replies=2)
    chat.has_answer("Once only [[tokens=7]]")
    assert ids[0] == ids[1]
    chat.reloads()
    chat.shows(said=2, replies=2)


def test_an_unsent_draft_survives_a_reload(chat, alice):
    conversation = alice.has(QUESTION).conversation
    chat.opens(conversation)
    chat.box.fill("Half a thou")
    chat.reloads()
    expect(chat.box).to_have_value("Half a thou")
    chat.opens()
    expect(chat.box).to_have_value("")
    chat.opens(conversation)
    expect(chat.box).to_have_value("Half a thou")
    chat.says("[[tokens=3]]")
    chat.shows(said=2, replies=2)
    chat.reloads()
    expect(chat.box).to_have_value("")


@pytest.fixture
def overtaken(chat, context, alice, site, watch):
    """A tab whose conversation has gone on without its knowing, with a message to send."""
    watch.allow("status of 409", "htmx:responseError", "Response Status Error Code 409")
    turn = alice.has(QUESTION)
    chat.page.route_web_socket("**/ws/**", lambda socket: None)
    chat.opens(turn.conversation)
    alice.has("I was first [[tokens=4]]", conversation=turn.conversation)
    chat.says("I am late [[tokens=5 seed=2]]")
    expect(chat.problem).to_contain_text("Someone has written here before you.")
    expect(chat.box).to_have_value("I am late [[tokens=5 seed=2]]")
    return chat


def test_after_a_conflict_the_message_can_go_after_the_other(overtaken):
    overtaken.problem.get_by_role("button", name="Send after it").click()
    overtaken.shows(said=3, replies=3)
    expect(overtaken.said.nth(1)).to_contain_text("I was first")
    expect(overtaken.said.nth(2)).to_contain_text("I am late")
    expect(overtaken.box).to_have_value("")


def test_after_a_conflict_the_message_can_be_a_branch(overtaken):
    overtaken.problem.get_by_role("button", name="Send as a branch").click()
    expect(overtaken.said.last).to_contain_text("I am late")
    overtaken.shows(said=2, replies=2)
    expect(overtaken.said.last.locator(".branches [data-count]")).to_have_text("2/2")


def test_a_new_conversation_appears_in_the_list_once(tab):
    chat: Chat = tab()
    chat.opens()
    before = chat.rows.count()
    chat.takes(STAND_IN)
    chat.says("A name for the list [[tokens=4]]")
    chat.is_done()
    expect(chat.rows).to_have_count(before + 1)
    expect(chat.rows.first).to_contain_text("A name for the list")
    expect(chat.page).to_have_title(re.compile("A name for the list"))
    expect(chat.rows.first.locator("a")).to_have_attribute("aria-current", "page")


def test_an_empty_box_sends_nothing_and_too_much_is_told(chat):
    chat.opens()
    chat.box.press("Enter")
    expect(chat.messages).to_have_count(0)
    chat.box.fill("x" * 100_004)
    expect(chat.problem).to_contain_text("4 characters too many")
    chat.box.press("Enter")
    expect(chat.messages).to_have_count(0)


def test_a_person_who_sends_in_a_row_gets_every_answer_in_order(chat, alice):
    chat.opens(alice.has(QUESTION).conversation).is_connected()
    for seed in range(3):
        chat.says(f"[[tokens=4 delay=30 seed={seed}]]")
        chat.shows(said=seed + 2, replies=seed + 2)
    chat.is_done()
    for seed in range(3):
        expect(chat.replies.nth(seed + 1).locator(".part--answer")).to_have_text(
            answer_to(f"[[tokens=4 seed={seed}]]"), use_inner_text=True
        )
