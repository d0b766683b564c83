"""Checking a neutral parameter set against what a model takes, before it is saved and before it is sent.

Nothing is clamped, and nothing is left out silently: what doesn't fit is refused, by name.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .matrix import (
    BOOLEAN,
    CHOICE,
    FIELDS,
    INTEGER,
    JSON_SCHEMA,
    LIST,
    NOT_EXTRA,
    NUMBER,
    OBJECT,
    TEXT,
    TEXTS,
    Taken,
)

MOST_TEXT = 1_000
MOST_SCHEMA_DEPTH = 30
TOKEN_ID = re.compile(r"[0-9]{1,9}")
MOST_DIGITS = 40
EXTRA = "extra_body"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A parameter that can't be sent: which, and why in a sentence with its bounds."""

    field: str
    sentence: str


def check(values: Mapping[str, Any], taken: Mapping[str, Taken]) -> list[Refusal]:
    """Return everything in `values` that a model with this column doesn't take; None is unset."""
    refusals = [
        Refusal(name, sentence)
        for name, value in values.items()
        if value is not None
        for sentence in _problems(name, value, taken)
    ]
    return refusals or list(_together(values))


def bounds(taken: Taken) -> str:
    """The range in words: `0 to 2`, `above 0, at most 1`, `at least 1`; empty without bounds."""
    low, high = taken.low, taken.high
    if low is not None and high is not None:
        if taken.above:
            return f"above {low:,}, at most {high:,}"
        return f"{low:,} to {high:,}"
    if low is not None:
        return f"above {low:,}" if taken.above else f"at least {low:,}"
    return f"at most {high:,}" if high is not None else ""


def _problems(name: str, value: Any, taken: Mapping[str, Taken]) -> Iterator[str]:
    if name == EXTRA:
        yield from _extra(value)
        return
    field = FIELDS.get(name)
    if field is None:
        yield f"There is no parameter {name}; anything else goes into the extra body."
    elif name not in taken:
        yield f"{field.label}: this model doesn't take it."
    else:
        for sentence in CHECKS[field.type](value, taken[name]):
            yield f"{field.label}: {sentence}"


def _extra(value: Any) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield "The extra body has to be a JSON object."
    elif found := ", ".join(name for name in value if name in NOT_EXTRA):
        yield f"The extra body can't have {found} in it: that is set by a field, or by the request."


def _integer(value: Any, taken: Taken) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield f"a whole number is needed{_in(taken)}."
    elif not _within(value, taken):
        yield f"{_shown(value)} is out of bounds; it has to be {bounds(taken)}."


def _number(value: Any, taken: Taken) -> Iterator[str]:
    good = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if not good or not finite(value):
        yield f"a number is needed{_in(taken)}."
    elif not _within(value, taken):
        yield f"{_shown(value)} is out of bounds; it has to be {bounds(taken)}."


def finite(value: float | Decimal) -> bool:
    """Whether a number is one that JSON has."""
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int) or math.isfinite(value)


def _shown(value: float | Decimal) -> str:
    """A number for people, unless it is longer than anybody reads."""
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**MOST_DIGITS else "the number"
    return str(value) if len(str(value)) <= MOST_DIGITS else "the number"


def _in(taken: Taken) -> str:
    return f", {bounds(taken)}" if bounds(taken) else ""


def _within(value: float | Decimal, taken: Taken) -> bool:
    """Whether a number is in the range; a float counts as the decimal that it is written as."""
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if taken.low is not None and (exact < taken.low or (taken.above and exact == taken.low)):
        return False
    return taken.high is None or exact <= taken.high


def _boolean(value: Any, _taken: Taken) -> Iterator[str]:
    if not isinstance(value, bool):
        yield "it is either true or false."


def _text(value: Any, _taken: Taken) -> Iterator[str]:
    if not isinstance(value, str) or not 0 < len(value) <= MOST_TEXT:
        yield f"a text of 1 to {MOST_TEXT:,} characters is needed."


def _choice(value: Any, taken: Taken) -> Iterator[str]:
    if value not in taken.choices:
        yield f"it has to be one of {', '.join(taken.choices)}."


def _texts(value: Any, taken: Taken) -> Iterator[str]:
    if not isinstance(value, list | tuple) or not value:
        yield "a list of texts is needed."
    elif taken.most is not None and len(value) > taken.most:
        yield f"{len(value)} are too many; there may be at most {taken.most}."
    elif not all(isinstance(text, str) and 0 < len(text) <= MOST_TEXT for text in value):
        yield f"each is a text of 1 to {MOST_TEXT:,} characters."


def _object(value: Any, taken: Taken) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield "a JSON object is needed."
    elif taken.low is not None:
        yield from _biases(value, taken)
    elif _depth(value) > MOST_SCHEMA_DEPTH:
        yield f"it is nested deeper than {MOST_SCHEMA_DEPTH} levels."


def _biases(value: Mapping[str, Any], taken: Taken) -> Iterator[str]:
    for token, bias in value.items():
        if not TOKEN_ID.fullmatch(str(token)):
            yield f"{token} is no token id."
        yield from _number(bias, taken)


def _depth(value: Any, depth: int = 0) -> int:
    """How deep objects and lists are nested, counted no further than is refused."""
    if depth > MOST_SCHEMA_DEPTH or not isinstance(value, Mapping | list | tuple):
        return depth
    inner = value.values() if isinstance(value, Mapping) else value
    return max((_depth(one, depth + 1) for one in inner), default=depth + 1)


def _functions(value: Any, _taken: Taken) -> Iterator[str]:
    if not isinstance(value, list | tuple) or not value:
        yield "a list of functions is needed."
        return
    for entry in value:
        fields = entry if isinstance(entry, Mapping) else {}
        if set(fields) != {"name", "code"} or not all(
            isinstance(text, str) and text for text in fields.values()
        ):
            yield "each function has a name and its code, both as text, and nothing else."


def _together(values: Mapping[str, Any]) -> Iterator[Refusal]:
    """What fits by itself but not beside the rest."""
    given = {name for name, value in values.items() if value is not None}
    if values.get("response_format") == JSON_SCHEMA and "json_schema" not in given:
        yield Refusal("json_schema", "JSON schema: this form of the answer needs one.")
    if "json_strict" in given and values.get("response_format") != JSON_SCHEMA:
        yield Refusal("json_strict", "Strict schema: only where the answer has to fit a schema.")
    if "json_schema" in given and values.get("response_format") in (None, "text"):
        yield Refusal("response_format", "Form of the answer: a schema needs one of JSON.")
    if "top_logprobs" in given and values.get("logprobs") is not True:
        yield Refusal("top_logprobs", "Alternatives: only with log probabilities.")
    if "functions" in given and (values.get("raw") or "lora" in given):
        yield Refusal("functions", "Embedded functions: not with a raw prompt or a LoRA adapter.")


CHECKS: dict[str, Callable[[Any, Taken], Iterator[str]]] = {
    INTEGER: _integer,
    NUMBER: _number,
    BOOLEAN: _boolean,
    TEXT: _text,
    CHOICE: _choice,
    TEXTS: _texts,
    OBJECT: _object,
    LIST: _functions,
}
