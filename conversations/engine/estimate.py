"""How many tokens a text has, where nobody counted them: a guess, and always marked as one."""

from __future__ import annotations

from collections.abc import Iterable

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


def tokens_of(text: str) -> int:
    """About four bytes of UTF-8 make a token."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def tokens_of_messages(texts: Iterable[str]) -> int:
    """A whole request: its texts, and a little for each message's envelope."""
    return sum(tokens_of(text) + TOKENS_PER_MESSAGE for text in texts)
