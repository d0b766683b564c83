"""Which blocks are open, and what a line of a known kind does to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from .lines import Line, cells, fence_after

MOST_COLUMNS = 60
INTERRUPTING = ("fence", "heading", "rule", "quote", "markup", "item")
LAZY = ("text", "indented", "delimiters", "tag", "underline")


@dataclass(frozen=True, slots=True)
class Op:
    """One step. `kind` is settle (a finished piece), enter or leave (a container), or end.

    `box` names the container (list, table, code, quote, plain) or is "" at the root.
    `source` is Markdown; for the start of a list its first number, or "" for bullets.
    """

    kind: str
    box: str = ""
    source: str = ""


class Blocks:
    """The open container and the open block in it. Appends to `ops`.

    A `flat` one, inside a quote, settles whole blocks only.
    """

    def __init__(self, *, flat: bool = False) -> None:
        self.ops: list[Op] = []
        self.flat = flat
        self.box = self.kind = ""  # the open container; the kind of block that is open
        self.partial = ""  # the line that has no end yet
        self.begun = False  # whether its kind is known
        self.unit: list[str] = []  # the complete lines of the open block
        self.size = 0
        self.inner: Self | None = None  # of a quote
        self.fence = self.mark = ""
        self.content = 0
        self.spaced = self.wordy = self.cut = False

    def _begin(self, line: Line, text: str) -> None:
        if self.box == "list":
            self._begin_in_list(line, text)
        elif self.box == "table":
            self._begin_in_table(line, text)
        elif self.box == "quote":
            self._begin_in_quote(line, text)
        elif not self._continues(line, text):
            self._settle()
            self._open(line, text)

    def _continues(self, line: Line, text: str) -> bool:
        if self.kind == "text":
            return self._continues_paragraph(line, text)
        if self.kind == "markup":
            goes_on = not self.spaced or line.kind in ("blank", "markup", "tag")
            self.spaced = line.kind == "blank"
            return goes_on
        return self.kind == "indented" and line.kind in ("indented", "blank")

    def _continues_paragraph(self, line: Line, text: str) -> bool:
        if line.kind == "underline":
            self.kind = "heading"
        elif line.kind == "delimiters" and not self.flat and self._is_head(text):
            self._enter_table(text)
        elif line.kind == "item":
            return not (line.mark in "-+*" or line.number == 1)
        return line.kind not in ("blank", *INTERRUPTING)

    def _open(self, line: Line, text: str) -> None:
        """Open the block that `line` begins where none is open."""
        if line.kind == "fence":
            self._enter_code(text)
        elif line.kind == "quote":
            self._enter_quote()
        elif "item" in line.kind or line.mark == "-":
            self._enter_list(line)
        elif line.kind in ("heading", "rule") or line.mark.startswith("---"):
            self.kind = "heading"
        elif line.kind in ("markup", "tag"):
            self.kind, self.spaced = "markup", False
        elif line.kind != "blank":
            self.kind = "indented" if line.kind == "indented" else "text"

    def _enter(self, box: str, source: str = "") -> None:
        self.box, self.kind, self.cut = box, "head", False
        if not self.flat:
            self.ops.append(Op("enter", box, source))

    def _enter_code(self, text: str) -> None:
        self.fence = fence_after("", text)
        self._enter("code", text)

    def _enter_quote(self: Self) -> None:
        self._enter("quote")
        self.kind = "text"
        if not self.flat:
            self.inner = self.__class__(flat=True)

    def _enter_list(self, line: Line) -> None:
        number = str(line.number) if line.mark in (".", ")") else ""
        self._enter("list", number)
        self._begin_item(line)

    def _begin_item(self, line: Line) -> None:
        self.kind, self.fence, self.spaced = "item", "", False
        self.mark = line.mark
        self.content = line.content or line.indent + 2

    def _is_head(self, text: str) -> bool:
        columns = cells(text)
        return "|" in text and columns == cells(self.unit[-1]) and columns <= MOST_COLUMNS

    def _enter_table(self, text: str) -> None:
        head = self.unit.pop()
        self._settle()
        self._enter("table", f"{head}{text}\n")

    def _leave(self) -> None:
        if self.inner:
            self.inner._settle()
            self._collect()
        self._settle()
        if not self.flat:
            self.ops.append(Op("leave", self.box))
        self.box = ""
        self.inner = None

    def _begin_in_list(self, line: Line, text: str) -> None:
        if line.kind == "blank" or line.indent >= self.content:
            return
        is_item = "item" in line.kind or line.mark == "-"
        if is_item and line.mark == self.mark:
            if not self.flat:
                self._settle()
            self._begin_item(line)
        elif not (self.goes_on_lazily() and _lazy(line)):
            self._leave()
            self._open(line, text)

    def _begin_in_table(self, line: Line, text: str) -> None:
        if line.kind in ("blank", *INTERRUPTING):
            self._leave()
            self._open(line, text)

    def _begin_in_quote(self, line: Line, text: str) -> None:
        lazy = self.inner.goes_on_lazily() if self.inner else True
        if line.kind != "quote" and not (lazy and _lazy(line)):
            self._leave()
            self._open(line, text)

    def goes_on_lazily(self) -> bool:
        """True when a line without indent or mark would go on the paragraph that is open."""
        if self.box == "list":
            return not (self.spaced or self.fence) and self.wordy
        return self.box == "quote" or self.kind == "text"

    def _settle(self) -> None:
        if self.unit:
            self.ops.append(Op("settle", "" if self.flat else self.box, "".join(self.unit)))
        self.unit, self.size, self.kind = [], 0, ""

    def _collect(self) -> None:
        """Take over what the scanner inside a quote has settled."""
        if self.inner:
            self.ops += [Op("settle", "quote", requoted(op.source)) for op in self.inner.ops]
            self.inner.ops.clear()


def _lazy(line: Line) -> bool:
    return line.kind in LAZY and not line.mark.startswith("---")


def requoted(source: str) -> str:
    """Return `source` as a quote."""
    return "".join(f"> {line}" for line in source.splitlines(keepends=True))
