"""JSON as models write it: found in an answer, read exactly, cut into its entries.

What is shown and what is judged agree on this page about what JSON is. Numbers and strings stay as
they were written, names may come twice, and nothing here calls itself: depth costs no stack.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

DEEPEST = 100

BLANKS = " \t\r\n\ufeff"
FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*[\w+.-]*[ \t]*\r?\n")
TOKEN = re.compile(
    r'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")'
    r"|(?P<mark>[\[\]{}])"
    r"|(?P<number>-?[0-9][0-9.eE+-]*)"
    r"|(?P<word>true|false|null)"
)
BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|([\[{])|([\]}])', re.DOTALL)
OTHERWISE = "something here isn’t JSON"
FAULTS = {
    "Expecting value": "a value should begin here",
    "Expecting property name": "a name in double quotes should stand here",
    "Expecting ':'": "a colon is missing",
    "Expecting ','": "a comma or a closing bracket is missing",
    "Unterminated string": "the text that begins here never ends",
    "Invalid control": "a text holds a line break or another control character",
    "Invalid \\": "a text holds a backslash that escapes nothing",
    "Illegal trailing comma": "there is a comma too many",
}


class NotJson(ValueError):
    """What is wrong, as a clause, and the line and column of the answer, both from 1 (0: nowhere)."""

    def __init__(self, problem: str, line: int = 0, column: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.column = column


@dataclass(slots=True)
class Entry:
    """One value within a JSON text: `start` and `end` are offsets, `name` is as written, in quotes."""

    kind: str  # object, array, string, number or word
    depth: int
    index: int
    name: str | None
    start: int
    end: int
    count: int = 0  # of its own entries


def json_span(text: str) -> tuple[int, int]:
    """Where the JSON of an answer stands: without the blanks and the one code fence around it.

    Of a fence that was cut off, the beginning alone is left out.
    """
    start, end = _trimmed(text, 0, len(text))
    fence = FENCE.match(text, start, end)
    if not fence:
        return start, end
    is_closed = text.endswith(fence[1], fence.end(), end)
    return _trimmed(text, fence.end(), end - len(fence[1]) if is_closed else end)


def decode(text: str, number: Callable[[str], Any] = str) -> Any:
    """The value of an answer's JSON, each number made by `number` from how it is written.

    Raises `NotJson`, also for NaN, for what stands around the JSON, and beyond `DEEPEST` levels.
    """
    start, end = json_span(text)
    if start >= end:
        raise NotJson("there is nothing in it")
    if is_too_deep(text):
        raise NotJson(f"it is nested more than {DEEPEST} levels deep")
    decoder = json.JSONDecoder(parse_float=number, parse_int=number, parse_constant=_refuse)
    try:
        value, stop = decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise _fault(error, end) from None
    if stop != end:
        raise NotJson(
            "something stands after the end of the JSON", *_place(text, _next(text, stop))
        )
    return value


def entries_of(text: str) -> list[Entry]:
    """Every value in an answer that `decode` takes, in order, the outermost first."""
    start, end = json_span(text)
    entries: list[Entry] = []
    inside: list[Entry] = []
    name: str | None = None
    for token in TOKEN.finditer(text, start, end):
        if token[0] in ("]", "}"):
            inside.pop().end = token.end()
        elif inside and inside[-1].kind == "object" and name is None:
            name = token[0]
        else:
            entry = _entry(token, inside, name)
            entries.append(entry)
            name = None
            if token.lastgroup == "mark":
                inside.append(entry)
    return entries


def _entry(token: re.Match[str], inside: list[Entry], name: str | None) -> Entry:
    kind = {"{": "object", "[": "array"}.get(token[0]) or token.lastgroup or ""
    index = 0
    if inside:
        index = inside[-1].count
        inside[-1].count += 1
    return Entry(kind, len(inside), index, name, token.start(), token.end())


def is_too_deep(text: str) -> bool:
    """True when brackets outside of strings nest beyond `DEEPEST`."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    depth = 0
    for bracket in BRACKETS.finditer(text):
        depth += 1 if bracket[1] else -1 if bracket[2] else 0
        if depth > DEEPEST:
            return True
    return False


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip(BLANKS)), start + len(inner.rstrip(BLANKS))


def _next(text: str, at: int) -> int:
    """The first place from `at` on that isn't blank."""
    return at + len(text[at:]) - len(text[at:].lstrip(BLANKS))


def _place(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _fault(error: json.JSONDecodeError, end: int) -> NotJson:
    if error.pos >= end:
        return NotJson("it breaks off", *_place(error.doc, end))
    told = (words for start, words in FAULTS.items() if error.msg.startswith(start))
    return NotJson(next(told, OTHERWISE), error.lineno, error.colno)


def _refuse(constant: str) -> NoReturn:
    raise NotJson(f"{constant} isn’t a number in JSON")
