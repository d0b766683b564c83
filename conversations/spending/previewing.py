"""What a message is likely to cost, and at most, before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from conversations.models import (
    Completion,
    Conversation,
    Message,
    PresetModel,
    Price,
    State,
    User,
    cost_nanos,
    parameter_bytes,
    worst_case_nanos,
)
from conversations.presets.placeholders import longest
from conversations.problems import BudgetSpent
from conversations.spending.budgets import Level, charged_for, check, hard_of, levels
from conversations.spending.reserving import longest_answer, measured

# Where nobody has answered yet: a page or so.
USUAL_ANSWER_TOKENS = 500
LAST_ANSWERS = 5
BYTES_PER_TOKEN = 4


@dataclass
class Preview:
    """Amounts are nanodollars; None: nobody knows."""

    likely: int | None
    most: int | None
    levels: list[Level]
    refusal: str = ""

    @property
    def tightest(self) -> Level | None:
        """The budget that has the least left, if it is nearly used."""
        nearly = [level for level in self.levels if level.warns]
        return min(nearly, key=lambda level: level.left, default=None)


def preview(
    user: User, chosen: PresetModel, conversation: Conversation | None, text_bytes: int
) -> Preview:
    """What a message of so many bytes of UTF-8 would cost as the next one of the conversation."""
    charged = charged_for(user, chosen.version, conversation.team_id if conversation else None)
    found = levels(charged.at(chosen.model.provider_id))
    price = chosen.model.price_at()
    leaf = Message.objects.newest_leaf(conversation.pk) if conversation else None
    most = _most(chosen, price, leaf, text_bytes, is_bounded=bool(hard_of(found)))
    likely = _likely(chosen, price, conversation, text_bytes) if price else None
    told = Preview(likely if most is None or likely is None else min(likely, most), most, found)
    try:
        check(found, most)
    except BudgetSpent as refused:
        told.refusal = str(refused.detail)
    return told


def _most(
    chosen: PresetModel,
    price: Price | None,
    leaf: UUID | None,
    text_bytes: int,
    *,
    is_bounded: bool,
) -> int | None:
    """As the send would hold it."""
    parameters = chosen.version.parameters
    most = parameters.get("max_tokens") or (longest_answer(chosen) if is_bounded else None)
    if price is None or not most:
        return None
    messages, stored = measured(leaf)
    read = stored + text_bytes + longest(chosen.version.instructions)
    read += parameter_bytes(parameters)
    return worst_case_nanos(price, read, messages + 2, most * (parameters.get("n") or 1))


def _likely(
    chosen: PresetModel, price: Price, conversation: Conversation | None, text_bytes: int
) -> int:
    """From what the last answers here read and wrote."""
    read, written = text_bytes // BYTES_PER_TOKEN, USUAL_ANSWER_TOKENS
    answers = _last_answers(conversation)
    if answers:
        read += sum(answers[0])
        written = sum(written for _read, written in answers) // len(answers)
    else:
        read += len(chosen.version.instructions.encode()) // BYTES_PER_TOKEN
    read = min(read, chosen.model.context_tokens or read)
    written = min(written, chosen.version.parameters.get("max_tokens") or written)
    return cost_nanos(price, read, written * (chosen.version.parameters.get("n") or 1))


def _last_answers(conversation: Conversation | None) -> list[tuple[int, int]]:
    """What the newest completions read and wrote, in tokens."""
    if conversation is None:
        return []
    rows = Completion.objects.filter(
        conversation=conversation,
        state=State.DONE,
        prompt_tokens__isnull=False,
        completion_tokens__isnull=False,
    ).order_by("-pk")
    counts = rows.values_list("prompt_tokens", "completion_tokens")[:LAST_ANSWERS]
    return [(read or 0, written or 0) for read, written in counts]
