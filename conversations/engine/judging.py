"""Whether an answer in JSON mode fits its schema, found once, as it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from conversations.answers_json import judge
from conversations.engine.store import FinalPart
from conversations.models.messages import json_facts

JSON = "json"
MOST_PATH = 500


def judged(parts: Sequence[FinalPart], schema: Mapping[str, Any] | None) -> list[FinalPart]:
    """These parts, the JSON answers among them with what is wrong with them. Takes a second at most."""
    return [_judged(part, schema) if part.kind == JSON else part for part in parts]


def _judged(part: FinalPart, schema: Mapping[str, Any] | None) -> FinalPart:
    verdict = judge(part.text, schema)
    return replace(part, problem=verdict.problem, problem_path=verdict.path[:MOST_PATH])


def judgement(parts: Sequence[FinalPart]) -> dict[str, str]:
    """What viewers are told of it: of several the last one counts."""
    last = [part for part in parts if part.problem is not None][-1:]
    return json_facts(last[0].problem or "", last[0].problem_path) if last else {}
