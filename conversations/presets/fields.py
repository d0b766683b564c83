"""A preset's form fields: one for what it is called and says, one for each parameter that any provider takes.

Which widgets they have is the page's affair: a `Kit` for the administration, another for the site.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from conversations.models import LanguageModel
from conversations.presets.json_field import Json
from conversations.presets.rules import TOOLS
from conversations.providers.checking import EXTRA
from conversations.providers.matrix import (
    BOOLEAN,
    CHOICE,
    FIELDS,
    INTEGER,
    LIST,
    MATRIX,
    NUMBER,
    OBJECT,
    TEXT,
    TEXTS,
    Field,
)
from conversations.tools import BUILT_IN

ICONS = (
    "message-circle", "sparkles", "bot", "pen-line", "file-text", "book-open", "graduation-cap",
    "languages", "mail", "megaphone", "code", "terminal", "bug", "database", "chart-line",
    "calculator", "flask-conical", "scale", "briefcase", "list-checks", "search", "lightbulb",
    "wrench", "globe", "heart",
)  # fmt: skip
UNSET = [("", _("Leave it to the provider"))]
YES_NO = [*UNSET, ("true", _("Yes")), ("false", _("No"))]
BOTH = {"true": True, "false": False}
MOST_INSTRUCTIONS = 100_000
MOST_FALLBACKS = 5
PLACEHOLDER_HELP = _(
    "These are filled in when a message is sent: {date} is the day, {name} the person’s name, {team}"
    " their team. Other braces stay as they are."
)
FALLBACK_HELP = _(
    "They take over, in this order, where the model before fails without having written anything."
    " Each has to take all parameters."
)
EXTRA_HELP = _("More fields of the request, as JSON. None of the fields above can be set here.")


@dataclass(frozen=True)
class Kit:
    """A page's widgets, each made with its HTML attributes."""

    text: Callable[..., forms.Widget]
    area: Callable[..., forms.Widget]
    select: Callable[..., forms.Widget]
    ticks: Callable[..., forms.Widget]


class Lines(forms.CharField):
    """Texts, one a line; within a line `\\n` and `\\t` stand for themselves."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return "\n".join(text.replace("\n", "\\n").replace("\t", "\\t") for text in value)

    def clean(self, value: Any) -> list[str] | None:
        lines = super().clean(value).replace("\r", "").split("\n")
        texts = [line.replace("\\n", "\n").replace("\\t", "\t") for line in lines if line]
        return texts or None


class Instructions(forms.CharField):
    """A text whose lines end as they do everywhere but in forms."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        return text.replace("\r\n", "\n").replace("\0", "")


class ModelField(forms.ChoiceField):
    """One of the models that are offered to the form; its value is the model."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.models: dict[str, LanguageModel] = {}

    def offer(self, models: Iterable[LanguageModel]) -> None:
        self.models = {str(model.pk): model for model in models}
        self.choices = [("", "–"), *((pk, str(model)) for pk, model in self.models.items())]

    def clean(self, value: Any) -> LanguageModel | None:
        return self.models.get(super().clean(value))


class ModelRows(forms.Widget):
    """Several models in their order: a select for each, the last one empty for one more."""

    template_name = "presets/_models.html"

    def __init__(self, select: Callable[..., forms.Widget]) -> None:
        super().__init__()
        self.select = select
        self.choices: list[tuple[str, str]] = []

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        given = data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])
        return [value for value in given if value]

    def id_for_label(self, id_: str) -> str:
        return f"{id_}_0" if id_ else id_

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        id_ = (attrs or {}).get("id", name)
        select = self.select()
        select.choices = self.choices  # type: ignore[attr-defined]
        chosen = [*(value or []), ""]
        selects = [
            select.render(name, pk, {"id": f"{id_}_{place}", "aria-label": f"{place + 1}."})
            for place, pk in enumerate(chosen)
        ]
        return render_to_string(self.template_name, {"id": id_, "selects": selects})


class ModelsField(forms.Field):
    """Models in their order, each once; its value is the list of them."""

    def __init__(self, select: Callable[..., forms.Widget], **kwargs: Any) -> None:
        super().__init__(widget=ModelRows(select), **kwargs)
        self.models: dict[str, LanguageModel] = {}

    def offer(self, models: Iterable[LanguageModel]) -> None:
        self.models = {str(model.pk): model for model in models}
        listed = [(pk, str(model)) for pk, model in self.models.items()]
        self.widget.choices = [("", _("None")), *listed]  # type: ignore[attr-defined]

    def clean(self, value: list[str]) -> list[LanguageModel]:
        if any(pk not in self.models for pk in value):
            raise ValidationError(_("Choose models from the list."))
        if len(set(value)) < len(value):
            raise ValidationError(_("A model can be in the list only once."))
        if len(value) > MOST_FALLBACKS:
            raise ValidationError(_("At most %(most)d models.") % {"most": MOST_FALLBACKS})
        return [self.models[pk] for pk in value]


class IconSelect(forms.RadioSelect):
    """Pictures to choose from."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        context = {"name": name, "chosen": value or "", "icons": ICONS, "attrs": attrs or {}}
        return render_to_string("presets/_icons.html", context)


def fields_of(kit: Kit) -> dict[str, forms.Field]:
    """All fields, with this page's widgets."""
    return {
        "icon": forms.ChoiceField(
            label=_("Icon"),
            required=False,
            choices=[("", _("None")), *((icon, icon) for icon in ICONS)],
            widget=IconSelect,
        ),
        "language_model": ModelField(label=_("Model"), widget=kit.select()),
        "fallbacks": ModelsField(
            kit.select, label=_("Fallbacks"), required=False, help_text=FALLBACK_HELP
        ),
        "system_text": Instructions(
            label=_("Instructions"),
            required=False,
            max_length=MOST_INSTRUCTIONS,
            help_text=PLACEHOLDER_HELP,
            widget=kit.area(attrs={"rows": 8, "dir": "auto"}),
        ),
        **{name: _field(name, field, kit) for name, field in FIELDS.items()},
        TOOLS: forms.MultipleChoiceField(
            label=_("Tools"),
            required=False,
            choices=list(BUILT_IN.items()),
            widget=kit.ticks(),
            help_text=_("What the model may call. Each call is shown, with what came of it."),
        ),
        EXTRA: Json(label=_("Extra body"), help_text=EXTRA_HELP, required=False, widget=_area(kit)),
        # The version that the form was filled from: somebody else may have saved one meanwhile.
        "seen_version": forms.IntegerField(required=False, widget=forms.HiddenInput),
    }


def _field(name: str, field: Field, kit: Kit) -> forms.Field:
    about: dict[str, Any] = {"label": field.label, "help_text": field.help, "required": False}
    return MAKERS[field.type](name, kit, **about)


def _plain(kit: Kit, mode: str) -> forms.Widget:
    return kit.text(attrs={"inputmode": mode, "autocomplete": "off"})


def _area(kit: Kit) -> forms.Widget:
    return kit.area(attrs={"rows": 5, "spellcheck": "false"})


def _choice(name: str, kit: Kit, **about: Any) -> forms.ChoiceField:
    taken = [kind[name] for kind in MATRIX.values() if name in kind]
    choices = dict.fromkeys(choice for one in taken for choice in one.choices)
    listed = [*UNSET, *((choice, choice) for choice in choices)]
    return forms.ChoiceField(choices=listed, widget=kit.select(), **about)


def _yes_no(_name: str, kit: Kit, **about: Any) -> forms.ChoiceField:
    return forms.TypedChoiceField(
        choices=YES_NO, coerce=BOTH.get, empty_value=None, widget=kit.select(), **about
    )


MAKERS: dict[str, Callable[..., forms.Field]] = {
    INTEGER: lambda _n, kit, **about: forms.IntegerField(widget=_plain(kit, "numeric"), **about),
    NUMBER: lambda _n, kit, **about: forms.DecimalField(widget=_plain(kit, "decimal"), **about),
    BOOLEAN: _yes_no,
    CHOICE: _choice,
    TEXTS: lambda _n, kit, **about: Lines(widget=kit.area(attrs={"rows": 3}), **about),
    TEXT: lambda _n, kit, **about: forms.CharField(widget=_plain(kit, "text"), **about),
    OBJECT: lambda _n, kit, **about: Json(widget=_area(kit), **about),
    LIST: lambda _n, kit, **about: Json(widget=_area(kit), **about),
}
