"""Testing the connection to a provider; what the test's answer costs is charged like any other."""

from __future__ import annotations

import asyncio
from uuid import UUID

from conversations.engine.estimate import tokens_of, tokens_of_messages
from conversations.models import (
    LanguageModel,
    LedgerEntry,
    Price,
    Provider,
    User,
    cost_nanos,
    nanos_of,
)
from conversations.models.base import new_id
from conversations.process import endpoint_of
from conversations.providers import adapter_for
from conversations.providers.base import ListedModel, Usage
from conversations.providers.checkup import QUESTION, Answer, Checkup, Step

# A test belongs to no conversation.
NOWHERE = UUID(int=0)


def check(provider: Provider, person: User | None = None) -> list[Step]:
    """Go through all steps, at most a minute or so. Not within a running loop."""
    model = provider.models.filter(withdrawn=False).order_by("name").first()
    checkup = asyncio.run(_check(provider, model.name if model else ""))
    if checkup.answer is not None and (checkup.answer.usage or checkup.answer.text):
        _charge(provider, checkup.answer, person)
    return checkup.steps


async def _check(provider: Provider, model: str) -> Checkup:
    endpoint = endpoint_of(provider)
    adapter = adapter_for(provider.kind, endpoint)
    base_url = getattr(adapter, "base_url", provider.base_url)
    checkup = Checkup(adapter, endpoint, base_url, model)
    try:
        await checkup.run()
    finally:
        await adapter.aclose()
    return checkup


def listing(provider: Provider) -> list[ListedModel]:
    """What the provider lists. Raises a `ProviderError`. Not within a running loop."""
    return asyncio.run(_listing(provider))


async def _listing(provider: Provider) -> list[ListedModel]:
    adapter = adapter_for(provider.kind, endpoint_of(provider))
    try:
        return await adapter.models()
    finally:
        await adapter.aclose()


def _charge(provider: Provider, answer: Answer, person: User | None) -> None:
    model = LanguageModel.objects.filter(provider=provider, name=answer.model).first()
    price = model.price_at() if model else None
    counted, usage_source = (
        (answer.usage, "provider") if answer.usage else (_guess(answer), "estimated")
    )
    nanos, source = _cost(counted, usage_source, price)
    LedgerEntry.objects.create(
        call_id=new_id(),
        completion_id=NOWHERE,
        conversation_id=NOWHERE,
        user_id=person.pk if person else None,
        user_name=person.display_name if person else "",
        provider_name=provider.name,
        model_id=model.pk if model else None,
        model_name=answer.model,
        preset_name="",
        prompt_tokens=counted.prompt_tokens,
        completion_tokens=counted.completion_tokens,
        usage_source=usage_source,
        input_nanos_per_million=price.input_nanos_per_million if price else None,
        output_nanos_per_million=price.output_nanos_per_million if price else None,
        cost_nanos=nanos,
        cost_source=source,
    )


def _guess(answer: Answer) -> Usage:
    read, written = tokens_of_messages([QUESTION]), tokens_of(answer.text)
    return Usage(read, written, read + written)


def _cost(usage: Usage, usage_source: str, price: Price | None) -> tuple[int | None, str]:
    """The cost, and where the figure is from: reported, price × tokens, a guess, or unknown."""
    if usage.cost is not None:
        return nanos_of(usage.cost), "provider"
    if price is None:
        return None, "none"
    tokens = usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens
    return cost_nanos(price, *tokens), "price" if usage_source == "provider" else usage_source
