"""Whether an answer in JSON mode fits its schema, found once, as it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from conversations.answers_json import judge
from conversations.engine.rounds import storable
from conversations.engine.store import FinalPart
from conversations.models.messages import json_facts

JSON = "json"
MOST_PATH = 500


def judged(parts: Sequence[FinalPart], schema: Mapping[str, Any] | None) -> list[FinalPart]:
    """These parts, the JSON answers among them with what is wrong with them. Takes a second at most."""
    texts: dict[UUID, str] = {}
    last: dict[UUID, FinalPart] = {}
    for part in parts:
        if part.kind == JSON:  # a pause to think may have cut it in two
            texts[part.message] = texts.get(part.message, "") + part.text
            last[part.message] = part
    return [
        _judged(part, texts[part.message], schema) if last.get(part.message) is part else part
        for part in parts
    ]


def _judged(part: FinalPart, text: str, schema: Mapping[str, Any] | None) -> FinalPart:
    verdict = judge(text, schema)
    problem, path = storable(verdict.problem), storable(verdict.path)
    return replace(part, problem=problem, problem_path=path[:MOST_PATH])


def judgement(parts: Sequence[FinalPart]) -> dict[str, str]:
    """What viewers are told of it: of several the last one counts."""
    last = [part for part in parts if part.problem is not None][-1:]
    return json_facts(last[0].problem or "", last[0].problem_path) if last else {}
