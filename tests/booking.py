"""Ledger entries and calls for tests of what administrators see, booked as the engine does."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from uuid import UUID

from django.utils import timezone

from conversations.models import NANOS, Call, LedgerEntry, Preset, User
from conversations.models.base import new_id
from conversations.spending import ledger
from tests import making


def book(
    who: User | None = None, dollars: float | None = 1, *, days_ago: int = 0, **fields: object
) -> LedgerEntry:
    """A charge at noon of a day, or at this moment today; None is an unknown cost."""
    day = timezone.localdate() - timedelta(days=days_ago)
    noon = timezone.make_aware(datetime.combine(day, time(12)))
    entry = LedgerEntry(
        call_id=new_id(),
        completion_id=new_id(),
        conversation_id=new_id(),
        user_id=who.pk if who else None,
        user_name=who.display_name if who else "",
        usage_source="provider",
        cost_nanos=None if dollars is None else round(dollars * NANOS),
        cost_source="none" if dollars is None else "price",
        **{
            "at": noon if days_ago else timezone.now(),
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "provider_name": "Somewhere",
            "model_name": "small",
            "preset_name": "Small",
        }
        | fields,
    )
    ledger.post([entry])
    return entry


def about(kind: str, name: str) -> dict[str, object]:
    """The columns of an entry that say which team, preset, provider or model it is of."""
    return {f"{kind}_id": new_id(), f"{kind}_name": name}


def call(
    provider: str = "Somewhere", error: str = "", first_ms: int | None = 200, **fields: object
) -> Call:
    """A call of an answer that wrote 100 tokens in two seconds."""
    person = User.objects.first() or making.person()
    if not Preset.objects.exists():
        making.preset()
    written = {"completion_tokens": 100, "generation_ms": 2_000}
    reply = making.reply(making.say(making.conversation(person), person), **written)
    return Call.objects.create(
        completion=reply.completion,
        provider_name=provider,
        model_name="small",
        error_code=error,
        first_token_ms=None if error else first_ms,
        status=500 if error else 200,
        **fields,
    )


def administrator(name: str = "ada", *capabilities: str) -> User:
    """Somebody with these capabilities, or with all."""
    given = {f"may_{one}": True for one in capabilities} or {"is_superuser": True}
    return making.person(name, **given)


def ids(rows) -> set[UUID]:
    return {row.call_id for row in rows}
