"""An answer in JSON mode: lines of code while it grows; a tree and its text once it is whole.

Both forms stand in one figure, which a script may switch between. As everywhere, text is escaped
piece by piece, and the markup holds no word of the interface.
"""

from __future__ import annotations

import re

from .figures import FIGURE_END, figure
from .growing import NAME, Finished
from .json_forms import coloured, indented, tree
from .json_text import Entry, NotJson, decode, entries_of
from .markdown import LONGEST, readable
from .sanitise import plain

PIECE = re.compile(r"[^\n]{0,255}\n|[^\n]{256}")
START = figure("json")
CODE = '<pre tabindex="0"><code>'
TREE_START = START.removesuffix(CODE).replace('class="code"', 'class="code json" data-json')


def render_json(text: str, prefix: str) -> str:
    """An answer's JSON as a foldable tree and as indented text; what isn't JSON, as code.

    Takes any `str` and never raises. `prefix` names nothing: there are no ids in it.
    """
    text = _readable(text)
    entries = _entries(text)
    if not entries:
        return START + plain(text) + FIGURE_END
    code, drawn = coloured(text, entries), "".join(tree(text, entries))
    if not drawn:
        return START + code + FIGURE_END
    return f'{TREE_START}<div class="json-tree">{drawn}</div>{CODE}{code}{FIGURE_END}'


def pretty(text: str) -> str:
    """An answer's JSON in indented lines, every value as it was written; other text as it is."""
    text = _readable(text)
    entries = _entries(text)
    return indented(text, entries) if entries else text


class GrowingJson:
    """Shows text as it comes, as code, by lines; with the interface of `Growing`.

    A line beyond 256 characters settles by pieces of that length, so no open end outgrows them.
    """

    def __init__(self, prefix: str) -> None:
        if not NAME.fullmatch(prefix):
            raise ValueError(f"{prefix!r} cannot begin the id of an element")
        self.prefix = prefix
        self._settled: list[str] = []
        self._texts: list[str] = []
        self._open = ""
        self._return = False  # a carriage return came last: its line feed may follow
        self._closed = False

    @property
    def count(self) -> int:
        """How many steps are settled: pieces, and the end."""
        return len(self._settled) + self._closed

    def feed(self, text: str) -> None:
        """Add `text`, of any length."""
        if self._return:
            text = "\r" + text
        self._return = text.endswith("\r")
        self._take(_readable(text.removesuffix("\r")))

    def html(self) -> str:
        """Everything so far, the slot included, for a page that has `count` steps."""
        return START + "".join(self._settled) + self._slot() + FIGURE_END

    def patch(self, since: int) -> str:
        """The swaps that bring a page with `since` steps to the present."""
        slot, since = f"{self.prefix}-open", max(since, 0)
        swaps = ""
        if settled := "".join(self._settled[since:]):
            swaps = f'<div hx-swap-oob="beforebegin:#{slot}">{settled}</div>'
        if not self._closed:
            return f'{swaps}<div id="{slot}" hx-swap-oob="innerHTML">{plain(self._open)}</div>'
        return swaps if since >= self.count else f'{swaps}<i id="{slot}" hx-swap-oob="delete"></i>'

    def close(self) -> None:
        """End the text: what is open settles and the slot goes."""
        if self._closed:
            return
        if self._return:
            self.feed("\n")
        if self._open:
            self._settle(self._open)
        self._open, self._closed = "", True

    def finish(self) -> Finished:
        """End the text and compare what grew with the whole rendering."""
        self.close()
        html = render_json("".join(self._texts), self.prefix)
        return Finished(html, self.matches(html))

    def matches(self, html: str) -> bool:
        """True when a closed page shows exactly `html`."""
        return self._closed and self.html() == html

    def _slot(self) -> str:
        if self._closed:
            return ""
        return f'<span id="{self.prefix}-open" data-open>{plain(self._open)}</span>'

    def _take(self, text: str) -> None:
        source, at = self._open + text, 0
        while piece := PIECE.match(source, at):
            self._settle(piece[0])
            at = piece.end()
        self._open = source[at:]

    def _settle(self, piece: str) -> None:
        self._settled.append(plain(piece))
        self._texts.append(piece)


def _readable(text: str) -> str:
    return readable(text.replace("\r\n", "\n").replace("\r", "\n"))


def _entries(text: str) -> list[Entry]:
    """The entries of an answer's JSON; none when it has no JSON, or more than we would show."""
    if len(text) > LONGEST:
        return []
    try:
        decode(text)
    except NotJson:
        return []
    return entries_of(text)
