"""A preset's parameters: which there are, and what a model says to them before they are saved."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext

from conversations.answers_json import check_schema
from conversations.models import LanguageModel
from conversations.providers.checking import EXTRA, bounds, check
from conversations.providers.matrix import FIELDS, TAKES_TOOLS, Taken, column

TOOLS = "tools"
NAMES = (*FIELDS, TOOLS, EXTRA)
# Of a model's window, what an answer has to leave: a short question with its envelope.
LEAST_QUESTION_TOKENS = 16


def initial_values(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Stored parameters as a form's initial values."""
    booleans = {True: "true", False: "false"}
    return {
        name: booleans[value] if isinstance(value, bool) else value
        for name, value in parameters.items()
        if name in NAMES
    }


def given_values(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """What was set, as it is stored; what is empty stays the provider's choice."""
    values = {name: cleaned.get(name) for name in NAMES}
    return {
        name: _stored(value) for name, value in values.items() if value not in (None, "", [], {})
    }


def _stored(value: Any) -> Any:
    """A decimal as the JSON number that says the same."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def refusals(
    values: Mapping[str, Any], models: Sequence[LanguageModel]
) -> Iterable[tuple[str, str]]:
    """What any of these models doesn't take: the field's name, and which model says why."""
    found: dict[tuple[str, str], list[str]] = {}
    for model in models:
        for refused in _refused_by(values, model):
            found.setdefault(refused, []).append(model.name)
    for (name, sentence), by in found.items():
        yield name, f"{', '.join(by)}: {sentence}"
    if values.get("json_schema") and (trouble := check_schema(values["json_schema"])):
        yield "json_schema", trouble


def _refused_by(values: Mapping[str, Any], model: LanguageModel) -> Iterable[tuple[str, str]]:
    known = {name: value for name, value in values.items() if name != TOOLS}
    refused = check(known, column_of(model))
    yield from ((refusal.field, refusal.sentence) for refusal in refused)
    if "max_tokens" not in {refusal.field for refusal in refused}:
        yield from (("max_tokens", sentence) for sentence in _without_room(values, model))
    if values.get(TOOLS):
        yield from ((TOOLS, sentence) for sentence in _against_tools(values, model))


def _without_room(values: Mapping[str, Any], model: LanguageModel) -> Iterable[str]:
    """Why no question fits beside the longest answer; a length of 0 is the provider's choice."""
    window, longest = model.context_tokens, values.get("max_tokens")
    if not window or not longest or longest + LEAST_QUESTION_TOKENS <= window:
        return
    yield gettext(
        "Longest answer: it has to leave room for the question. The model has %(window)s tokens for"
        " both, so the answer may have at most %(most)s."
    ) % {
        "window": f"{window:,}",
        "most": f"{max(window - LEAST_QUESTION_TOKENS, 0):,}",
    }


def _against_tools(values: Mapping[str, Any], model: LanguageModel) -> Iterable[str]:
    if model.provider.kind not in TAKES_TOOLS:
        yield gettext("Tools: this model doesn't take them.")
    if (values.get("n") or 1) > 1:
        yield gettext("Tools: only where one answer is written at a time.")
    if values.get("raw") or values.get("lora"):
        yield gettext("Tools: not with a raw prompt or a LoRA adapter.")


def column_of(model: LanguageModel) -> dict[str, Taken]:
    """What a model takes, by its provider's kind and server and its own limits."""
    return column(model.provider.kind, model.provider.options, model.own_limits)


def columns(models: Iterable[LanguageModel]) -> str:
    """For the page's script: which fields each model takes, and what to say of them, as JSON.

    `{"names": […], "models": {id: number}, "columns": [{field: {"hint": …, "choices": […]}}]}`
    """
    found: dict[str, int] = {}
    numbers = {}
    for model in models:
        told = json.dumps({name: _told(one) for name, one in column_of(model).items()})
        numbers[str(model.pk)] = found.setdefault(told, len(found))
    columns = [json.loads(told) for told in found]
    return json.dumps({"names": list(FIELDS), "models": numbers, "columns": columns})


def _told(taken: Taken) -> dict[str, Any]:
    default = "" if taken.default is None else f"default {taken.default:,}"
    most = f"at most {taken.most}" if taken.most else ""
    hint = "; ".join(filter(None, (bounds(taken), most, default)))
    return {"hint": hint, "choices": list(taken.choices)}
