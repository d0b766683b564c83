"""Bars of a plot in shares of its height and width, so that a page draws them without a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from conversations.spending.money import shown

# The part of a bar's place that stays empty beside it.
GAP = 0.3
ROUND = (Decimal("1"), Decimal("2"), Decimal("5"), Decimal("10"))


@dataclass(frozen=True, slots=True)
class Bar:
    """Percent of the plot, from its upper left corner."""

    label: str
    amount: str
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class Label:
    """A word below the bars: where it stands, and which end of it stands there."""

    text: str
    x: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars with what stands at both axes: amounts from the top down, and some of the labels."""

    bars: list[Bar]
    amounts: list[str]
    labels: list[Label]


def bars(values: Sequence[tuple[str, int]]) -> Plot | None:
    """One bar for each (label, nanodollars); None where there is nothing to draw."""
    most = max((nanos for _label, nanos in values), default=0)
    if most <= 0:
        return None
    top = above(most)
    place = 100 / len(values)
    drawn = [_bar(number, place, top, *value) for number, value in enumerate(values)]
    return Plot(drawn, [shown(top), shown(top // 2), shown(0)], _some([v[0] for v in values]))


def above(nanos: int) -> int:
    """The next round amount: 1, 2 or 5 with zeros."""
    unit = Decimal(1).scaleb(len(str(nanos)) - 1)
    return int(next(factor * unit for factor in ROUND if factor * unit >= nanos))


def _bar(number: int, place: float, top: int, label: str, nanos: int) -> Bar:
    height = max(0.0, nanos / top * 100)
    percents = (
        number * place + place * GAP / 2,
        100 - height,
        place * (1 - GAP),
        height,
    )
    x, y, width, tall = (f"{percent:.3f}%" for percent in percents)
    return Bar(label, shown(nanos), x, y, width, tall)


def _some(labels: list[str]) -> list[Label]:
    """The first, the last, and one between them, each below its bar."""
    last, middle = len(labels) - 1, (len(labels) - 1) // 2
    some = [Label(labels[0], "0%", "start")]
    if middle:
        at = (middle + 0.5) / len(labels) * 100
        some.append(Label(labels[middle], f"{at:.3f}%", "middle"))
    return [*some, Label(labels[last], "100%", "end")] if last else some
