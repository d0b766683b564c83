"""Statements of closed months: an overview, files, and a page to print per person and team."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.admin.own_pages import own_page
from conversations.models import Capability
from conversations.reports import spreadsheets, statement_files, statements
from conversations.reports.statements import Month
from conversations.spending.money import exact, set_out

SPEND = Capability.SPEND


@own_page("statements/", "statements", SPEND)
def months(request: HttpRequest) -> HttpResponse:
    """The months there are statements of."""
    running = Month(timezone.localdate().replace(day=1))
    context = _context(request, _("Statements")) | {
        "months": statements.closed_months(),
        "running": running,
    }
    return render(request, "admin/statements.html", context)


@own_page("statements/<str:key>/", "statement-month", SPEND)
def month(request: HttpRequest, key: str) -> HttpResponse:
    """Everybody's sums of one month."""
    chosen = _month(key)
    if not chosen.is_closed:
        return _refused(request, chosen)
    found, money = statements.overview(chosen), statements.currency()
    context = _context(request, _("Statement of %(month)s") % {"month": chosen.label})
    context |= {"month": chosen, "overview": found, "money": money}
    context |= {"tables": _tables(found), "exact": exact(found.total.known)}
    if money:
        context["converted"] = money.amount(found.total.known)
    return render(request, "admin/statement.html", context)


def _tables(found: statements.Overview) -> list[dict[str, Any]]:
    return [
        {"kind": statements.PERSON, "title": _("By person"), "lines": found.people},
        {"kind": statements.TEAM, "title": _("By team"), "lines": found.teams},
    ]


@own_page("statements/<str:key>/summary.csv", "statement-summary", SPEND)
def summary(request: HttpRequest, key: str) -> HttpResponseBase:
    """The overview as a file."""
    chosen = _month(key)
    if not chosen.is_closed:
        return _refused(request, chosen)
    rows = statement_files.summary_rows(chosen)
    return spreadsheets.response(f"statement-{chosen.key}", rows)


@own_page("statements/<str:key>/entries.csv", "statement-entries", SPEND)
def entries(request: HttpRequest, key: str) -> HttpResponseBase:
    """Every entry of the month as a file."""
    chosen = _month(key)
    if not chosen.is_closed:
        return _refused(request, chosen)
    return spreadsheets.streamed(f"entries-{chosen.key}", statement_files.entry_rows(chosen))


@own_page("statements/<str:key>/<str:kind>/<uuid:pk>/", "statement-of", SPEND)
def of_one(request: HttpRequest, key: str, kind: str, pk: UUID) -> HttpResponse:
    """One person's or team's month, to print."""
    chosen = _month(key)
    if kind not in statements.KINDS:
        raise Http404
    if not chosen.is_closed:
        return _refused(request, chosen)
    found = statements.statement(chosen, kind, pk)
    if found is None:
        raise Http404
    money = statements.currency()
    context = {
        "month": chosen,
        "statement": found,
        "is_team": kind == statements.TEAM,
        "lines": [(line, model, set_out(line.known)) for line, model in found.lines],
        "corrections": [(entry, set_out(entry.cost_nanos)) for entry in found.corrections],
        "charged": set_out(found.charged.known),
        "total": set_out(found.total.known),
        "exact": exact(found.total.known),
        "money": money,
        "converted": money.amount(found.total.known) if money else "",
    }
    return render(request, "admin/statement_print.html", context)


def _month(key: str) -> Month:
    found = Month.named(key)
    if found is None:
        raise Http404
    return found


def _refused(request: HttpRequest, chosen: Month) -> HttpResponse:
    """The month isn't over: what is booked in it still changes."""
    context = _context(request, _("Statement of %(month)s") % {"month": chosen.label})
    return render(request, "admin/statement_open.html", context | {"month": chosen}, status=409)


def _context(request: HttpRequest, title: str) -> dict[str, Any]:
    return admin.site.each_context(request) | {"title": title}
