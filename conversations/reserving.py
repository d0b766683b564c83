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
    Price,
    Reservation,
    cost_nanos,
)
from conversations.models.base import new_id

# What the request holds beside the texts, generously: names of fields, roles, parameters.
ENVELOPE_BYTES = 2_000
ENVELOPE_BYTES_PER_MESSAGE = 64


class ByteLength(Func):
    """Length of a text in UTF-8 bytes."""

    function = "OCTET_LENGTH"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="LENGTH(CAST(%(expressions)s AS BLOB))", **extra
        )


def reserve(completion: Completion, model: LanguageModel, *, path_to: UUID) -> Reservation:
    """Hold the worst case of the completion's next call: an upper bound, never an estimate.

    A token is at least one byte of UTF-8, so the request's bytes bound its tokens. Without a price
    or a limit on the answer there is no bound, and the amount is null.
    """
    price = model.price_at()
    return Reservation.objects.create(
        completion=completion,
        call_id=new_id(),
        amount_nanos=None if price is None else _worst_case(completion, price, path_to),
    )


def _worst_case(completion: Completion, price: Price, path_to: UUID) -> int | None:
    most = completion.parameters.get("max_tokens")
    if not most:
        return None
    ids = Message.objects.path_to(path_to)
    texts = 0
    for start in range(0, len(ids), 500):
        parts = Part.objects.filter(message__in=ids[start : start + 500])
        texts += parts.aggregate(total=Sum(ByteLength(F("text"))))["total"] or 0
    envelope = ENVELOPE_BYTES + ENVELOPE_BYTES_PER_MESSAGE * (len(ids) + 1)
    system = len(completion.preset_version.system_text.encode())
    return cost_nanos(price, texts + envelope + system, most * completion.parameters.get("n", 1))
