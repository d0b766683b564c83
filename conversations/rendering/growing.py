"""A message on its way: what is settled is sent once, only the open end is replaced.

The page holds one slot, `{prefix}-open`, at the root or inside one container (a list, table, code
block, quote). Each settled step changes the page before, around or out of the slot, and a patch
is a row of htmx 2 out-of-band swaps that takes a page from `since` steps to the present.
"""

import re
from dataclasses import dataclass

from .allowance import Allowance
from .blocks import Op
from .markdown import readable, render
from .pieces import Container, open_html, settled_html, slot
from .scanner import Scanner
from .swaps import Swaps

NAME = re.compile(r"[A-Za-z][\w-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole answer. When `same`, a page that took the last patch shows just this."""

    html: str
    same: bool


@dataclass(slots=True)
class Step:
    """A settled op as HTML; one that enters a container knows the step that leaves it, once it is."""

    op: Op
    html: str = ""
    container: Container | None = None
    end: int = 0


class Growing:
    """Renders text as it comes; every answer depends on the text only, not on how it was cut."""

    def __init__(self, prefix: str) -> None:
        if not NAME.fullmatch(prefix):
            raise ValueError(f"{prefix!r} cannot begin the id of an element")
        self.prefix = prefix
        self._texts: list[str] = []
        self._return = False  # a carriage return came last: its line feed may follow
        self._scanner = Scanner()
        self._allowance = Allowance()
        self._steps: list[Step] = []
        self._root: list[str] = []  # what is complete at the root
        self._inside: Container | None = None
        self._entered = 0  # the step that entered it
        self._slot: str | None = None

    @property
    def count(self) -> int:
        """How many steps are settled."""
        return len(self._scanner.ops)

    def feed(self, text: str) -> None:
        """Add `text`; nothing is rendered before somebody asks."""
        if self._return:
            text = "\r" + text
        self._return = text.endswith("\r")
        text = readable(text.removesuffix("\r"))
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if text:
            self._texts.append(text)
            self._scanner.feed(text)
            self._slot = None

    def html(self) -> str:
        """Return everything so far, the slot included, for a page that has `count` steps."""
        self._catch_up()
        root = "".join(self._root)
        if self._inside:
            return root + self._inside.grown(self.prefix, self._open())
        return root if self._ended() else root + slot(self.prefix, self._open(), "")

    def patch(self, since: int) -> str:
        """Return the swaps that bring a page with `since` steps to the present."""
        self._catch_up()
        swaps = Swaps(self.prefix)
        at = max(since, 0)
        while at < len(self._steps):
            at = self._swap(swaps, at)
        if not self._ended():
            swaps.refresh(self._open(), self._box)
        return swaps.take()

    def close(self) -> None:
        """End the text: the last steps settle and the slot goes."""
        if not self._ended():
            if self._return:
                self.feed("\n")
            self._scanner.close()
            self._slot = ""

    def finish(self) -> Finished:
        """End the text and compare what grew with the whole render, which takes a while."""
        self.close()
        html = render("".join(self._texts), self.prefix)
        return Finished(html, self.matches(html))

    def matches(self, html: str) -> bool:
        """True when a closed page shows exactly `html` (but for the names of its containers)."""
        self._catch_up()
        return "".join(self._root) == html

    @property
    def _box(self) -> str:
        return self._scanner.box

    def _ended(self) -> bool:
        ops = self._scanner.ops
        return bool(ops) and ops[-1].kind == "end"

    # From ops to steps

    def _catch_up(self) -> None:
        for op in self._scanner.ops[len(self._steps) :]:
            self._steps.append(self._step(op))

    def _step(self, op: Op) -> Step:
        at, inside = len(self._steps), self._inside
        if op.kind == "enter":
            self._inside = Container.of(op, f"{self.prefix}-c{at}", self._allowance)
            self._entered = at
            return Step(op, container=self._inside)
        if op.kind == "leave" and inside:
            self._inside, self._steps[self._entered].end = None, at
            self._root.append(inside.close(self._allowance))
            return Step(op, container=inside)
        html = settled_html(op, inside, self._allowance) if op.kind == "settle" else ""
        (inside.items if inside else self._root).append(html)
        return Step(op, html)

    def _open(self) -> str:
        if self._slot is None:
            self._slot = open_html(self._scanner.open_source(), self._inside, self._allowance)
        return self._slot

    def _swap(self, swaps: Swaps, at: int) -> int:
        """Write the swap of step `at`; return the next step that is not done with it."""
        step = self._steps[at]
        container = step.container
        if step.op.kind == "enter" and container:
            if not step.end:
                swaps.enter(container, self._open())
                return len(self._steps)
            swaps.settle(container.closed, "")
            return step.end + 1
        if step.op.kind == "leave" and container:
            swaps.leave(container)
        elif step.op.kind == "end":
            swaps.end()
        else:
            swaps.settle(step.html, step.op.box)
        return at + 1
