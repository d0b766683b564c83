"""Calls to providers, answered and failed: to read only, without a word of what was said."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from conversations.admin.base import ParleyAdmin
from conversations.admin.filters import MOST_CHOICES, NONE, ChoiceFilter, LongList, PeriodFilter
from conversations.models import Call, Capability, Provider
from conversations.models.base import is_uuid
from conversations.reports import periods
from conversations.reports.pacing import error_codes
from conversations.reports.paging import LongPaginator

ANY = "any"


class CallPeriod(PeriodFilter):
    column, default = "started_at", periods.MONTH


class ProviderFilter(ChoiceFilter):
    """By name, which a call keeps when its provider is gone."""

    title, parameter_name = _("provider"), "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        names = Provider.objects.order_by("name").values_list("name", flat=True)
        return [(name, name) for name in names[:MOST_CHOICES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(provider_name=self.value()) if self.value() else queryset


class ErrorFilter(ChoiceFilter):
    """Those that failed, by the kind of error, or those that were answered."""

    title, parameter_name = _("outcome"), "error"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        kinds = [(code, code) for code in error_codes()]
        return [(NONE, _("Answered")), (ANY, _("Any error")), *kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case None | "":
                return queryset
            case "none":
                return queryset.filter(error_code="")
            case "any":
                return queryset.filter(error_code__in=error_codes())
            case code:
                return queryset.filter(error_code=code)


@admin.register(Call)
class CallAdmin(ParleyAdmin):
    """What was asked of providers: when, of which model, how long it took and what went wrong."""

    capability = Capability.PROVIDERS
    view_capabilities = (Capability.SPEND,)
    list_display = (
        "started_at",
        "provider_name",
        "model_name",
        "kind",
        "outcome",
        "status",
        "first_token_ms",
        "prompt_tokens",
        "completion_tokens",
    )
    list_filter = (CallPeriod, ProviderFilter, ErrorFilter)
    list_filter_submit = True
    list_before_template = "admin/period_chips.html"
    search_fields = ("model_name",)
    search_help_text = _("The id of a model, of a call, or the provider’s of a request")
    fields = (
        "started_at",
        "finished_at",
        "kind",
        "provider_name",
        "model_name",
        "status",
        "error_code",
        "request_id",
        "response_id",
        "first_token_ms",
        "prompt_tokens",
        "cached_tokens",
        "completion_tokens",
        "usage_source",
        "cost_source",
    )
    ordering = ("-started_at",)
    paginator = LongPaginator
    sortable_by = ("started_at",)

    @display(description=_("outcome"))
    def outcome(self, call: Call) -> Any:
        return call.error_code or _("answered")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Call], search_term: str
    ) -> tuple[QuerySet[Call], bool]:
        """By an id, exactly: parts of words would be looked for in all of a million calls."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if is_uuid(term):
            return queryset.filter(Q(pk=term) | Q(completion=term)), False
        ids = Q(model_name=term) | Q(request_id=term) | Q(response_id=term)
        return queryset.filter(ids), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LongList]:
        return LongList

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
