"""From the deltas of one choice to the text that is shown and stored.

Models leak: a leading space from the tokenizer, an end mark as the last delta, thoughts between
`<think>` and `</think>` at the start. What a delta means can depend on the next one, so a little is
held back: never more than an end mark, a partial tag, or blanks within thoughts.
"""

from .base import Event, Reasoning, Text

BLANKS = " \t\r\n"
END_MARKS = frozenset({"</s>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>"})
OPEN, CLOSE = "<think>", "</think>"


class ChoiceText:
    """Collects the deltas of one choice; `flush` gives the events they make, joined.

    `careful` is true while something is held back, so that the caller must use `add`; otherwise it
    may append to `parts` directly any text that is no end mark.
    """

    __slots__ = ("_half", "_held", "_marks", "_split", "choice", "kind", "parts", "produced")

    def __init__(self, choice: int, continuation: bool) -> None:
        self.choice = choice
        self.kind: type[Text] | type[Reasoning] = Text
        self.parts: list[str] = []
        self.produced = False
        self._held = ""
        self._half = ""
        self._marks = _StrikeMarks()
        self._split = _ThoughtSplitter(continuation)

    @property
    def careful(self) -> bool:
        return bool(self._held or self._half)

    def add(self, text: str, out: list[Event]) -> None:
        """Take one delta of answer text."""
        if not text:
            return
        self._turn_to(Text, out)
        text, self._half = _unite(self._half + text)
        if self._held:
            self.parts.append(self._held)
            self._held = ""
        if text in END_MARKS:
            self._held = text
        elif text:
            self.parts.append(text)

    def add_whole(self, text: str, out: list[Event]) -> None:
        """Take a whole reply, whose end mark is a suffix."""
        mark = next((mark for mark in END_MARKS if text.endswith(mark)), "")
        self.add(text.removesuffix(mark), out)
        self.add(mark, out)

    def reason(self, text: str, out: list[Event]) -> None:
        """Take one delta of reasoning."""
        self._turn_to(Reasoning, out)
        text, self._half = _unite(self._half + text)
        self.parts.append(text)

    def _turn_to(self, kind: type[Text] | type[Reasoning], out: list[Event]) -> None:
        if kind is not self.kind:
            self.parts.append("\ufffd" if self._half else "")
            self._half = ""
            self.flush(out)
            self.kind = kind

    def flush(self, out: list[Event]) -> None:
        """Add what has gathered to `out`."""
        if not self.parts:
            return
        joined = "".join(self.parts)
        self.parts.clear()
        if self.kind is Reasoning:
            self._emit(Reasoning, joined, out)
            return
        for kind, piece in self._split.feed(joined):
            self._emit(kind, piece, out)

    def finish(self, out: list[Event]) -> None:
        """The choice is over: decide about everything held back."""
        self.flush(out)
        if self._half:
            self._emit(self.kind, "\ufffd", out)
        for kind, piece in self._split.finish():
            self._emit(kind, piece, out)
        if self._held and self._marks.open:
            self._emit(Text, self._held, out)
        self._held = self._half = ""

    def _emit(self, kind: type[Text] | type[Reasoning], text: str, out: list[Event]) -> None:
        if not text:
            return
        self.produced = True
        if kind is Text:
            self._marks.watch(text)
        out.append(kind(text, self.choice))


class _StrikeMarks:
    """Knows whether an HTML `<s>` stands open, for then `</s>` is no end mark."""

    __slots__ = ("_balance", "_tail")

    def __init__(self) -> None:
        self._balance = 0
        self._tail = ""

    def watch(self, text: str) -> None:
        self._balance += (self._tail[-2:] + text).count("<s>")
        self._balance -= (self._tail + text).count("</s>")
        self._tail = (self._tail + text[-3:])[-3:]

    @property
    def open(self) -> bool:
        return self._balance > 0


Piece = tuple[type[Text] | type[Reasoning], str]


class _ThoughtSplitter:
    """Drops leading blanks and parts `<think>…</think>` at the start of a reply from the rest.

    States: "start" may still find thoughts, "thoughts" is within them, "after" drops the blanks
    behind them, and in "body" all text passes.
    """

    __slots__ = ("_buffer", "_leading", "_state")

    def __init__(self, continuation: bool) -> None:
        self._state = "body" if continuation else "start"
        self._buffer = ""
        self._leading = True

    def feed(self, text: str) -> list[Piece]:
        if self._state == "body":
            return [(Text, text)]
        self._buffer += text
        return self._thoughts() if self._state == "thoughts" else self._opening()

    def finish(self) -> list[Piece]:
        kind = Reasoning if self._state == "thoughts" else Text
        rest, self._buffer = self._buffer.rstrip(BLANKS), ""
        return [(kind, rest)]

    def _opening(self) -> list[Piece]:
        self._buffer = self._buffer.lstrip(BLANKS)
        if self._state == "start" and self._buffer.startswith(OPEN):
            self._state, self._buffer = "thoughts", self._buffer.removeprefix(OPEN)
            return self._thoughts()
        undecided = self._state == "start" and OPEN.startswith(self._buffer)
        if undecided or not self._buffer:
            return []
        text, self._buffer, self._state = self._buffer, "", "body"
        return [(Text, text)]

    def _thoughts(self) -> list[Piece]:
        thoughts, closed, rest = self._buffer.partition(CLOSE)
        if self._leading:
            thoughts = thoughts.lstrip(BLANKS)
        if closed:
            self._state, self._buffer = "after", rest
            return [(Reasoning, thoughts.rstrip(BLANKS)), *self._opening()]
        ready = _without_partial(thoughts).rstrip(BLANKS)
        self._leading = self._leading and not ready
        self._buffer = thoughts[len(ready) :]
        return [(Reasoning, ready)]


def _without_partial(text: str) -> str:
    """`text` without a suffix that may be the beginning of the closing tag."""
    for size in range(min(len(text), len(CLOSE) - 1), 0, -1):
        if CLOSE.startswith(text[-size:]):
            return text[:-size]
    return text


def _unite(text: str) -> tuple[str, str]:
    """Join halves of surrogate pairs; return the text and a first half that waits for its second.

    Halves without a partner become U+FFFD.
    """
    if text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text):
        return text, ""
    waiting = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
    whole = text[: len(text) - len(waiting)]
    return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"), waiting
