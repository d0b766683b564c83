"""What a validator found, in short English clauses that a person and a model can act upon."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from jsonschema_rs import ValidationError

MOST_OPTIONS = 6
LONGEST_VALUE = 60
LONGEST_PATH = 200
PLAIN_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
}


def path_of(steps: Sequence[str | int]) -> str:
    """The way to a value: `$.people[2].age`; a long one without its middle."""
    path = "$" + "".join(_step(step) for step in steps)
    half = LONGEST_PATH // 2
    return path if len(path) <= LONGEST_PATH else f"{path[:half]}…{path[-half + 1 :]}"


def clause_of(error: ValidationError, value: Any) -> tuple[str, str]:
    """The path, and what is wrong there, of an error that was found in `value`."""
    error = _nearest(error)
    path, (name, told) = error.instance_path, (error.kind.name, error.kind.value)
    if name == "type":
        clause = f"must be {_either(_types(told))}, not {_kind(_at(value, path))}"
    elif name in ("anyOf", "oneOf") and (types := _types_of_forms(told)):
        clause = f"must be {_either(types)}, not {_kind(_at(value, path))}"
    else:
        clause = CLAUSES.get(name, _unknown)(told)
    return path_of(path), clause


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if PLAIN_NAME.fullmatch(step) else f"[{json.dumps(_cut(step))}]"


def _cut(text: str, most: int = LONGEST_VALUE) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _nearest(error: ValidationError) -> ValidationError:
    """Of forms that a value may have, the fault in the one that it was meant to have, if that shows."""
    for _ in range(10):
        if error.kind.name not in ("anyOf", "oneOf"):
            break
        forms = [form for form in error.kind.value if form and _is_meant(form, error)]
        if len(forms) != 1:
            break
        error = forms[0][0]
    return error


def _is_meant(form: list[ValidationError], whole: ValidationError) -> bool:
    """True where neither the type nor a value that tells forms apart is another."""
    here = len(whole.instance_path)
    return not any(
        error.kind.name == "const"
        or (error.kind.name in ("type", "enum") and len(error.instance_path) == here)
        for error in form
    )


def _types_of_forms(forms: list[list[ValidationError]]) -> list[str]:
    """The types that all of the forms ask for; none when one asks for something else."""
    firsts = [form[0].kind for form in forms if form]
    if not firsts or any(kind.name != "type" for kind in firsts):
        return []
    return list(dict.fromkeys(word for kind in firsts for word in _types(kind.value)))


def _types(names: list[str]) -> list[str]:
    return [TYPES.get(name, name) for name in TYPES if name in names]


def _either(words: list[str], last: str = "or") -> str:
    return (
        f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else "another"
    )


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return TYPES["string"]
    return TYPES[
        "object" if isinstance(value, dict) else "array" if isinstance(value, list) else "number"
    ]


def _at(value: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        value = value[step]
    return value


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"“{_cut(value)}”"
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _one_of(options: list[Any]) -> str:
    if len(options) > MOST_OPTIONS:
        return f"must be one of {len(options)} given values"
    return f"must be {_either([_shown(option) for option in options])}"


def _not_allowed(names: list[Any]) -> str:
    told = [_shown(name) for name in names[:MOST_OPTIONS]]
    told += [f"{len(names) - MOST_OPTIONS} more"] if len(names) > MOST_OPTIONS else []
    return f"{_either(told, 'and')} {'isn’t' if len(names) == 1 else 'aren’t'} allowed here"


def _name(error: ValidationError) -> str:
    clause = CLAUSES.get(error.kind.name, _unknown)(error.kind.value)
    return f"the name {_shown(error.instance)} {clause}"


def _limit(start: str, unit: str) -> Callable[[Any], str]:
    return lambda told: f"must have {start} {told} {unit if told == 1 else _plural(unit)}"


def _plural(unit: str) -> str:
    return f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"


def _always(clause: str) -> Callable[[Any], str]:
    return lambda _: clause


def _unknown(_: Any) -> str:
    return "doesn’t fit the schema"


CLAUSES: dict[str, Callable[[Any], str]] = {
    "required": lambda name: f"{_shown(name)} is missing",
    "enum": _one_of,
    "const": lambda told: f"must be {_shown(told)}",
    "minimum": lambda told: f"must be at least {told}",
    "maximum": lambda told: f"must be at most {told}",
    "exclusiveMinimum": lambda told: f"must be more than {told}",
    "exclusiveMaximum": lambda told: f"must be less than {told}",
    "multipleOf": lambda told: f"must be a multiple of {told}",
    "minLength": _limit("at least", "character"),
    "maxLength": _limit("at most", "character"),
    "minItems": _limit("at least", "entry"),
    "maxItems": _limit("at most", "entry"),
    "minProperties": _limit("at least", "entry"),
    "maxProperties": _limit("at most", "entry"),
    "uniqueItems": _always("has the same entry twice"),
    "pattern": lambda told: f"must match the pattern {_shown(told)}",
    "format": lambda told: f"must have the format {_shown(told)}",
    "contains": _always("lacks an entry that the schema asks for"),
    "not": _always("has a form that the schema rules out"),
    "anyOf": lambda forms: f"fits none of the {len(forms)} forms that are allowed here",
    "oneOf": _always("must fit exactly one of the forms that are allowed here"),
    "falseSchema": _always("has something that isn’t allowed here"),
    "additionalProperties": _not_allowed,
    "unevaluatedProperties": _not_allowed,
    "additionalItems": _always("has more entries than are allowed"),
    "unevaluatedItems": _always("has more entries than are allowed"),
    "propertyNames": _name,
}
