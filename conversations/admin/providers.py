"""Providers. A key is written once and shown by its end only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from conversations.admin.base import ParleyAdmin
from conversations.admin.provider_facts import goes_with, head, presets_of
from conversations.admin.provider_form import (
    ABOUT,
    ProviderForm,
    fields_of,
    fields_with_key,
    folded_of,
)
from conversations.admin.provider_pages import check_page, sync_page
from conversations.admin.rotation_page import rotate_page
from conversations.models import Capability, Kind, Preset, Provider
from conversations.models.secret_field import Unreadable
from conversations.oversight import noticing
from conversations.preparing import DEMO, found_locally
from conversations.presets.offering import add_known_models, offer_models

if TYPE_CHECKING:
    from conversations.providers.discovery import LocalServer


@admin.register(Provider)
class ProviderAdmin(ParleyAdmin):
    class Media:
        css = {"all": ("admin-providers.css",)}

    capability = Capability.PROVIDERS
    form = ProviderForm
    list_display = ("name", "kind", "address", "model_count", "key_hint", "in_use")
    list_filter = ("kind", "enabled")
    search_fields = ("name", "base_url")
    actions = None
    actions_detail = ("test_connection", "sync_models", "rotate_key")
    change_form_outer_before_template = "admin/provider_head.html"
    delete_confirmation_template = "admin/provider_delete.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        present = Count("models", filter=Q(models__withdrawn=False))
        return super().get_queryset(request).annotate(models_now=present)

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> Any:
        """The fields of the kind; a provider keeps the kind that it has."""
        kind = obj.kind if obj else _kind(request)
        if not kind:
            return [(None, {"fields": ("kind",)})]
        has_key = obj is not None and bool(obj.key)
        asked = fields_with_key(kind) if has_key else fields_of(kind, is_new=obj is None)
        folded = folded_of(kind, is_new=obj is None, has_key=has_key)
        return [(None, {"fields": asked}), *folded]

    @action(description=_("Test connection"), url_path="check", permissions=["change"])
    def test_connection(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return check_page(request, self.found(request, object_id))

    @action(description=_("Sync models"), url_path="sync", permissions=["change"])
    def sync_models(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return sync_page(request, self.found(request, object_id))

    @action(description=_("Rotate key"), url_path="rotate", permissions=["rotate"])
    def rotate_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return rotate_page(request, self.found(request, object_id))

    def has_rotate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """There has to be a key."""
        if not self.has_change_permission(request):
            return False
        provider = self.get_object(request, str(object_id))
        return provider is not None and bool(provider.key or isinstance(provider.key, Unreadable))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list, with what runs on this machine offered above it."""
        if request.method == "GET" and self.has_add_permission(request):
            for found in found_locally():
                messages.info(request, _offer(found))
        return super().changelist_view(request, extra_context)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """First the kind, then its fields."""
        kind = _kind(request)
        if not kind and self.has_add_permission(request):
            return render(request, "admin/provider_kinds.html", self._kinds(request))
        title = gettext("Add %(kind)s") % {"kind": Kind(kind).label} if kind else None
        context = {"title": title, "about": ABOUT[Kind(kind)]} if kind else {}
        return super().add_view(request, form_url, {**context, **(extra_context or {})})

    def _kinds(self, request: HttpRequest) -> dict[str, Any]:
        return self.admin_site.each_context(request) | {
            "title": gettext("Add a provider"),
            "opts": self.opts,
            "kinds": [(kind.value, kind.label, ABOUT[kind]) for kind in Kind],
        }

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        provider = self.get_object(request, object_id)
        told = head(provider) if provider is not None else {}
        told["just_added"] = "added" in request.GET
        return super().change_view(request, object_id, form_url, {**told, **(extra_context or {})})

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        provider = self.get_object(request, object_id)
        told = goes_with(provider) if provider is not None else {}
        return super().delete_view(request, object_id, {**told, **(extra_context or {})})

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Models, prices and presets' places go along: whoever may delete this may delete them."""
        found, counts, _perms, protected = super().get_deleted_objects(objs, request)
        return found, counts, set(), protected

    def response_post_save_add(self, request: HttpRequest, obj: Provider) -> HttpResponse:
        """To the provider's own page, which says what comes next."""
        return HttpResponseRedirect(f"{_address_of(obj)}?added")

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        presets = _offered(obj, form.model_names, is_new=not change)
        if presets:
            names_shown = ", ".join(preset.name for preset in presets)
            messages.success(request, _("Presets to talk to: %s") % names_shown)
        if change and "enabled" in form.changed_data:
            messages.info(request, _switched(obj))
            if not obj.enabled:
                noticing.forget(obj.pk, str(request.user))

    def delete_model(self, request: HttpRequest, obj: Provider) -> None:
        noticing.forget(obj.pk, str(request.user))
        super().delete_model(request, obj)

    @admin.display(description=_("address"), ordering="base_url")
    def address(self, provider: Provider) -> str:
        return provider.base_url or "–"

    @admin.display(description=_("models"), ordering="models_now")
    def model_count(self, provider: Provider) -> int:
        return int(provider.models_now)  # type: ignore[attr-defined]

    @admin.display(description=_("key"))
    def key_hint(self, provider: Provider) -> str:
        if isinstance(provider.key, Unreadable):
            return gettext("unreadable")
        return provider.key.hint if provider.key else "–"

    @display(description=_("in use"), ordering="enabled", boolean=True)
    def in_use(self, provider: Provider) -> bool:
        return provider.enabled


def _kind(request: HttpRequest) -> str:
    """The kind that was chosen, or nothing."""
    kind = request.POST.get("kind") or request.GET.get("kind", "")
    return kind if kind in Kind.values else ""


def _address_of(provider: Provider) -> str:
    return reverse("admin:conversations_provider_change", args=[provider.pk])


def _offered(provider: Provider, names: list[str], *, is_new: bool) -> list[Preset]:
    """Presets for these models; a new provider without any gets those of what is known of it."""
    known = [model.name for model in add_known_models(provider)] if is_new else []
    if is_new and provider.kind == Kind.DEMO:
        known = [DEMO]
    return offer_models(provider, dict.fromkeys(names or known))


def _switched(provider: Provider) -> str:
    presets = presets_of(provider)
    if provider.enabled:
        told = ngettext(
            "It is in use again, and so is %(count)d preset: %(names)s",
            "It is in use again, and so are %(count)d presets: %(names)s",
            len(presets),
        )
    else:
        told = ngettext(
            "It is switched off. %(count)d preset isn’t offered any more: %(names)s",
            "It is switched off. %(count)d presets aren’t offered any more: %(names)s",
            len(presets),
        )
    names = ", ".join(preset.name for preset in presets) or "–"
    return told % {"count": len(presets), "names": names}


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
