"""What a form for a preset does on any page: fill itself from a version, check, and give a new one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from conversations.models import LanguageModel, PresetVersion
from conversations.presets.rules import NAMES, columns, given_values, initial_values, refusals
from conversations.presets.versions import Meaning, meaning_of


class VersionForm(forms.Form):
    """The part of a preset's form that a version is made of; its fields are `fields_of` a page's kit.

    A form has `version`, which it changes (None: a new preset), and `offered()`, the models to choose.
    """

    version: PresetVersion | None = None
    is_stale = False

    def offered(self) -> Iterable[LanguageModel]:
        """The models that may be chosen here, each with its provider."""
        raise NotImplementedError

    def prepare(self, shown: PresetVersion | None) -> None:
        """Offer the models; fill the fields from `shown`."""
        models = list(self.offered())
        for name in ("language_model", "fallbacks"):
            self.fields[name].offer(models)  # type: ignore[attr-defined]
        attrs = self.fields["language_model"].widget.attrs
        attrs["data-columns"] = columns(models)
        attrs["data-untaken"] = gettext("This model doesn't take it: leave it empty.")
        if shown is not None:
            self._name_missing(shown, set(models))
            self.initial = {**initial_of(shown), **self.initial}
        self.initial["seen_version"] = self.version.number if self.version else None

    def _name_missing(self, shown: PresetVersion, offered: set[LanguageModel]) -> None:
        """Say at the field which models of the version can't be chosen any more."""
        gone = [model.name for model in meaning_of(shown).models if model not in offered]
        if gone:
            field = self.fields["fallbacks"]
            field.help_text = format_html(
                "<strong>{}</strong> {}", GONE % ", ".join(gone), field.help_text
            )

    def clean(self) -> dict[str, Any]:
        """What a model doesn't take is refused at its field, never changed or left out."""
        cleaned = super().clean() or {}
        self._check_seen(cleaned)
        if cleaned.get("language_model") in (cleaned.get("fallbacks") or []):
            self.add_error("fallbacks", gettext("A model can’t be its own fallback."))
        for name, sentence in list(refusals(given_values(cleaned), _models(cleaned))):
            if name not in self.errors:
                self.add_error(name, sentence)
        return cleaned

    def _check_seen(self, cleaned: dict[str, Any]) -> None:
        seen = cleaned.get("seen_version")
        if self.version is not None and seen is not None and seen != self.version.number:
            self.is_stale = True
            self.add_error(None, CHANGED % {"number": self.version.number})

    @property
    def meaning(self) -> Meaning:
        """What the preset would mean; of parameters, what this form doesn't know stays."""
        stored = self.version.parameters if self.version else {}
        kept = {name: value for name, value in stored.items() if name not in NAMES}
        return Meaning(
            _models(self.cleaned_data),
            self.cleaned_data["system_text"],
            kept | given_values(self.cleaned_data),
        )


GONE = _("Not offered any more, and left out when you save: %s.")
CHANGED = _(
    "Somebody saved version %(number)d of this preset meanwhile. Look at it, then make your changes"
    " again."
)


def _models(cleaned: dict[str, Any]) -> list[LanguageModel]:
    """The model and its fallbacks, each once."""
    first = [cleaned["language_model"]] if cleaned.get("language_model") else []
    return list(dict.fromkeys([*first, *(cleaned.get("fallbacks") or [])]))


def initial_of(version: PresetVersion) -> dict[str, Any]:
    """A version as a form's initial values."""
    meaning = meaning_of(version)
    keys = [str(model.pk) for model in meaning.models]
    return initial_values(meaning.parameters) | {
        "language_model": keys[0] if keys else "",
        "fallbacks": keys[1:],
        "system_text": meaning.system_text,
    }
