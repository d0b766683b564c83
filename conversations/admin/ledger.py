"""What was charged: to read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from conversations.models import LedgerEntry
from conversations.models.providers import dollars


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
    )
    list_filter = ("kind", "cost_source", "provider_name")
    search_fields = ("user_name", "model_name", "preset_name")
    date_hierarchy = "at"
    show_full_result_count = False

    @admin.display(description=_("cost"), ordering="cost_nanos")
    def cost(self, entry: LedgerEntry) -> str:
        return str(_("unknown")) if entry.cost_nanos is None else f"${dollars(entry.cost_nanos)}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
