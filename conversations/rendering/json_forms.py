"""The two forms of JSON that is whole: a foldable tree, and indented text in colours.

Both are written from the same list of entries, in one pass and without recursion.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from html import escape
from itertools import accumulate, takewhile

from .json_text import Entry
from .sanitise import plain

MOST_NODES = 5_000
MOST_INDENTS = 2_000_000
MOST_OPEN = 400
OPEN_LEVELS = 3
MANY_ENTRIES = 100

BRACKETS = {"object": "{}", "array": "[]"}
COLOURS = {"string": "s", "number": "m", "word": "k"}
UNSEEN = re.compile("[\0-\x08\x0b-\x1f\ud800-\udfff]")


def deepest_level(entries: list[Entry], most: int) -> int:
    """The deepest level down to which there are at most that many entries; -1 for none."""
    levels = Counter(entry.depth for entry in entries)
    sums = accumulate(levels[depth] for depth in sorted(levels))
    return len(list(takewhile(most.__ge__, sums))) - 1


def coloured(text: str, entries: list[Entry]) -> str:
    """The indented text as HTML; in colours where there aren't more than `MOST_NODES` entries."""
    if len(entries) > MOST_NODES:
        return plain(indented(text, entries))
    runs = _runs(text, entries)
    return "".join(_span(name, part) if name else escape(part) for name, part in runs)


def indented(text: str, entries: list[Entry]) -> str:
    """The indented text, unless its indents would outgrow everything."""
    if sum(2 * entry.depth for entry in entries) > MOST_INDENTS:
        return text
    return "".join(part for _, part in _runs(text, entries))


def _runs(text: str, entries: list[Entry]) -> Iterator[tuple[str, str]]:
    """The indented text in pieces, each with the class of its colour."""
    inside: list[Entry] = []
    for entry in entries:
        yield from _closings(inside, entry.depth)
        if entry.index:
            yield "", ","
        if entry.depth:
            yield "", "\n" + "  " * entry.depth
        if entry.name is not None:
            yield "k", entry.name
            yield "", ": "
        if entry.count:
            inside.append(entry)
            yield "", BRACKETS[entry.kind][0]
        else:
            yield _colour(entry), BRACKETS.get(entry.kind) or text[entry.start : entry.end]
    yield from _closings(inside, 0)


def _closings(inside: list[Entry], depth: int) -> Iterator[tuple[str, str]]:
    while len(inside) > depth:
        entry = inside.pop()
        yield "", "\n" + "  " * entry.depth + BRACKETS[entry.kind][1]


def _colour(entry: Entry) -> str:
    return COLOURS.get(entry.kind, "")


def tree(text: str, entries: list[Entry]) -> Iterator[str]:
    """The tree in pieces of HTML, nothing for one without branches.

    Branches are `details`, the first levels open; those at the deepest level that is drawn are text.
    """
    deepest = deepest_level(entries, MOST_NODES)
    if deepest < 1:
        return
    opened = min(OPEN_LEVELS, deepest_level(entries, MOST_OPEN))
    inside = 0
    for entry in entries:
        if entry.depth > deepest:
            continue
        yield "</div></details>" * (inside - entry.depth)
        inside = entry.depth
        if entry.count and entry.depth < deepest:
            inside += 1
            yield _branch(entry, opened)
        else:
            yield f'<div class="json-leaf">{_name(entry)}{_value(text, entry)}</div>'
    yield "</div></details>" * inside


def _branch(entry: Entry, opened: int) -> str:
    is_open = entry.depth == 0 or (entry.depth < opened and entry.count <= MANY_ENTRIES)
    return (
        f'<details class="json-{entry.kind}"{" open" if is_open else ""}>'
        f"<summary>{_name(entry)}{_span('json-count', str(entry.count))}</summary>"
        '<div class="json-entries">'
    )


def _name(entry: Entry) -> str:
    if entry.name is not None:
        return f'<span class="json-name" dir="auto">{plain(shown(entry.name))}</span>'
    return _span("json-index", str(entry.index)) if entry.depth else ""


def _value(text: str, entry: Entry) -> str:
    source = text[entry.start : entry.end]
    if entry.kind == "string":
        return f'<span class="json-string" dir="auto">{plain(shown(source))}</span>'
    if entry.kind in BRACKETS:
        return _span("json-text", source if entry.count else BRACKETS[entry.kind])
    return _span(f"json-{entry.kind}", source)


def shown(literal: str) -> str:
    """A string as it reads; one with characters that can't be seen, as it is written."""
    if "\\" not in literal:
        return literal[1:-1]
    value: str = json.loads(literal)
    return literal[1:-1] if UNSEEN.search(value) else value


def _span(name: str, text: str) -> str:
    return f'<span class="{name}">{plain(text)}</span>'
