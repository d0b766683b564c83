"""Calls to providers: how often they failed and how, and how quick the answered ones were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from conversations.models import Call
from conversations.reports.paging import values_of
from conversations.reports.periods import Days

# Of each provider the newest answers tell how quick it is.
SAMPLE = 400
PROVIDERS_TIMED = 6
LEAST, HALF, MOST = 0.05, 0.5, 0.95


@dataclass(frozen=True, slots=True)
class Pace:
    """How quick a provider's newest answers were: median and 95th percentile, None if unknown."""

    provider: str
    answers: int
    first_ms: float | None
    first_ms_most: float | None
    tokens_per_second: float | None
    tokens_per_second_least: float | None


def errors(days: Days) -> list[tuple[str, int]]:
    """How often calls failed, by the kind of error, the most frequent first."""
    rows = calls_in(days).filter(error_code__in=error_codes()).values("error_code")
    counted = rows.annotate(count=Count("pk")).order_by("-count", "error_code")
    return [(row["error_code"], row["count"]) for row in counted]


def error_codes() -> list[str]:
    """Each kind of error that a call ever had."""
    return values_of(Call, "error_code")


def calls_in(days: Days) -> QuerySet[Call]:
    begin, end = days.moments
    return Call.objects.filter(started_at__gte=begin, started_at__lt=end)


def paces(days: Days, providers: Iterable[str]) -> list[Pace]:
    """How quick these providers' newest answers in the period were."""
    found = (_pace(name, calls_in(days)) for name in list(providers)[:PROVIDERS_TIMED])
    return [pace for pace in found if pace.answers]


def answers(calls: QuerySet[Call], provider: str) -> QuerySet[Call]:
    """Those of a provider's calls that wrote something."""
    return calls.filter(provider_name=provider, error_code="", first_token_ms__isnull=False)


def _pace(provider: str, calls: QuerySet[Call]) -> Pace:
    written = "completion__completion_tokens", "completion__generation_ms"
    newest = answers(calls, provider).order_by("-started_at")
    rows = list(newest.values_list("first_token_ms", *written)[:SAMPLE])
    firsts = [first for first, _tokens, _ms in rows]
    speeds = [tokens * 1000 / ms for _first, tokens, ms in rows if tokens and ms]
    return Pace(
        provider,
        len(rows),
        percentile(firsts, HALF),
        percentile(firsts, MOST),
        percentile(speeds, HALF),
        percentile(speeds, LEAST),
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value that so large a share of all is not above; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
