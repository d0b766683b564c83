"""Markdown made to be slow costs a bounded amount of work, and text of any length linear work."""

import pytest

from conversations.rendering import Growing, pieces, render
from conversations.rendering.markdown import LONGEST
from conversations.rendering.scanner import OPEN_LONGEST

from .corpus import ANSWER
from .page import parse

SLOW = {
    "quotes": ">" * 10_000 + "a",
    "brackets": "[" * 50_000,
    "links": "[a](" * 20_000,
    "images": "![a](" * 20_000,
    "emphasis": "*a **b " * 10_000,
    "nested emphasis": "*a " * 10_000 + "a*" * 10_000,
    "stars": "*" * 50_000 + "a" + "*" * 50_000,
    "lists": "".join("  " * depth + "- a\n" for depth in range(500)),
    "list in quote": "> - " * 3_000 + "a",
    "numbers": "1. " * 5_000 + "a",
    "formulas that never end": "\\[" * 30_000 + "\\(" * 30_000 + "$$a " * 10_000,
    "different formulas": "".join(f"$x_{{{n}}}$ " for n in range(20_000)),
    "nested formula": "$" + "x^{" * 600 + "}" * 600 + "$",
    "wide table": "|" + "a|" * 1_000 + "\n|" + "-|" * 1_000 + "\n" + "x\n" * 1_000,
    "footnotes": "a[^1] " * 20_000 + "\n\n[^1]: b",
    "code blocks": "".join(f"```py\nx = {n}\n```\n" for n in range(10_000)),
    "long lines of code": "```js\n" + "'\\" * 4_000 + "\n```",
    "empty lines of code": "```java\n" + "\n \n" * 2_500 + "\n```",
    "blanks": " " * 100_000 + "a" + "\t" * 100_000,
    "line ends": "\n" * 100_000 + "\r" * 100_000,
    "raw html": "<pre>\n" + "\n" * 100_000 + "a",
    "comments": "<!--" * 20_000,
    "entities": "&a" * 50_000,
    "dashes": "-" * 100_000,
    "pipes": "|" * 100_000,
    "nul": "\0" * 100_000,
    "surrogates": "\ud800" * 100_000,
    "references": "".join(f"[{n}]: x\n" for n in range(10_000)) + "[1] " * 10_000,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW.keys())
def test_slow_markdown_is_rendered(text: str) -> None:
    assert len(render(text, "m")) < 80 * len(text) + 1000
    growing = Growing("m")
    for start in range(0, len(text), 5_000):
        since = growing.count
        growing.feed(text[start : start + 5_000])
        assert growing.patch(since)
    growing.close()
    growing.patch(0)


def test_text_beyond_the_limit_comes_plain() -> None:
    html = render("*a*\n" * (LONGEST // 3), "m")
    assert html.startswith('<pre class="plain"')
    assert "<em>" not in html


def test_deep_nesting_comes_plain() -> None:
    assert render(">" * 500 + "a", "m").startswith('<pre class="plain"')


@pytest.mark.parametrize(
    "start", ["", "- ", "> ", "1. a\n   - ", "| a |\n|---|\n| ", "```\n", "# "]
)
def test_no_open_end_outgrows_its_limit(start: str) -> None:
    growing = Growing("m")
    growing.feed(start)
    longest = 0
    for _ in range(400):
        growing.feed("word " * 40)
        longest = max(longest, len(growing._scanner.open_source()))
    assert longest <= OPEN_LONGEST
    parse(growing.html())


def test_what_is_settled_is_never_rendered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The characters given to comrak grow with the text, not with its square."""
    few, many = (parsed_characters(ANSWER * times, monkeypatch) for times in (4, 32))
    assert many / few == pytest.approx(8, rel=0.1)


def parsed_characters(text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    given = []

    def counting(source: str, *rest: int) -> str:
        given.append(len(source))
        return parse_markdown(source, *rest)

    monkeypatch.setattr(pieces, "parse", counting)
    growing = Growing("m")
    for start in range(0, len(text), 40):
        since = growing.count
        growing.feed(text[start : start + 40])
        growing.patch(since)
    return sum(given)


parse_markdown = pieces.parse


def test_nobody_watching_means_nothing_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pieces, "parse")
    growing = Growing("m")
    growing.feed(ANSWER)
    assert growing.count > 20
