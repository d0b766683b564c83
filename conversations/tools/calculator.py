"""Arithmetic with units that is exact, or says that it isn't."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from threading import Lock
from typing import Any

from conversations.tools.amounts import Amount, named
from conversations.tools.arithmetic import Reader
from conversations.tools.base import Asker, Spec
from conversations.tools.functions import FUNCTIONS
from conversations.tools.tokens import MOST_CHARACTERS

DIGITS = 20
LONGEST_FRACTION = 200
SMALLEST_PLAIN = -7
SPEC = Spec(
    name="calculate",
    description=(
        "Exact arithmetic with units of measurement. Operators + - * / ^ mod, parentheses, "
        f"{', '.join(FUNCTIONS)}, percentages (15% of 80), pi. A number binds to its unit first: "
        "3 km / 20 min to m/s. End with “to” and a unit to convert: 72 °F to °C, 5 ft 11 in to cm. "
        "Nothing is rounded unless the answer says so. No currencies, no trigonometry."
    ),
    parameters={
        "type": "object",
        "properties": {
            "expression": {
                "type": "string",
                "minLength": 1,
                "maxLength": MOST_CHARACTERS,
                "description": "One expression, such as (0.1 + 0.2) * 3 or 5 kg * 9.81 m/s^2 to N.",
            }
        },
        "required": ["expression"],
        "additionalProperties": False,
    },
)
# The registry of units learns a name when it is first used: one at a time.
_turn = Lock()


class Calculator:
    """The tool `calculate`."""

    async def specs(self) -> Sequence[Spec]:
        return [SPEC]

    async def call(self, name: str, arguments: Mapping[str, Any], asker: Asker) -> str:
        return await asyncio.to_thread(calculate, arguments["expression"])


def calculate(expression: str) -> str:
    """The result in words and figures. Raises `ToolError`."""
    with _turn:
        return told(Reader(expression).result())


def told(amount: Amount) -> str:
    """An exact decimal; otherwise a fraction with a rounded decimal, or that alone."""
    after = _after(amount)
    exact = _decimal(amount.value)
    if amount.rounded:
        return f"about {_roughly(amount.value)}{after} (rounded to {DIGITS} digits)"
    if exact is not None:
        return f"{_written(exact)}{after}"
    about = f"about {_roughly(amount.value)}{after}, rounded to {DIGITS} digits"
    fraction = f"{amount.value}{after}"
    return f"{fraction} ({about})" if len(fraction) <= LONGEST_FRACTION else about


def _after(amount: Amount) -> str:
    """What stands behind the number: its units."""
    if not amount.units:
        return ""
    units = named(amount.units)
    return units if units in ("%", "‰") else f" {units}"


def _decimal(value: Fraction) -> Decimal | None:
    """All digits of a number whose decimals end, otherwise None."""
    below, places = value.denominator, 0
    twos = (below & -below).bit_length() - 1
    below >>= twos
    while below % 5 == 0:
        below, places = below // 5, places + 1
    if below != 1:
        return None
    places = max(twos, places)
    return Decimal(f"{value.numerator * 10**places // value.denominator}E-{places}")


def _roughly(value: Fraction) -> str:
    context = Context(prec=DIGITS)
    return _written(context.divide(Decimal(value.numerator), Decimal(value.denominator)))


def _written(number: Decimal) -> str:
    """Plain figures, unless a long row of zeros would begin or end them."""
    is_plain = number.adjusted() >= SMALLEST_PLAIN and int(number.as_tuple().exponent) <= 0
    return f"{number:f}" if is_plain or not number else f"{number:e}"
