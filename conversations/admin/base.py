"""What all lists of the administration share: who may see them, what is logged, and their CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from datetime import date, datetime
from decimal import Decimal
from html import unescape
from typing import Any, ClassVar

from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import BadRequest, ObjectDoesNotExist, PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.text import capfirst
from unfold.admin import ModelAdmin

from conversations.models import Capability, User
from conversations.oversight.auditing import changes, record
from conversations.presets.json_field import Json
from conversations.reports import spreadsheets
from conversations.reports.paging import ListPaginator

ACTION_COLUMN = "action_checkbox"
PLAIN = (bool, int, float, Decimal, date)
# How the choices of a filter by a field name what they look for.
LOOKUPS = ("", "__exact", "__isnull", "__isempty", "__id__exact")


class ParleyAdmin(ModelAdmin):
    """A list for administrators with `capability`; each change goes into the audit log.

    `view_capabilities`: others who may look, but not change. `csv_fields`: the columns of the
    list's CSV, as in `list_display`, where they are others.
    """

    capability: ClassVar[str] = Capability.PROVIDERS
    view_capabilities: ClassVar[tuple[str, ...]] = ()
    csv_fields: ClassVar[tuple[str, ...]] = ()
    list_per_page = 50
    paginator = ListPaginator
    show_full_result_count = False
    formfield_overrides: ClassVar = {models.JSONField: {"form_class": Json}}
    # Counting each choice of each filter reads the list as often.
    show_facets = ShowFacets.NEVER

    def _may(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.may(self.capability)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if self._may(request):
            return True
        user = request.user
        return isinstance(user, User) and any(user.may(name) for name in self.view_capabilities)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what a filter of the list offers: any other lookup could ask for what no page shows."""
        assert request is not None
        return lookup in set(_parameters(self.get_list_filter(request)))

    def get_queryset(self, request: HttpRequest) -> Any:
        """No database holds a text with U+0000, and some refuse to look for one."""
        if any("\0" in text for pair in request.GET.lists() for text in (pair[0], *pair[1])):
            raise BadRequest("U+0000 in the address")
        return super().get_queryset(request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """The row, which remembers how it was when it was read."""
        return remembering(super().get_object(request, object_id, from_field))

    def found(self, request: HttpRequest, object_id: str) -> Any:
        """The row of an address; what is no id at all is like what isn't there."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return row

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Remember what the row was before it is changed."""
        row = form.instance
        stored = self.model._default_manager.filter(pk=row.pk)
        before = getattr(row, "as_read", None) or (stored.first() if change else None)
        request.row_before = before  # type: ignore[attr-defined]
        return super().save_form(request, form, change)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Of a row that was there, only what this form changed: others may have changed the rest."""
        if obj._state.adding:
            obj.save()
        elif names := _changed(obj, form):
            obj.save(update_fields=names)

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        self._log(request, obj, "added", changes(None, obj))

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        before = getattr(request, "row_before", None)
        self._log(request, obj, "changed", changes(before, obj) if before else {})

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._log(request, obj, "deleted", {})

    def _log(self, request: HttpRequest, obj: models.Model, deed: str, detail: Any) -> None:
        record(f"{obj._meta.model_name}.{deed}", subject=obj, request=request, detail=detail)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The window is called as the list is."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title} | (extra_context or {}))

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.csv_view)
        return [path("csv/", view, name=self.csv_url_name), *super().get_urls()]

    @property
    def csv_url_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_csv"

    def csv_view(self, request: HttpRequest) -> HttpResponseBase:
        """Exactly the rows that the list shows with this search and these filters, all pages."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect("..")
        name = f"{self.opts.model_name}-{timezone.localdate():%Y-%m-%d}"
        return spreadsheets.streamed(name, self.csv_rows(request, rows))

    def csv_rows(self, request: HttpRequest, rows: Any) -> Iterator[Sequence[Any]]:
        """The header, then a row for each of `rows`."""
        names = self.csv_fields or tuple(self.get_list_display(request))
        shown = [name for name in names if name != ACTION_COLUMN]
        yield [str(label_for_field(name, self.model, self)) for name in shown]
        for row in rows.iterator(chunk_size=spreadsheets.ROWS_AT_ONCE):
            yield [self._csv_value(name, row) for name in shown]

    def _csv_value(self, name: Any, row: models.Model) -> Any:
        """What the list shows in this column, without its markup."""
        try:
            field, _attribute, value = lookup_field(name, row, self)
        except (ObjectDoesNotExist, AttributeError):
            return ""
        if field is not None and field.flatchoices:
            value = dict(field.flatchoices).get(value, value)
        if isinstance(value, list | tuple):
            value = ", ".join(str(part) for part in value if part)
        if hasattr(value, "__html__"):
            return unescape(strip_tags(value))
        if isinstance(value, datetime):
            return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
        return value if value is None or isinstance(value, PLAIN) else str(value)


def remembering(row: Any) -> Any:
    """The row, with how it was when it was read."""
    if row is not None and not row._state.adding:
        row.as_read = copy(row)
    return row


def _changed(row: Any, form: Any) -> list[str]:
    """The fields that differ from what was read, and the moment of the last change with them."""
    fields, before = row._meta.concrete_fields, getattr(row, "as_read", None)
    if before is None:
        names = [field.name for field in fields if field.name in form.changed_data]
    else:
        values = ((field, getattr(before, field.attname)) for field in fields)
        names = [field.name for field, value in values if getattr(row, field.attname) != value]
    moments = [field.name for field in fields if getattr(field, "auto_now", False)]
    return [*names, *moments] if names else []


def _parameters(filters: Sequence[Any]) -> Iterator[str]:
    """What these filters are called in an address."""
    for entry in filters:
        if callable(entry):
            yield from getattr(entry, "parameters", None) or (entry.parameter_name,)
        else:
            field = entry if isinstance(entry, str) else entry[0]
            yield from (f"{field}{lookup}" for lookup in LOOKUPS)
