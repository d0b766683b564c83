"""Presets. Saving makes a new version; old conversations keep the one that answered."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from conversations.admin.preset_parameters import (
    NAMES,
    ParametersForm,
    columns,
    given_values,
    initial_values,
    refusals,
)
from conversations.models import LanguageModel, Preset
from conversations.offering import new_version

CHOOSABLE = LanguageModel.objects.filter(withdrawn=False).select_related("provider")


class PresetForm(ParametersForm, forms.ModelForm):  # type: ignore[misc, type-arg, valid-type]
    """A preset with what its newest version says."""

    language_model = forms.ModelChoiceField(
        CHOOSABLE,
        label=_("Model"),
        widget=UnfoldAdminSelectWidget,
    )
    system_text = forms.CharField(
        label=_("Instructions"), required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 6})
    )

    class Meta:
        model = Preset
        fields = ("name", "slug", "description", "enabled", "order", "is_default", "writes_titles")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        version = self.instance.version if self.instance.pk else None
        if version is not None:
            first = version.preset_models.first()
            self.initial["language_model"] = first.model_id if first else None
            self.initial["system_text"] = version.system_text
            self.initial.update(initial_values(version.parameters))
        widget = self.fields["language_model"].widget
        widget.attrs["data-columns"] = columns(CHOOSABLE.all())
        widget.attrs["data-untaken"] = _("This model doesn't take it: leave it empty.")

    def clean(self) -> dict[str, Any]:
        """What the model doesn't take is refused at its field, never changed or left out."""
        cleaned = super().clean() or {}
        model = cleaned.get("language_model")
        if model is not None and not self.errors:
            for name, sentence in refusals(given_values(cleaned), model):
                self.add_error(name, sentence)
        return cleaned

    def parameters(self) -> dict[str, Any]:
        """The version's parameters; what this form doesn't know stays."""
        version = self.instance.version
        kept = {k: v for k, v in (version.parameters if version else {}).items() if k not in NAMES}
        return kept | given_values(self.cleaned_data)


@admin.register(Preset)
class PresetAdmin(ModelAdmin):
    class Media:
        css = {"all": ("admin.css",)}
        js = (forms.Script("admin.js", type="module"),)

    form = PresetForm
    list_display = ("name", "slug", "enabled", "is_default", "writes_titles", "order")
    list_filter = ("enabled",)
    search_fields = ("name", "slug", "description")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "description", "language_model", "system_text")}),
        (_("Parameters"), {"fields": NAMES}),
        (_("Offer"), {"fields": ("enabled", "order", "is_default", "writes_titles")}),
    )

    def save_model(self, request: HttpRequest, obj: Preset, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        old = obj.version
        first = old.preset_models.first() if old else None
        model, parameters = form.cleaned_data["language_model"], form.parameters()
        text = form.cleaned_data["system_text"]
        same = (
            old
            and first
            and (first.model, old.system_text, old.parameters) == (model, text, parameters)
        )
        if not same:
            new_version(obj, [model], system_text=text, parameters=parameters)
