"""How many tokens a text has, where nobody counted them: a guess, and always marked as one.

Tokenizers learn from text mostly in Latin letters: of those several share a token, while other
scripts need a token for two letters, for one, or more than one. The first byte of a character in
UTF-8 tells its script well enough, so one sort of bytes after another is counted and taken out, the
most frequent first. The weights lie between those of older and newer vocabularies; what a provider
reports corrects them.
"""

from __future__ import annotations

from collections.abc import Iterable

TOKENS_PER_MESSAGE = 4

# Thousandths of a token that a character weighs, by its first byte in UTF-8.
SORTS: tuple[tuple[bytes, int], ...] = (
    (b"abcdefghijklmnopqrstuvwxyz", 240),
    (b" ", 50),
    (bytes(range(0xE3, 0xF0)), 1_150),  # Chinese, Japanese, Korean
    (bytes(range(0xD0, 0xD5)), 450),  # Cyrillic
    (bytes(range(0xD5, 0xE0)), 600),  # Armenian, Hebrew, Arabic, Syriac
    (b"\xe0", 800),  # the scripts of India, Thai, Lao
    (bytes(range(0xC2, 0xCE)), 800),  # Latin with marks, phonetic letters
    (b"\xce\xcf", 650),  # Greek
    (b"\xe1\xe2", 1_000),  # Georgian, Burmese, Khmer, Vietnamese; dashes, arrows, signs
    (bytes(range(0xF0, 0xF8)), 2_500),  # emoji, rare ideographs
    (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 420),
    (b"0123456789", 550),
)
OTHER = 600  # marks, brackets, line ends
WITHIN_CHARACTERS = bytes(range(0x80, 0xC0))
ASCII_SORTS = tuple(sort for sort in SORTS if sort[0].isascii())


def tokens_of(text: str) -> int:
    """About how many tokens `text` has; a megabyte takes a few milliseconds."""
    data, sorts = text.encode("utf-8", "replace"), ASCII_SORTS
    if not text.isascii():
        data, sorts = data.translate(None, WITHIN_CHARACTERS), SORTS
    weighed = 0
    for those, weight in sorts:
        rest = data.translate(None, those)
        weighed += (len(data) - len(rest)) * weight
        data = rest
    return -(-(weighed + len(data) * OTHER) // 1000)


def tokens_of_messages(texts: Iterable[str]) -> int:
    """A whole request: its texts, and a little for each message's envelope."""
    return sum(tokens_of(text) + TOKENS_PER_MESSAGE for text in texts)
