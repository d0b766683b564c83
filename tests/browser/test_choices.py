"""Several replies to one message: side by side as they grow, until one of them is followed."""

import pytest
from playwright.sync_api import expect

from conversations.bench.provider import expected_text
from tests.browser.site import STAND_IN

THREE = "three"
QUESTION = "Tell me [[tokens=30 delay=5 text=prose]]"
FURNISH = f"""
from conversations.models import LanguageModel, Preset
from conversations.presets.offering import new_version
preset = Preset.objects.create(slug="{THREE}", name="Three")
new_version(preset, [LanguageModel.objects.get(name="{STAND_IN}")], parameters={{"n": 3}})
"""


@pytest.fixture(scope="module", autouse=True)
def three(site):
    """A preset that answers threefold."""
    site.command("shell", "-c", FURNISH)


def texts():
    return [" ".join(expected_text(QUESTION, choice).split()) for choice in range(3)]


def show_texts(chat):
    for number, text in enumerate(texts()):
        answer = chat.replies.nth(number).locator(".part--answer")
        expect(answer).to_have_text(text, use_inner_text=True)


def test_they_grow_side_by_side_and_stay_so_after_a_reload(chat):
    chat.begins(QUESTION, THREE)
    chat.shows(said=1, replies=3)
    show_texts(chat)
    for number in range(3):
        expect(chat.replies.nth(number)).to_have_attribute("data-state", "done")
    boxes = [chat.replies.nth(number).bounding_box() for number in range(3)]
    assert boxes[0]["y"] == boxes[1]["y"] < boxes[2]["y"]
    assert boxes[0]["x"] < boxes[1]["x"]
    chat.reloads()
    chat.shows(said=1, replies=3)
    show_texts(chat)


def test_the_next_message_follows_the_one_that_was_chosen(chat, stand_in):
    chat.begins(QUESTION, THREE)
    chat.shows(said=1, replies=3)
    chat.is_done()
    expect(chat.replies.nth(0).locator(".choose")).to_have_attribute("aria-pressed", "true")
    chat.replies.nth(1).get_by_role("button", name="Go on with this").click()
    expect(chat.replies.nth(0).locator(".choose")).to_have_attribute("aria-pressed", "false")
    chat.takes(STAND_IN)
    chat.says("And then it goes on [[tokens=5]]")
    chat.shows(said=2, replies=2)
    chat.is_done()
    expect(chat.replies.nth(0).locator(".part--answer")).to_have_text(
        texts()[1], use_inner_text=True
    )
    expect(chat.replies.nth(0).locator(".choose")).to_have_count(0)
    expect(chat.replies.nth(0).locator(".branches [data-count]")).to_have_text("2/3")
    sent = [m["content"] for m in stand_in.asked("And then it goes on")[-1]["body"]["messages"]]
    assert " ".join(sent[1].split()) == texts()[1]
    chat.reloads()
    chat.shows(said=2, replies=2)


def test_without_a_choice_the_first_is_followed(chat):
    chat.begins(QUESTION, THREE)
    chat.shows(said=1, replies=3)
    chat.is_done()
    chat.takes(STAND_IN)
    chat.says("And then [[tokens=5]]")
    chat.shows(said=2, replies=2)
    expect(chat.replies.nth(0).locator(".branches [data-count]")).to_have_text("1/3")


def test_stop_ends_all_of_them(chat):
    chat.begins("Tell me [[tokens=4000 delay=20]]", THREE)
    chat.shows(said=1, replies=3)
    chat.stop.click()
    for number in range(3):
        expect(chat.replies.nth(number)).to_have_attribute("data-state", "stopped")


def test_a_second_tab_sees_them_grow(chat, tab):
    chat.begins(QUESTION, THREE)
    chat.shows(said=1, replies=3)
    other = tab().opens(chat.conversation)
    other.shows(said=1, replies=3)
    chat.is_done()
    chat.says(QUESTION)
    other.shows(said=2, replies=4)
    other.is_done()
    chat.shows(said=2, replies=4)


def test_trying_again_beside_others_replaces_all_of_them(chat):
    chat.begins(QUESTION, THREE)
    chat.shows(said=1, replies=3)
    chat.is_done()
    chat.tries_again(THREE, chat.replies.nth(1).locator(".actions [data-do=try-again]"))
    expect(chat.reply.locator(".branches [data-count]")).to_have_text("6/6")
    chat.shows(said=1, replies=3)
    expect(chat.replies.nth(0).locator(".branches [data-count]")).to_have_text("4/6")
    expect(chat.replies.nth(0).locator(".choose")).to_have_attribute("aria-pressed", "true")
