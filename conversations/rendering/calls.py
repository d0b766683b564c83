"""A tool's call as HTML: its name and state for the page's script, its arguments, its result.

The text of such a part is lines of JSON, each added once it is whole: first
`{"id", "name", "arguments"}`, with the arguments as the model wrote them, then
`{"result", "seconds", "failed"}`. The markup holds no word of the interface: the page's script finds
name, state (running, done, failed, invalid) and seconds in the data of the one element `.call`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NoReturn

from .allowance import Allowance
from .figures import FIGURE_END, coloured_code, figure
from .growing import NAME, Finished
from .markdown import as_it_is, readable
from .pieces import slot
from .sanitise import plain, sanitise

DEEPEST = 20
LONGEST_SECONDS = 1_000_000
INDENT = "  "
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


def render_call(text: str, prefix: str) -> str:
    """Return a whole call as safe HTML. Takes any `str` and never raises."""
    return _call(text.removesuffix("\n").split("\n"), prefix) if text else ""


class GrowingCall:
    """A call as its lines come; like `Growing`, it answers by the text only, not by how it was cut."""

    def __init__(self, prefix: str) -> None:
        if not NAME.fullmatch(prefix):
            raise ValueError(f"{prefix!r} cannot begin the id of an element")
        self.prefix = prefix
        self._lines: list[str] = []
        self._rest = ""
        self._closed = False

    @property
    def count(self) -> int:
        """How many steps are settled: the complete lines, and the end."""
        return len(self._lines) + self._closed

    def feed(self, text: str) -> None:
        """Add `text`; a line counts when its end has come."""
        *lines, self._rest = (self._rest + text).split("\n")
        self._lines += lines

    def html(self) -> str:
        """Return the call so far, and the slot that waits for more."""
        return self._html() + ("" if self._closed else slot(self.prefix, "", ""))

    def patch(self, since: int) -> str:
        """Return the swaps that bring a page with `since` steps to the present; "" if it is there."""
        if since >= self.count:
            return ""
        html, swap = self._html(), ""
        if since < 1 and html:
            swap = f'<div hx-swap-oob="beforebegin:#{self.prefix}-open">{html}</div>'
        elif since < len(self._lines):
            swap = html.replace("<div ", '<div hx-swap-oob="true" ', 1)
        end = f'<i id="{self.prefix}-open" hx-swap-oob="delete"></i>' if self._closed else ""
        return swap + end

    def close(self) -> None:
        """End the text: what is left of a line counts as one, and the slot goes."""
        if not self._closed:
            if self._rest:
                self.feed("\n")
            self._closed = True

    def finish(self) -> Finished:
        """End the text."""
        self.close()
        return Finished(self._html(), True)

    def matches(self, html: str) -> bool:
        """True when a closed page shows exactly `html`."""
        return self._html() == html

    def _html(self) -> str:
        return _call(self._lines, self.prefix) if self._lines else ""


def _call(lines: Sequence[str], prefix: str) -> str:
    """One element with all that is known of the call."""
    call = _read(lines[0]) or {"arguments": lines[0]}
    answer = next((read for line in lines[1:] if (read := _read(line))), None)
    written = _text(call.get("arguments"))
    arguments = _read(written.strip() or "{}")
    data = {"name": _text(call.get("name")), "state": _state(arguments, answer)}
    if answer is not None and (seconds := _seconds(answer)):
        data["seconds"] = seconds
    facts = "".join(f' data-{name}="{escape(value)}"' for name, value in data.items())
    pieces = _piece("arguments", _code(written) if arguments is not None else _raw(written))
    if answer is not None:
        pieces += _piece("result", as_it_is(_text(answer.get("result"))))
    return f'<div class="call" id="{prefix}-call"{facts}>{pieces}</div>'


def _state(arguments: Mapping[str, Any] | None, answer: Mapping[str, Any] | None) -> str:
    if arguments is None:
        return "invalid"
    if answer is None:
        return "running"
    return "failed" if answer.get("failed") else "done"


def _seconds(answer: Mapping[str, Any]) -> str:
    seconds = answer.get("seconds")
    is_time = isinstance(seconds, int | float) and 0 <= seconds < LONGEST_SECONDS
    return f"{seconds:.3f}" if is_time else ""


def _piece(name: str, html: str) -> str:
    return f'<div class="call-piece" data-piece="{name}">{html}</div>'


def _raw(written: str) -> str:
    """Arguments that don't parse, as they are."""
    return figure("") + plain(written) + FIGURE_END


def _code(written: str) -> str:
    """Arguments as JSON in colours, a line for each piece."""
    json_text = readable(indented(written.strip() or "{}"))
    coloured = coloured_code("json", json_text, Allowance())
    return figure("json") + (sanitise(coloured) if coloured else plain(json_text)) + FIGURE_END


def indented(written: str) -> str:
    """JSON laid out in lines, each number as it is written; what nests too deep stays as it is."""
    signs = TOKEN.findall(written)
    lines, depth = [""], 0
    for at, sign in enumerate(signs):
        before = signs[at - 1] if at else ""
        if sign in "]}":
            depth -= 1
        if _breaks(before, sign):
            lines.append(INDENT * depth)
        if sign in "[{":
            depth += 1
        if depth > DEEPEST:
            return written
        lines[-1] += _spelt(sign)
    return "\n".join(lines)


def _breaks(before: str, sign: str) -> bool:
    """Whether a new line begins between two tokens: inside of brackets that hold anything."""
    if before in ("[", "{"):
        return sign not in "]}"
    return before == "," or (sign in "]}" and before != "")


def _spelt(sign: str) -> str:
    """A token as it is shown: letters instead of escapes, a space behind a colon."""
    if sign.startswith('"') and "\\u" in sign:
        return json.dumps(json.loads(sign), ensure_ascii=False)
    return ": " if sign == ":" else sign


def _read(text: str) -> dict[str, Any] | None:
    """A JSON object, or None for anything else."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _text(value: object) -> str:
    return readable(value) if isinstance(value, str) else ""
