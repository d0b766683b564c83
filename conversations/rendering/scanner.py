"""Cut Markdown, as it comes, into the steps by which a page shows it grow.

The steps are a function of the text alone, not of how it was cut: a line is judged once it is
complete, or as soon as nothing that follows could change the judgement. Where these rules and
comrak's differ, the page is put right when the answer is complete.
"""

from .blocks import Blocks, Op, requoted
from .lines import classify, closes, decided, ends_in_words, fence_after, marks_only, unquoted

OPEN_LONGEST = 16 * 1024
CHUNK = 4 * 1024
RAW = ("code", "plain")


class Scanner(Blocks):
    """Takes text, appends to `ops`."""

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
