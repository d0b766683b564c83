"""Language models: what is known of them, and their prices."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from conversations.admin import price_pages
from conversations.admin.base import ParleyAdmin
from conversations.models import Capability, LanguageModel, Price
from conversations.models.providers import per_million


class PricedFilter(admin.SimpleListFilter):
    """Models by what is known of their price."""

    title = _("price")
    parameter_name = "priced"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("published")), ("assumed", _("assumed")), ("no", _("none"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "yes":
                return queryset.filter(price_read__isnull=False, price_assumed=False)
            case "assumed":
                return queryset.filter(price_assumed=True)
            case "no":
                return queryset.filter(price_read=None)
            case _:
                return queryset


@admin.register(LanguageModel)
class LanguageModelAdmin(ParleyAdmin):
    class Media:
        css = {"all": ("admin-providers.css",)}

    capability = Capability.PROVIDERS
    list_display = ("name", "provider", "window", "longest", "price", "is_assumed", "is_withdrawn")
    list_filter = ("provider", PricedFilter, "withdrawn")
    list_select_related = ("provider",)
    search_fields = ("name",)
    actions = None
    readonly_fields = ("provider", "name", "other_ids")
    fieldsets = (
        (None, {"fields": ("name", "provider", "context_tokens", "output_tokens", "withdrawn")}),
        (_("More"), {"classes": ("collapse",), "fields": ("dtype", "lora", "limits", "other_ids")}),
    )
    help_texts: ClassVar = {
        "withdrawn": _("Nobody can choose it any more; old conversations keep it."),
        "context_tokens": _("What it reads at once, the answer included. Empty: unknown."),
        "output_tokens": _("Empty: unknown. Presets may not ask for more."),
        "limits": _("JSON with what it takes unlike its provider’s other models."),
    }
    change_form_outer_before_template = "admin/model_prices.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Models are added at their provider, with a preset each."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Old conversations and charges name them: they are withdrawn instead."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the price that counts now."""
        newest = Price.objects.filter(model=OuterRef("pk"), valid_from__lte=Now())
        newest = newest.order_by("-valid_from")

        def of(field: str) -> Subquery:
            return Subquery(newest.values(field)[:1])

        return (
            super()
            .get_queryset(request)
            .annotate(
                price_read=of("input_nanos_per_million"),
                price_written=of("output_nanos_per_million"),
                price_assumed=of("assumed"),
            )
        )

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().get_form(request, *args, **kwargs | {"help_texts": self.help_texts})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The model's form, and below it its prices with forms of their own."""
        model = self.get_object(request, object_id)
        told = {**price_pages.context(model), **(extra_context or {})} if model else {}
        told["may_price"] = self.has_change_permission(request)
        if model and request.method == "POST" and price_pages.CHANGES & request.POST.keys():
            refused = self._price_changed(request, model)
            if refused is None:
                return price_pages.back(model)
            told["price_form"] = refused
            request.method = "GET"  # the rest of the page as it is
        return super().change_view(request, object_id, form_url, told)

    def _price_changed(self, request: HttpRequest, model: LanguageModel) -> Any:
        """Carry out what was posted of the prices; the form, where that is refused."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if price_pages.REMOVE in request.POST:
            price_pages.remove(request, model)
            return None
        return price_pages.add(request, model)

    @admin.display(description=_("window"), ordering=F("context_tokens").asc(nulls_last=True))
    def window(self, model: LanguageModel) -> str:
        return f"{model.context_tokens:,}" if model.context_tokens else "–"

    @admin.display(description=_("longest answer"), ordering="output_tokens")
    def longest(self, model: LanguageModel) -> str:
        return f"{model.output_tokens:,}" if model.output_tokens else "–"

    @admin.display(description=_("$ per million, read / written"), ordering="price_read")
    def price(self, model: Any) -> str:
        if model.price_read is None:
            return gettext("none")
        return f"{per_million(model.price_read)} / {per_million(model.price_written)}"

    @display(description=_("assumed"), label={_("assumed"): "warning"})
    def is_assumed(self, model: Any) -> Any:
        return _("assumed") if model.price_assumed else ""

    @display(description=_("withdrawn"), label={_("withdrawn"): "danger"}, ordering="withdrawn")
    def is_withdrawn(self, model: LanguageModel) -> Any:
        return _("withdrawn") if model.withdrawn else ""

    @admin.display(description=_("other ids"))
    def other_ids(self, model: LanguageModel) -> str:
        return ", ".join(model.aliases) or "–"
