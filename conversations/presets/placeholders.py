"""What a preset's instructions may leave open: the date, and who asks.

Exactly `{date}`, `{name}` and `{team}` are filled in; any other brace stays as it was written. What
is filled in is data of people: it is one short line, and never read for placeholders again.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

PLACEHOLDERS = ("date", "name", "team")
MOST_CHARACTERS = 80
JOINERS = "\u200c\u200d"

_OPEN = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")


def fill(text: str, *, day: date, person: str, team: str) -> str:
    """The instructions as they are sent: `{date}` is ISO 8601, and what is unknown is empty."""
    values = {"date": day.isoformat(), "name": _line(person), "team": _line(team)}
    return _OPEN.sub(lambda found: values[found[1]], text)


def used_in(text: str) -> set[str]:
    """Which placeholders the instructions have."""
    return set(_OPEN.findall(text))


def longest(text: str) -> int:
    """The most bytes of UTF-8 that the instructions can have once they are filled in."""
    return len(text.encode("utf-8", "replace")) + 4 * MOST_CHARACTERS * len(_OPEN.findall(text))


def _line(value: str) -> str:
    """One line of bounded length, without what could pretend to be another or turn it round."""
    kept = "".join(map(_harmless, value[: 4 * MOST_CHARACTERS]))
    return " ".join(kept.split())[:MOST_CHARACTERS].rstrip()


def _harmless(letter: str) -> str:
    """Nothing for what isn't seen; the joiners stay, since names are written with them."""
    kind = unicodedata.category(letter)
    if kind in ("Cc", "Zl", "Zp"):
        return " "
    return "" if kind in ("Cf", "Cs") and letter not in JOINERS else letter
