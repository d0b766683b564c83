"""Generic JSON decoding for shapes that have no type, with no binary floats in it."""

import json
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

BROKEN: Any = object()
"""Stands for text that is not JSON, or nothing that we would hold."""


class Number(Decimal):
    """A number with a fraction or an exponent, exact, that remembers how it was written."""

    literal: str


def _number(literal: str) -> Number:
    number = Number(literal)
    number.literal = literal
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_float=_number, parse_constant=_refuse)


def _plain(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return Decimal(value)
    raise TypeError(type(value).__name__)


_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain)


def compact(value: Any) -> str:
    """A decoded value as JSON without blanks, its numbers exact."""
    try:
        return _ENCODER.encode(value).decode()
    except UnicodeEncodeError:
        return _ENCODER.encode(whole(value)).decode()


def whole(value: Any) -> Any:
    """The value with U+FFFD for halves of characters, which UTF-8 hasn't."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {whole(name): whole(inner) for name, inner in value.items()}
    return [whole(inner) for inner in value] if isinstance(value, list) else value


def parse(data: bytes) -> Any:
    """Decode `data`, or return `BROKEN`. Invalid UTF-8 becomes U+FFFD; halves of surrogates stay.

    Deep nesting and integers of thousands of digits count as broken.
    """
    text = data.decode("utf-8", "replace").strip(" \t\r\n\ufeff")
    try:
        return _DECODER.decode(text)
    except (ValueError, ArithmeticError, RecursionError):
        return BROKEN
