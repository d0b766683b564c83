"""Amounts as people read them and as spreadsheets add them up: nanodollars in, text out."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from django.utils.translation import gettext as _

from conversations.models.providers import NANOS, dollars


def shown(nanos: int | None) -> str:
    """An amount for people, its sign before the dollar; None is unknown, which is never zero."""
    if nanos is None:
        return _("unknown")
    return f"−${dollars(-nanos)}" if nanos < 0 else f"${dollars(nanos)}"


def exact(nanos: int | None) -> Decimal | None:
    """Dollars with all nine digits, so that a spreadsheet's sum is the ledger's."""
    return None if nanos is None else (Decimal(nanos) / NANOS).quantize(Decimal("1e-9"))


def plain(nanos: int) -> str:
    """Dollars as a field takes them: without a sign of currency or zeros that say nothing."""
    return f"{(Decimal(nanos) / NANOS).normalize():f}"


def set_out(nanos: int | None) -> str:
    """An amount as a statement has it: four digits after the point, in one column with others."""
    if nanos is None:
        return _("unknown")
    amount = (Decimal(abs(nanos)) / NANOS).quantize(Decimal("1e-4"), ROUND_HALF_EVEN)
    return f"{'−' if nanos < 0 else ''}${amount:,}"


def converted(nanos: int, per_dollar: Decimal) -> Decimal:
    """In another currency, to its hundredth; rounded once, half to even."""
    return (Decimal(nanos) / NANOS * per_dollar).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
