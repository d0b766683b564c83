"""Whether a turn fits the model it is meant for, asked before anything is stored.

What goes before it may be left out, so it doesn't count: the turn alone is refused, or it goes.
"""

from __future__ import annotations

from uuid import UUID

from conversations.engine.context import (
    Counted,
    DoesNotFit,
    History,
    factor_of,
    fit,
    room_of,
    surely_fits,
)
from conversations.models import (
    Completion,
    LanguageModel,
    Message,
    Part,
    PresetModel,
    PresetVersion,
)
from conversations.models.prepared import Prepared
from conversations.problems import TooLong

ANSWERS = Prepared(
    lambda message: (
        Part.objects.filter(message=message, kind__in=Part.SAID)
        .order_by("index")
        .values_list("text", flat=True)
    ),
    message=UUID,
)


def check_turn(turn: History, chosen: PresetModel, above: UUID | None) -> None:
    """Raise `TooLong` where this turn, after the path to `above`, is more than its models read.

    Most turns are short, or their model's window is unknown: they cost no query.
    """
    model, version = chosen.model, chosen.version
    texts = [version.instructions, *(text for _role, text in turn)]
    if surely_fits(texts, room_of(model.context_tokens, version.parameters)):
        return
    counted = Completion.objects.counted_above(above) if above else []
    try:
        _fit(turn, version, model, counted)
    except DoesNotFit as trouble:
        if not any(_fits(turn, version, other, counted) for other in _fallbacks(version)):
            raise TooLong(trouble.tokens, trouble.window, trouble.answer) from None


def check_stored_turn(messages: list[Message], chosen: PresetModel) -> None:
    """The same for what is stored already: a message, or with it the reply that is continued."""
    if chosen.model.context_tokens is not None:
        turn = [(message.role, "".join(ANSWERS(message=message.pk))) for message in messages]
        check_turn(turn, chosen, messages[-1].pk)


def _fallbacks(version: PresetVersion) -> list[LanguageModel]:
    """The models that take over where the first one can't."""
    rows = PresetModel.objects.filter(version=version, position__gt=0).select_related("model")
    return [row.model for row in rows]


def _fits(turn: History, version: PresetVersion, model: LanguageModel, counted: Counted) -> bool:
    try:
        _fit(turn, version, model, counted)
    except DoesNotFit:
        return False
    return True


def _fit(turn: History, version: PresetVersion, model: LanguageModel, counted: Counted) -> None:
    factor = factor_of(counted, model.pk)
    fit(version.instructions, turn, room_of(model.context_tokens, version.parameters, factor))
