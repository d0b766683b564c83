"""The first page of the administration: figures, plots and tables, each linked to its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.admin import board_tables
from conversations.admin.board_plots import plots
from conversations.admin.board_steps import steps
from conversations.admin.board_tables import ALL, TOP, Table, calls, count, ledger
from conversations.admin.navigation import address
from conversations.admin.own_pages import own_page
from conversations.models import Capability, User
from conversations.oversight import attention
from conversations.reports import board, periods, spreadsheets
from conversations.reports.board import Reading
from conversations.reports.periods import Days
from conversations.spending import money

SHOWN, CSV_ROWS = 5, 100_000
EVERYBODY = tuple(Capability.values)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with what it is, where its rows are, and what to know beside it."""

    label: str
    value: str
    link: str = ""
    note: str = ""
    is_trouble: bool = False


def context(request: HttpRequest, page: dict[str, Any]) -> dict[str, Any]:
    """What `templates/admin/index.html` shows this administrator."""
    assert isinstance(request.user, User)
    user, (name, days) = request.user, chosen(request)
    all_of = request.GET.get("all", "")
    reading = board.Reading(days)
    return page | {
        "title": _("Board"),
        "period": name,
        "periods": periods.NAMES,
        "days": days,
        "all_of": all_of,
        "alerts": attention.open_alerts(user.capabilities)[: SHOWN + 1],
        "requests": _requests(user),
        "requests_link": address("admin:conversations_budgetrequest_changelist"),
        "alerts_link": address("admin:conversations_alert_changelist"),
        "figures": _figures(user, reading),
        "plots": plots(reading) if user.may(Capability.SPEND) else [],
        "tables": _tables(user, reading, all_of),
        "steps": steps(user),
    }


@own_page("board/<slug:name>.csv", "board_csv", *EVERYBODY)
def csv(request: HttpRequest, name: str) -> HttpResponseBase:
    """All rows of one of the board's tables."""
    assert isinstance(request.user, User)
    if name not in board_tables.NAMES:
        raise Http404
    if not _may(request.user, name):
        raise PermissionDenied
    _period, days = chosen(request)
    found = board_tables.table(name, board.Reading(days), CSV_ROWS)
    return spreadsheets.streamed(f"{name}-{days.first}-{days.last}", found.csv())


def chosen(request: HttpRequest) -> tuple[str, Days]:
    """The period's name and its days; this month unless another is chosen."""
    name = request.GET.get("period", "")
    days = periods.named(name)
    if days is None:
        name, days = periods.MONTH, periods.named(periods.MONTH)
    assert days is not None
    return name, days


def _may(user: User, table: str) -> bool:
    return any(map(user.may, board_tables.NAMES[table]))


def _tables(user: User, reading: Reading, all_of: str) -> list[Table]:
    """Those that have something to show."""
    names = [name for name in board_tables.NAMES if _may(user, name)]
    limits = {name: ALL if name == all_of else TOP for name in names}
    found = (board_tables.table(name, reading, limit) for name, limit in limits.items())
    return [table for table in found if table.rows]


def _requests(user: User) -> list[dict[str, Any]]:
    """Who asks for how much more, of which budget."""
    if not user.may(Capability.SPEND):
        return []
    page = "admin:conversations_budgetrequest_change"
    return [
        {
            "person": asked.person.display_name,
            "amount": money.shown(asked.asked_nanos),
            "budget": asked.budget,
            "reason": asked.reason,
            "at": asked.created_at,
            "link": address(page, asked.pk),
        }
        for asked in attention.open_requests()[: SHOWN + 1]
    ]


def _figures(user: User, reading: Reading) -> list[Figure]:
    found = []
    if user.may(Capability.SPEND):
        found += [_today(), _this_month(), *_spent(reading)]
    if _may(user, "errors"):
        number = sum(failed for _code, failed in reading.errors)
        link = calls(reading.days, error="any")
        found.append(Figure(_("Errors"), count(number), link, is_trouble=number > 0))
    return found


def _today() -> Figure:
    today = timezone.localdate()
    days = Days(today, today)
    return Figure(_("Spend today"), money.shown(board.total(days).known), ledger(days))


def _this_month() -> Figure:
    """The month's spend, or that of the period which the site's budget counts."""
    used = attention.site_budget()
    if used is None:
        days = periods.named(periods.MONTH)
        assert days is not None
        spent = board.total(days).known
        return Figure(_("Spend this month"), money.shown(spent), ledger(days), _("no budget"))
    label = _("Spend against the site’s budget")
    if used.level.budget.period == "month":
        label = _("Spend this month")
    level = used.level
    note = _("%(share)d%% of %(amount)s") % {
        "share": int(level.share * 100),
        "amount": money.shown(level.limit),
    }
    told = money.shown(board.total(used.days).known)
    return Figure(label, told, ledger(used.days), note, level.warns)


def _spent(reading: Reading) -> list[Figure]:
    """Of the chosen period."""
    days, sums = reading.days, reading.total
    found = [
        Figure(
            _("Tokens"),
            count(sums.tokens),
            ledger(days, kind="charge"),
            _("%(read)s read, %(written)s written")
            % {"read": count(sums.prompt_tokens), "written": count(sums.completion_tokens)},
        ),
        Figure(_("Requests"), count(sums.charges), ledger(days, kind="charge")),
        Figure(_("People active"), count(reading.people_active), "#person"),
    ]
    if days.first != days.last and days != periods.named(periods.MONTH):
        spent = Figure(_("Spend in the period"), money.shown(sums.known), ledger(days))
        found.insert(0, spent)
    if sums.unknown:
        link = ledger(days, cost="unknown")
        found.append(Figure(_("Unknown costs"), count(sums.unknown), link, is_trouble=True))
    return found
