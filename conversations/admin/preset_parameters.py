"""A preset's parameters as a form: one field for each that any provider takes, checked by the model's column."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from conversations.answers_json import check_schema
from conversations.models import LanguageModel
from conversations.providers.checking import EXTRA, bounds, check
from conversations.providers.matrix import (
    BOOLEAN,
    CHOICE,
    FIELDS,
    INTEGER,
    LIST,
    MATRIX,
    NUMBER,
    OBJECT,
    TAKES_TOOLS,
    TEXT,
    TEXTS,
    Field,
    Taken,
    column,
)
from conversations.tools import BUILT_IN

TOOLS = "tools"
NAMES = (*FIELDS, TOOLS, EXTRA)
UNSET = [("", _("Leave it to the provider"))]
YES_NO = [*UNSET, ("true", _("Yes")), ("false", _("No"))]
# Of a model's window, what an answer has to leave: a short question with its envelope.
LEAST_QUESTION_TOKENS = 16
BOTH = {"true": True, "false": False}
EXTRA_HELP = _("More fields of the request, as JSON. None of the fields above can be set here.")


class Lines(forms.CharField):
    """Texts, one a line; within a line `\\n` and `\\t` stand for themselves."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return "\n".join(text.replace("\n", "\\n").replace("\t", "\\t") for text in value)

    def clean(self, value: Any) -> list[str] | None:
        lines = super().clean(value).replace("\r", "").split("\n")
        texts = [line.replace("\\n", "\n").replace("\\t", "\t") for line in lines if line]
        return texts or None


def _plain(mode: str) -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget(attrs={"inputmode": mode, "autocomplete": "off"})


class Json(forms.JSONField):
    """A JSON value as people read it; an empty field for none."""

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)


def _json(**about: Any) -> forms.JSONField:
    return Json(widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}), **about)


def _choice(name: str, **about: Any) -> forms.ChoiceField:
    taken = [kind[name] for kind in MATRIX.values() if name in kind]
    choices = dict.fromkeys(choice for one in taken for choice in one.choices)
    listed = [*UNSET, *((choice, choice) for choice in choices)]
    return forms.ChoiceField(choices=listed, widget=UnfoldAdminSelectWidget, **about)


def _field(name: str, field: Field) -> forms.Field:
    about: dict[str, Any] = {"label": field.label, "help_text": field.help, "required": False}
    return MAKERS[field.type](name, **about)


MAKERS: dict[str, Callable[..., forms.Field]] = {
    INTEGER: lambda _name, **about: forms.IntegerField(widget=_plain("numeric"), **about),
    NUMBER: lambda _name, **about: forms.DecimalField(widget=_plain("decimal"), **about),
    BOOLEAN: lambda _name, **about: forms.TypedChoiceField(
        choices=YES_NO,
        coerce=BOTH.get,
        empty_value=None,
        widget=UnfoldAdminSelectWidget,
        **about,
    ),
    CHOICE: _choice,
    TEXTS: lambda _name, **about: Lines(**about),
    TEXT: lambda _name, **about: forms.CharField(widget=_plain("text"), **about),
    OBJECT: lambda _name, **about: _json(**about),
    LIST: lambda _name, **about: _json(**about),
}


def _tools() -> forms.Field:
    return forms.MultipleChoiceField(
        label=_("Tools"),
        required=False,
        choices=list(BUILT_IN.items()),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("What the model may call. Each call is shown, with what came of it."),
    )


ParametersForm: type[forms.Form] = type(
    "ParametersForm",
    (forms.Form,),
    {name: _field(name, field) for name, field in FIELDS.items()}
    | {TOOLS: _tools()}
    | {EXTRA: _json(label=_("Extra body"), help_text=EXTRA_HELP, required=False)},
)


def initial_values(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Stored parameters as the form's initial values."""
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


def refusals(values: Mapping[str, Any], model: LanguageModel) -> Iterable[tuple[str, str]]:
    """What this model doesn't take: the field's name (None for none of the form's), and why."""
    known = {name: value for name, value in values.items() if name != TOOLS}
    refused = check(known, column_of(model))
    yield from ((refusal.field, refusal.sentence) for refusal in refused)
    if "max_tokens" not in {refusal.field for refusal in refused}:
        yield from (("max_tokens", sentence) for sentence in _without_room(values, model))
    if values.get(TOOLS):
        yield from ((TOOLS, sentence) for sentence in _against_tools(values, model))
    if values.get("json_schema") and (trouble := check_schema(values["json_schema"])):
        yield "json_schema", trouble


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

    `{"models": {id: number}, "columns": [{field: {"hint": …, "choices": […]}}]}`
    """
    found: dict[str, int] = {}
    numbers = {}
    for model in models:
        told = json.dumps({name: _told(one) for name, one in column_of(model).items()})
        numbers[str(model.pk)] = found.setdefault(told, len(found))
    return json.dumps({"models": numbers, "columns": [json.loads(told) for told in found]})


def _told(taken: Taken) -> dict[str, Any]:
    default = "" if taken.default is None else f"default {taken.default:,}"
    most = f"at most {taken.most}" if taken.most else ""
    hint = "; ".join(filter(None, (bounds(taken), most, default)))
    return {"hint": hint, "choices": list(taken.choices)}
