"""Expressions with units, read by hand and worked out while they are read; nothing is evaluated.

    whole    = sum [ ("to" | "in") units ]
    sum      = product { ("+" | "-") product }
    product  = signed { ("*" | "/" | "per" | "of" | "mod") signed }
    signed   = { "+" | "-" } power
    power    = quantity [ "^" signed ]
    quantity = number [ units { number units } ] | "(" sum ")" [ units ]
             | function "(" sum { "," sum } ")" | units
    units    = unit { [ "*" | "/" | "per" ] unit }
    unit     = ( name | "(" units ")" ) [ "^" [ "-" ] digits ]

A number and its units bind closest: 3 km / 20 min is a speed. Text, depth, numbers and powers are
bounded, each before the work is done.
"""

from __future__ import annotations

from fractions import Fraction

from conversations.tools.amounts import Amount
from conversations.tools.base import ToolError
from conversations.tools.functions import FUNCTIONS, PRODUCTS
from conversations.tools.tokens import END, Token, number, tokens

MOST_DEPTH = 30


class Reader:
    """Works an expression out while it reads it, once and from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0

    def result(self) -> Amount:
        """The amount, in the units that are asked for at the end. Raises `ToolError`."""
        amount = self._sum()
        if self._takes("to") or self._takes("in"):
            amount = amount.to(self._units().units)
        if self._next() is not END:
            raise self._stray()
        return amount

    # Tokens

    def _next(self, ahead: int = 0) -> Token:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else END

    def _takes(self, *texts: str) -> str:
        """The next token's text if it is one of these, which is passed; otherwise ""."""
        token = self._next()
        if token.text not in texts:
            return ""
        self._at += 1
        return token.text

    def _needs(self, text: str) -> None:
        if not self._takes(text):
            raise self._stray()

    def _stray(self) -> ToolError:
        token = self._next()
        if token is END:
            return ToolError("The expression ends too early.")
        return ToolError(f"“{token.text}” doesn’t fit where it stands.")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ToolError(f"That is nested more than {MOST_DEPTH} deep.")

    # Amounts

    def _sum(self) -> Amount:
        self._deeper()
        amount = self._product()
        while sign := self._takes("+", "-"):
            right = self._product()
            amount = amount.plus(right if sign == "+" else right.negated())
        self._depth -= 1
        return amount

    def _product(self) -> Amount:
        amount = self._signed()
        while sign := self._takes("*", "/", "of", "mod"):
            amount = PRODUCTS[sign](amount, self._signed())
        return amount

    def _signed(self) -> Amount:
        self._deeper()
        if sign := self._takes("+", "-"):
            amount = self._signed()
            amount = amount.negated() if sign == "-" else amount
        else:
            amount = self._power()
        self._depth -= 1
        return amount

    def _power(self) -> Amount:
        base = self._quantity()
        return base.power(self._signed()) if self._takes("^") else base

    def _quantity(self) -> Amount:
        token = self._next()
        if token.kind == "number":
            return self._measured()
        if self._takes("("):
            amount = self._sum()
            self._needs(")")
            is_measured = self._is_unit() and not self._is_into()
            return amount.times(self._units()) if is_measured else amount
        if token.kind == "name" and self._next(1).text == "(":
            return self._function()
        if token.kind != "name":
            raise self._stray()
        named = self._units()
        return named.plain() if named.is_share else named

    def _measured(self) -> Amount:
        """A number with its units, or several that add up: 5 ft 11 in."""
        amount = self._number()
        while amount.units and self._next().kind == "number":
            following = self._number()
            if not following.units:
                raise ToolError("Something is missing between two numbers; a remainder is a mod b.")
            amount = amount.plus(following)
        return amount

    def _number(self) -> Amount:
        value = number(self._next().text)
        self._at += 1
        is_bare = self._is_into() and self._next(1).text != "in"
        if is_bare or not self._is_unit():
            return Amount(value)
        units = self._units()
        return Amount(value * units.value, units.units, units.rounded)

    def _function(self) -> Amount:
        name = self._next().text
        if name not in FUNCTIONS:
            raise ToolError(f"There is no function {name}; there are {', '.join(FUNCTIONS)}.")
        self._at += 1
        self._needs("(")
        arguments = [self._sum()]
        while self._takes(","):
            arguments.append(self._sum())
        self._needs(")")
        return FUNCTIONS[name](arguments[0], arguments[1:])

    # Units

    def _is_unit(self, ahead: int = 0) -> bool:
        """Whether a unit begins there: a name that is no function."""
        token, after = self._next(ahead), self._next(ahead + 1)
        return token.kind == "name" and not (after.text == "(" and token.text in FUNCTIONS)

    def _is_into(self) -> bool:
        """Whether “in” stands there for a conversion: before another unit, not as an inch."""
        return self._next().text == "in" and self._next(1).kind == "name"

    def _units(self) -> Amount:
        self._deeper()
        amount = self._unit()
        while sign := self._goes_on():
            self._takes("*", "/")
            following = self._unit()
            amount = amount.times(following.inverse() if sign == "/" else following)
        self._depth -= 1
        return amount

    def _goes_on(self) -> str:
        """How the next unit is joined, if one follows: by "*" or "/"; otherwise ""."""
        sign = self._next().text
        if sign in ("*", "/"):
            is_group = self._next(1).text == "(" and self._is_unit(2)
            return sign if is_group or self._is_unit(1) else ""
        return "*" if self._is_unit() and not self._is_into() else ""

    def _unit(self) -> Amount:
        token = self._next()
        if self._takes("("):
            amount = self._units()
            self._needs(")")
        elif token.kind == "name":
            self._at += 1
            amount = Amount.of(token.text)
        else:
            raise self._stray()
        return amount.power(Amount(self._exponent())) if self._takes("^") else amount

    def _exponent(self) -> Fraction:
        sign = self._takes("+", "-")
        token = self._next()
        if token.kind != "number" or not token.text.isdecimal():
            raise ToolError("A unit’s power is a whole number.")
        self._at += 1
        value = number(token.text)
        return -value if sign == "-" else value
