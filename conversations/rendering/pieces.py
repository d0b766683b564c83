"""Settled and open pieces as HTML, each as it stands in the whole: rendered alone, then cut out."""

import re
from dataclasses import dataclass, field
from typing import Self

from .allowance import Allowance, TooMuch
from .blocks import Op
from .figures import FIGURE_END, coloured_code, figure, language_of
from .lines import cells
from .markdown import as_it_is, parse
from .sanitise import plain, sanitise
from .shape import Shape

MOST_SCANNING = 5_000_000
ITEM = '<li dir="auto">'
QUOTE = '<blockquote dir="auto">'
TABLE = '<div class="table" tabindex="0"><table>'
TABLE_END = "</table></div>"
SLOTS = {"list": "li", "table": "tbody", "code": "span", "plain": "span", "quote": "div"}
FIRST_TAG = re.compile(r"<\w+")
INDENT = re.compile(" *")
# A paragraph of one line in which no sign can mean anything but itself.
WORDS = re.compile(r"(?!\d+[.)])[^\W_][\w ,.;:!?()\"'/%‘’“”–—…-]*\n*")
MARKS = ("_", "://", "www.")


@dataclass(slots=True)
class Container:
    """An element that grows by pieces: a list, a table, a code block, a quote, or plain text."""

    name: str
    box: str
    start: str
    end: str
    language: str = ""
    indent: int = 0  # of a code block's fence
    head: str = ""  # a table's head, with nothing in it
    items: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    closed: str = ""
    changed: bool = False  # closing gave it another form

    @classmethod
    def of(cls, op: Op, name: str, allowance: Allowance) -> Self:
        if op.box == "list":
            return cls(name, op.box, *_list_ends(op.source))
        if op.box == "table":
            start = _table_start(op.source, allowance)
            return cls(name, op.box, start, TABLE_END, head=_head(op.source))
        if op.box == "quote":
            return cls(name, op.box, QUOTE, "</blockquote>")
        if op.box == "plain":
            return cls(name, op.box, '<p class="plain" dir="auto">', "</p>")
        language = language_of(op.source.strip(" \t`~"))
        indent = len(op.source) - len(op.source.lstrip(" "))
        return cls(name, op.box, figure(language), FIGURE_END, language, indent)

    def close(self, allowance: Allowance) -> str:
        """Return the finished container; code gets its colours, once."""
        if self.box == "code":
            self._colour("".join(self.code), allowance)
            self.code = []
        self.closed = self.start + "".join(self.items) + self.end
        return self.closed

    def grown(self, prefix: str, open_end: str, swap: str = "") -> str:
        """Return the container by name, with the slot inside."""
        inside = "".join(self.items) + slot(prefix, open_end, self.box)
        return self._opening(swap) + inside + self.end

    def named(self, swap: str) -> str:
        """Return the finished container by name."""
        return self._opening(swap) + "".join(self.items) + self.end

    def _opening(self, swap: str) -> str:
        return FIRST_TAG.sub(rf'\g<0> id="{self.name}"{swap}', self.start, count=1)

    def _colour(self, text: str, allowance: Allowance) -> None:
        if self.language == "math":
            self.start, self.items, self.end = piece(f"```math\n{text}```\n", allowance)[0], [], ""
            self.changed = True
        elif coloured := coloured_code(self.language, text, allowance):
            self.items = [sanitise(coloured)]
            self.changed = True


def slot(prefix: str, html: str, box: str) -> str:
    """Return the one element that the open end is shown in."""
    tag = SLOTS.get(box, "div")
    direction = ' dir="auto"' if tag == "li" else ""
    return f'<{tag} id="{prefix}-open"{direction} data-open>{html}</{tag}>'


def settled_html(op: Op, container: Container | None, allowance: Allowance) -> str:
    """Return a settled piece as it stands in its container, or at the root."""
    if container is None:
        return piece(op.source, allowance)[0]
    if container.box == "code":
        text = _dedented(op.source, container.indent)
        container.code.append(text)
        return plain(text)
    if container.box == "list":
        return f"{ITEM}{_item(op.source, allowance)}</li>"
    if container.box == "table":
        return f"<tbody>{_row(op.source, container, allowance)}</tbody>"
    return _quoted(op.source, allowance) if container.box == "quote" else plain(op.source)


def open_html(source: str, container: Container | None, allowance: Allowance) -> str:
    """Return what belongs into the slot."""
    if not source:
        return ""
    allowance = allowance.for_open_end()
    if container is None:
        return piece(source, allowance)[0]
    if container.box == "list":
        return _item(source, allowance)
    if container.box == "table":
        return _row(source, container, allowance)
    if container.box == "quote":
        return _quoted(source, allowance)
    return plain(_dedented(source, container.indent))


def piece(source: str, allowance: Allowance) -> tuple[str, Shape]:
    """Return a piece of Markdown as safe HTML without ids, and what was found in it."""
    shape = Shape("", allowance)
    if WORDS.fullmatch(source) and not any(mark in source for mark in MARKS):
        shape.blocks.append("p")
        words = source.rstrip(" \n")
        return f'<p dir="auto">{words}</p>', shape
    try:
        return sanitise(shape.shape(parse(source, MOST_SCANNING))), shape
    except TooMuch:
        return as_it_is(source), Shape("", allowance)


def _item(source: str, allowance: Allowance) -> str:
    html, shape = piece(source, allowance)
    if shape.blocks in (["ul"], ["ol"]) and shape.items == 1:
        return html[html.index(ITEM) + len(ITEM) : -len("</li></ul>")]
    return html


def _quoted(source: str, allowance: Allowance) -> str:
    html, shape = piece(source, allowance)
    return html[len(QUOTE) : -len("</blockquote>")] if shape.blocks == ["blockquote"] else html


def _row(source: str, table: Container, allowance: Allowance) -> str:
    html, shape = piece(table.head + source, allowance)
    if shape.blocks == ["table"] and shape.items == 1:
        return html[html.index("</thead><tbody>") + 15 : -len("</tbody>" + TABLE_END)]
    return f'<tr><td dir="auto">{plain(source)}</td></tr>'


def _table_start(source: str, allowance: Allowance) -> str:
    html, shape = piece(source, allowance)
    return html.removesuffix(TABLE_END) if shape.blocks == ["table"] else TABLE


def _head(source: str) -> str:
    """The narrowest head with the columns of this one: rows need no more to be rendered."""
    delimiters = source.split("\n")[1].strip()
    return f"{'|x' * cells(delimiters)}|\n{delimiters}\n"


def _list_ends(number: str) -> tuple[str, str]:
    if not number:
        return "<ul>", "</ul>"
    return ("<ol>" if number == "1" else f'<ol start="{number}">'), "</ol>"


def _dedented(line: str, indent: int) -> str:
    blank = INDENT.match(line)
    return line[min(indent, blank.end() if blank else 0) :]
