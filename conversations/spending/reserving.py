"""Reservations: the most that a completion's first call can cost, held with the send."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F, Func, Sum

from conversations.models import (
    Completion,
    Conversation,
    LanguageModel,
    Message,
    Part,
    PresetModel,
    Reservation,
    User,
    parameter_bytes,
    worst_case_nanos,
)
from conversations.models.base import new_id
from conversations.models.prepared import insert
from conversations.presets.placeholders import longest
from conversations.spending.budgets import Charged, Level, charged_for, hard_of, hold, levels

IDS_AT_ONCE = 500
# Where a hard budget needs a longest answer and the preset names none.
ANSWER_TOKENS = 4_096
ANSWER_SHARE = 4


class ByteLength(Func):
    """Length of a text in UTF-8 bytes."""

    function = "OCTET_LENGTH"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="LENGTH(CAST(%(expressions)s AS BLOB))", **extra
        )


@dataclass(frozen=True)
class Account:
    """Whom a completion is charged to, and the budgets that bound it, locked."""

    charged: Charged
    levels: list[Level]

    def bounded(self, parameters: dict[str, Any], chosen: PresetModel) -> dict[str, Any]:
        """Under a hard budget the longest answer is always told: without it there is no bound."""
        if parameters.get("max_tokens") or not hard_of(self.levels):
            return parameters
        return parameters | {"max_tokens": longest_answer(chosen)}


def account_of(author: User, conversation: Conversation, chosen: PresetModel) -> Account:
    """Lock the budgets that count what `author` asks for here."""
    charged = charged_for(author, chosen.version, conversation.team_id)
    charged = charged.at(chosen.model.provider_id)
    return Account(charged, levels(charged, lock=True))


def longest_answer(chosen: PresetModel) -> int:
    """Tokens that every model of the version can write, with room for the question."""
    rows = PresetModel.objects.filter(version=chosen.version_id)
    return longest_of(rows.values_list("model__output_tokens", "model__context_tokens"))


def longest_of(models: Iterable[tuple[int | None, int | None]]) -> int:
    """The same of models by what they write and what they read at most, in tokens."""
    bounds = [ANSWER_TOKENS]
    for writes, reads in models:
        bounds += [writes] if writes else []
        bounds += [max(1, reads // ANSWER_SHARE)] if reads else []
    return min(bounds)


def reserve(
    completion: Completion, model: LanguageModel, account: Account, *, path_to: UUID
) -> Reservation:
    """Hold the worst case of the completion's first call, or raise `BudgetSpent`."""
    amount = bound_of(completion, model, path_to)
    held = hold(account.charged, amount, new_id(), completion.pk, found=account.levels)
    insert(held)
    return held


def bound_of(completion: Completion, model: LanguageModel, path_to: UUID) -> int | None:
    """Nanodollars; null where there is no price or no limit, before anything is read."""
    most = completion.parameters.get("max_tokens")
    price = model.price_at() if most else None
    if price is None:
        return None
    messages, text_bytes = measured(path_to)
    text_bytes += longest(completion.preset_version.instructions)
    text_bytes += parameter_bytes(completion.parameters)
    choices = completion.parameters.get("n", 1)
    return worst_case_nanos(price, text_bytes, messages + 1, most * choices)


def measured(leaf: UUID | None) -> tuple[int, int]:
    """How many messages lead to `leaf`, and how many bytes of UTF-8 they have."""
    ids = Message.objects.path_to(leaf) if leaf else []
    text_bytes = 0
    for start in range(0, len(ids), IDS_AT_ONCE):
        parts = Part.objects.filter(message__in=ids[start : start + IDS_AT_ONCE])
        text_bytes += parts.aggregate(total=Sum(ByteLength(F("text"))))["total"] or 0
    return len(ids), text_bytes
