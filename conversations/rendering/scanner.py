"""Cut Markdown, as it comes, into the steps by which a page shows it grow.

The steps are a function of the text alone, not of how it was cut: a line is judged once it is
complete, or as soon as nothing that follows could change the judgement. Where these rules and
comrak's differ, the page is put right when the answer is complete.
"""

from dataclasses import dataclass

from .lines import (
    Line,
    cells,
    classify,
    closes,
    decided,
    ends_in_words,
    fence_after,
    marks_only,
    unquoted,
)

OPEN_LONGEST = 16 * 1024
CHUNK = 4 * 1024
MOST_COLUMNS = 60
RAW = ("code", "plain")
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


class Scanner:
    """Takes text, appends to `ops`. A `flat` one, inside a quote, settles whole blocks only."""

    def __init__(self, *, flat: bool = False) -> None:
        self.ops: list[Op] = []
        self.flat = flat
        self.box = self.kind = ""  # the open container; the kind of block that is open
        self.partial = ""  # the line that has no end yet
        self.begun = False  # whether its kind is known
        self.unit: list[str] = []  # the complete lines of the open block
        self.size = 0
        self.inner: Scanner | None = None  # of a quote
        self.fence = self.mark = ""
        self.content = 0
        self.spaced = self.wordy = self.cut = False

    def feed(self, text: str) -> None:
        *lines, last = (self.partial + text).split("\n")
        for line in lines:
            self.line(line)
        self.tail(last)

    def close(self) -> None:
        """End the text; nothing comes after this."""
        if self.partial and self.box in RAW and not self._ends_raw(self.partial):
            self.ops.append(Op("settle", self.box, self.partial))
        elif self.partial:
            self.line(self.partial)
        self.partial = ""
        self._leave() if self.box else self._settle()
        self.ops.append(Op("end"))

    # One line, or the start of one

    def line(self, line: str) -> None:
        self.start(line, complete=True)
        if self._outgrows(line):
            self._overflow()
        self._add(line)
        self.begun = False

    def tail(self, start: str) -> None:
        self.partial = start
        self.start(start, complete=False)
        if self.inner:
            self.inner.partial = unquoted(start) if self.begun else ""
        if self._outgrows(start):
            self._overflow()
        if self.box in RAW and not self.flat:
            self.partial = self._chunks(start)

    def start(self, text: str, *, complete: bool) -> None:
        """Let `text` begin, continue or end blocks, once it is known what it is."""
        if not self.begun and self.box not in RAW and (complete or decided(text)):
            self._begin(classify(text), text)
            self.begun = True
        if self.begun and self.inner:
            self.inner.start(unquoted(text), complete=complete)

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

    # Containers

    def _enter(self, box: str, source: str = "") -> None:
        self.box, self.kind, self.cut = box, "head", False
        if not self.flat:
            self.ops.append(Op("enter", box, source))

    def _enter_code(self, text: str) -> None:
        self.fence = fence_after("", text)
        self._enter("code", text)

    def _enter_quote(self) -> None:
        self._enter("quote")
        self.kind = "text"
        self.inner = None if self.flat else Scanner(flat=True)

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

    # Content

    def _add(self, line: str) -> None:
        if self.box in RAW:
            self._add_raw(line)
        elif self.inner:
            self.inner._add(unquoted(line))
            self.inner.begun = False
            self._collect()
        elif self.kind == "head" and not self.flat:
            self.kind = ""
        elif self.kind or self.box:
            self._keep(line)

    def _keep(self, line: str) -> None:
        self.unit.append(line + "\n")
        self.size += len(line) + 1
        if self.box == "list":
            self.fence = fence_after(self.fence, line)
            self.spaced = not line.strip()
            self.wordy = not self.fence and ends_in_words(line)
        elif self.kind == "heading" or self.box == "table":
            self._settle()

    def _add_raw(self, line: str) -> None:
        if self.kind == "head":
            self.kind = ""
            if self.box == "code":
                self._keep(line) if self.flat else None
                return
        if self.flat:
            self._keep(line)
        if self._ends_raw(line):
            self._leave()
        elif not self.flat:
            self.ops.append(Op("settle", self.box, self._chunks(line) + "\n"))
            self.cut = False

    def _ends_raw(self, line: str) -> bool:
        if self.cut or len(line) > CHUNK:
            return False
        if self.box == "code":
            return closes(self.fence, line)
        return not self.begun and not line.strip()

    def _chunks(self, line: str) -> str:
        """Settle as much of a long line of code as is certain; return the rest."""
        while len(line) > CHUNK:
            self.ops.append(Op("settle", self.box, line[:CHUNK]))
            self.cut = True
            line = line[CHUNK:]
        return line

    def _settle(self) -> None:
        if self.unit:
            self.ops.append(Op("settle", "" if self.flat else self.box, "".join(self.unit)))
        self.unit, self.size, self.kind = [], 0, ""

    def _collect(self) -> None:
        """Take over what the scanner inside a quote has settled."""
        if self.inner:
            self.ops += [Op("settle", "quote", requoted(op.source)) for op in self.inner.ops]
            self.inner.ops.clear()

    def _outgrows(self, line: str) -> bool:
        inside = self.inner or self
        known = self.begun and (inside.begun or inside.box in RAW)
        size = inside.size + len(line)
        return known and size > OPEN_LONGEST and self.box not in RAW and not self.flat

    def _overflow(self) -> None:
        """Go on as plain text, which needs no second look, until a blank line."""
        self._leave() if self.box else self._settle()
        self._enter("plain")
        self.kind = ""

    # The open end

    def open_source(self) -> str:
        """Return what is not settled, without a last line that may yet turn out otherwise."""
        if self.inner:
            return requoted(self.inner.open_source())
        return "".join(self.unit) + (self.partial if self._shows_partial() else "")

    def _shows_partial(self) -> bool:
        text = self.partial.strip(" \t")
        if self.box == "code":
            return bool(text.strip(self.fence[0])) or len(text) > len(self.fence)
        if self.box == "plain" or (self.box == "list" and self.fence):
            return True
        if not self.begun:
            return text.startswith("<") and not self.box
        return not marks_only(self.partial)


def _lazy(line: Line) -> bool:
    return line.kind in LAZY and not line.mark.startswith("---")


def requoted(source: str) -> str:
    """Return `source` as a quote."""
    return "".join(f"> {line}" for line in source.splitlines(keepends=True))
