"""Filters of the list of people: how they stand, what they may, where they belong."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from conversations.admin.filters import ChoiceFilter
from conversations.models import Capability, Team, User
from conversations.models.people import Standing
from conversations.people import standing as people


class StandingFilter(ChoiceFilter):
    title = _("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        return list(Standing.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        chosen = self.value()
        if chosen is None or chosen not in Standing.values:
            return queryset
        return queryset.filter(Standing(chosen).condition)


class CapabilityFilter(ChoiceFilter):
    title = _("capability")
    parameter_name = "may"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        return [*Capability.choices, (people.SUPERUSER, _("superuser"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        chosen = self.value()
        if chosen == people.SUPERUSER:
            return queryset.filter(is_superuser=True)
        if chosen not in Capability.values:
            return queryset
        given = Q(**{f"may_{chosen}": True})
        return queryset.filter(given if chosen == Capability.READ else given | Q(is_superuser=True))


class TeamFilter(ChoiceFilter):
    title = _("team")
    parameter_name = "team"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        return [
            (str(pk), name) for pk, name in Team.objects.order_by("name").values_list("pk", "name")
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        chosen = self.value()
        if chosen is None or chosen not in {value for value, _told in self.lookup_choices}:
            return queryset
        return queryset.filter(membership__team=UUID(chosen))
