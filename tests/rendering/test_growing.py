"""A growing message: the same steps however it is cut, patches that add up, the whole at the end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rendering import Growing, render

from .corpus import ANSWER, examples
from .page import Page, normal

LINES = [
    *("# a", "text **b** `c`", "*d", "- a", "  - b", "- [x] c", "* d", "1. a", "2. b", "3) c"),
    *("   more", "```py", "```", "~~~", "    code", "| a | b |", "|---|--:|", "| 1 | 2 |", "> a"),
    *("> - b", ">", "---", "===", "***", "$x$", "$$", "\\[x\\]", "[l](http://x.y)", "<div>", "-"),
    *(
        "<b>x</b>",
        "a[^1]",
        "[^1]: note",
        "[r]: http://z",
        "[r]",
        "",
        "",
        "",
        "\t",
        "1.",
        "שלום",
        "\0",
    ),
]
texts = st.lists(st.sampled_from(LINES), max_size=14).map("\n".join)
wild = st.text("ab *-_`~#>|$[]()!<\\\n\r\t1.:=+&\0é", max_size=60)
markdown = texts | wild | st.sampled_from(examples()[2:])


def grown(text: str) -> Growing:
    growing = Growing("m")
    growing.feed(text)
    return growing


def settled(growing: Growing) -> list[tuple[str, str, str]]:
    return [(op.kind, op.box, op.source) for op in growing._scanner.ops]


def check_every_cut(text: str) -> None:
    """Character by character: each state is that of the text at once, each patch adds up."""
    growing = Growing("m")
    page = Page(growing.html())
    before = settled(growing)
    for end in range(1, len(text) + 1):
        since = growing.count
        growing.feed(text[end - 1])
        now = settled(growing)
        assert now[: len(before)] == before
        at_once = grown(text[:end])
        assert settled(at_once) == now
        assert at_once.html() == growing.html()
        page.apply(growing.patch(since))
        assert page.html() == normal(growing.html())
        before = now


@pytest.mark.parametrize("text", examples())
def test_an_example_grows_alike_however_it_is_cut(text: str) -> None:
    check_every_cut(text)


@given(markdown)
def test_any_text_grows_alike_however_it_is_cut(text: str) -> None:
    check_every_cut(text)


@given(markdown, st.data())
def test_a_page_of_any_moment_catches_up(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    growing = Growing("m")
    pages = [(growing.count, Page(growing.html()))]
    for start, end in pairwise([0, *cuts, len(text)]):
        growing.feed(text[start:end])
        pages.append((growing.count, Page(growing.html())))
    growing.close()
    for since, page in pages:
        page.apply(growing.patch(since))
        assert page.html() == normal(growing.html())
        assert "m-open" not in page.html()


@given(markdown)
def test_what_matches_is_what_the_whole_render_shows(text: str) -> None:
    finished = grown(text).finish()
    assert finished.html == render(text, "m")
    growing = grown(text)
    growing.close()
    assert growing.matches(finished.html) is finished.same
    assert (growing.html() == finished.html) is finished.same


ORDINARY = [
    ANSWER,
    "One paragraph\nof two lines",
    "# A\n\nb\n\n## C\nd",
    "- a\n- b\n\n- c\n  - d\n\n    e",
    "1. a\n\n   b\n\n2. c\n\nd",
    "5. a\n6. b",
    "Text:\n- a\n- b\n\nMore:\n\n* c\n* d",
    "1. a\n```sh\nls\n```\n2. b",
    "a\n```\nb\n```\nc\n~~~py\nimport d\n~~~\n",
    "```py\nimport a",
    "  ```\n  a\n   b\n  ```",
    "| a | b |\n|---|---|\n| 1 | 2 |\n\nc",
    "A table:\n| a | b |\n|---|---|\n| 1 | 2 |\n# c",
    "| a |\n|---|",
    "> a\n> b\n>\n> c\n\n> d\n\ne",
    "> a\nb\n\nc",
    "> ```\n> a\n>\n> b\n> ```\n> c",
    "> 1. a\n> 2. b\n>    - c\n\nd",
    "$$\na\n$$\n\n\\[\nb\n\\]\n\nc $d$",
    "```math\n\\frac{a}{b}\n```\nc",
    "a\n\n---\n\nb\n***\nc",
    "Title\n=====\n\na\n\nTitle\n---\nb",
    "<div>\na\n</div>\n\n<p>\n\nb",
    "- [ ] a\n- [x] b",
    "    a\n\n    b\n\nc",
    "א\n\n- ב\n",
    "a\r\nb\r\n\r\nc",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_answer_needs_nothing_sent_again(text: str) -> None:
    assert grown(text).finish().same


@pytest.mark.parametrize("text", ["[a][b]\n\n[b]: http://c.d", "a[^1]\n\n[^1]: b", "e" * 40_000])
def test_what_comes_too_late_is_sent_again(text: str) -> None:
    assert not grown(text).finish().same


def steps(text: str) -> list[str]:
    return [f"{op.kind} {op.box}".strip() for op in grown(text)._scanner.ops]


def test_containers_grow_by_their_own_pieces() -> None:
    assert steps("a\n\nb") == ["settle"]
    assert steps("- a\n- b\n- c") == ["enter list", "settle list", "settle list"]
    assert steps("|a|\n|-|\n|1|\n|2|\n|3") == ["enter table", "settle table", "settle table"]
    assert steps("```\na\nb\nc") == ["enter code", "settle code", "settle code"]
    assert steps("> a\n>\n> b\n>\n> c") == ["enter quote", "settle quote", "settle quote"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n-", "<p>a</p>"),
        ("a\n--", "<p>a</p>"),
        ("a\n=", "<p>a</p>"),
        ("a\n``", "<p>a</p>"),
        ("a\n\n#", "<p>a</p>"),
        ("- a\n  -", "<ul><li>a</li></ul>"),
        ("- a\n2", "<ul><li>a</li></ul>"),
        ("a **b", "<p>a **b</p>"),
    ],
)
def test_half_a_mark_changes_nothing_yet(text: str, shown: str) -> None:
    html = grown(text).html().replace(' dir="auto"', "").replace(" data-open", "")
    html = html.replace('<div id="m-open"></div>', "").replace(' id="m-open"', "")
    assert html.replace("<div>", "").replace("</div>", "").replace(' id="m-c0"', "") == shown


def test_a_frame_within_a_code_block_carries_only_its_lines() -> None:
    growing = grown("```py\n" + "x = 1\n" * 500)
    since = growing.count
    growing.feed("y = 2\nz")
    assert growing.patch(since) == (
        '<div hx-swap-oob="beforebegin:#m-open">y = 2\n</div>'
        '<div id="m-open" hx-swap-oob="innerHTML">z</div>'
    )
