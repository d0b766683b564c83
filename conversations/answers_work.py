"""How much work a schema asks for, counted before any is done: a validator can't be interrupted.

A few references that name each other twice make a check that never ends, and a long chain of them
one that outgrows the stack. So what a check would visit is visited here first, up to a limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

MOST_NODES = 20_000
MOST_LEVELS = 200
MOST_PATTERNS = 100
MOST_VISITS = 400_000
MOST_FRAMES = 1_500
OPTIONS_PER_VISIT = 16

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
ANCHORS = ("$anchor", "$dynamicAnchor")
DATA = ("enum", "examples")
IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
IN_PLACE_BY_NAME = ("dependentSchemas", "dependencies")
FOR_OBJECTS = ("additionalProperties", "unevaluatedProperties")
FOR_LISTS = ("items", "prefixItems", "additionalItems", "contains", "unevaluatedItems")
DOWN = {*FOR_OBJECTS, *FOR_LISTS, "properties", "patternProperties", "propertyNames"}


class Unfit(ValueError):
    """A schema that won't be used; its text is a clause that says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a node asks of a value: by other nodes, of the values within it, by a pattern, by itself."""

    in_place: tuple[Mapping[str, Any], ...]
    goes_down: bool
    has_pattern: bool
    own_cost: int

    def cost(self, value: Any) -> int:
        return self.own_cost + (
            4 * len(value) if self.has_pattern and isinstance(value, str) else 0
        )


class Outline:
    """A schema's own nodes, looked at once: its size, its patterns, where its references lead.

    Raises `Unfit` for what is too large, or refers to anything outside of itself.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema
        self._anchors: dict[str, Any] = {}
        self._plans: dict[int, Plan] = {}
        references = []
        patterns = 0
        for node in _nodes(schema):
            references += [node[word] for word in REFERENCES if isinstance(node.get(word), str)]
            patterns += isinstance(node.get("pattern"), str)
            patterns += len(_mapping(node.get("patternProperties")))
            if node is not schema and isinstance(node.get("$id"), str):
                raise Unfit("an “$id” below the top isn’t supported")
            for word in ANCHORS:
                if isinstance(node.get(word), str):
                    self._anchors[node[word]] = node
        if patterns > MOST_PATTERNS:
            raise Unfit(f"it has more than {MOST_PATTERNS} patterns")
        for reference in references:
            self.target(reference)

    def target(self, reference: str) -> Any:
        """The part of the schema that `reference` names."""
        base, _, fragment = reference.partition("#")
        if base and base != self.schema.get("$id"):
            raise Unfit(f"it refers to {shortened(reference)}, which isn’t in it")
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            found = self._anchors.get(fragment)
        else:
            found = self._pointed(fragment)
        if found is None:
            raise Unfit(f"it refers to {shortened(reference)}, which isn’t in it")
        return found

    def visits(self, value: Any) -> int:
        """At most how many pairs of a schema's node and a value a check of `value` meets.

        Raises `Unfit` beyond `MOST_VISITS`, and for what would outgrow the stack.
        """
        count = 0
        waiting: list[tuple[Any, Any, int]] = [(self.schema, value, 0)]
        while waiting:
            node, inner, depth = waiting.pop()
            plan = self._plan(node)
            count += plan.cost(inner)
            if count + len(waiting) > MOST_VISITS or depth > MOST_FRAMES:
                raise Unfit("checking an answer against it takes too much work")
            waiting.extend((child, inner, depth + 1) for child in plan.in_place)
            if isinstance(inner, dict | list) and plan.goes_down:
                waiting.extend((child, part, depth + 1) for child, part in _parts(node, inner))
        return count

    def _plan(self, node: Any) -> Plan:
        plan = self._plans.get(id(node))
        if plan is None:
            plan = self._plans[id(node)] = self._planned(_mapping(node))
        return plan

    def _planned(self, node: Mapping[str, Any]) -> Plan:
        told = (node[word] for word in REFERENCES if isinstance(node.get(word), str))
        in_place = [self.target(reference) for reference in told]
        for word in IN_PLACE:
            in_place += _listed(node.get(word))
        for word in IN_PLACE_BY_NAME:
            in_place += _mapping(node.get(word)).values()
        asked = tuple(child for child in in_place if isinstance(child, Mapping))
        cost = 1 + len(_listed(node.get("enum"))) // OPTIONS_PER_VISIT
        return Plan(asked, not node.keys().isdisjoint(DOWN), "pattern" in node, cost)

    def _pointed(self, pointer: str) -> Any:
        node: Any = self.schema
        for step in pointer.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list):
                node = node[int(name)] if name.isdecimal() and int(name) < len(node) else None
            else:
                node = _mapping(node).get(name)
        return node


def shortened(text: str, most: int = 60) -> str:
    return f"“{text if len(text) <= most else text[: most - 1] + '…'}”"


def _parts(node: Mapping[str, Any], value: Any) -> Iterator[tuple[Any, Any]]:
    return _of_object(node, value) if isinstance(value, dict) else _of_list(node, value)


def _of_object(node: Mapping[str, Any], value: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    named = _mapping(node.get("properties"))
    yield from ((named[name], value[name]) for name in value.keys() & named.keys())
    if "propertyNames" in node:
        yield from ((node["propertyNames"], name) for name in value)
    for child in _mapping(node.get("patternProperties")).values():
        yield from ((child, inner) for inner in value.values())
    for word in FOR_OBJECTS:
        if word in node:
            yield from ((node[word], value[name]) for name in value.keys() - named.keys())


def _of_list(node: Mapping[str, Any], value: list[Any]) -> Iterator[tuple[Any, Any]]:
    for word in FOR_LISTS:
        child = node.get(word)
        if isinstance(child, list):
            yield from zip(child, value, strict=False)
        elif isinstance(child, Mapping):
            yield from ((child, inner) for inner in value)


def _nodes(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every object in a schema but those that are data; `Unfit` beyond its limits."""
    count = 0
    waiting: list[tuple[Any, int]] = [(schema, 0)]
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if depth > MOST_LEVELS:
            raise Unfit(f"it is nested more than {MOST_LEVELS} levels deep")
        if count + len(waiting) > MOST_NODES:
            raise Unfit(f"it has more than {MOST_NODES:,} parts")
        if isinstance(node, Mapping):
            yield node
            children = [child for word, child in node.items() if word not in DATA]
            children += [node[word] for word in DATA if isinstance(node.get(word), Mapping)]
        else:
            children = node if isinstance(node, list) else []
        waiting.extend((child, depth + 1) for child in children)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
