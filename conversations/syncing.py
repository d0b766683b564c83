"""Comparing a provider's listing with what is stored: proposed to a person, then applied.

A price changes only when somebody confirms it. What the listing no longer has is marked withdrawn,
never deleted: old conversations name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from conversations.models import NANOS, LanguageModel, Price, Provider
from conversations.presets.offering import preset_for

if TYPE_CHECKING:
    from conversations.providers.base import ListedModel

MOST_ID = 200
# The largest numbers that the columns hold, on every database.
MOST_NANOS, MOST_TOKENS = 2**63 - 1, 2**31 - 1
# What a listing tells of a model, by the names of our fields.
FIELDS = ("context_tokens", "output_tokens", "lora")


@dataclass(frozen=True)
class Listed:
    """A model of a listing in our units: prices in nanodollars per million tokens, None unknown."""

    name: str
    input_nanos: int | None = None
    output_nanos: int | None = None
    context_tokens: int | None = None
    output_tokens: int | None = None
    lora: bool | None = None
    aliases: tuple[str, ...] = ()

    @property
    def prices(self) -> tuple[int, int] | None:
        """Both prices, or None where one isn't told: half a price is none."""
        if self.input_nanos is None or self.output_nanos is None:
            return None
        return self.input_nanos, self.output_nanos


@dataclass(frozen=True)
class PriceChange:
    """A price that differs from the stored one, which may be unknown."""

    model: LanguageModel
    before: Price | None
    listed: Listed


@dataclass
class Plan:
    """What a listing would change. `told` are the facts of models that stay, by our field names."""

    new: list[Listed] = field(default_factory=list)
    prices: list[PriceChange] = field(default_factory=list)
    told: list[tuple[LanguageModel, dict[str, Any]]] = field(default_factory=list)
    withdrawn: list[LanguageModel] = field(default_factory=list)
    returned: list[LanguageModel] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.new or self.prices or self.told or self.withdrawn or self.returned)


def listed_models(models: Iterable[ListedModel]) -> list[Listed]:
    """A listing in our units, each id once, without what can't chat or be stored.

    A number that no column holds is unknown.
    """
    found = {
        model.id: Listed(
            model.id,
            _nanos(model.price_in),
            _nanos(model.price_out),
            _tokens(model.context),
            _tokens(model.most),
            model.lora,
            tuple(filter(_is_id, model.aliases)),
        )
        for model in models
        if model.chats and _is_id(model.id)
    }
    return list(found.values())


def _is_id(text: str) -> bool:
    """Whether people can read it and databases keep it: no surrogates, no control characters."""
    return 0 < len(text) <= MOST_ID and text.isprintable() and not text.isspace()


def _tokens(count: int | None) -> int | None:
    return count if count is not None and 0 < count <= MOST_TOKENS else None


def _nanos(dollars: Decimal | None) -> int | None:
    if dollars is None or not dollars.is_finite() or not 0 <= dollars <= MOST_NANOS:
        return None
    nanos = int((dollars * NANOS).to_integral_value(ROUND_HALF_EVEN))
    return nanos if nanos <= MOST_NANOS else None


def plan(provider: Provider, listing: Iterable[Listed]) -> Plan:
    """Compare a listing with the provider's models; three queries, nothing is changed."""
    stored = list(provider.models.all())
    prices = prices_now(provider)
    by_name = {listed.name: listed for listed in listing}
    by_alias = {alias: one for one in by_name.values() for alias in one.aliases}
    found = Plan()
    seen = set()
    for model in stored:
        listed = by_name.get(model.name) or by_alias.get(model.name)
        if listed is None:
            found.withdrawn += [] if model.withdrawn else [model]
            continue
        seen.add(listed.name)
        _compare(found, model, listed, prices.get(model.pk))
    found.new = [listed for name, listed in sorted(by_name.items()) if name not in seen]
    return found


def prices_now(provider: Provider) -> Mapping[Any, Price]:
    """The price in force of each of the provider's models, by the model's id."""
    rows = Price.objects.filter(model__provider=provider, valid_from__lte=timezone.now())
    rows = rows.select_related("model").order_by("valid_from")
    return {price.model_id: price for price in rows}


def _compare(found: Plan, model: LanguageModel, listed: Listed, price: Price | None) -> None:
    if model.withdrawn:
        found.returned.append(model)
    told = {name: getattr(listed, name) for name in FIELDS}
    told = {
        name: value
        for name, value in told.items()
        if value is not None and value != getattr(model, name)
    }
    if list(listed.aliases) != model.aliases and listed.aliases:
        told["aliases"] = list(listed.aliases)
    if told:
        found.told.append((model, told))
    now = (price.input_nanos_per_million, price.output_nanos_per_million) if price else None
    if listed.prices is not None and listed.prices != now:
        found.prices.append(PriceChange(model, price, listed))


@transaction.atomic
def apply(found: Plan, provider: Provider, *, offer: set[str], confirm: set[str]) -> list[str]:
    """Carry out a plan; returns the names of the presets that it made.

    `offer` are the new models to take, `confirm` the models whose price is to change from now on.
    """
    for model, told in found.told:
        for name, value in told.items():
            setattr(model, name, value)
        model.save(update_fields=list(told))
    for change in found.prices:
        if change.model.name in confirm:
            _set_price(change.model, change.listed)
    _mark(found.withdrawn, withdrawn=True)
    _mark(found.returned, withdrawn=False)
    presets = []
    for listed in found.new:
        if listed.name in offer:
            model = add(provider, listed)
            presets.append(preset_for(model).name)
    provider.synced_at = timezone.now()
    provider.save(update_fields=["synced_at"])
    return presets


def add(provider: Provider, listed: Listed) -> LanguageModel:
    """Store a model that wasn't known, with its price where both ends of it are told."""
    model, _new = LanguageModel.objects.get_or_create(
        provider=provider,
        name=listed.name,
        defaults={
            **{name: getattr(listed, name) for name in FIELDS},
            "aliases": list(listed.aliases),
        },
    )
    _set_price(model, listed)
    return model


def _set_price(model: LanguageModel, listed: Listed) -> None:
    if listed.prices is not None:
        Price.from_now(model, *listed.prices)


def _mark(models: list[LanguageModel], *, withdrawn: bool) -> None:
    pks = [model.pk for model in models]
    LanguageModel.objects.filter(pk__in=pks).update(withdrawn=withdrawn)
