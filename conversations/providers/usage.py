"""Token counts and costs, wherever a reply carries them; exact, never through binary floats.

Looked for in `usage`, `choices[].usage`, `x_groq.usage`, llama.cpp's `timings`, and for the cost in
`usage.estimated_cost`, `usage.cost` and `meta.usage.usd_spent` (all US dollars).
"""

import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from .base import Usage

MAX_TOKENS = 2**53
MAX_COST = Decimal(1_000_000)
# Nothing costs less than this but what is free; written out, 1e-999999999 would fill the memory.
MIN_COST = Decimal("1e-40")


class UsageReader:
    """Remembers the last usage whose sum is above zero. Figures are cumulative, never added up."""

    __slots__ = ("_cost", "_usage")

    def __init__(self) -> None:
        self._usage: Usage | None = None
        self._cost: Decimal | None = None

    def look(self, body: dict[str, Any]) -> None:
        """Look through one chunk or whole reply."""
        for found in _candidates(body):
            usage = _usage(found)
            if usage.total_tokens > 0:
                self._usage = usage
            self._cost = _cost(found) if _cost(found) is not None else self._cost

    def result(self) -> Usage | None:
        """The usage of the call, or None if none was reported."""
        if self._usage is None:
            return None
        usage = self._usage
        return Usage(
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.total_tokens,
            self._cost,
            usage.cached_tokens,
        )


def _candidates(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object that may hold figures, the most trusted last."""
    timings = body.get("timings")
    if isinstance(timings, dict):
        yield _from_timings(timings)
    choices = body.get("choices")
    listed = choices if isinstance(choices, list) else []
    inner = [choice.get("usage") for choice in listed if isinstance(choice, dict)]
    groq, meta = body.get("x_groq"), body.get("meta")
    inner.append(groq.get("usage") if isinstance(groq, dict) else None)
    inner.append(body.get("usage"))
    inner.append(meta.get("usage") if isinstance(meta, dict) else None)
    yield from (usage for usage in inner if isinstance(usage, dict))


def _from_timings(timings: dict[str, Any]) -> dict[str, Any]:
    cached = count(timings.get("cache_n")) or 0
    return {
        "prompt_tokens": (count(timings.get("prompt_n")) or 0) + cached,
        "completion_tokens": timings.get("predicted_n"),
        "prompt_tokens_details": {"cached_tokens": timings.get("cache_n")},
    }


def _usage(figures: dict[str, Any]) -> Usage:
    prompt = count(figures.get("prompt_tokens", figures.get("input_tokens"))) or 0
    completion = count(figures.get("completion_tokens", figures.get("output_tokens"))) or 0
    total = max(count(figures.get("total_tokens")) or 0, prompt + completion)
    details = figures.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    cached = figures.get("prompt_cache_hit_tokens") if cached is None else cached
    return Usage(prompt, completion, total, None, count(cached))


def _cost(figures: dict[str, Any]) -> Decimal | None:
    names = ("estimated_cost", "cost", "usd_spent")
    found = (money(figures.get(name)) for name in names)
    return next((cost for cost in found if cost is not None), None)


def count(value: object) -> int | None:
    """A number of tokens; fractions are rounded half up. None for anything that is no count."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    if not 0 <= value < MAX_TOKENS:
        return None
    return int(Decimal(value).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def money(value: object) -> Decimal | None:
    """An amount in dollars, from a number or its text. None for anything that is no amount."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,12}(\.\d{1,40})?([eE][-+]?\d{1,3})?", value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value) if value == 0 or MIN_COST <= value < MAX_COST else None
