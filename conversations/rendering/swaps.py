"""Patches as htmx 2 takes them: top-level elements with `hx-swap-oob`, applied one after another.

Targets are looked up when each swap's turn comes, so later ones may name what earlier ones brought.
`beforebegin` and its like insert the children of the carrying element, `true` the element itself.
A row would not survive parsing outside a table, so rows travel as the bodies of a table, and the
open row, a body too, is put in place before the old one goes.
"""

from .pieces import Container, slot


class Swaps:
    """Collects the swaps of one patch; neighbours that settle share one."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._slot = f"#{prefix}-open"
        self._out: list[str] = []
        self._settled: list[str] = []
        self._carrier = "div"
        self._done = False  # what was sent has the open end in it
        self._fresh = False  # the slot is new and empty

    def settle(self, html: str, box: str) -> None:
        """Put `html` before the slot."""
        self._carrier = "table" if box == "table" else "div"
        self._settled.append(html)

    def enter(self, container: Container, open_end: str) -> None:
        """Put `container`, as it is now and with the slot inside, in place of the slot."""
        self._flush()
        swap = f' hx-swap-oob="outerHTML:{self._slot}"'
        self._out.append(container.grown(self.prefix, open_end, swap))
        self._done = True

    def leave(self, container: Container) -> None:
        """Take the slot out of `container` and put a new one after it."""
        if container.changed:
            self._settled.clear()
            self._out.append(container.named(' hx-swap-oob="true"'))
        else:
            self._flush()
            self._out.append(f'<i hx-swap-oob="delete:{self._slot}"></i>')
        after = slot(self.prefix, "", "")
        self._out.append(f'<div hx-swap-oob="afterend:#{container.name}">{after}</div>')
        self._fresh = True

    def end(self) -> None:
        """Take the slot away."""
        self._flush()
        self._out.append(f'<i id="{self._slot[1:]}" hx-swap-oob="delete"></i>')

    def refresh(self, open_end: str, box: str) -> None:
        """Put `open_end` into the slot."""
        if box == "table" and not self._done:
            self.settle(slot(self.prefix, open_end, box), box)
            self._flush()
            self._out.append(f'<i hx-swap-oob="delete:{self._slot}~{self._slot}"></i>')
            return
        self._flush()
        if not self._done and (open_end or not self._fresh):
            self._out.append(f'<div id="{self._slot[1:]}" hx-swap-oob="innerHTML">{open_end}</div>')

    def take(self) -> str:
        return "".join(self._out)

    def _flush(self) -> None:
        if self._settled:
            html = "".join(self._settled)
            carrier = self._carrier
            self._out.append(
                f'<{carrier} hx-swap-oob="beforebegin:{self._slot}">{html}</{carrier}>'
            )
            self._settled.clear()
