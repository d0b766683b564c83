"""Exact amounts with units.

The algebra is ours, so that every size is known before it is made: a number has at most
`MOST_DIGITS` digits above and below its bar, and the powers of an amount's units add up to
`MOST_POWER` at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod

from conversations.tools.base import ToolError
from conversations.tools.roots import exact_root, near_root
from conversations.tools.units import registry, unit

MOST_DIGITS = 1_000
MOST_BITS = 3_322
MOST_POWER = 64
MOST_ROOT = 12
# A root that is no fraction has so many digits.
ROOT_DIGITS = 50
TOO_LARGE = f"That is too large: numbers have up to {MOST_DIGITS} digits."

Powers = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of units. `rounded` once anything went into it that no fraction equals.

    Raises `ToolError` when it is made too large, and wherever an operation makes no sense.
    """

    value: Fraction
    units: Powers = field(default_factory=dict)
    rounded: bool = False

    def __post_init__(self) -> None:
        above, below = abs(self.value.numerator), self.value.denominator
        if max(above.bit_length(), below.bit_length()) > MOST_BITS:
            raise ToolError(TOO_LARGE)
        if sum(map(abs, self.units.values())) > MOST_POWER:
            raise ToolError("That has too many units.")

    @classmethod
    def of(cls, name: str) -> Amount:
        """One of this unit."""
        found = unit(name)
        return cls(Fraction(1), {found.name: 1}, found.rounded and not found.roots)

    @property
    def dimension(self) -> Powers:
        """Powers of root units: amounts that measure the same have the same."""
        found: dict[str, int] = {}
        for name, power in self.units.items():
            for root, times in unit(name).roots:
                found[root] = found.get(root, 0) + times * power
        return {root: power for root, power in found.items() if power}

    @property
    def is_share(self) -> bool:
        """Whether it is written in per cent or the like."""
        return bool(self.units) and all(not unit(name).roots for name in self.units)

    def plain(self) -> Amount:
        """Without units that are mere numbers: 15 % is 0.15."""
        bare = {name: power for name, power in self.units.items() if not unit(name).roots}
        kept = {name: power for name, power in self.units.items() if name not in bare}
        return Amount(self.value * _factor(bare), kept, self.rounded or _any_rounded(bare))

    def plus(self, other: Amount) -> Amount:
        if self.is_share != other.is_share:
            raise ToolError("A share of what? Write 80 + 15% of 80 instead of 80 + 15%.")
        self._must_be_linear()
        there = other.to(self.units)
        return Amount(self.value + there.value, self.units, self.rounded or there.rounded)

    def negated(self) -> Amount:
        return Amount(-self.value, self.units, self.rounded)

    def times(self, other: Amount) -> Amount:
        """Units that measure the same become one: the first."""
        left, right = self.plain(), other.plain()
        left._must_be_linear()
        right._must_be_linear()
        units, value, rounded = dict(left.units), Fraction(1), left.rounded or right.rounded
        for name, power in right.units.items():
            into = _alike(name, units)
            if into != name:
                value *= (unit(name).factor / unit(into).factor) ** power
                rounded = rounded or unit(name).rounded != unit(into).rounded
            units[into] = units.get(into, 0) + power
        units = {name: power for name, power in units.items() if power}
        return Amount(left.value * right.value * value, units, rounded)

    def inverse(self) -> Amount:
        if not self.value:
            raise ToolError("Nothing can be divided by zero.")
        bare = self.plain()
        flipped = {name: -power for name, power in bare.units.items()}
        return Amount(1 / bare.value, flipped, bare.rounded)

    def power(self, exponent: Amount) -> Amount:
        """To a whole power, or to a root of up to `MOST_ROOT`."""
        number = exponent.plain()
        if number.units or number.rounded or number.value.denominator > MOST_ROOT:
            raise ToolError("A power is a whole number, or a simple fraction for a root.")
        above, below = number.value.numerator, number.value.denominator
        return (self.root(below) if below > 1 else self)._whole_power(above)

    def _whole_power(self, exponent: int) -> Amount:
        bare = self.plain()
        bare._must_be_linear()
        if not bare.value and exponent < 0:
            raise ToolError("Nothing can be divided by zero.")
        above, below = abs(bare.value.numerator), bare.value.denominator
        if (max(above, below).bit_length() - 1) * abs(exponent) > MOST_BITS:
            raise ToolError(TOO_LARGE)
        units = {name: power * exponent for name, power in bare.units.items()}
        return Amount(bare.value**exponent, units if exponent else {}, bare.rounded)

    def root(self, degree: int) -> Amount:
        """The root, exact where it is a fraction, otherwise to `ROOT_DIGITS` digits."""
        bare = self.plain()
        bare._must_be_linear()
        if bare.value < 0:
            raise ToolError("There is no real root of a number below zero.")
        if any(power % degree for power in bare.units.values()):
            raise ToolError("The root of these units makes no unit.")
        units = {name: power // degree for name, power in bare.units.items()}
        exact = exact_root(bare.value, degree)
        if exact is not None:
            return Amount(exact, units, bare.rounded)
        return Amount(near_root(bare.value, degree, ROOT_DIGITS), units, True)

    def to(self, units: Powers) -> Amount:
        """The same in other units."""
        if units == self.units:
            return self
        target = Amount(Fraction(1), units)
        if target.dimension != self.dimension:
            raise ToolError(f"Not the same measure: {named(self.units)} and {named(units)}.")
        rounded = self.rounded or _any_rounded(self.units) != _any_rounded(units)
        return Amount(_from_roots(_in_roots(self.value, self.units), units), units, rounded)

    def _must_be_linear(self) -> None:
        if any(unit(name).is_offset for name in self.units):
            raise ToolError(
                "°C and °F can only be converted. Reckon in kelvin, or with differences: delta_degC."
            )


def _alike(name: str, units: Powers) -> str:
    """The name among `units` of one that measures the same as `name`, or `name` itself."""
    if name in units:
        return name
    roots = unit(name).roots
    return next((other for other in units if unit(other).roots == roots), name)


def _factor(units: Powers) -> Fraction:
    return prod((unit(name).factor ** power for name, power in units.items()), start=Fraction(1))


def _any_rounded(units: Powers) -> bool:
    return any(unit(name).rounded for name in units)


def _offset(units: Powers) -> str | None:
    """The name of a unit with a zero of its own, which must stand alone."""
    found = [name for name in units if unit(name).is_offset]
    if found and (len(units) > 1 or units[found[0]] != 1):
        raise ToolError("°C and °F don’t go with other units; use kelvin or delta_degC.")
    return found[0] if found else None


def _in_roots(value: Fraction, units: Powers) -> Fraction:
    name = _offset(units)
    if name is None:
        return value * _factor(units)
    return Fraction(registry().Quantity(value, name).to("kelvin").magnitude)


def _from_roots(value: Fraction, units: Powers) -> Fraction:
    name = _offset(units)
    if name is None:
        return value / _factor(units)
    return Fraction(registry().Quantity(value, "kelvin").to(name).magnitude)


def named(units: Powers) -> str:
    """Units as people write them: kg*m/s^2, and m^-1 where none stands above the line."""
    above = [_powered(name, power) for name, power in units.items() if power > 0]
    if not above:
        return "*".join(_powered(name, power) for name, power in units.items()) or "a plain number"
    below = [_powered(name, -power) for name, power in units.items() if power < 0]
    return "/".join(["*".join(above), *below])


def _powered(name: str, power: int) -> str:
    symbol = unit(name).symbol
    return symbol if power == 1 else f"{symbol}^{power}"
