"""The markup around a part's rendering and a message's state, the same in a page and in a patch.

It holds no word of the interface and nothing that differs between viewers.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

FOLDED = ("reasoning", "tool_call")


def part_html(
    key: str,
    index: int,
    kind: str,
    inner: str,
    grown: tuple[int, int] | None = None,
    *,
    seconds: float | None = None,
    oob: bool = False,
) -> str:
    """One part of the message `key`; of one that grows, how many settled steps and code points it shows.

    `seconds` is how long it took to write, where that is known.
    """
    swap = ' hx-swap-oob="true"' if oob else ""
    swap += "" if seconds is None else f' data-seconds="{seconds:.0f}"'
    place = f' data-count="{grown[0]}" data-length="{grown[1]}"' if grown else ""
    name = f'id="{key}-{index}" data-kind="{kind}"{place}{swap}'
    if kind in FOLDED:
        return (
            f'<details class="part part--{kind}" {name}><summary></summary>'
            f'<div class="prose" dir="auto">{inner}</div></details>'
        )
    role = "answer part--json" if kind == "json" else kind
    return f'<div class="part part--{role} prose" dir="auto" {name}>{inner}</div>'


def appended_part(key: str, part: str) -> str:
    """A patch that adds a part at the end of the message's body."""
    return f'<div hx-swap-oob="beforeend:#{key}-body">{part}</div>'


def whole_body(key: str, parts: str) -> str:
    """A patch that replaces everything the message's body holds."""
    return f'<div hx-swap-oob="innerHTML:#{key}-body">{parts}</div>'


def state_html(key: str, facts: Mapping[str, str]) -> str:
    """A patch that tells a message's state; a script puts it into words."""
    data = "".join(f' data-{name}="{escape(value)}"' for name, value in facts.items())
    return f'<i hidden id="{key}-state" hx-swap-oob="true"{data}></i>'
