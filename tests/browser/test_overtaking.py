"""A reply's article comes by HTTP and by the socket: whichever is late takes nothing back."""

from __future__ import annotations

import re
from itertools import count, pairwise

import pytest
from playwright.sync_api import expect

from tests.browser.site import answer_to, held, until

QUESTION = "Say it [[tokens=6 seed=1]]"
LONG = "[[tokens=400 text=markdown delay=2]]"
STATE = re.compile(r'^<!--\d+--><i hidden id="m-\w+-state"')
# What is shown of the last reply, each time that it changes.
PART = re.compile(r"^<!--\d+ m-\w+ \d")
WATCH = """() => {
    window.shown = [];
    const note = () => {
        const all = [...document.querySelectorAll('.message--assistant')].at(-1);
        const parts = all?.querySelectorAll('.part--answer') ?? [];
        window.shown.push([parts.length, [...parts].map(part => part.textContent).join('').length]);
    };
    new MutationObserver(note).observe(
        document.getElementById('main'), { childList: true, subtree: true, characterData: true });
}"""


class Tap:
    """The socket of a page, whose frames come when they are let."""

    def __init__(self, page) -> None:
        self.kept: list[str] = []
        self.keeps = lambda frame: False
        page.route_web_socket("**/ws/**", self._route)

    def _route(self, socket) -> None:
        self._page = socket
        socket.connect_to_server().on_message(self._hear)

    def _hear(self, frame: str) -> None:
        if self.keeps(frame):
            self.kept.append(frame)
        else:
            self._page.send(frame)

    def keep_all(self) -> None:
        self.keeps = lambda frame: True

    def let(self, which=lambda frame: True) -> None:
        """Let what was kept go, in its order, and what comes."""
        for frame in filter(which, self.kept):
            self._page.send(frame)
        self.kept = [frame for frame in self.kept if not which(frame)]
        self.keeps = lambda frame: False


@pytest.fixture
def tap(chat):
    return Tap(chat.page)


class HeldPost:
    """A page's next post of `verb`: done, and answered when the test says."""

    def __init__(self, page, verb: str) -> None:
        self.page, self._kept = page, []
        page.route(f"**/{verb}/", lambda route: self._kept.append((route, route.fetch())))

    def is_done(self) -> None:
        until(lambda: self.page.wait_for_timeout(20) or self._kept)

    def answers(self, body: str | None = None) -> None:
        ((route, answer),) = self._kept
        route.fulfill(response=answer, body=answer.text() if body is None else body)


@pytest.fixture
def talk(tap, chat, alice):
    """A tab with one finished turn."""
    chat.opens(alice.has(QUESTION).conversation).is_connected()
    return chat


def thread(talk, person, holds) -> str:
    """The thread as another page gets it, when `holds` of its markup."""
    path = f"/conversations/{talk.conversation}/"
    asked = {"HX-Request": "true", "HX-Target": "main"}
    found = []

    def ask() -> bool:
        talk.page.wait_for_timeout(20)
        found.append(person.http.get(path, headers=asked).text)
        return holds(found[-1])

    until(ask)
    return found[-1]


def is_finished(html: str) -> bool:
    return html.count('data-state="done"') == 1 and 'data-state="running"' not in html


def edit(talk, text: str) -> HeldPost:
    """Send another wording; what the page is told of it by HTTP waits."""
    post = HeldPost(talk.page, "edit")
    talk.does("edit", talk.said.last)
    talk.page.get_by_label("Edit your message").fill(text)
    talk.page.get_by_role("button", name="Send as a new version").click()
    post.is_done()
    return post


def is_same_after_a_reload(talk) -> None:
    expect(talk.page.locator("#messages > [data-lacks]")).to_have_count(0)
    grown = talk.markup
    talk.reloads()
    assert talk.markup == grown


def rests(talk) -> None:
    """Whatever comes has come."""
    talk.page.wait_for_timeout(300)


def test_late_frames_take_nothing_from_a_finished_article(talk, tap, alice):
    tap.keep_all()
    post = edit(talk, f"Another {LONG}")
    post.answers(thread(talk, alice, is_finished))
    expect(talk.answer).to_contain_text("Section 5")
    talk.is_done()
    whole = talk.markup
    until(lambda: rests(talk) or any(STATE.match(frame) for frame in tap.kept))
    assert len(tap.kept) > 5
    talk.page.evaluate(WATCH)
    tap.let(lambda frame: not STATE.match(frame))
    rests(talk)
    assert talk.markup == whole
    tap.let()
    rests(talk)
    talk.is_done()
    assert talk.markup == whole
    assert {parts for parts, _length in talk.page.evaluate("window.shown")} <= {1}


def test_late_frames_take_nothing_from_an_article_that_is_ahead(talk, tap, alice, stand_in):
    said, name = held(tokens=300, text="markdown", delay=2)
    tap.keep_all()
    post = edit(talk, said)
    post.answers(thread(talk, alice, lambda html: "Section 3" in html))
    expect(talk.answer).to_contain_text("Section 3")
    talk.is_done("running")
    talk.page.evaluate(WATCH)
    tap.let()
    rests(talk)
    stand_in.release(name)
    talk.is_done()
    shown = talk.page.evaluate("window.shown")
    assert {parts for parts, _length in shown} == {1}
    lengths = [length for _parts, length in shown]
    # Marks of the markup may be shown until what they begin has closed.
    assert all(after >= before - 8 for before, after in pairwise(lengths)), lengths
    is_same_after_a_reload(talk)


def test_an_article_from_before_the_end_does_not_open_it_again(talk, tap, alice):
    post = edit(talk, f"Another {LONG}")
    early = thread(talk, alice, lambda html: "Section 1" in html)
    assert 'data-state="running"' in early
    expect(talk.answer).to_contain_text("Section 5")
    talk.is_done()
    post.answers(early)
    rests(talk)
    talk.is_done()
    is_same_after_a_reload(talk)


def test_frames_that_were_lost_are_asked_for(talk, tap, alice):
    texts = count()
    tap.keeps = lambda frame: PART.match(frame) is not None and 3 < next(texts) < 12
    talk.says(f"Another {LONG}")
    talk.shows(said=2, replies=2)
    talk.is_done()
    assert len(tap.kept) == 8
    is_same_after_a_reload(talk)
    expect(talk.answer).to_contain_text("Section 5")


@pytest.mark.parametrize("kept", [r"<!--\d+ .* end-->", STATE.pattern])
def test_a_lost_end_is_asked_for(talk, tap, kept):
    tap.keeps = lambda frame: re.match(kept, frame) is not None
    talk.says(f"Another {LONG}")
    talk.shows(said=2, replies=2)
    talk.is_done()
    assert tap.kept
    is_same_after_a_reload(talk)


@pytest.mark.parametrize("lost", ["running", "running|done"])
def test_text_that_comes_before_a_reply_is_known_to_go_on_is_asked_for(chat, tap, alice, lost):
    """From two processes: one writes, the other tells that it was asked."""
    question = "Go [[tokens=10 finish=length]]"
    turn = alice.has(question)
    twice = f"{answer_to(question)} {answer_to(question)}"
    chat.opens(turn.conversation).is_connected()
    post = HeldPost(chat.page, "continue")
    told = re.compile(STATE.pattern + f'[^>]* data-state="({lost})"')
    tap.keeps = lambda frame: told.match(frame) is not None
    chat.notice.get_by_role("button", name="Continue").click()
    post.is_done()
    until(lambda: rests(chat) or len(alice.stored(turn)["text"].split()) == 20)
    assert tap.kept
    tap.let()
    chat.has_text(twice)
    post.answers()
    rests(chat)
    chat.has_text(twice)
    chat.is_done()


def test_a_list_from_before_the_new_title_does_not_bring_the_old_one_back(chat, alice):
    kept = []
    chat.page.route("**/sidebar/**", lambda route: kept.append((route, route.fetch())))
    chat.begins(QUESTION)
    chat.is_done()
    chat.is_connected()
    until(lambda: chat.page.wait_for_timeout(20) or kept)
    path = f"/conversations/{chat.conversation}/rename/"
    assert alice.post(path, title="Something else").is_success
    expect(chat.title).to_have_text("Something else")
    for route, answer in kept:
        assert "Something else" not in answer.text()
        route.fulfill(response=answer)
    expect(chat.rows.first).to_contain_text("Something else")
