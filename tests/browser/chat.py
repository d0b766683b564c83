"""The chat page as a person meets it: what they do, and where they look."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.site import STAND_IN, answer_to

# A machine that does a lot at once is slow, not wrong.
SECONDS = 15
expect.set_options(timeout=SECONDS * 1000)
UNFOLDED = """part => {
    const copy = part.cloneNode(true);
    copy.querySelectorAll(":scope > .folded").forEach(fold => fold.replaceWith(...fold.childNodes));
    return copy.innerHTML;
}"""
GROWING_ID = re.compile(r' id="m-[0-9a-f]{32}-\d+-c\d+"')


class Chat:
    """One tab."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.box = page.locator("#text")
        self.send = page.locator("[data-send]")
        self.stop = page.locator("#composer [data-do=stop]")
        self.messages = page.locator("#messages > .message")
        self.said = page.locator("#messages > .message--user")
        self.replies = page.locator("#messages > .message--assistant")
        self.reply = self.replies.last
        self.answer = self.reply.locator(".part--answer")
        self.notice = self.reply.locator(".notice")
        self.problem = page.locator("[data-problem]:visible")
        self.title = page.locator("#title")
        self.rows = page.locator(".side-row")
        self.toast = page.locator("[data-toast]")
        self.thread = page.locator("#thread")
        self.below = page.locator(".below")

    def opens(self, where: str = "") -> Chat:
        """Load a conversation by its id, or the page of a new one; ready when its script is."""
        self.page.goto(f"{self.url}/conversations/{where}/" if where else f"{self.url}/")
        return self.is_ready()

    def is_ready(self) -> Chat:
        expect(self.page.locator("#room[data-ready]")).to_be_attached()
        return self

    def is_connected(self) -> Chat:
        """The conversation's socket is open."""
        expect(self.page.locator("body[data-connection=open]")).to_be_attached()
        return self

    def reloads(self) -> Chat:
        self.page.reload()
        return self.is_ready()

    def says(self, text: str) -> None:
        self.box.fill(text)
        self.box.press("Enter")

    def begins(self, text: str, preset: str = STAND_IN) -> Chat:
        """Open a new conversation with this message."""
        self.opens().takes(preset)
        self.says(text)
        return self

    def takes(self, preset: str) -> None:
        """Choose a preset in the head."""
        self.page.locator(".preset-button").click()
        self.page.locator(f'#preset-menu [data-value="{preset}"]').click()

    def does(self, deed: str, article: Locator | None = None) -> None:
        """Press a button of a message (the last reply)."""
        article = article or self.reply
        article.hover()
        article.locator(f".actions [data-do={deed}]").click()

    def goes_back_a_version(self, article: Locator | None = None) -> None:
        article = article or self.reply
        article.hover()
        article.get_by_role("button", name="Previous version").click()

    def tries_again(self, preset: str = "", button: Locator | None = None) -> None:
        """Ask for another reply, with the same or another preset."""
        if button is None:
            self.reply.hover()
            button = self.reply.locator(".actions [data-do=try-again]")
        button.click()
        self.page.locator(f'#retry-menu [data-value="{preset}"]').click()

    def is_done(self, state: str = "done") -> None:
        expect(self.reply).to_have_attribute("data-state", state)

    def has_text(self, text: str) -> None:
        """The last reply shows this and nothing else."""
        expect(self.answer).to_have_text(text, use_inner_text=True)

    @property
    def markup(self) -> str:
        """The last answer's, without the names and the folds that help it grow."""
        return GROWING_ID.sub("", self.answer.evaluate(UNFOLDED))

    def has_answer(self, question: str) -> None:
        """The last reply shows, whole and once, what the stand-in says to the question."""
        self.is_done()
        self.has_text(answer_to(question))

    def shows(self, *, said: int, replies: int) -> None:
        """So many messages, none of them twice."""
        expect(self.said).to_have_count(said)
        expect(self.replies).to_have_count(replies)

    @property
    def conversation(self) -> str:
        return self.page.locator("#room").get_attribute("data-conversation") or ""

    @property
    def distance_to_end(self) -> float:
        """Pixels of the thread below what is seen."""
        return self.thread.evaluate("t => t.scrollHeight - t.clientHeight - t.scrollTop")

    def top_of(self, article: Locator) -> float:
        """Where an article begins in the window."""
        return article.evaluate("e => e.getBoundingClientRect().top")
