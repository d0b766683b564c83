"""Statements as files: a month's overview, and every entry of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models.base import NOTHING
from conversations.reports.entries import Line, in_portions
from conversations.reports.statements import Currency, Month, currency, nameless, overview
from conversations.spending.money import converted, exact


def summary_rows(month: Month) -> Iterator[list[Any]]:
    """The overview as rows of a table, its heads first."""
    money = currency()
    found = overview(month)
    yield [
        _("Month"),
        _("Of"),
        _("Name"),
        _("Id"),
        _("Requests"),
        _("Tokens read"),
        _("Tokens written"),
        _("Unknown costs"),
        _("Cost, dollars"),
        *([_("Cost, %s") % money.code, _("Rate"), _("Rate of")] if money else []),
    ]
    named = [(_("person"), line) for line in found.people]
    named += [(_("team"), line) for line in found.teams]
    for of, line in [*named, (_("total"), found.total)]:
        yield [month.key, of, line.name, _id(line.key), *_figures(line, money)]


def _figures(line: Line, money: Currency | None) -> list[Any]:
    figures = [line.requests, line.read, line.written, line.unknown, exact(line.known)]
    if money is None:
        return figures
    amount = None if line.known is None else converted(line.known, money.per_dollar)
    return [*figures, amount, money.per_dollar, money.day]


def _id(pk: UUID | None) -> UUID | None:
    return None if pk == NOTHING else pk


def entry_rows(month: Month) -> Iterator[list[Any]]:
    """Every entry of the month as rows of a table, its heads first."""
    yield [
        _("Entry"),
        _("Day"),
        _("Time"),
        _("Kind"),
        _("Call"),
        _("Person"),
        _("Team"),
        _("Preset"),
        _("Model"),
        _("Provider"),
        _("Tokens read"),
        _("Tokens written"),
        _("Cost, dollars"),
        _("Cost from"),
        _("Corrected by"),
        _("Reason"),
    ]
    names = nameless()
    for entry in in_portions(month.entries()):
        yield [
            entry.pk,
            entry.day,
            timezone.localtime(entry.at).isoformat(timespec="seconds"),
            entry.get_kind_display(),
            entry.call_id,
            names.get(entry.user_id or NOTHING, entry.user_name),
            entry.team_name,
            entry.preset_name,
            entry.model_name,
            entry.provider_name,
            entry.prompt_tokens,
            entry.completion_tokens,
            exact(entry.cost_nanos),
            entry.cost_source,
            names.get(entry.by_id or NOTHING, entry.by_name),
            entry.reason,
        ]
