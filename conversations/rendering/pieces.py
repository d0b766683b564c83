"""Settled and open pieces as HTML, each as it stands in the whole: rendered alone, then cut out."""

import re
from dataclasses import dataclass, field
from typing import Self

from .code import highlight
from .lines import cells
from .markdown import as_it_is, parse
from .sanitise import plain, sanitise
from .scanner import Op
from .shape import FIGURE_END, Shape, TooDeep, figure, language_of

ITEM = '<li dir="auto">'
QUOTE = '<blockquote dir="auto">'
TABLE = '<div class="table" tabindex="0"><table>'
TABLE_END = "</table></div>"
SLOTS = {"list": "li", "table": "tbody", "code": "span", "plain": "span", "quote": "div"}
FIRST_TAG = re.compile(r"<\w+")
INDENT = re.compile(" *")


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
    def of(cls, op: Op, name: str) -> Self:
        if op.box == "list":
            return cls(name, op.box, *_list_ends(op.source))
        if op.box == "table":
            return cls(name, op.box, _table_start(op.source), TABLE_END, head=_head(op.source))
        if op.box == "quote":
            return cls(name, op.box, QUOTE, "</blockquote>")
        if op.box == "plain":
            return cls(name, op.box, '<p class="plain" dir="auto">', "</p>")
        language = language_of(op.source.strip(" \t`~"))
        indent = len(op.source) - len(op.source.lstrip(" "))
        return cls(name, op.box, figure(language), FIGURE_END, language, indent)

    def close(self) -> str:
        """Return the finished container; code gets its colours, once."""
        if self.box == "code":
            self._colour("".join(self.code))
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

    def _colour(self, text: str) -> None:
        if self.language == "math":
            self.start, self.items, self.end = piece(f"```math\n{text}```\n")[0], [], ""
            self.changed = True
        elif coloured := highlight(self.language, text):
            self.items = [sanitise(coloured)]
            self.changed = True


def slot(prefix: str, html: str, box: str) -> str:
    """Return the one element that the open end is shown in."""
    tag = SLOTS.get(box, "div")
    direction = ' dir="auto"' if tag == "li" else ""
    return f'<{tag} id="{prefix}-open"{direction} data-open>{html}</{tag}>'


def settled_html(op: Op, container: Container | None) -> str:
    """Return a settled piece as it stands in its container, or at the root."""
    if container is None:
        return piece(op.source)[0]
    if container.box == "code":
        text = _dedented(op.source, container.indent)
        container.code.append(text)
        return plain(text)
    if container.box == "list":
        return f"{ITEM}{_item(op.source, colour=True)}</li>"
    if container.box == "table":
        return f"<tbody>{_row(op.source, container)}</tbody>"
    return _quoted(op.source, colour=True) if container.box == "quote" else plain(op.source)


def open_html(source: str, container: Container | None) -> str:
    """Return what belongs into the slot."""
    if not source:
        return ""
    if container is None:
        return piece(source, colour=False)[0]
    if container.box == "list":
        return _item(source, colour=False)
    if container.box == "table":
        return _row(source, container)
    if container.box == "quote":
        return _quoted(source, colour=False)
    return plain(_dedented(source, container.indent))


def piece(source: str, *, colour: bool = True) -> tuple[str, Shape]:
    """Return a piece of Markdown as safe HTML without ids, and what was found in it."""
    shape = Shape("", colour)
    try:
        return sanitise(shape.shape(parse(source))), shape
    except TooDeep:
        return as_it_is(source), Shape("", colour)


def _item(source: str, *, colour: bool) -> str:
    html, shape = piece(source, colour=colour)
    if shape.blocks in (["ul"], ["ol"]) and shape.items == 1:
        return html[html.index(ITEM) + len(ITEM) : -len("</li></ul>")]
    return html


def _quoted(source: str, *, colour: bool) -> str:
    html, shape = piece(source, colour=colour)
    return html[len(QUOTE) : -len("</blockquote>")] if shape.blocks == ["blockquote"] else html


def _row(source: str, table: Container) -> str:
    html, shape = piece(table.head + source)
    if shape.blocks == ["table"] and shape.items == 1:
        return html[html.index("</thead><tbody>") + 15 : -len("</tbody>" + TABLE_END)]
    return f'<tr><td dir="auto">{plain(source)}</td></tr>'


def _table_start(source: str) -> str:
    html, shape = piece(source)
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
