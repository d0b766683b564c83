"""How much of a conversation a model is sent: the instructions and the newest turns that fit.

Only whole turns are left out, oldest first: a turn is a person's message with the replies to it.
The last one always stays, and with it a reply that is being continued; if it doesn't fit alone,
nothing is sent. Estimates are tokens as `estimate` counts them; what a provider once counted of the
same conversation makes tokens of the model out of them. Pure: no rows, no provider.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from conversations.engine.estimate import TOKENS_PER_MESSAGE, tokens_of, tokens_of_messages

# Role and text of each message, oldest first.
History = Sequence[tuple[str, str]]
# The model that counted, its tokens, our estimate of the same; newest first.
Counted = Sequence[tuple[UUID | None, int, int]]

MARGIN = 1.05
MOST_ENVELOPE_TOKENS = 16
LEAST_FACTOR, MOST_FACTOR = 0.5, 3.0
# Kept for an answer whose length nobody has limited.
MOST_UNLIMITED_ANSWER = 1024
UNLIMITED_SHARE = 4
# What is left, each time, of a request that the provider found too long; at last one turn.
SHARES = (0.7, 0.5, 0.0)


class DoesNotFit(Exception):
    """The last turn alone has about `tokens`; of the model's `window` it needs `answer` free."""

    def __init__(self, tokens: int, window: int, answer: int) -> None:
        super().__init__(f"about {tokens} tokens, window {window}, {answer} kept for the answer")
        self.tokens, self.window, self.answer = tokens, window, answer


@dataclass(frozen=True, slots=True)
class Room:
    """What a model reads at once, in its tokens; a `window` of None is unknown and never full.

    `answer` tokens of it stay free. An estimate times `factor` is about what the model counts.
    """

    window: int | None
    answer: int = 0
    factor: float = 1.0

    def tokens(self, estimate: int) -> int:
        """What the model will count, a little to the safe side."""
        return math.ceil(estimate * self.factor * MARGIN)

    def holds(self, estimate: int) -> bool:
        """Whether so much fits, with the answer after it."""
        return self.window is None or self.tokens(estimate) + self.answer <= self.window


@dataclass(frozen=True, slots=True)
class Kept:
    """What is sent: the newest `messages`, without the `left_out` before them.

    `estimate` is what they have with the instructions, as estimated: nothing reported is in it.
    """

    messages: History
    left_out: int
    estimate: int


def room_of(window: int | None, parameters: dict[str, Any], factor: float = 1.0) -> Room:
    """A model's room under a preset's parameters: `max_tokens` are kept, or else a fair share."""
    if not window:
        return Room(None)
    share = min(MOST_UNLIMITED_ANSWER, window // UNLIMITED_SHARE)
    return Room(window, parameters.get("max_tokens") or share, factor)


def factor_of(counted: Counted, model: UUID) -> float:
    """How this model's count differs from our estimate, by its newest report; 1 without one."""
    reports = (tokens / estimate for by, tokens, estimate in counted if by == model and estimate)
    return min(MOST_FACTOR, max(LEAST_FACTOR, next(reports, 1.0)))


def surely_fits(texts: Sequence[str], room: Room) -> bool:
    """Whether that is plain without estimating: no tokenizer makes more tokens than bytes."""
    if room.window is None:
        return True
    most = sum(len(text.encode("utf-8", "replace")) for text in texts)
    return most + MOST_ENVELOPE_TOKENS * len(texts) + room.answer <= room.window


def fit(system_text: str, history: History, room: Room) -> Kept:
    """The most that fits. Raises `DoesNotFit` when that isn't even the last turn."""
    kept = _newest(system_text, _turns(history), room.holds)
    if not room.holds(kept.estimate):
        assert room.window is not None
        raise DoesNotFit(room.tokens(kept.estimate), room.window, room.answer)
    return kept


def cut_further(system_text: str, kept: Kept, times: int) -> Kept | None:
    """Less than `kept`, which was too long after being cut `times` before; None: it is one turn."""
    turns = _turns(kept.messages)
    if len(turns) == 1 or times >= len(SHARES):
        return None
    most = kept.estimate * SHARES[times]
    less = _newest(system_text, turns[1:], lambda estimate: estimate <= most)
    left_out = kept.left_out + len(kept.messages) - len(less.messages)
    return Kept(less.messages, left_out, less.estimate)


def _turns(history: History) -> list[History]:
    """The history in turns, each beginning with a person's message."""
    starts = [at for at, (role, _text) in enumerate(history) if role == "user"]
    ends = [*starts[1:], len(history)]
    return [history[start:end] for start, end in zip([0, *starts[1:]], ends, strict=True)]


def _newest(system_text: str, turns: list[History], holds: Callable[[int], bool]) -> Kept:
    """The last turn, and before it as many whole ones as still hold."""
    first = len(turns) - 1
    estimate = _instructions(system_text) + _estimate(turns[first])
    while first and holds(more := estimate + _estimate(turns[first - 1])):
        first, estimate = first - 1, more
    messages = [message for turn in turns[first:] for message in turn]
    return Kept(messages, sum(map(len, turns[:first])), estimate)


def _instructions(system_text: str) -> int:
    return tokens_of(system_text) + TOKENS_PER_MESSAGE if system_text else 0


def _estimate(messages: History) -> int:
    return tokens_of_messages(text for _role, text in messages)
