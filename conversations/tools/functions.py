"""What an expression can do with amounts beyond adding them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor

from conversations.tools.amounts import MOST_DIGITS, Amount
from conversations.tools.base import ToolError

Function = Callable[[Amount, list[Amount]], Amount]


def _remainder(amount: Amount, divisor: Amount) -> Amount:
    """What is left, with the sign of the divisor."""
    into = divisor.to(amount.units)
    if not into.value:
        raise ToolError("Nothing can be divided by zero.")
    return Amount(amount.value % into.value, amount.units, amount.rounded or into.rounded)


def _over(amount: Amount, divisor: Amount) -> Amount:
    return amount.times(divisor.inverse())


def _alone(amount: Amount, rest: list[Amount]) -> Amount:
    if rest:
        raise ToolError("This function takes one argument.")
    return amount


def _root(amount: Amount, rest: list[Amount]) -> Amount:
    return _alone(amount, rest).root(2)


def _absolute(amount: Amount, rest: list[Amount]) -> Amount:
    return amount if _alone(amount, rest).value >= 0 else amount.negated()


def _whole(way: Callable[[Fraction], int]) -> Function:
    def made(amount: Amount, rest: list[Amount]) -> Amount:
        return Amount(Fraction(way(_alone(amount, rest).value)), amount.units)

    return made


def _rounded(amount: Amount, rest: list[Amount]) -> Amount:
    """To so many digits behind the point, halves away from zero."""
    digits = _alone(rest[0], rest[1:]).plain() if rest else Amount(Fraction(0))
    if digits.units or digits.value.denominator > 1 or abs(digits.value) > MOST_DIGITS:
        raise ToolError(f"Rounding takes a whole number of digits, {MOST_DIGITS} at most.")
    scale = Fraction(10) ** digits.value.numerator
    size = floor(abs(amount.value) * scale + Fraction(1, 2)) / scale
    return Amount(size if amount.value >= 0 else -size, amount.units)


def _extreme(way: Callable[..., Amount]) -> Function:
    def made(amount: Amount, rest: list[Amount]) -> Amount:
        return way([amount, *rest], key=lambda one: one.to(amount.units).value)

    return made


PRODUCTS: dict[str, Callable[[Amount, Amount], Amount]] = {
    "*": Amount.times,
    "of": Amount.times,
    "/": _over,
    "mod": _remainder,
}
FUNCTIONS: dict[str, Function] = {
    "sqrt": _root,
    "abs": _absolute,
    "round": _rounded,
    "floor": _whole(floor),
    "ceil": _whole(ceil),
    "min": _extreme(min),
    "max": _extreme(max),
}
