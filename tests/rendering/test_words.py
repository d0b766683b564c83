"""Plain words need no parser: the short way shows them exactly as the long way does."""

from unittest import mock

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from conversations.rendering import pieces
from conversations.rendering.allowance import Allowance
from conversations.rendering.markdown import parse
from conversations.rendering.pieces import MARKS, MOST_SCANNING, WORDS, piece
from conversations.rendering.sanitise import sanitise
from conversations.rendering.shape import Shape

SIGNS = list(" ,.;:!?()\"'/%‘’“”–—…-")
LETTERS = [*"abzAZ019éßñİıſΩжЯאשعيहि語字한ªµ²½٣१０𝐚𠀀", "e\u0301", "ﬁ", "न्", "ไทย"]
OTHERS = ["_", "\n", "\n\n", "  ", "  \n", "\t", "&", "<", "*", "`", "#", "[", "@", "~", "$", "\\", "\u00a0", "🎈"]  # fmt: skip
BITS = [
    *("1.", "12)", "1)", "2. ", "10.5", "www.", "WWW.", "http://", "https:", "://", "//", ":-)"),
    *("ftp://", "mailto:", "www.example.org", "http://a.b", "example.org", "a.b.c", ":smile:"),
    *("--", "---", "...", "- ", "-- ", "(c)", "(a)", "a)", "a.", "&amp;", "amp;", "__", "_a_"),
    *("'quoted'", '"quoted"', "'s", "50 %", "%20", "1/2", "and/or", "e.g.", "no.\n", "i)", "٣."),
]
plain_texts = st.lists(st.sampled_from(LETTERS + SIGNS + [" "] * 5), max_size=30).map("".join)
mixed_texts = st.lists(
    st.sampled_from(LETTERS) | st.sampled_from(SIGNS) | st.sampled_from(BITS + OTHERS), max_size=12
).map("".join)
any_words = st.from_regex(WORDS, fullmatch=True)


def is_short(source: str) -> bool:
    """Whether this text goes the short way."""
    with mock.patch.object(pieces, "parse", wraps=parse) as parsed:
        piece(source, Allowance())
    return not parsed.called


def the_long_way(source: str) -> tuple[str, list[str]]:
    shape = Shape("", Allowance())
    html = sanitise(shape.shape(parse(source, MOST_SCANNING)))
    return html, shape.blocks


def check(source: str) -> None:
    html, shape = piece(source, Allowance())
    assert (html, shape.blocks) == the_long_way(source)


@settings(max_examples=400)
@given(plain_texts | mixed_texts)
def test_any_text_shows_alike_the_short_way_and_the_long(source: str) -> None:
    check(source)


@settings(max_examples=400)
@given(any_words)
@example("a" * 3_000)
@example("word " * 3_000)
@example("((" * 500 + "a")
@example("a" + "((" * 500)
def test_whatever_the_pattern_allows_shows_alike(source: str) -> None:
    assume(not any(mark in source for mark in MARKS))
    check(source)


@settings(max_examples=200)
@given(st.sampled_from(LETTERS), plain_texts, st.sampled_from(["", "\n", "\n\n", " \n", "  \n\n"]))
def test_a_text_of_letters_and_allowed_signs_goes_the_short_way(
    first: str, rest: str, end: str
) -> None:
    source = f"x{first}{rest}"
    assume(WORDS.fullmatch(source) and "www." not in source and "://" not in source)
    check(source + end)
    assert is_short(source + end)


SHORT = [
    "Once upon a time",
    "Once upon a time, there was a river.\n",
    "Well … “quoted”, ‘so’ – and — \"plain\", 'too'?\n\n",
    "It's 50 % (or 1/2) of 10.5; really: yes!",
    "Trailing blanks  \n",
    "a) is no list, nor is a. either",
    "2024 was a year - not a list",
    "3 apples, 4) pears",
    "x--y---z... (c) (r) (tm) :smile: example.org a.b",
    "WWW. and http: and https:/ a",
    "https:",
    "שלום, עולם!",
    "Привет, мир – это слова.",
    "𝐚 letter beyond the first plane",
    "a",
]
LONG = [
    "",
    "\n",
    " indented",
    "    code",
    "1. one",
    "12) twelve",
    "1.",
    "123456789.",
    "1.5 is a number that looks like a list",
    "- item",
    "(in brackets)",
    "snake_case and _soft_",
    "see www.example.org there",
    "see http://example.org there",
    "see https://example.org.",
    "a\nb",
    "a\n===",
    "a\n---",
    "a **b**",
    "a `b`",
    "a & b &amp; c",
    "a < b",
    "a\\b",
    "me@example.org",
    "a\tb",
    "# a",
    "語はことば、",
]


@pytest.mark.parametrize("source", SHORT)
def test_ordinary_words_go_the_short_way(source: str) -> None:
    check(source)
    assert is_short(source)


@pytest.mark.parametrize("source", LONG)
def test_what_may_mean_more_goes_the_long_way(source: str) -> None:
    check(source)
    assert not is_short(source)


def test_a_decent_share_of_the_plain_texts_goes_the_short_way() -> None:
    """Otherwise the comparison above would be of the long way with itself."""
    taken: list[bool] = []

    @settings(max_examples=300, database=None)
    @given(plain_texts)
    def look(source: str) -> None:
        taken.append(is_short(source))

    look()
    assert sum(taken) > len(taken) / 5, f"{sum(taken)} of {len(taken)}"
