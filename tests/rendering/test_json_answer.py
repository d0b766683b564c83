"""JSON answers: code by lines while they grow, then a tree and a text that hold what was written."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rendering import json_forms
from conversations.rendering.json_answer import GrowingJson, pretty, render_json
from conversations.rendering.json_forms import shown
from conversations.rendering.json_text import DEEPEST, NotJson, decode, entries_of, json_span

from .page import Node, Page, normal, parse

PEOPLE = """{"people": [
  {"name": "Ada <b>&amp;</b>", "age": 36, "size": 1.70e0},
  {"name": "\\u05d0\\n\\"x\\"", "tags": [], "more": {"a": {"b": [true, null]}}}
], "people": -0.0}"""
LINES = [
    "{",
    "}",
    '"a": 1,',
    "[1, 2]",
    "",
    "```json",
    "```",
    "Here:",
    "a\rb",
    "x" * 300,
    "\0",
    "<p>",
]
texts = st.lists(st.sampled_from(LINES), max_size=8).map("\n".join)
wild = st.text('{}[]",:\\ \n\r\t01.e-ab<&\0é\ud800', max_size=60)
answers = texts | wild | st.sampled_from([PEOPLE, f"```json\n{PEOPLE}\n```\n"])

numbers = st.from_regex(
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
names = st.text(max_size=8)
written = st.recursive(
    st.sampled_from(["true", "false", "null", '"\\u00e9\\/\\ud800"', "{}", "[ ]"])
    | numbers
    | st.builds(json.dumps, st.text(max_size=12), ensure_ascii=st.booleans()),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda found: f"[{' , '.join(found)}]")
        | st.lists(st.tuples(names.map(json.dumps), inner), max_size=4).map(
            lambda found: "{" + ",\n".join(f"{name}:{value}" for name, value in found) + "}"
        )
    ),
    max_leaves=25,
)


def read(text: str) -> object:
    """JSON with all of its pairs in order, and numbers as they are written."""
    return json.loads(
        text,
        parse_float=lambda literal: ("number", literal),
        parse_int=lambda literal: ("number", literal),
        object_pairs_hook=lambda pairs: ("object", pairs),
    )


def grown(text: str) -> GrowingJson:
    growing = GrowingJson("m")
    growing.feed(text)
    return growing


def text_of(node: Node) -> str:
    return "".join(child if isinstance(child, str) else text_of(child) for child in node.children)


def found(html: str, name: str) -> list[Node]:
    nodes = parse(html).walk()
    return [node for node in nodes if name in (node.tag, node.attributes.get("class"))]


# While it grows


@given(answers)
def test_any_text_grows_alike_however_it_is_cut(text: str) -> None:
    growing = GrowingJson("m")
    page = Page(growing.html())
    for end in range(1, len(text) + 1):
        since, before = growing.count, growing.html()
        growing.feed(text[end - 1])
        at_once = grown(text[:end])
        assert (at_once.count, at_once.html()) == (growing.count, growing.html())
        assert growing.count >= since, before
        page.apply(growing.patch(since))
        assert page.html() == normal(growing.html())


@given(answers, st.data())
def test_a_page_of_any_moment_catches_up(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    growing = GrowingJson("m")
    pages = [(growing.count, Page(growing.html()))]
    for start, end in pairwise([0, *cuts, len(text)]):
        growing.feed(text[start:end])
        pages.append((growing.count, Page(growing.html())))
    growing.close()
    for since, page in pages:
        page.apply(growing.patch(since))
        assert page.html() == normal(growing.html())
        assert "m-open" not in page.html()


@given(answers)
def test_what_matches_is_what_the_whole_render_shows(text: str) -> None:
    finished = grown(text).finish()
    assert finished.html == render_json(text, "m")
    growing = grown(text)
    growing.close()
    assert growing.matches(finished.html) is finished.same
    assert (growing.html() == finished.html) is finished.same


@pytest.mark.parametrize("text", ["", "Sorry, no.", '{"a": [1, 2', "a\r\nb\r", "x" * 1000])
def test_what_is_no_json_needs_nothing_sent_again(text: str) -> None:
    assert grown(text).finish().same


def test_a_frame_carries_only_its_lines() -> None:
    growing = grown('{"a": 1,\n' * 500)
    since = growing.count
    growing.feed('"b": 2,\n"c"')
    assert growing.patch(since) == (
        '<div hx-swap-oob="beforebegin:#m-open">"b": 2,\n</div>'
        '<div id="m-open" hx-swap-oob="innerHTML">"c"</div>'
    )


def test_a_long_line_settles_in_pieces() -> None:
    growing = GrowingJson("m")
    sent = 0
    for _ in range(4000):
        since = growing.count
        growing.feed('{"a":1},')
        sent += len(growing.patch(since))
    assert growing.count == 4000 * 8 // 256
    assert sent < 4000 * 450


def test_a_closed_page_hears_nothing_more() -> None:
    growing = grown("{}")
    growing.close()
    growing.close()
    assert growing.count == 2
    assert growing.patch(2) == ""


def test_an_id_is_refused_that_is_none() -> None:
    with pytest.raises(ValueError, match="begin the id"):
        GrowingJson('1"')


# When it is whole


@given(written)
def test_the_text_holds_what_was_written(text: str) -> None:
    assert read(pretty(text)) == read(text)
    code = found(render_json(text, "m"), "code")[0]
    assert text_of(code) == pretty(text)
    assert pretty(pretty(text)) == pretty(text)


@given(written)
def test_the_tree_holds_what_was_written(text: str) -> None:
    html = render_json(text, "m")
    entries = entries_of(text)
    if entries[0].count:
        leaves = [entry for entry in entries if not entry.count]
        strings = [text[e.start : e.end] for e in leaves if e.kind == "string"]
        assert [text_of(node) for node in found(html, "json-string")] == list(map(shown, strings))
        numbers = [text[e.start : e.end] for e in leaves if e.kind == "number"]
        assert [text_of(node) for node in found(html, "json-number")] == numbers
        counts = [str(entry.count) for entry in entries if entry.count]
        assert [text_of(node) for node in found(html, "json-count")] == counts
        inner = [shown(entry.name) for entry in entries if entry.name is not None]
        assert [text_of(node) for node in found(html, "json-name")] == inner
    else:
        assert "json-tree" not in html


@given(st.text())
def test_a_string_reads_as_meant_or_as_written(text: str) -> None:
    literal = json.dumps(text)
    assert shown(literal) in (text, literal[1:-1])


@given(answers | written)
def test_nothing_of_an_answer_becomes_markup(text: str) -> None:
    for node in parse(render_json(text, "m")).walk():
        assert node.tag in {"figure", "pre", "code", "div", "span", "details", "summary"}
        assert set(node.attributes) <= {
            "class",
            "dir",
            "open",
            "tabindex",
            "data-json",
            "data-language",
        }


def test_a_fence_and_blanks_around_json_are_no_part_of_it() -> None:
    for around in (
        "```json\n{}\n```",
        "\n\ufeff {}\n",
        "~~~\n{}~~~",
        "```JSON\r\n{}\r\n```",
        "```\n{}",
    ):
        start, end = json_span(around)
        assert around[start:end] == "{}", around
        assert decode(around) == {}


def test_the_tree_comes_first_and_its_first_levels_are_open() -> None:
    html = render_json(PEOPLE, "m")
    assert html.startswith('<figure class="code json" data-json')
    assert html.index("json-tree") < html.index("<pre")
    opened = ["open" in node.attributes for node in found(html, "details")]
    assert opened == [True, True, True, True, False, False, False]
    assert [text_of(node) for node in found(html, "json-name")].count("people") == 2
    assert "1.70e0" in html
    assert "-0.0" in html


def test_a_long_branch_is_folded() -> None:
    html = render_json(json.dumps({"many": list(range(200)), "few": [1]}), "m")
    assert ["open" in node.attributes for node in found(html, "details")] == [True, False, True]


def test_a_tree_with_much_in_it_is_opened_less_far() -> None:
    html = render_json(json.dumps([{"a": {"b": [1]}}] * 90), "m")
    opened = ["open" in node.attributes for node in found(html, "details")]
    assert opened == [True] + [True, True, False] * 90
    html = render_json(json.dumps([{"a": {"b": [1]}, "c": {}, "d": []}] * 90), "m")
    opened = ["open" in node.attributes for node in found(html, "details")]
    assert opened == [True] + [True, False, False] * 90


def test_levels_beyond_the_limit_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_forms, "MOST_NODES", 4)
    html = render_json('{"a": {"b": [1, 2, 3]}, "c": []}', "m")
    assert [text_of(node) for node in found(html, "json-text")] == ["[1, 2, 3]", "[]"]
    assert [text_of(node) for node in found(html, "json-count")] == ["2", "1"]
    assert "json-tree" not in render_json("[1, 2, 3, 4]", "m")
    assert pretty("[1, 2, 3, 4]") in text_of(parse(render_json("[1, 2, 3, 4]", "m")))


def test_only_some_depth_is_json() -> None:
    deepest = "[" * DEEPEST + "]" * DEEPEST
    assert decode(deepest) is not None
    with pytest.raises(NotJson, match="nested"):
        decode(f"[{deepest}]")
    assert "json-tree" not in render_json(f"[{deepest}]", "m")
    assert decode(json.dumps("[" * 1000)) == "[" * 1000


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        "[" * 400_000,
        '{"a":' * 80_000,
        "[" + "1," * 200_000 + "1]",
        "[" * 99 + "[1]," * 100_000 + "1" + "]" * 99,
        '"' * 400_000,
        '"\\' * 200_000,
        "[" + '{"a":"b\\u0000"},' * 25_000 + "1]",
        "```" * 100_000,
        "{}" * 200_000,
        "\n" * 400_000,
        '["' + "ab " * 130_000 + '"]',
        "[" + '"a' * 100_000,
    ],
)
def test_what_is_made_to_be_large_costs_a_bounded_page(text: str) -> None:
    html = render_json(text, "m")
    assert len(html) < 4 * json_forms.MOST_INDENTS
    assert html.count("<span") < 6 * json_forms.MOST_NODES
    growing = GrowingJson("m")
    for start in range(0, len(text), 5_000):
        since = growing.count
        growing.feed(text[start : start + 5_000])
        assert growing.patch(since)
    growing.close()
