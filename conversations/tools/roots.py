"""Roots of fractions, by whole numbers only."""

from __future__ import annotations

from fractions import Fraction


def exact_root(value: Fraction, degree: int) -> Fraction | None:
    """The root if it is a fraction."""
    above, below = (_whole_root(part, degree) for part in (value.numerator, value.denominator))
    return Fraction(above, below) if Fraction(above, below) ** degree == value else None


def near_root(value: Fraction, degree: int, digits: int) -> Fraction:
    """Just below the root, by less than one in the last of so many digits."""
    small = max(0, len(str(value.denominator)) - len(str(value.numerator)))
    scale: int = 10 ** (digits + small // degree + 1)
    return Fraction(_whole_root(int(value * scale**degree), degree), scale)


def _whole_root(number: int, degree: int) -> int:
    """The greatest whole number whose power is not above `number`, by Newton's way."""
    if number < 2:
        return number
    guess: int = 1 << -(-number.bit_length() // degree)
    while True:
        lower = ((degree - 1) * guess + number // guess ** (degree - 1)) // degree
        if lower >= guess:
            return guess
        guess = lower
