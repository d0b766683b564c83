"""Presets. Saving makes a new version; old conversations keep the one that answered."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from conversations.models import LanguageModel, Preset
from conversations.offering import new_version


class PresetForm(forms.ModelForm):  # type: ignore[type-arg]
    """A preset with what its newest version says."""

    language_model = forms.ModelChoiceField(
        LanguageModel.objects.filter(withdrawn=False).select_related("provider"),
        label=_("Model"),
        widget=UnfoldAdminSelectWidget,
    )
    system_text = forms.CharField(
        label=_("Instructions"), required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 6})
    )
    max_tokens = forms.IntegerField(
        label=_("Longest answer, tokens"),
        required=False,
        min_value=1,
        max_value=1_000_000,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    temperature = forms.FloatField(
        label=_("Temperature"),
        required=False,
        min_value=0,
        max_value=2,
        help_text=_("0 to 2; empty leaves it to the provider."),
        widget=UnfoldAdminDecimalFieldWidget,
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
            for name in ("max_tokens", "temperature"):
                self.initial[name] = version.parameters.get(name)

    def parameters(self) -> dict[str, Any]:
        """The version's parameters with what was set here; what this form doesn't show stays."""
        version = self.instance.version
        found = dict(version.parameters) if version else {}
        for name in ("max_tokens", "temperature"):
            found[name] = self.cleaned_data[name]
        return {name: value for name, value in found.items() if value is not None}


@admin.register(Preset)
class PresetAdmin(ModelAdmin):
    form = PresetForm
    list_display = ("name", "slug", "enabled", "is_default", "writes_titles", "order")
    list_filter = ("enabled",)
    search_fields = ("name", "slug", "description")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "description", "language_model", "system_text")}),
        (_("Parameters"), {"fields": ("max_tokens", "temperature")}),
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
