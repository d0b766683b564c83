"""A call as the text of a part: lines of JSON, of which each is only ever added to the others.

The first line is `{"id", "name", "arguments"}` with the arguments as the model wrote them; the second
`{"result", "seconds", "failed"}`. A part holds one call.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from conversations.tools.base import Result


@dataclass(frozen=True, slots=True)
class Told:
    """A call as it was kept; `result` is None while there is none."""

    id: str
    name: str
    arguments: str
    result: str | None = None
    failed: bool = False


def call_line(pk: str, name: str, arguments: str) -> str:
    """The line that begins a part: the call's id at the provider, its name, its arguments' text."""
    return _line({"id": pk, "name": name, "arguments": arguments})


def result_line(result: Result) -> str:
    """The line that ends a part."""
    return _line({"result": result.text, "seconds": result.seconds, "failed": result.failed})


def told(text: str) -> Told | None:
    """Read a part's text; None if not even its first line is there."""
    lines = [_read(line) for line in text.splitlines()[:2]]
    if not lines or lines[0] is None:
        return None
    call, answer = lines[0], (lines[1] if len(lines) > 1 else None) or {}
    return Told(
        str(call.get("id", "")),
        str(call.get("name", "")),
        str(call.get("arguments", "")),
        answer.get("result"),
        bool(answer.get("failed")),
    )


def _line(fields: dict[str, Any]) -> str:
    """ASCII, so that no character of it ends a line or troubles a database."""
    return json.dumps(fields) + "\n"


def _read(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
