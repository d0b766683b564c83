"""Testing the connection to a provider; what the test's answer costs is charged like any other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

from django.db import transaction

from conversations.engine.estimate import tokens_of, tokens_of_messages
from conversations.models import LanguageModel, Provider, Reservation, User, worst_case_nanos
from conversations.models.base import new_id
from conversations.oversight.noticing import KEY_REFUSED, close, subject_of
from conversations.problems import BudgetSpent
from conversations.process import adapter_of, endpoint_of
from conversations.providers import adapter_for
from conversations.providers.base import Endpoint, ListedModel, Usage
from conversations.providers.checkup import MOST_TOKENS, QUESTION, Answer, Checkup, Step
from conversations.spending import budgets
from conversations.spending.charging import charge


def check(provider: Provider, person: User | None = None) -> list[Step]:
    """Go through all steps, at most a minute or so. Not within a running loop."""
    checkup = _checked(provider, endpoint_of(provider), person)
    if checkup.proves_the_key:
        close(KEY_REFUSED, subject_of(provider.pk))
    return checkup.steps


def check_key(provider: Provider, key: str, person: User | None = None) -> Checkup:
    """The same with a key that isn't stored."""
    return _checked(provider, replace(endpoint_of(provider), key=key), person)


def _checked(provider: Provider, endpoint: Endpoint, person: User | None) -> Checkup:
    model = provider.models.filter(withdrawn=False).order_by("name").first()
    call, refusal = new_id(), ""
    try:
        _hold(call, provider, model, person)
    except BudgetSpent as refused:
        refusal = str(refused.detail)
    try:
        name = model.name if model else ""
        checkup = asyncio.run(_check(provider, endpoint, name, refusal))
        if checkup.answer is not None and (checkup.answer.usage or checkup.answer.text):
            _charge(call, provider, checkup.answer, person)
    finally:
        Reservation.objects.filter(call_id=call).delete()
    return checkup


@transaction.atomic
def _hold(call: UUID, provider: Provider, model: LanguageModel | None, person: User | None) -> None:
    """The worst case of the test's one question."""
    price = model.price_at() if model else None
    bound = worst_case_nanos(price, len(QUESTION), 1, MOST_TOKENS)
    team = person.main_team_id if person else None
    charged = budgets.Charged(person.pk if person else None, team, None, provider.pk)
    budgets.hold(charged, bound, call).save(force_insert=True)


async def _check(provider: Provider, endpoint: Endpoint, model: str, refusal: str) -> Checkup:
    adapter = adapter_for(provider.kind, endpoint)
    base_url = getattr(adapter, "base_url", provider.base_url)
    checkup = Checkup(adapter, endpoint, base_url, model, refusal)
    try:
        await checkup.run()
    finally:
        await adapter.aclose()
    return checkup


def listing(provider: Provider) -> list[ListedModel]:
    """What the provider lists. Raises a `ProviderError`. Not within a running loop."""
    return asyncio.run(_listing(provider))


async def _listing(provider: Provider) -> list[ListedModel]:
    adapter = adapter_of(provider)
    try:
        return await adapter.models()
    finally:
        await adapter.aclose()


def _charge(call: UUID, provider: Provider, answer: Answer, person: User | None) -> None:
    counted = answer.usage or _guess(answer)
    estimated = answer.usage is None
    charge(call, provider, answer.model, counted, estimated=estimated, person=person)


def _guess(answer: Answer) -> Usage:
    read, written = tokens_of_messages([QUESTION]), tokens_of(answer.text)
    return Usage(read, written, read + written)
