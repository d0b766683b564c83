"""The board's plots, as the administration's package draws them."""

from __future__ import annotations

import json

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from conversations.models.providers import NANOS
from conversations.reports import board
from conversations.reports.board import Reading


def plots(reading: Reading) -> list[dict[str, str]]:
    """Spend and requests by day, or by month; none of a period without a charge."""
    days, daily = reading.days, reading.daily
    if days.count == 1 or not any(sums.charges for sums in daily.values()):
        return []
    steps, form = (board.by_month(daily), "N Y") if days.is_long else (daily, "j N")
    labels = [date_format(step, form) for step in steps]
    x = _("Month") if days.is_long else _("Day")
    return [
        _plot(
            _("Spend"), x, _("US dollars"), labels, [s.cost_nanos / NANOS for s in steps.values()]
        ),
        _plot(_("Requests"), x, _("Requests"), labels, [s.charges for s in steps.values()]),
    ]


def _plot(title: str, x: str, y: str, labels: list[str], values: list[float]) -> dict[str, str]:
    """A bar chart as the administration's package draws it."""
    bars = {"data": values, "backgroundColor": "var(--parley-plot)", "hoverBackgroundColor": "gray"}
    axis = {
        "grid": {"display": False},
        "title": {"display": True, "text": x},
        "ticks": {"maxRotation": 0, "autoSkipPadding": 12},
    }
    height = {
        "beginAtZero": True,
        "border": {"display": False},
        "title": {"display": True, "text": y},
        "ticks": {"maxTicksLimit": 6, "precision": 0} if y == title else {"maxTicksLimit": 6},
    }
    options = {
        "animation": False,
        "maintainAspectRatio": False,
        "maxBarThickness": 28,
        "plugins": {"legend": {"display": False}},
        "scales": {"x": axis, "y": height},
    }
    data = {"labels": labels, "datasets": [{"label": y, **bars}]}
    return {"title": title, "data": json.dumps(data), "options": json.dumps(options)}
