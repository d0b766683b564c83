"""What was charged: to read only, with the sum of what is shown above it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from conversations.admin.base import ParleyAdmin
from conversations.admin.filters import EVER, LongList, days_of
from conversations.admin.ledger_filters import DEFAULT_PERIOD, FILTERS, SUBJECTS
from conversations.admin.ledger_pages import correct_page
from conversations.admin.ledger_totals import totals
from conversations.models import Capability, DailySum, LedgerEntry
from conversations.models.base import is_uuid
from conversations.models.providers import per_million
from conversations.reports import spreadsheets
from conversations.reports.paging import LongPaginator
from conversations.reports.periods import Days
from conversations.spending import money

NOTABLE = Decimal("0.05")
MOST_FOUND = 300
ENTRY = (
    "at", "kind", "user_name", "team_name", "preset_name", "provider_name", "model_name",
    "prompt_tokens", "cached_tokens", "completion_tokens", "usage_source", "cost", "cost_source",
    "price", "against_price", "by_name", "reason", "same_call",
)  # fmt: skip
IDS = (
    "day", "call_id", "completion_id", "conversation_id", "user_id", "team_id", "preset_id",
    "provider_id", "model_id", "by_id",
)  # fmt: skip
COLUMN_OF = dict(SUBJECTS.values())
COLUMNS = tuple(COLUMN_OF.values())
CSV_COLUMNS = (
    "id", "at", "day", "kind", "call_id", "completion_id", "conversation_id", "user_id",
    "user_name", "team_id", "team_name", "provider_id", "provider_name", "model_id", "model_name",
    "preset_id", "preset_name", "prompt_tokens", "cached_tokens", "completion_tokens",
    "usage_source", "cost_nanos", "cost_source", "input_nanos_per_million",
    "output_nanos_per_million", "cached_nanos_per_million", "by_name", "reason",
)  # fmt: skip
AMOUNTS = {
    "cost_nanos": "cost_usd",
    "input_nanos_per_million": "input_usd_per_million",
    "output_nanos_per_million": "output_usd_per_million",
    "cached_nanos_per_million": "cached_usd_per_million",
}


@admin.register(LedgerEntry)
class LedgerAdmin(ParleyAdmin):
    """The ledger."""

    capability = Capability.SPEND
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
    list_filter = FILTERS
    list_filter_submit = True
    list_before_template = "admin/ledger_totals.html"
    search_fields = ("user_name",)
    search_help_text = _("Name of a person, team, preset, provider or model; or an id")
    fieldsets = (
        (None, {"fields": ENTRY}),
        (_("Ids"), {"fields": IDS, "classes": ("collapse",)}),
    )
    readonly_fields = ("cost", "price", "against_price", "same_call")
    ordering = ("-at",)
    paginator = LongPaginator
    sortable_by = ("at",)
    actions_detail = ("correct",)

    @display(description=_("cost"))
    def cost(self, entry: LedgerEntry) -> str:
        return money.shown(entry.cost_nanos)

    @display(description=_("against price"))
    def against_price(self, entry: LedgerEntry) -> str:
        """What a provider reports is taken as it is; a deviation that matters is shown."""
        share = entry.deviation
        return "" if share is None or abs(share) <= NOTABLE else f"{share:+.0%}"

    @display(description=_("price then"))
    def price(self, entry: LedgerEntry) -> str:
        """In dollars per million tokens; what is cached may have one of its own."""
        read, written = entry.input_nanos_per_million, entry.output_nanos_per_million
        if read is None or written is None:
            return _t("unknown")
        cached = entry.cached_nanos_per_million
        told = _t("$%(read)s read, $%(written)s written per million tokens")
        with_cached = _t("$%(read)s read ($%(cached)s cached), $%(written)s written per million")
        return (told if cached is None else with_cached) % {
            "read": per_million(read),
            "written": per_million(written),
            "cached": per_million(cached or 0),
        }

    @display(description=_("same call"))
    def same_call(self, entry: LedgerEntry) -> str:
        """The charge with its corrections."""
        query = urlencode({"q": str(entry.call_id), "period": EVER})
        link = reverse("admin:conversations_ledgerentry_changelist")
        return format_html(
            '<a href="{}?{}">{}</a>', link, query, _t("The charge and its corrections")
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LongList]:
        return LongList

    def get_paginator(self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any) -> Any:
        """Counted by what the list comes to, which stands above it."""
        paginator = super().get_paginator(request, queryset, *args, **kwargs)
        paginator.totals = totals(queryset, request.GET, days_of(request, DEFAULT_PERIOD))
        paginator.known_count = paginator.totals.entries
        paginator.known_more = paginator.totals.has_more
        return paginator

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LedgerEntry], search_term: str
    ) -> tuple[QuerySet[LedgerEntry], bool]:
        """Entries of a call, an answer or a conversation by its id, of others by their name."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if is_uuid(term):
            ids = ("call_id", "completion_id", "conversation_id", *COLUMNS)
            return queryset.filter(_any({name: UUID(term) for name in ids})), False
        return queryset.filter(_named(term, days_of(request, DEFAULT_PERIOD))), False

    def csv_rows(self, request: HttpRequest, rows: Any) -> Iterator[Sequence[Any]]:
        """The entries' columns with their ids; amounts are dollars."""
        yield [AMOUNTS.get(name, name) for name in CSV_COLUMNS]
        amounts = [number for number, name in enumerate(CSV_COLUMNS) if name in AMOUNTS]
        moment = CSV_COLUMNS.index("at")
        for values in rows.values_list(*CSV_COLUMNS).iterator(spreadsheets.ROWS_AT_ONCE):
            row = list(values)
            row[moment] = f"{timezone.localtime(row[moment]):%Y-%m-%d %H:%M:%S}"
            for number in amounts:
                row[number] = money.exact(row[number])
            yield row

    @action(description=_("Correct"), url_path="correct", permissions=["view"])
    def correct(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return correct_page(request, self.found(request, object_id))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _named(term: str, days: Days | None) -> Q:
    """Entries of whom or what the daily sums call something with `term` in it."""
    named = DailySum.objects.filter(subject_name__icontains=term).order_by()
    if days is not None:
        named = named.filter(day__range=(days.first, days.last))
    found: dict[str, list[UUID]] = {}
    for of, subject in named.values_list("of", "subject_id").distinct()[:MOST_FOUND]:
        found.setdefault(COLUMN_OF[of], []).append(subject)
    return _any({f"{column}__in": ids for column, ids in found.items()}) if found else Q(pk=None)


def _any(conditions: dict[str, Any]) -> Q:
    """At least one of them holds."""
    return reduce(or_, (Q(**{name: value}) for name, value in conditions.items()))
