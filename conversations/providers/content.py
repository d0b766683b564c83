"""The texts inside a delta or message: strings, numbers, or lists of parts."""

from typing import Any

from .loose_json import Number

FINISH_REASONS = {
    "stop": "stop", "eos": "stop", "end_turn": "stop", "stop_sequence": "stop",
    "length": "length", "max_tokens": "length", "model_length": "length",
    "tool_calls": "tool_calls", "function_call": "tool_calls", "tool_use": "tool_calls",
    "content_filter": "content_filter", "safety": "content_filter", "error": "error",
}  # fmt: skip


def finish_reason(value: object) -> str | None:
    """One of stop, length, tool_calls, content_filter, error, other; None if not yet said."""
    if not isinstance(value, str) or not value:
        return None
    return FINISH_REASONS.get(value.lower(), "other")


def plain_text(value: object) -> str:
    """`content` as text. A number counts as it was written; anything unreadable as nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, Number):
        return value.literal
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def texts(message: dict[str, Any]) -> list[tuple[bool, str]]:
    """The texts of a delta or message, in order; the flag says that one is reasoning.

    The same reasoning under two names counts once. A refusal is text like any other.
    """
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    thoughts = plain_text(message.get("reasoning_content")) or plain_text(message.get("reasoning"))
    found = [(True, thoughts), *map(_part, parts), (False, plain_text(message.get("refusal")))]
    return [(is_reasoning, text) for is_reasoning, text in found if text]


def _part(part: object) -> tuple[bool, str]:
    if not isinstance(part, dict):
        return False, plain_text(part)
    if "thinking" in part:
        inner = part["thinking"]
        pieces = inner if isinstance(inner, list) else [inner]
        return True, "".join(_part(piece)[1] for piece in pieces)
    return False, plain_text(part.get("text"))
