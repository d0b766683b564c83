"""A tool's call in the page: the same however it is cut, patches that add up, nothing but text."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rendering import Growing, GrowingCall, growing_part, render, render_part
from conversations.rendering.calls import indented, render_call
from conversations.rendering.parts import part_html

from .page import Page, normal, parse


def call(arguments='{"expression": "1 < 2"}', name="calculate") -> str:
    return json.dumps({"id": "call_1", "name": name, "arguments": arguments}) + "\n"


def answer(result="0.3", *, seconds=0.0123, failed=False) -> str:
    return json.dumps({"result": result, "seconds": seconds, "failed": failed}) + "\n"


WHOLE = call() + answer("two\nlines & <b>more</b>")
TEXTS = [
    "",
    "\n",
    "\n\n\n",
    "words",
    "[1]\n",
    "{}",
    WHOLE,
    WHOLE.rstrip("\n"),
    call(),
    call("{") + answer("no JSON", failed=True),
    call("") + answer("", seconds=0),
    call('{"a": [1.10, {"b": null}], "c": "\\u00e9"}'),
    WHOLE + answer("a second answer"),
    call() + "half a line\n" + answer(),
    json.dumps({"name": 1, "arguments": {}}) + "\n" + json.dumps({"result": [], "seconds": "x"}),
    json.dumps({"name": "\ud800", "arguments": '"\ud800\0"'})
    + '\n{"result": "\\ud800", "seconds": 1e999}',
]
pieces = st.sampled_from([*TEXTS, "\n", '{"result": "x"}', '"', "{", "<b>", "é"])
texts = st.lists(pieces, max_size=4).map("".join)


def grown(text: str) -> GrowingCall:
    growing = GrowingCall("m")
    growing.feed(text)
    return growing


def check_every_cut(text: str) -> None:
    growing = GrowingCall("m")
    page = Page(growing.html())
    for end in range(1, len(text) + 1):
        since = growing.count
        growing.feed(text[end - 1])
        at_once = grown(text[:end])
        assert (at_once.html(), at_once.count) == (growing.html(), growing.count)
        assert growing.count == text[:end].count("\n")
        page.apply(growing.patch(since))
        assert page.html() == normal(growing.html())
    since = growing.count
    growing.close()
    page.apply(growing.patch(since))
    assert growing.patch(since)
    assert page.html() == normal(render_call(text, "m"))


@pytest.mark.parametrize("text", TEXTS)
def test_a_call_grows_alike_however_it_is_cut(text: str) -> None:
    check_every_cut(text)


@given(texts)
def test_any_text_grows_alike_however_it_is_cut(text: str) -> None:
    check_every_cut(text)


@given(texts, st.data())
def test_a_page_of_any_moment_catches_up_and_shows_what_a_reload_shows(text, data) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    growing = GrowingCall("m")
    pages = [(growing.count, Page(growing.html()))]
    for start, end in pairwise([0, *cuts, len(text)]):
        growing.feed(text[start:end])
        pages.append((growing.count, Page(growing.html())))
    growing.close()
    final = render_call(text, "m")
    for since, page in pages:
        page.apply(growing.patch(since))
        assert page.html() == normal(final)
        assert "m-open" not in page.html()
    assert growing.html() == final
    assert growing.matches(final)
    assert growing.finish().same
    assert growing.finish().html == final


def test_nothing_is_sent_to_who_has_it_already() -> None:
    growing = grown(call())
    growing.feed('{"result"')
    assert growing.patch(1) == ""
    growing.close()
    growing.close()
    assert growing.patch(growing.count) == ""


def test_a_result_replaces_the_call_and_the_end_takes_only_the_slot() -> None:
    growing = grown(call())
    assert growing.patch(0).startswith('<div hx-swap-oob="beforebegin:#m-open"><div class="call"')
    growing.feed(answer())
    assert growing.patch(1).startswith('<div hx-swap-oob="true" class="call" id="m-call"')
    since = growing.count
    growing.close()
    assert growing.patch(since) == '<i id="m-open" hx-swap-oob="delete"></i>'


def shown(text: str):
    """The one element that a call is."""
    (element,) = parse(render_call(text, "m")).children
    return element


def text_of(element) -> str:
    return "".join(
        child if isinstance(child, str) else text_of(child) for child in element.children
    )


@pytest.mark.parametrize(
    ("text", "state", "seconds"),
    [
        (call(), "running", None),
        (call() + answer(), "done", "0.012"),
        (call() + answer(failed=True, seconds=10), "failed", "10.000"),
        (call("{") + answer(failed=True), "invalid", "0.012"),
        (call("[1]"), "invalid", None),
        (call('{"a": NaN}'), "invalid", None),
        (call("") + answer(seconds=True), "done", "1.000"),
        (call() + answer(seconds=-1), "done", None),
        (call() + answer(seconds=10**400), "done", None),
    ],
)
def test_state_and_time_stand_in_its_data(text: str, state: str, seconds: str | None) -> None:
    data = shown(text).attributes
    assert (data["data-name"], data["data-state"]) == ("calculate", state)
    assert data.get("data-seconds") == seconds


def test_arguments_are_laid_out_with_their_numbers_as_they_are_written() -> None:
    written = '{"a":1.10,"b":[2e5,-0,{}],"c":[],"d":{"e":"x,[\\"\\u00e9"},"f":true}'
    assert indented(written) == (
        '{\n  "a": 1.10,\n  "b": [\n    2e5,\n    -0,\n    {}\n  ],\n  "c": [],\n'
        '  "d": {\n    "e": "x,[\\"é"\n  },\n  "f": true\n}'
    )
    assert json.loads(indented(written)) == json.loads(written)


def test_what_nests_deep_stays_as_it_is_written() -> None:
    written = '{"a":' + "[" * 300 + "]" * 300 + "}"
    assert indented(written) == written
    assert text_of(shown(call(written))) == written


def test_arguments_are_code_in_colours_and_others_are_shown_raw() -> None:
    figure = shown(call()).children[0].children[0]
    assert figure.attributes["data-language"] == "json"
    assert any(node.tag == "span" for node in figure.walk())
    raw = shown(call('{"a": <b>')).children[0].children[0]
    assert "data-language" not in raw.attributes
    assert text_of(raw) == '{"a": <b>'


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</code></pre></figure></div><b id=composer>",
    '" hx-get="/logout" data-state="done',
    "&lt;b&gt; ' onclick='x",
    "\0\ud800</pre>",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_nothing_that_a_model_or_a_tool_writes_is_markup(words: str) -> None:
    for arguments in (words, json.dumps({words: words})):
        html = render_call(call(arguments, words) + answer(words), "m")
        html.encode()
        tags = {node.tag for node in parse(html).walk()}
        assert tags <= {"div", "figure", "pre", "code", "span"}
        names = {name for node in parse(html).walk() for name in node.attributes}
        assert names <= {
            *("class", "id", "dir", "tabindex", "data-name", "data-state", "data-seconds"),
            *("data-piece", "data-language"),
        }
        assert shown(call(arguments, words) + answer(words)).attributes["data-state"] in (
            "done",
            "invalid",
        )


def test_the_markup_holds_no_word_of_the_interface() -> None:
    assert text_of(shown(call("{}", "clock") + answer("noon"))) == "{}noon"


def test_a_prefix_that_is_no_name_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot begin"):
        GrowingCall("a b")


def test_the_kind_of_a_part_decides_what_renders_it() -> None:
    assert isinstance(growing_part("tool_call", "m"), GrowingCall)
    assert isinstance(growing_part("answer", "m"), Growing)
    assert render_part("tool_call", WHOLE, "m") == render_call(WHOLE, "m")
    assert render_part("reasoning", "*a*", "m") == render("*a*", "m")


def test_a_calls_part_is_folded_under_an_empty_summary() -> None:
    html = part_html("m", 2, "tool_call", "<b></b>", (1, 40))
    assert html == (
        '<details class="part part--tool_call" id="m-2" data-kind="tool_call" data-count="1" '
        'data-length="40"><summary></summary><div class="prose" dir="auto"><b></b></div></details>'
    )
