"""JSON mode's judgement: is an answer JSON, does it fit the preset's schema, and if not, where.

It knows no Django and reaches no network: a schema is checked with nothing but itself. Patterns run
in an engine that takes linear time, and what a check would cost is counted before it is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationError, Validator

from conversations.answers_words import clause_of
from conversations.answers_work import Outline, Unfit, shortened
from conversations.providers.loose_json import whole
from conversations.rendering.json_text import NotJson, decode

LONGEST = 2 * 1024 * 1024
LONGEST_SCHEMA = 256 * 1024
LONGEST_PROBLEM = 600
MOST_DIGITS = 1_000
MOST_EXPONENT = 10_000
MOST_PROBLEMS = 3
MOST_REPORTING = 100_000_000
"""Characters times visits: every fault that is looked for may carry a copy of the whole answer."""

PATTERNS = jsonschema_rs.RegexOptions(size_limit=1024 * 1024, dfa_size_limit=1024 * 1024)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an answer fits; if not, the first problems in words, and the path of the first.

    `path` is like `$.people[2].age`, and empty where the answer isn't JSON or its schema is unfit.
    """

    valid: bool
    problem: str = ""
    path: str = ""


VALID = Verdict(True)


class Unbounded(ValueError):
    """A number that nobody can reckon with; its text is a clause."""


def judge(text: str, schema: Mapping[str, Any] | None) -> Verdict:
    """Judge an answer's text, in a code fence or not; without a schema, being JSON is enough.

    Never raises; takes a second at most, with the largest answers and schemas that it accepts.
    """
    if len(text) > LONGEST:
        return _refused(f"The answer is longer than {LONGEST:,} characters.")
    try:
        value = decode(text) if schema is None else decode(text, _number)
    except NotJson as error:
        return _refused(_not_json(error))
    except (Unbounded, ArithmeticError) as error:
        return _refused(f"The answer can’t be checked: {error}.")
    if schema is None:
        return VALID
    try:
        return _checked(value, schema, len(text))
    except Unfit as error:
        return _refused(f"The schema can’t be used: {error}.")


def check_schema(schema: Any) -> str:
    """What is wrong with a preset's schema, as a sentence; empty when it can be used."""
    if not isinstance(schema, Mapping):
        return "A schema is an object in JSON."
    try:
        outline = Outline(schema)
        _validator(_source(schema))
        outline.visits(None)
    except Unfit as error:
        return f"The schema can’t be used: {error}."
    return ""


def repair_request(verdict: Verdict) -> str:
    """The message that asks a model to answer once more, after a verdict that isn't valid."""
    place = f"{verdict.path}: " if verdict.path else ""
    return (
        f"Your last answer doesn’t fit what was asked for. {place}{verdict.problem} "
        "Answer again with the whole corrected JSON, and nothing before or after it."
    )


def _checked(value: Any, schema: Mapping[str, Any], length: int) -> Verdict:
    visits = Outline(schema).visits(value)
    validator = _validator(_source(schema))
    try:
        errors = _errors(validator, value, many=length * visits <= MOST_REPORTING)
    except UnicodeEncodeError:
        value = whole(value)
        errors = _errors(validator, value, many=False)
    except ValueError as error:
        raise Unfit(f"checking the answer failed ({_line(error)})") from None
    return _faulty(errors, value) if errors else VALID


def _errors(validator: Validator, value: Any, *, many: bool) -> list[ValidationError]:
    """The first errors, one more than is told; only the first where to find `many` costs too much."""
    if many:
        return list(islice(validator.iter_errors(value), MOST_PROBLEMS + 1))
    try:
        validator.validate(value)
    except ValidationError as error:
        return [error]
    return []


def _faulty(errors: list[ValidationError], value: Any) -> Verdict:
    told = list(dict.fromkeys(clause_of(error, value) for error in errors))[:MOST_PROBLEMS]
    (path, first), *others = told
    sentences = [f"{first[0].upper()}{first[1:]}."]
    sentences += [f"{place}: {clause}." for place, clause in others]
    if len(errors) > MOST_PROBLEMS:
        sentences.append("There are more problems.")
    return Verdict(False, _bounded(" ".join(sentences)), path)


def _refused(problem: str) -> Verdict:
    return Verdict(False, _bounded(problem))


def _bounded(problem: str) -> str:
    return problem if len(problem) <= LONGEST_PROBLEM else problem[: LONGEST_PROBLEM - 1] + "…"


def _not_json(error: NotJson) -> str:
    place = f" (line {error.line}, column {error.column})" if error.line else ""
    return f"The answer isn’t valid JSON: {error.problem}{place}."


def _number(literal: str) -> int | Decimal:
    """A number as exact as it is written, or `Unbounded`."""
    if len(literal) > MOST_DIGITS:
        raise Unbounded(f"a number in it has more than {MOST_DIGITS:,} digits")
    if literal.lstrip("-").isdecimal():
        return int(literal)
    number = Decimal(literal)
    if abs(number.adjusted()) > MOST_EXPONENT:
        raise Unbounded(f"the number {shortened(literal)} in it is out of all bounds")
    return number


def _source(schema: Mapping[str, Any]) -> str:
    try:
        source = json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise Unfit("it holds something that JSON hasn’t") from None
    if len(source) > LONGEST_SCHEMA:
        raise Unfit(f"it is longer than {LONGEST_SCHEMA // 1024} KiB")
    return source


@lru_cache(maxsize=64)
def _validator(source: str) -> Validator:
    """A schema made ready, by the draft that it names, or the newest. Raises `Unfit`."""
    schema = json.loads(source)
    try:
        return jsonschema_rs.validator_for(
            schema, pattern_options=PATTERNS, mask="it", offline=True
        )
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise Unfit(_broken(error, schema)) from None


def _broken(error: Exception, schema: Any) -> str:
    if not isinstance(error, ValidationError):
        return _line(error)
    if error.kind.name == "$ref":
        return "it names a draft that isn’t known, or something that isn’t in it"
    path, clause = clause_of(error, schema)
    if error.kind.name == "format" and isinstance(error.instance, str):
        told = shortened(error.instance)
        return f"the pattern {told} is broken, or too large, or looks ahead, behind or back"
    if error.instance_path[-1:] == ["type"]:
        clause = "names no type that JSON has"
    return f"{path} {clause}"


def _line(error: Exception) -> str:
    return shortened((str(error).splitlines() or [""])[0], 200)[1:-1].rstrip(".")
