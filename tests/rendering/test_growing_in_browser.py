"""The patches, applied by htmx and by our page in Chromium, give the page that a load would show."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import django_htmx
import pytest
from playwright.sync_api import Page, sync_playwright

from conversations.rendering import Growing, render

from .corpus import ANSWER, examples

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync
    --disable-background-networking --disable-component-update"""
SCRIPTS = Path(django_htmx.__file__).parent / "static" / "django_htmx"

# The page's own module; a module's names are its own, so they are handed out.
PATCHES = (Path(__file__).parents[2] / "static" / "patches.js").read_text()
BY_HAND = f"{PATCHES}; Object.assign(window, {{ apply, fold }});"
SOCKET = """
    window.errors = [];
    document.body.addEventListener('htmx:oobErrorNoTarget', e => errors.push(e.detail.target));
    htmx.config.allowEval = false;
    htmx.createWebSocket = () => {
        const socket = new EventTarget();
        socket.readyState = 1;
        socket.close = () => {};
        window.receive = data => socket.dispatchEvent(new MessageEvent('message', {data}));
        return socket;
    };
    document.body.innerHTML = '<div hx-ext="ws" ws-connect="/ws"><article></article></div>';
    htmx.process(document.body);
"""


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    if not CHROMIUM.exists() and "CI" not in os.environ:
        pytest.skip(f"NOT TESTED IN A BROWSER: there is no {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS.split())
        page = browser.new_page()
        page.set_content("<!doctype html><body></body>")
        page.add_script_tag(path=SCRIPTS / "htmx-2.js")
        page.add_script_tag(path=SCRIPTS / "ext" / "hx-ws-2.js")
        page.add_script_tag(content=BY_HAND, type="module")
        page.evaluate(SOCKET)
        yield page
        browser.close()


def show(page: Page, html: str) -> None:
    page.evaluate("html => { document.querySelector('article').innerHTML = html }", html)


def shown(page: Page) -> str:
    html = page.evaluate("document.querySelector('article').innerHTML")
    assert page.evaluate("errors") == []
    return re.sub(r' (id="m-c\d+"|class="")', "", html)


def loaded(page: Page, html: str) -> str:
    """What the browser makes of `html`, in its own spelling."""
    spelt = page.evaluate(
        """html => {
        const article = document.createElement('article');
        article.innerHTML = html;
        return article.innerHTML;
    }""",
        html,
    )
    return re.sub(r' id="m-c\d+"', "", spelt)


def receive(page: Page, patch: str, by: str) -> None:
    if by == "socket":
        page.evaluate("patch => receive(patch)", patch)
    elif by == "hand":
        page.evaluate("patch => { apply(patch) }", patch)
    else:
        page.evaluate("patch => htmx.swap('body', patch, {swapStyle: 'none'})", patch)


@pytest.mark.parametrize("by", ["socket", "swap", "hand"])
@pytest.mark.parametrize("step", [1, 7, 40, 300])
def test_an_answer_grows_into_the_whole(browser_page: Page, step: int, by: str) -> None:
    growing = Growing("m")
    show(browser_page, growing.html())
    for start in range(0, len(ANSWER), step):
        since = growing.count
        growing.feed(ANSWER[start : start + step])
        receive(browser_page, growing.patch(since), by)
        if step > 1 or start % 10 == 0:
            assert shown(browser_page) == loaded(browser_page, growing.html())
    since = growing.count
    growing.close()
    receive(browser_page, growing.patch(since), by)
    assert shown(browser_page) == loaded(browser_page, render(ANSWER, "m"))


@pytest.mark.parametrize("by", ["socket", "hand"])
def test_examples_grow_into_what_a_load_shows(browser_page: Page, by: str) -> None:
    for text in examples():
        growing = Growing("m")
        show(browser_page, growing.html())
        for start in range(0, len(text), 3):
            since = growing.count
            growing.feed(text[start : start + 3])
            receive(browser_page, growing.patch(since), by)
        assert shown(browser_page) == loaded(browser_page, growing.html()), text


def test_old_blocks_are_folded_and_nothing_else_changes(browser_page: Page) -> None:
    text = ANSWER * 12
    growing = Growing("m")
    show(browser_page, f'<div id="part">{growing.html()}</div>')
    for start in range(0, len(text), 50):
        since = growing.count
        growing.feed(text[start : start + 50])
        browser_page.evaluate("fold(document.getElementById('part'))")
        receive(browser_page, growing.patch(since), "hand")
    folded = browser_page.evaluate(
        "[...document.querySelectorAll('.folded')].map(fold => fold.childElementCount)"
    )
    assert len(folded) > 3
    assert set(folded) == {16}
    browser_page.evaluate(
        "document.querySelectorAll('.folded').forEach(fold => fold.replaceWith(...fold.childNodes))"
    )
    assert shown(browser_page) == loaded(browser_page, f'<div id="part">{growing.html()}</div>')


def test_nothing_is_folded_under_a_selection(browser_page: Page) -> None:
    growing = Growing("m")
    growing.feed("One paragraph.\n\n" * 40)
    show(browser_page, f'<div id="part">{growing.html()}</div>')
    count = """select => {
        const part = document.getElementById('part');
        if (select) getSelection().selectAllChildren(part.children[3]);
        else getSelection().removeAllRanges();
        fold(part);
        return part.querySelectorAll('.folded').length;
    }"""
    assert browser_page.evaluate(count, True) == 0
    assert browser_page.evaluate(count, False) == 1


def test_a_page_of_any_moment_catches_up(browser_page: Page) -> None:
    for known in range(0, len(ANSWER), 23):
        growing = Growing("m")
        growing.feed(ANSWER[:known])
        since = growing.count
        show(browser_page, growing.html())
        growing.feed(ANSWER[known:])
        receive(browser_page, growing.patch(since), "socket")
        assert shown(browser_page) == loaded(browser_page, growing.html())


def test_patches_of_two_messages_can_share_a_frame(browser_page: Page) -> None:
    texts = ["| a |\n|---|\n| b |\n| c", "- a\n- b", "| a |\n|---|\n| b |\n"]
    several = [Growing("m1"), Growing("m2"), Growing("m3")]
    show(browser_page, "".join(growing.html() for growing in several))
    for cut in (slice(0, 14), slice(14, 18), slice(18, None)):
        counts = [growing.count for growing in several]
        for growing, text in zip(several, texts, strict=True):
            growing.feed(text[cut])
        pairs = zip(several, counts, strict=True)
        receive(browser_page, "".join(growing.patch(n) for growing, n in pairs), "socket")
    html = re.sub(r' id="m\d-c\d+"', "", shown(browser_page))
    whole = "".join(growing.html() for growing in several)
    assert html == re.sub(r' id="m\d-c\d+"', "", loaded(browser_page, whole))


def test_nothing_is_loaded_by_what_a_model_wrote(browser_page: Page) -> None:
    asked: list[str] = []
    browser_page.on("request", lambda request: asked.append(request.url))
    show(browser_page, render("![a](https://evil.example/a.png) <img src=https://b.example>", "m"))
    browser_page.wait_for_timeout(100)
    assert asked == []
