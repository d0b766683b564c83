"""What was charged: to read only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from conversations.models import LedgerEntry
from conversations.models.providers import dollars

NOTABLE = Decimal("0.05")


@admin.register(LedgerEntry)
class LedgerAdmin(ModelAdmin):
    list_display = (
        "at",
        "user_name",
        "preset_name",
        "model_name",
        "prompt_tokens",
        "completion_tokens",
        "cost",
        "cost_source",
        "against_price",
    )
    list_filter = ("kind", "cost_source", "provider_name")
    search_fields = ("user_name", "model_name", "preset_name")
    date_hierarchy = "at"
    show_full_result_count = False

    @admin.display(description=_("cost"), ordering="cost_nanos")
    def cost(self, entry: LedgerEntry) -> str:
        return str(_("unknown")) if entry.cost_nanos is None else f"${dollars(entry.cost_nanos)}"

    @admin.display(description=_("against price"))
    def against_price(self, entry: LedgerEntry) -> str:
        """What a provider reports is taken as it is; a deviation that matters is shown."""
        share = entry.deviation
        return "" if share is None or abs(share) <= NOTABLE else f"{share:+.0%}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
