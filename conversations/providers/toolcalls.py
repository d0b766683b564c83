"""Putting the fragments of tool calls together, per choice.

OpenAI sends id and name once and the arguments in pieces, keyed by `index`. Others leave the index
out, send an object for arguments, or whole calls under one index; the old `function_call` is a
single call.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any

from .base import ToolCall
from .loose_json import compact


@dataclass(slots=True)
class _Draft:
    order: int
    id: str | None = None
    name: str | None = None
    arguments: list[str] = field(default_factory=list)


class ToolCalls:
    """The calls of one choice, growing."""

    __slots__ = ("_by_index", "_drafts", "_latest")

    def __init__(self) -> None:
        self._drafts: list[_Draft] = []
        self._by_index: dict[int, _Draft] = {}
        self._latest: _Draft | None = None

    def __bool__(self) -> bool:
        return bool(self._drafts)

    def add(self, entry: object) -> None:
        """Take one entry of `tool_calls`; one that says nothing is void."""
        if not isinstance(entry, dict):
            return
        function = entry.get("function")
        source: dict[str, Any] = function if isinstance(function, dict) else entry
        call_id, name = _text(entry.get("id")), _text(source.get("name"))
        arguments = _arguments(source.get("arguments"))
        if not (call_id or name or arguments):
            return
        draft = self._draft(entry.get("index"), call_id, name)
        draft.id = draft.id or call_id
        draft.name = draft.name or name
        draft.arguments.append(arguments)
        self._latest = draft

    def finish(self, choice: int) -> list[ToolCall]:
        """Return the calls in order, each with an id; nameless fragments are dropped."""
        named = sorted((d for d in self._drafts if d.name), key=lambda draft: draft.order)
        return [
            ToolCall(
                choice=choice,
                index=position,
                id=draft.id or f"call_{uuid.uuid4().hex[:24]}",
                name=draft.name or "",
                arguments="".join(draft.arguments) or "{}",
            )
            for position, draft in enumerate(named)
        ]

    def _draft(self, index: object, call_id: str | None, name: str | None) -> _Draft:
        """The call that a fragment belongs to."""
        if isinstance(index, int):
            found = self._by_index.get(index)
            other = found is not None and call_id and name and found.id not in (None, call_id)
            if found is None or other:
                found = self._by_index[index] = self._open(index)
            return found
        latest = self._latest
        new = latest is None or (call_id != latest.id if call_id else bool(name))
        return self._open(len(self._drafts)) if latest is None or new else latest

    def _open(self, order: int) -> _Draft:
        draft = _Draft(order)
        self._drafts.append(draft)
        return draft


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _arguments(value: object) -> str:
    """Arguments as JSON text: a string is that already, an object is written out."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return compact(value)
