"""What the ledger can be filtered by; the board links here with the same names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from conversations.admin.filters import MOST_CHOICES, ChoiceFilter, PeriodFilter, SubjectFilter
from conversations.models import (
    DailySum,
    LanguageModel,
    LedgerEntry,
    Preset,
    Provider,
    Team,
    User,
)
from conversations.reports import periods
from conversations.reports.periods import Days

DEFAULT_PERIOD = periods.MONTH
UNKNOWN = "unknown"
# Further apart no two places' days are.
ZONES = timedelta(days=2)
Of = DailySum.Of
# Each subject's filter, the kind of the daily sums that it chooses, and the entry's column.
SUBJECTS: dict[str, tuple[str, str]] = {
    "person": (Of.PERSON, "user_id"),
    "team": (Of.TEAM, "team_id"),
    "preset": (Of.PRESET, "preset_id"),
    "provider": (Of.PROVIDER, "provider_id"),
    "model": (Of.MODEL, "model_id"),
}


class EntryPeriod(PeriodFilter):
    default = DEFAULT_PERIOD

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.days is None else of_days(queryset, self.days)


def of_days(entries: QuerySet[Any], days: Days) -> QuerySet[Any]:
    """Exactly those of the days that they were booked on, also where the site's zone was another.

    Only near the ends is the day itself looked at: elsewhere the index on the moment says enough.
    """
    begin, end = days.moments
    near = entries.filter(at__gte=begin - ZONES, at__lt=end + ZONES)
    inside = Q(at__gte=begin + ZONES, at__lt=end - ZONES)
    return near.filter(inside | Q(day__range=(days.first, days.last)))


class PersonFilter(SubjectFilter):
    title, parameter_name = _("person"), "person"
    id_column, name_column = "user_id", "user_name"
    nothing = _("Nobody")

    def rows(self) -> list[tuple[Any, Any]]:
        people = User.objects.order_by("username")[:MOST_CHOICES]
        return [(person.pk, person.display_name) for person in people]


class TeamFilter(SubjectFilter):
    title, parameter_name = _("team"), "team"
    id_column, name_column = "team_id", "team_name"
    nothing = _("No team")

    def rows(self) -> list[tuple[Any, Any]]:
        return list(Team.objects.order_by("name").values_list("pk", "name")[:MOST_CHOICES])


class PresetFilter(SubjectFilter):
    title, parameter_name = _("preset"), "preset"
    id_column, name_column = "preset_id", "preset_name"
    nothing = _("No preset")

    def rows(self) -> list[tuple[Any, Any]]:
        return list(Preset.objects.order_by("name").values_list("pk", "name")[:MOST_CHOICES])


class ProviderFilter(SubjectFilter):
    title, parameter_name = _("provider"), "provider"
    id_column, name_column = "provider_id", "provider_name"
    nothing = _("Unknown provider")

    def rows(self) -> list[tuple[Any, Any]]:
        return list(Provider.objects.order_by("name").values_list("pk", "name")[:MOST_CHOICES])


class ModelFilter(SubjectFilter):
    """Of hundreds that a provider lists those that people are offered."""

    title, parameter_name = _("model"), "model"
    id_column, name_column = "model_id", "model_name"
    nothing = _("Unknown model")

    def rows(self) -> list[tuple[Any, Any]]:
        offered = LanguageModel.objects.filter(presetmodel__isnull=False).distinct()
        return list(offered.order_by("name").values_list("pk", "name")[:MOST_CHOICES])


class KindFilter(ChoiceFilter):
    title, parameter_name = _("kind"), "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return LedgerEntry.Kind.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class CostFilter(ChoiceFilter):
    title, parameter_name = _("cost from"), "cost"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [
            ("provider", _("the provider’s report")),
            ("price", _("price × tokens")),
            ("assumed", _("an assumed price × tokens")),
            ("estimated", _("an estimate")),
            ("person", _("a person’s correction")),
            (UNKNOWN, _("nobody knows it")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == UNKNOWN:
            return queryset.filter(cost_nanos=None)
        return queryset.filter(cost_source=value) if value else queryset


FILTERS = (
    EntryPeriod,
    PersonFilter,
    TeamFilter,
    PresetFilter,
    ProviderFilter,
    ModelFilter,
    KindFilter,
    CostFilter,
)
