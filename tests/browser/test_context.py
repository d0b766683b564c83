"""A chat that outgrows its model goes on, and the page says what was left out and how much is left."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.site import until

NARROW, WINDOW = "narrow", 1200
LINE = "Bees dance to tell each other where the flowers are. "
FURNISH = f"""
from conversations.models import LanguageModel, PresetVersion
LanguageModel.objects.filter(name="{NARROW}").update(context_tokens={WINDOW})
PresetVersion.objects.filter(preset__slug="{NARROW}").update(parameters={{"max_tokens": 50}})
"""
LEFT_OUT = re.compile(r"The (\d+) oldest messages no longer fit this model and were left out\.")
ROOM = re.compile(r"There is room for about 1\d0 more tokens; then the oldest messages will be")


@pytest.fixture(scope="module", autouse=True)
def narrow(site, stand_in):
    """A model that reads little."""
    site.command(
        *("provider", "add", "Narrow", "--kind", "openai_compatible"),
        *("--base-url", f"{stand_in.url}/v1", "--model", f"{NARROW}=1/1"),
    )
    site.command("shell", "-c", FURNISH)


@pytest.fixture
def talk(alice):
    """A conversation of four exchanges: the stand-in counts 128 tokens for each, a word is one."""
    first = alice.has(question(), NARROW)
    for _ in range(3):
        alice.has(question(), NARROW, conversation=first.conversation)
    return first.conversation


def question(lines=12):
    """Each is another one, so that the stand-in's calls can be told apart."""
    return f"{uuid.uuid4()} {LINE * lines}[[tokens=6]]"


def note_of(chat):
    return chat.reply.locator(".context-note")


def asks(chat, first, last):
    """Say something until there are `last` exchanges; returns what was said last."""
    for number in range(first, last + 1):
        asked = question()
        chat.says(asked)
        chat.shows(said=number, replies=number)
        chat.is_done()
    return asked


def test_a_chat_that_fits_says_nothing(chat, alice):
    chat.opens(alice.has(question(), NARROW).conversation)
    expect(chat.page.locator(".context-note")).to_have_count(0)


def test_when_little_is_left_the_last_reply_says_how_much(chat, talk):
    chat.opens(talk)
    asks(chat, first=5, last=7)
    expect(note_of(chat)).to_have_count(0)
    asks(chat, first=8, last=8)
    expect(note_of(chat)).to_have_text(ROOM)


def test_what_no_longer_fits_is_left_out_and_told_at_once_and_after_a_reload(chat, talk, stand_in):
    chat.opens(talk)
    asked = asks(chat, first=5, last=10)
    expect(note_of(chat)).to_have_text(LEFT_OUT)
    told = int(LEFT_OUT.search(note_of(chat).inner_text())[1])
    sent = stand_in.asked(asked)[-1]["body"]["messages"]
    assert sent[0]["role"] == "user"
    assert len(sent) + told == 19
    chat.reloads()
    expect(note_of(chat)).to_have_text(LEFT_OUT)
    expect(chat.page.locator(".context-note:visible")).to_have_count(1)
    chat.does("details")
    dialog = chat.page.locator("#details")
    expect(dialog).to_contain_text(f"the {told} oldest messages")
    expect(dialog).to_contain_text(f"{WINDOW} tokens")


def test_a_message_that_is_too_long_alone_is_refused_with_numbers_and_kept(
    chat, talk, stand_in, watch
):
    watch.allow("413")
    chat.opens(talk)
    asked = question(lines=200)
    chat.box.fill(asked)
    chat.send.click()
    expect(chat.problem).to_contain_text(f"{WINDOW:,} at once, and 50 of them are kept")
    expect(chat.problem.get_by_role("button")).to_have_count(0)
    expect(chat.box).to_have_value(asked)
    chat.shows(said=4, replies=4)
    assert not stand_in.asked(asked)
    chat.box.fill("Shorter then [[tokens=6]]")
    chat.send.click()
    chat.shows(said=5, replies=5)
    chat.is_done()


def test_a_model_that_turns_out_to_read_less_is_asked_again(alice, stand_in):
    first = alice.has(question())
    asked = f"{uuid.uuid4()} [[tokens=6 status=413 fails=1]]"
    turn = alice.asks(asked, conversation=first.conversation)
    until(lambda: alice.stored(turn)["state"] not in ("queued", "running"))
    sizes = [len(call["body"]["messages"]) for call in stand_in.asked(asked)]
    assert (alice.stored(turn)["state"], sizes) == ("done", [3, 1])
