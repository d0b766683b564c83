"""Charging a call that belongs to no conversation: testing a connection, trying a preset out."""

from __future__ import annotations

from uuid import UUID

from conversations.models import (
    LanguageModel,
    LedgerEntry,
    Preset,
    Provider,
    Reservation,
    User,
    cost_of,
)
from conversations.models.base import NOTHING
from conversations.providers.base import Usage
from conversations.spending import budget_alerts, ledger


def charge(
    call: UUID,
    provider: Provider,
    model_name: str,
    counted: Usage,
    *,
    estimated: bool,
    person: User | None,
    preset: Preset | None = None,
) -> LedgerEntry:
    """Book what a call came to, to `person`, and let go of what was held for it.

    An unknown model or price leaves the cost unknown.
    """
    model = LanguageModel.objects.filter(provider=provider, name=model_name).first()
    price = model.price_at() if model else None
    tokens = counted.prompt_tokens, counted.completion_tokens, counted.cached_tokens
    nanos, source = cost_of(price, tokens, reported=counted.cost, estimated=estimated)
    entry = LedgerEntry(
        call_id=call,
        completion_id=NOTHING,
        conversation_id=NOTHING,
        **_whose(person, preset),
        provider_id=provider.pk,
        provider_name=provider.name,
        model_id=model.pk if model else None,
        model_name=model_name,
        prompt_tokens=counted.prompt_tokens,
        completion_tokens=counted.completion_tokens,
        cached_tokens=counted.cached_tokens,
        usage_source="estimated" if estimated else "provider",
        input_nanos_per_million=price.input_nanos_per_million if price else None,
        output_nanos_per_million=price.output_nanos_per_million if price else None,
        cached_nanos_per_million=price.cached_nanos_per_million if price else None,
        cost_nanos=nanos,
        cost_source=source,
    )
    ledger.post([entry])
    budget_alerts.after_charges([entry])
    held = Reservation.objects.filter(call_id=call)
    bound = held.values_list("amount_nanos", flat=True).first()
    held.delete()
    called = f"{model_name} ({provider.name})"
    budget_alerts.above_bound(entry.model_id, called, nanos, bound)
    return entry


def _whose(person: User | None, preset: Preset | None) -> dict[str, object]:
    return {
        "user_id": person.pk if person else None,
        "user_name": person.display_name if person else "",
        "team_id": person.main_team_id if person else None,
        "team_name": person.main_team.name if person and person.main_team else "",
        "preset_id": preset.pk if preset else None,
        "preset_name": preset.name if preset else "",
    }
