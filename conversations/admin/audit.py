"""The audit log: who did what to whom, when and from where. To read only."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from conversations.admin.base import ParleyAdmin
from conversations.admin.filters import MOST_CHOICES, ChoiceFilter, LongList, PeriodFilter
from conversations.models import AuditEntry, Capability, User
from conversations.models.base import is_uuid
from conversations.reports.paging import LongPaginator, values_of

SHOWN_CHANGES = 3


class ActionFilter(ChoiceFilter):
    title, parameter_name = _("what"), "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(action, action) for action in values_of(AuditEntry, "action")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class ActorFilter(ChoiceFilter):
    """An administrator, or whoever an address names."""

    title, parameter_name = _("who"), "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        staff = User.objects.filter(is_staff=True).order_by("username")[:MOST_CHOICES]
        return [(person.pk, person.display_name) for person in staff]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(actor_id=value) if is_uuid(value) else queryset.none()


@admin.register(AuditEntry)
class AuditAdmin(ParleyAdmin):
    """The audit log."""

    capability = Capability.PEOPLE
    list_display = ("at", "actor_name", "action", "subject_name", "changed", "address")
    csv_fields = (
        "id", "at", "action", "actor_id", "actor_name", "subject_kind", "subject_id",
        "subject_name", "address", "detail",
    )  # fmt: skip
    list_filter = (PeriodFilter, ActionFilter, ActorFilter)
    list_filter_submit = True
    list_before_template = "admin/period_chips.html"
    search_fields = ("actor_name", "subject_name", "action", "=address", "=subject_id")
    search_help_text = _("Somebody, something, what was done, or an address")
    fields = (
        "at", "actor_name", "action", "subject_kind", "subject_name", "subject_id", "address",
        "details",
    )  # fmt: skip
    readonly_fields = ("details",)
    paginator = LongPaginator
    sortable_by = ("at",)

    @display(description=_("changed"))
    def changed(self, entry: AuditEntry) -> str:
        """The names of what changed; its values are on the entry's page."""
        names = [str(name) for name in entry.detail]
        more = len(names) - SHOWN_CHANGES
        return ", ".join(names[:SHOWN_CHANGES]) + (f" +{more}" if more > 0 else "")

    @display(description=_("details"))
    def details(self, entry: AuditEntry) -> str:
        if not entry.detail:
            return "–"
        rows = format_html_join("", "<dt>{}</dt><dd>{}</dd>", _told(entry.detail))
        return format_html('<dl class="parley-details">{}</dl>', rows)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LongList]:
        return LongList

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _told(detail: dict[str, Any]) -> list[tuple[str, str]]:
    """Field by field: what it was, and what it is."""
    return [
        (name, " → ".join(map(_plain, value)) if _is_change(value) else _plain(value))
        for name, value in detail.items()
    ]


def _is_change(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2


def _plain(value: Any) -> str:
    return value or "–" if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
