"""What a tool is, and the one way to run it: whatever goes wrong becomes a result that says so.

A call passes four gates in this order: its arguments parse, the tool exists, the arguments fit its
schema, it answers in time. None of them raises to the caller.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NoReturn, Protocol
from uuid import UUID

import jsonschema_rs

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 10.0
MOST_ARGUMENTS = 64_000
MOST_RESULT = 16_000
MOST_COMPLAINTS = 3
MOST_COMPLAINT = 200


@dataclass(frozen=True, slots=True)
class Spec:
    """What a model is told of a tool; `parameters` is the JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom a tool runs: it sees what this person may see, in their IANA time zone.

    `conversation` is where the call is made, if that is known: a search leaves it out.
    """

    user: UUID
    zone: str
    conversation: UUID | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What the model and the page are told. `failed` when `text` says why there is no result."""

    text: str
    seconds: float
    failed: bool


class ToolError(Exception):
    """Expected trouble, as a sentence that a model can act on and a person can read."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Source(Protocol):
    """Where tools come from: this process, or a server outside it.

    A client of the Model Context Protocol fits in here as one source per server. `specs` sends
    `tools/list` (all its pages, kept until the server says that the list changed) and gives each
    tool's `inputSchema` as `parameters`, its name with the server's before it so that two servers
    don't clash. `call` sends `tools/call` with the server's own name for the tool and joins the
    text blocks of `content`; `isError` and JSON-RPC errors become a `ToolError`. Its connection,
    its credentials and what it may be told of the asker are its own affair: the toolbox only waits
    as long as its deadline says and cancels what takes longer.
    """

    async def specs(self) -> Sequence[Spec]:
        """The tools that can be called now. May raise: then there are none."""
        ...

    async def call(self, name: str, arguments: Mapping[str, Any], asker: Asker) -> str:
        """Run a tool with arguments that fit its schema. Raises `ToolError`."""
        ...


class Toolbox:
    """The tools of several sources under one roof; of two with the same name the first counts."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        seconds: float = DEADLINE_SECONDS,
        most_characters: int = MOST_RESULT,
        now: Callable[[], float] = perf_counter,
    ) -> None:
        self._sources = sources
        self._seconds = seconds
        self._most_characters = most_characters
        self._now = now

    async def offered(self, names: Sequence[str]) -> tuple[Mapping[str, Any], ...]:
        """These tools as a request for a chat completion has them; a missing one is left out.

        Form: `{"type": "function", "function": {"name", "description", "parameters"}}`
        """
        known: dict[str, Spec] = {}
        for source in self._sources if names else ():
            for spec in await self._specs(source):
                known.setdefault(spec.name, spec)
        return tuple(_nested(known[name]) for name in dict.fromkeys(names) if name in known)

    async def run(self, name: str, arguments_text: str, asker: Asker) -> Result:
        """Run a call as the model wrote it; only cancellation is raised."""
        started = self._now()
        try:
            text, failed = await self._answer(name, arguments_text, asker), False
        except ToolError as error:
            text, failed = error.sentence, True
        return Result(self._cut(text), round(self._now() - started, 3), failed)

    async def _answer(self, name: str, arguments_text: str, asker: Asker) -> str:
        arguments = parsed(arguments_text)
        deadline = asyncio.timeout(self._seconds)
        try:
            async with deadline:
                source, spec = await self._find(name)
                check(spec, arguments)
                return await source.call(name, arguments, asker)
        except ToolError:
            raise
        except Exception:
            if deadline.expired():
                raise ToolError(f"The tool gave no result within {self._seconds:g} s.") from None
            log.exception("the tool %r failed", name)
            raise ToolError("The tool failed on the server’s side.") from None

    async def _find(self, name: str) -> tuple[Source, Spec]:
        for source in self._sources:
            for spec in await self._specs(source):
                if spec.name == name:
                    return source, spec
        raise ToolError(f"There is no tool “{_short(name)}”.")

    async def _specs(self, source: Source) -> Sequence[Spec]:
        """What a source offers; nothing if it doesn't answer."""
        try:
            async with asyncio.timeout(self._seconds):
                return await source.specs()
        except Exception:
            log.exception("a source of tools doesn't answer")
            return ()

    def _cut(self, text: str) -> str:
        """`text` in characters that any encoder takes, and no more of them than is bearable."""
        text = text.encode("utf-8", "replace").decode()
        if len(text) <= self._most_characters:
            return text
        note = f"[Cut here: {self._most_characters} of {len(text)} characters are shown.]"
        return f"{text[: self._most_characters]}\n{note}"


def _nested(spec: Spec) -> Mapping[str, Any]:
    function = {
        "name": spec.name,
        "description": spec.description,
        "parameters": dict(spec.parameters),
    }
    return {"type": "function", "function": function}


def parsed(text: str) -> dict[str, Any]:
    """The arguments as a model wrote them; none at all are an empty object. Raises `ToolError`."""
    if len(text) > MOST_ARGUMENTS:
        raise ToolError(f"The arguments are longer than {MOST_ARGUMENTS} characters.")
    try:
        value = json.loads(text.strip() or "{}", parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ToolError("The arguments are no valid JSON; nothing was run.") from None
    if not isinstance(value, dict):
        raise ToolError("The arguments are no JSON object; nothing was run.")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def check(spec: Spec, arguments: Mapping[str, Any]) -> None:
    """Raise `ToolError` unless the arguments fit the schema, which may not refer to elsewhere."""
    try:
        validator = jsonschema_rs.validator_for(dict(spec.parameters), offline=True)
    except ValueError:
        raise ToolError("The tool’s own description is broken.") from None
    complaints = []
    for error in validator.iter_errors(arguments):
        where = ".".join(str(step) for step in error.instance_path)
        complaints.append(_short(f"{where}: {error.message}" if where else error.message))
        if len(complaints) == MOST_COMPLAINTS:
            break
    if complaints:
        raise ToolError(f"The arguments don’t fit: {'; '.join(complaints)}.")


def _short(text: str) -> str:
    return text if len(text) <= MOST_COMPLAINT else f"{text[:MOST_COMPLAINT]}…"
