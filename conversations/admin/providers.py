"""Providers, their models and prices. A key is written once and shown by its end only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from conversations.admin.provider_pages import check_page, sync_page
from conversations.models import Kind, LanguageModel, Price, Provider
from conversations.offering import add_known_models, offer_models
from conversations.preparing import found_locally

if TYPE_CHECKING:
    from conversations.providers.discovery import LocalServer


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]
    """A provider, with its key as a field that is never filled in."""

    new_key = forms.CharField(
        label=_("Key"),
        required=False,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
    )
    account_id = forms.CharField(
        label=_("Account id"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Cloudflare only: it stands in the address."),
    )
    new_models = forms.CharField(
        label=_("Add models"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("One model id a line, as the provider spells it. Each gets a preset."),
    )

    class Meta:
        model = Provider
        fields = (
            "name",
            "kind",
            "base_url",
            "enabled",
            "options",
            "connect_seconds",
            "first_byte_seconds",
            "silence_seconds",
            "total_seconds",
            "concurrency",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        key = self.instance.key if self.instance.pk else None
        self.fields["new_key"].help_text = (
            _("Stored, ending in %(hint)s. Write a new one to replace it.") % {"hint": key.hint}
            if key
            else _("None is stored. A server of your own may need none.")
        )
        self.fields["base_url"].help_text = _(
            "Empty: where providers of this kind usually are. A server of your own needs it."
        )
        self.initial["account_id"] = self.instance.options.get("account_id", "")

    def clean(self) -> dict[str, Any]:
        """The account is an option of the provider like others, with a field of its own."""
        cleaned = super().clean() or {}
        account = cleaned.get("account_id", "").strip()
        options = {**(cleaned.get("options") or {}), "account_id": account}
        cleaned["options"] = {name: value for name, value in options.items() if value}
        self.instance.options = cleaned["options"]
        return cleaned

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data["new_key"]:
            self.instance.key = self.cleaned_data["new_key"]
        return super().save(commit)


@admin.register(Provider)
class ProviderAdmin(ModelAdmin):
    form = ProviderForm
    list_display = ("name", "kind", "base_url", "enabled", "key_hint")
    list_filter = ("kind", "enabled")
    search_fields = ("name", "base_url")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "kind",
                    "base_url",
                    "account_id",
                    "new_key",
                    "enabled",
                    "new_models",
                )
            },
        ),
        (
            _("Deadlines, seconds"),
            {
                "classes": ("collapse",),
                "fields": (
                    "connect_seconds",
                    "first_byte_seconds",
                    "silence_seconds",
                    "total_seconds",
                ),
            },
        ),
        (_("More"), {"classes": ("collapse",), "fields": ("concurrency", "options")}),
    )
    actions_detail = ("test_connection", "sync_models")

    @action(description=_("Test connection"), url_path="check", permissions=["change"])
    def test_connection(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return check_page(request, get_object_or_404(Provider, pk=object_id))

    @action(description=_("Sync models"), url_path="sync", permissions=["change"])
    def sync_models(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return sync_page(request, get_object_or_404(Provider, pk=object_id))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list, with what runs on this machine offered above it."""
        if request.method == "GET" and self.has_add_permission(request):
            for found in found_locally():
                messages.info(request, _offer(found))
        return super().changelist_view(request, extra_context)

    @admin.display(description=_("key"))
    def key_hint(self, provider: Provider) -> str:
        return provider.key.hint if provider.key else "–"

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        known = [] if change else add_known_models(obj)
        if known and not form.cleaned_data["new_models"]:
            offer_models(obj, {model.name: None for model in known})
        names = {line.strip() for line in form.cleaned_data["new_models"].splitlines()} - {""}
        presets = offer_models(obj, dict.fromkeys(sorted(names)))
        if presets:
            names_shown = ", ".join(preset.name for preset in presets)
            messages.success(request, _("Presets to talk to: %s") % names_shown)


def _offer(found: LocalServer) -> str:
    """What was found, and a link to the form with everything filled in."""
    query = urlencode(
        {
            "name": found.name,
            "kind": Kind.OPENAI_COMPATIBLE.value,
            "base_url": found.base_url,
            "new_models": "\n".join(found.models),
        }
    )
    return format_html(
        '{} <a href="{}?{}">{}</a>',
        _("%(name)s answers on this machine, with %(count)d models.")
        % {"name": found.name, "count": len(found.models)},
        reverse("admin:conversations_provider_add"),
        query,
        _("Add it"),
    )


class PriceInline(TabularInline):
    model = Price
    extra = 0


@admin.register(LanguageModel)
class LanguageModelAdmin(ModelAdmin):
    list_display = ("name", "provider", "context_tokens", "output_tokens", "withdrawn")
    list_filter = ("provider", "withdrawn")
    list_select_related = ("provider",)
    search_fields = ("name",)
    inlines = (PriceInline,)
