"""Reading lists of models.

Formats: https://platform.openai.com/docs/api-reference/models, with what others add to an entry:
DeepInfra `metadata` (dollars per million tokens), OpenRouter `context_length` and `pricing` (text,
dollars per token), vLLM `max_model_len`, llama.cpp `meta`, AI/ML API `info` and `pricing.units`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from .base import ListedModel
from .errors import Protocol
from .loose_json import parse
from .usage import count, money

MILLION = Decimal(1_000_000)
# AI/ML API tells what a model is for, as some others do; most list chat models without a word.
CHAT_TYPES = ("openai/chat-completions", "chat-completion", "chat", "language", "llm", "model")
CONTEXT_NAMES = ("context_length", "contextLength", "max_model_len", "max_context_length", "n_ctx")


def read_models(body: bytes) -> list[ListedModel]:
    """Return the models of a list, in its order. Raises `Protocol` when it is none."""
    value = parse(body)
    entries = value.get("data") if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise Protocol("the list of models could not be read")
    return [_model(entry) for entry in entries if isinstance(entry, dict) and _name(entry)]


def _name(entry: dict[str, Any]) -> str:
    name = entry.get("id")
    return name if isinstance(name, str) else ""


def _model(entry: dict[str, Any]) -> ListedModel:
    listed = entry.get("aliases")
    aliases = listed if isinstance(listed, list) else []
    prices = _prices(entry)
    return ListedModel(
        id=_name(entry),
        context=next(_contexts(entry), None),
        price_in=tidy(prices[0]),
        price_out=tidy(prices[1]),
        aliases=tuple(alias for alias in aliases if isinstance(alias, str)),
        most=next(_mosts(entry), None),
        chats=entry.get("type") in (None, *CHAT_TYPES),
    )


def _contexts(entry: dict[str, Any]) -> Iterator[int]:
    for place in (entry, entry.get("metadata"), entry.get("info"), entry.get("meta")):
        if isinstance(place, dict):
            yield from filter(None, (count(place.get(name)) for name in CONTEXT_NAMES))


def _mosts(entry: dict[str, Any]) -> Iterator[int]:
    """The longest answer: DeepInfra's `metadata.max_tokens`, AI/ML API's `info.outputMax`."""
    for place, name in (("metadata", "max_tokens"), ("info", "outputMax")):
        about = entry.get(place)
        yield from filter(None, [count(about.get(name))] if isinstance(about, dict) else [])


def _prices(entry: dict[str, Any]) -> tuple[Decimal | None, Decimal | None]:
    """Prices in and out per million tokens."""
    metadata, pricing = entry.get("metadata"), entry.get("pricing")
    listed = metadata.get("pricing") if isinstance(metadata, dict) else None
    if isinstance(listed, dict):
        return money(listed.get("input_tokens")), money(listed.get("output_tokens"))
    if not isinstance(pricing, dict):
        return None, None
    if isinstance(pricing.get("units"), list):
        return _unit_price(pricing["units"], "input"), _unit_price(pricing["units"], "output")
    return _per_token(pricing.get("prompt")), _per_token(pricing.get("completion"))


def _per_token(value: object) -> Decimal | None:
    price = money(value)
    return None if price is None else price * MILLION


def _unit_price(units: list[Any], measure: str) -> Decimal | None:
    for unit in units:
        if isinstance(unit, dict) and unit.get("measure") == measure:
            price, per = money(unit.get("price")), count(unit.get("per"))
            return price * MILLION / per if price is not None and per else None
    return None


def tidy(price: Decimal | None) -> Decimal | None:
    """The price without trailing zeros and exponents."""
    return None if price is None else Decimal(f"{price.normalize():f}")
