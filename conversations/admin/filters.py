"""Filters of long lists: a period of days, and one choice among many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.views import ChangeList

from conversations.models.base import is_uuid
from conversations.reports import periods
from conversations.reports.periods import Days

PERIOD, SINCE, UNTIL, EVER = "period", "since", "until", "all"
NONE = "none"
MOST_CHOICES = 200


def days_of(request: HttpRequest, default: str = EVER) -> Days | None:
    """The days that a list shows; None: all."""
    given = periods.between(request.GET.get(SINCE, ""), request.GET.get(UNTIL, ""))
    return given or periods.named(request.GET.get(PERIOD) or default)


class PeriodFilter(admin.ListFilter):
    """From a day to a day, or a period by its name. Subclasses say of which column."""

    title = _("period")  # type: ignore[assignment]
    template = "admin/period_filter.html"
    parameters = (PERIOD, SINCE, UNTIL)
    column = "at"
    default = EVER

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.days = days_of(request, self.default)
        self.name = request.GET.get(PERIOD, "")
        self.since, self.until = request.GET.get(SINCE, ""), request.GET.get(UNTIL, "")
        for name in self.parameters:
            if name in params:
                self.used_parameters[name] = params.pop(name)
        # With other filters the list begins anew at its first page.
        self.used_parameters[PAGE_VAR] = None

    @property
    def chosen(self) -> str:
        """The period's name; empty where two days are given."""
        return "" if self.since or self.until else self.name or self.default

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [*self.parameters]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.days is None:
            return queryset
        begin, end = self.days.moments
        return queryset.filter(**{f"{self.column}__gte": begin, f"{self.column}__lt": end})

    def choices(self, changelist: Any) -> Iterator[Any]:
        without = [SINCE, UNTIL]
        for name, told in [*periods.NAMES.items(), (EVER, _("All"))]:
            yield {
                "value": name,
                "selected": self.chosen == name,
                "display": told,
                "query_string": changelist.get_query_string({PERIOD: name}, without),
            }


class ChoiceFilter(admin.SimpleListFilter):
    """One of several, as a select box; a value that isn't among them counts too."""

    template = "admin/choice_filter.html"

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Iterator[Any]:
        chosen = self.value()
        yield {"value": "", "selected": not chosen, "display": _("All")}
        listed = [(str(value), told) for value, told in self.lookup_choices]
        if chosen and chosen not in dict(listed):
            listed.append((chosen, self.called(chosen)))
        for value, told in listed:
            yield {"value": value, "selected": value == chosen, "display": told}

    def called(self, value: str) -> Any:
        """What a value that isn't among the choices is called."""
        return value


class SubjectFilter(ChoiceFilter):
    """Whose or what an entry is: by its id, which outlives the row that it names.

    Subclasses say the entry's columns of id and name, and where the choices are.
    """

    id_column, name_column = "", ""
    nothing: Any = None

    def rows(self) -> list[tuple[Any, Any]]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        self._model = model_admin.model
        return [*([(NONE, self.nothing)] if self.nothing else []), *self.rows()]

    def called(self, value: str) -> Any:
        if value == NONE or not is_uuid(value):
            return value
        rows = self._model._default_manager.filter(**{self.id_column: UUID(value)})
        return next(iter(rows.order_by().values_list(self.name_column, flat=True)[:1]), value)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        if value == NONE:
            return queryset.filter(**{f"{self.id_column}__isnull": True})
        if not is_uuid(value):
            return queryset.none()
        return queryset.filter(**{self.id_column: UUID(value)})


class LongList(ChangeList):
    """A list with its periods at hand, for the links above it."""

    @property
    def period_choices(self) -> list[Any]:
        found = (spec for spec in self.filter_specs if isinstance(spec, PeriodFilter))
        return [choice for spec in found for choice in spec.choices(self)]
