"""The pieces of an expression: numbers, names and signs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from conversations.tools.amounts import MOST_DIGITS, TOO_LARGE
from conversations.tools.base import ToolError

MOST_CHARACTERS = 500
TOKEN = re.compile(
    r"(?P<number>(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>°[CFK]?|[^\W\d]\w*|[%‰])"
    r"|(?P<sign>\*\*|->|[-+*/^(),→])"
    r"|(?P<blank>\s+)"
)
RAISED = re.compile("[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
LOWERED = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
SPELT = str.maketrans({"−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "÷": "/", "∕": "/"})
SAME = {"**": "^", "->": "to", "→": "to", "per": "/"}
WORDS = {"of", "mod", "to"}
SEPARATED = re.compile(r"[0-9],[0-9]")


@dataclass(frozen=True, slots=True)
class Token:
    """A number, a name, a sign or the end; words of the language count as signs."""

    kind: str
    text: str


END = Token("end", "")


def tokens(text: str) -> list[Token]:
    """The pieces of an expression. Raises `ToolError`."""
    if len(text) > MOST_CHARACTERS:
        raise ToolError(f"The expression is longer than {MOST_CHARACTERS} characters.")
    if SEPARATED.search(text):
        raise ToolError("Write numbers like 1000.5, and a space behind a comma between arguments.")
    text = RAISED.sub(lambda run: "^" + run[0].translate(LOWERED), text.translate(SPELT))
    found, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise ToolError(f"“{text[at]}” means nothing here.")
        at = match.end()
        if match.lastgroup != "blank":
            found.append(_token(match.lastgroup or "", match[0]))
    return found


def _token(kind: str, text: str) -> Token:
    text = SAME.get(text, text)
    return Token("sign" if text in WORDS or text == "/" else kind, text)


def number(text: str) -> Fraction:
    """A number as it is written, exactly. Raises `ToolError` before it gets too long."""
    mantissa, _, exponent = text.replace("_", "").lower().partition("e")
    power = exponent.lstrip("+-").lstrip("0")
    if len(power) > len(str(MOST_DIGITS)) or int(power or "0") > MOST_DIGITS:
        raise ToolError(TOO_LARGE)
    return Fraction(f"{mantissa}e{exponent or 0}")
