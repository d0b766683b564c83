"""Reservations: the most that a call can cost, held before it is made."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import F, Func, Sum

from conversations.models import (
    Completion,
    LanguageModel,
    Message,
    Part,
    Reservation,
    parameter_bytes,
    worst_case_nanos,
)
from conversations.models.base import new_id
from conversations.models.prepared import insert

IDS_AT_ONCE = 500


class ByteLength(Func):
    """Length of a text in UTF-8 bytes."""

    function = "OCTET_LENGTH"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="LENGTH(CAST(%(expressions)s AS BLOB))", **extra
        )


def reserve(completion: Completion, model: LanguageModel, *, path_to: UUID) -> Reservation:
    """Hold the worst case of the completion's first call."""
    amount = _bound(completion, model, path_to)
    held = Reservation(completion=completion, call_id=new_id(), amount_nanos=amount)
    insert(held)
    return held


def _bound(completion: Completion, model: LanguageModel, path_to: UUID) -> int | None:
    """Null where there is no price or no limit, before anything is read."""
    most = completion.parameters.get("max_tokens")
    price = model.price_at() if most else None
    if price is None:
        return None
    ids = Message.objects.path_to(path_to)
    text_bytes = len(completion.preset_version.instructions.encode())
    for start in range(0, len(ids), IDS_AT_ONCE):
        parts = Part.objects.filter(message__in=ids[start : start + IDS_AT_ONCE])
        text_bytes += parts.aggregate(total=Sum(ByteLength(F("text"))))["total"] or 0
    text_bytes += parameter_bytes(completion.parameters)
    choices = completion.parameters.get("n", 1)
    return worst_case_nanos(price, text_bytes, len(ids) + 1, most * choices)
