"""Prices of models: from when they count, and what may still be changed about them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models import NANOS, LanguageModel, Price
from conversations.models.providers import CLOCK_STEP
from conversations.problems import Invalid

# What a person types as "now" is a little while ago when it arrives.
A_MOMENT = timedelta(minutes=1)
# Dollars per million tokens that the column holds, and the digits that a billionth has.
MOST_DOLLARS, PLACES = Decimal(1_000_000), 9


def nanos(dollars: Decimal) -> int:
    """Dollars as whole billionths; finer amounts are refused by whoever reads them in."""
    exact = dollars * NANOS
    assert exact == exact.to_integral_value()
    return int(exact)


def add_price(
    model: LanguageModel,
    read: Decimal,
    written: Decimal,
    cached: Decimal | None = None,
    *,
    since: datetime | None = None,
    assumed: bool = False,
) -> Price:
    """Add a price, in dollars per million tokens, that counts from `since` (now) on.

    Raises `Invalid` where another counted already: what was charged keeps the price that it used.
    """
    now = timezone.now()
    if since is not None and since < now - A_MOMENT and model.price_at(since):
        raise Invalid(
            _(
                "Another price counted then, and what was charged keeps the price that it used."
                " Let the new one count from now on, or from a later time."
            )
        )
    begins = since if since is not None and abs(since - now) > A_MOMENT else now - CLOCK_STEP
    price = Price(
        model=model,
        valid_from=begins.replace(microsecond=begins.microsecond // 1000 * 1000),
        input_nanos_per_million=nanos(read),
        output_nanos_per_million=nanos(written),
        cached_nanos_per_million=None if cached is None else nanos(cached),
        assumed=assumed,
    )
    try:
        with transaction.atomic():
            price.save(force_insert=True)
    except IntegrityError:
        raise Invalid(_("There is a price from that very moment already.")) from None
    return price


def remove_planned(model: LanguageModel, pk: int) -> Price | None:
    """Remove a price that doesn't count yet; None if there is no such one."""
    price = model.prices.filter(pk=pk, valid_from__gt=timezone.now()).first()
    if price is None or not Price.objects.filter(pk=pk, valid_from__gt=timezone.now()).delete()[0]:
        return None
    return price
