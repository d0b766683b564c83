"""Units as pint defines them, in exact fractions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from math import gcd
from typing import Any

from conversations.tools.base import ToolError

# The registry's constants that no fraction equals, and in how many digits two such must agree.
CONSTANTS = ("pi", "eulers_number", "ln10", "tansec", "wien_x", "wien_u")
ALIKE = 10**40
SIGNS = {"°C": "degC", "°F": "degF", "°K": "kelvin", "°": "degree"}


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit by its full name: `factor` times its root units, of which `roots` are the powers.

    One with a zero of its own, such as °C, `is_offset`. `rounded` says that its definition is.
    """

    name: str
    symbol: str
    factor: Fraction
    roots: tuple[tuple[str, int], ...]
    is_offset: bool
    rounded: bool


@cache
def registry() -> Any:
    """The definitions; read when first needed, which takes a third of a second."""
    import pint

    return pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)


@lru_cache(maxsize=2_000)
def unit(name: str) -> Unit:
    """The unit of this name, symbol or alias. Raises `ToolError`."""
    known = registry()
    try:
        full = known.get_name(SIGNS.get(name, name))
        factor, roots = known.get_root_units(full)
        zero = known.Quantity(Fraction(0), full).to_root_units().magnitude
        symbol = known.get_symbol(full)
    except Exception:  # Its own errors, and whatever a name trips over that nobody foresaw.
        raise ToolError(f"There is no unit “{name}”.") from None
    powers = tuple(sorted(roots._units.items()))
    is_offset = bool(zero) and powers == (("kelvin", 1),)
    if (zero and not is_offset) or not _is_exact(factor, powers):
        raise ToolError(f"The unit “{name}” can’t be reckoned with exactly.")
    whole = tuple((root, int(power)) for root, power in powers)
    number = Fraction(factor)
    return Unit(full, symbol, number, whole, is_offset, _is_rounded(number))


def _is_exact(factor: object, powers: tuple[tuple[str, Any], ...]) -> bool:
    whole = all(Fraction(power).denominator == 1 for _root, power in powers)
    return isinstance(factor, int | Fraction) and whole


def _is_rounded(factor: Fraction) -> bool:
    """Whether a constant that no fraction equals is in it: they share nearly all digits."""
    shared = (gcd(factor.numerator, rest) for rest in _constants())
    below = (gcd(factor.denominator, rest) for rest in _constants())
    return max(*shared, *below) > ALIKE


@cache
def _constants() -> tuple[int, ...]:
    return tuple(registry().get_root_units(name)[0].numerator for name in CONSTANTS)
