"""Figures: several runs each, their spread, the bare relay's beside them, and the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of `values` don't exceed; NaN for none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def short(value: float) -> str:
    """A number with about three digits, as people write it."""
    if math.isnan(value):
        return "–"
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f}k"
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def spread(values: Sequence[float]) -> str:
    """The median, and the lowest and highest beside it if there were several runs."""
    if not values:
        return ""
    if any(map(math.isnan, values)):
        return "failed"
    middle = short(median(values))
    return middle if len(values) == 1 else f"{middle} ({short(min(values))}–{short(max(values))})"


@dataclass(frozen=True)
class Target:
    """A bound for a figure, or for its ratio to the bare relay's."""

    bound: float
    at_least: bool = False
    of_relay: bool = False

    def holds(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def text(self, unit: str) -> str:
        sign = "≥" if self.at_least else "≤"
        return (
            f"{sign} {self.bound:g} × relay" if self.of_relay else f"{sign} {self.bound:g} {unit}"
        )


@dataclass
class Figure:
    """One line of the report: a value per run, and per run what the bare relay came to."""

    name: str
    unit: str
    runs: list[float] = field(default_factory=list)
    relay: list[float] = field(default_factory=list)
    target: Target | None = None

    def add(self, value: float, relay: float | None = None) -> None:
        self.runs.append(value)
        if relay is not None:
            self.relay.append(relay)

    @property
    def ratio(self) -> float:
        """To the bare relay, run by run; NaN without one."""
        pairs = zip(self.runs, self.relay, strict=False)
        ratios = [value / other for value, other in pairs if other > 0]
        return median(ratios) if ratios else math.nan

    @property
    def verdict(self) -> str:
        """`ok` or `missed`; empty without a target or a value."""
        if self.target is None or not self.runs:
            return ""
        value = self.ratio if self.target.of_relay else median(self.runs)
        if any(map(math.isnan, self.runs)):
            return "missed"
        return "ok" if self.target.holds(value) else "missed"

    def row(self) -> list[str]:
        ratio = "" if math.isnan(self.ratio) else f"{short(self.ratio)} ×"
        target = self.target.text(self.unit) if self.target else ""
        return [
            self.name,
            self.unit,
            spread(self.runs),
            spread(self.relay),
            ratio,
            target,
            self.verdict,
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "runs": self.runs,
            "relay": self.relay,
            "ratio": None if math.isnan(self.ratio) else self.ratio,
            "target": self.target.text(self.unit) if self.target else None,
            "verdict": self.verdict or None,
        }


HEAD = ["", "unit", "Parley: median (range)", "bare relay", "ratio", "target", ""]


def table(figures: Sequence[Figure]) -> str:
    """All figures in columns."""
    rows = [HEAD, *(figure.row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)
