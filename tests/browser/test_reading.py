"""Long threads, long lists, the reading position, and what can be taken out of a reply."""

import json

import pytest
from playwright.sync_api import expect

from conversations.bench.provider import expected_text
from tests.browser.chat import Chat
from tests.browser.site import DEMO, Person, answer_to, held

CODE = "code fast"


@pytest.fixture(scope="module")
def hoarders(site):
    """user1 has 300 conversations; of user2's two, one has 200 messages."""
    site.command(
        *("create_demo_data", "--users", "1", "--conversations", "300"), *("--messages", "2")
    )
    site.command(
        *("create_demo_data", "--users", "2", "--conversations", "2"), *("--messages", "200")
    )
    return Person(site, "user1"), Person(site, "user2")


@pytest.fixture
def window(browsing, site):
    return lambda person: Chat(
        browsing(person, viewport={"width": 1280, "height": 800}).new_page(), site.url
    )


def test_a_long_thread_opens_at_its_newest_part_and_loads_older_upwards(hoarders, window):
    chat = window(hoarders[1]).opens()
    chat.rows.first.click()
    expect(chat.messages).to_have_count(30)
    expect(chat.reply).to_be_in_viewport()
    assert chat.distance_to_end <= 2
    first = chat.messages.first
    pk = first.get_attribute("id")
    chat.thread.evaluate("t => t.scrollTop = 40")
    expect(chat.messages).to_have_count(60)
    article = chat.page.locator(f"#{pk}")
    expect(article).to_be_in_viewport()
    for count in (90, 120, 150, 180, 200):
        chat.thread.evaluate("t => t.scrollTop = 0")
        expect(chat.messages).to_have_count(count)
    chat.thread.evaluate("t => t.scrollTop = 0")
    expect(chat.page.locator("[data-older]")).to_have_count(0)
    sequences = chat.messages.evaluate_all("all => all.map(a => Number(a.dataset.sequence))")
    assert sequences == list(range(1, 201))


def test_loading_older_messages_leaves_what_is_read_in_its_place(hoarders, window):
    chat = window(hoarders[1]).opens()
    chat.rows.first.click()
    expect(chat.messages).to_have_count(30)
    article = chat.page.locator(f"#{chat.messages.nth(1).get_attribute('id')}")
    with chat.page.expect_response(lambda answer: "before=" in answer.url):
        chat.thread.evaluate("t => t.scrollTop = 20")
        before = chat.top_of(article)
    expect(chat.messages).to_have_count(60)
    assert abs(chat.top_of(article) - before) < 4


def test_the_list_of_many_conversations_loads_in_pages(hoarders, window):
    chat = window(hoarders[0]).opens()
    expect(chat.rows).to_have_count(40)
    for count in (80, 120):
        chat.rows.last.scroll_into_view_if_needed()
        expect(chat.rows).to_have_count(count)
    headings = chat.page.locator(".side-group h2").all_inner_texts()
    assert len(headings) == len(set(headings))
    ids = chat.rows.evaluate_all("rows => rows.map(row => row.dataset.id)")
    assert len(ids) == len(set(ids))


def test_a_text_scrolled_up_stays_while_the_stream_goes_on(chat, stand_in):
    question, name = held(tokens=1200, text="prose", at=900)
    chat.begins(question)
    chat.has_text(" ".join(answer_to(question).split()[:900]))
    assert chat.distance_to_end <= 2
    chat.thread.hover()
    chat.page.mouse.wheel(0, -300)
    expect(chat.below).to_be_visible()
    chat.thread.evaluate("t => new Promise(done => setTimeout(done, 300))")  # the wheel glides
    before = chat.thread.evaluate("t => t.scrollTop")
    stand_in.release(name)
    chat.has_answer(question)
    assert chat.thread.evaluate("t => t.scrollTop") == before
    expect(chat.below).to_have_text("New text below", use_inner_text=True)
    chat.below.click()
    expect(chat.below).to_be_hidden()
    assert chat.distance_to_end <= 2
    chat.thread.hover()
    chat.page.mouse.wheel(0, -300)
    expect(chat.below).to_have_text("Go to the end", use_inner_text=True)


def test_a_long_answer_is_folded_and_looks_as_it_does_after_a_reload(chat):
    question = "Tell me [[tokens=1500 text=markdown delay=1]]"
    chat.begins(question)
    chat.is_done()
    assert chat.answer.locator("> .folded").count() > 2
    as_it_grew = chat.answer.inner_text(), chat.answer.bounding_box()["height"]
    chat.reloads()
    assert chat.answer.locator("> .folded").count() == 0
    assert (chat.answer.inner_text(), chat.answer.bounding_box()["height"]) == as_it_grew


def test_a_reader_at_the_end_follows_the_stream(chat):
    question = "Tell me [[tokens=800 text=prose delay=1]]"
    chat.begins(question)
    chat.has_answer(question)
    expect(chat.reply.locator(".message-foot")).to_be_in_viewport()
    expect(chat.below).to_be_hidden()
    assert chat.distance_to_end <= 2


@pytest.fixture
def clipboard(context, chat):
    """Reads what was copied."""
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    return lambda: chat.page.evaluate("() => navigator.clipboard.readText()")


def test_copying_a_reply_takes_its_markdown(chat, alice, clipboard):
    question = "Tell me [[tokens=60 text=markdown]]"
    chat.opens(alice.has(question).conversation)
    chat.does("copy")
    expect(chat.page.locator("#spoken")).to_contain_text("Copied")
    assert clipboard() == expected_text(question)


def test_copying_ones_own_message_takes_its_text(chat, alice, clipboard):
    chat.opens(alice.has("  Two\n\n*lines* [[tokens=2]]").conversation)
    chat.does("copy", chat.said.last)
    expect(chat.page.locator("#spoken")).to_contain_text("Copied")
    assert clipboard() == "  Two\n\n*lines* [[tokens=2]]"


def test_a_code_block_has_its_language_copy_and_wrap(chat, alice, clipboard):
    chat.opens(alice.has("Write [[tokens=30 text=code]]").conversation)
    block = chat.answer.locator("figure.code").first
    expect(block).to_have_attribute("data-language", "python")
    block.hover()
    block.get_by_role("button", name="Copy the code").click()
    expect(chat.page.locator("#spoken")).to_contain_text("Copied")
    assert clipboard().startswith("def part_1(values):\n    total = 0\n")
    wrap = block.get_by_role("button", name="Wrap long lines")
    wrap.click()
    expect(wrap).to_have_attribute("aria-pressed", "true")


def test_code_that_has_grown_gets_its_buttons_too(chat):
    chat.begins(CODE, DEMO)
    chat.is_done()
    for block in chat.answer.locator("figure.code").all():
        expect(block.locator(".code-tools")).to_have_count(1)


def test_the_details_tell_model_tokens_cost_and_times(chat, alice):
    chat.opens(alice.has("Tell me [[tokens=30 delay=2]]").conversation)
    chat.does("details")
    dialog = chat.page.locator("#details")
    for words in ("stand-in", "Stand-in", "30 written", "as the provider says", "$0.0000"):
        expect(dialog).to_contain_text(words)
    expect(dialog).to_contain_text("price × tokens")
    expect(dialog).not_to_contain_text("req-stand-in")
    chat.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_chosen_appearance_is_remembered_and_the_system_followed(browsing, site, alice):
    chat = Chat(browsing(alice, color_scheme="light").new_page(), site.url).opens()
    paper = "() => getComputedStyle(document.body).backgroundColor"
    light = chat.page.evaluate(paper)
    choose(chat, "Dark")
    dark = chat.page.evaluate(paper)
    assert dark != light
    assert chat.reloads().page.evaluate(paper) == dark
    chat.page.goto(f"{site.url}/archived/")
    assert chat.page.evaluate(paper) == dark
    chat.opens()
    choose(chat, "As the system")
    assert chat.page.evaluate(paper) == light
    chat.page.emulate_media(color_scheme="dark")
    assert chat.reloads().page.evaluate(paper) == dark
    choose(chat, "Light")
    assert chat.reloads().page.evaluate(paper) == light


def choose(chat, name):
    chat.page.locator(".person").click()
    chat.page.get_by_role("menuitemradio", name=name).click()
    chat.page.keyboard.press("Escape")


def test_text_from_right_to_left_is_set_so(chat):
    chat.opens()
    chat.box.fill("مرحبا fast arabic")
    assert chat.box.evaluate("e => getComputedStyle(e).direction") == "rtl"
    chat.box.press("Enter")
    chat.is_done()
    said = chat.said.last.locator(".message-text")
    assert said.evaluate("e => getComputedStyle(e).direction") == "rtl"
    directions = chat.answer.locator("p, li, h2, h3").evaluate_all(
        "all => all.map(e => getComputedStyle(e).direction)"
    )
    assert "rtl" in directions, json.dumps(directions)


def test_the_list_folds_away_and_remembers(chat):
    chat.opens()
    chat.page.get_by_role("button", name="Hide the sidebar").click()
    expect(chat.page.locator("#sidebar")).to_be_hidden()
    chat.reloads()
    expect(chat.page.locator("#sidebar")).to_be_hidden()
    chat.page.get_by_role("button", name="Show the conversations").click()
    expect(chat.page.locator("#sidebar")).to_be_visible()


def test_going_back_and_forth_shows_the_right_conversation(chat, alice):
    one, two = (alice.has(f"{name} [[tokens=3]]").conversation for name in ("Alpha", "Beta"))
    chat.opens(one)
    chat.page.locator(f'.side-row[data-id="{two}"] a').click()
    expect(chat.said).to_contain_text("Beta")
    chat.page.go_back()
    expect(chat.said).to_contain_text("Alpha")
    chat.is_connected()
    chat.says("Here [[tokens=3 seed=9]]")
    chat.has_answer("Here [[tokens=3 seed=9]]")
    chat.shows(said=2, replies=2)
    chat.page.go_forward()
    expect(chat.said.last).to_contain_text("Beta")
    chat.shows(said=1, replies=1)
