"""Putting one reply together from decoded chunks, or from a whole message: begin, choices, end."""

from collections.abc import Mapping
from typing import Any

from .base import Begin, Event, Finish
from .classify import request_id
from .content import finish_reason, texts
from .text import ChoiceText
from .toolcalls import ToolCalls
from .usage import UsageReader


class Choice:
    """What is known of one choice so far."""

    __slots__ = ("finish", "index", "text", "tools")

    def __init__(self, index: int, continuation: bool) -> None:
        self.index = index
        self.text = ChoiceText(index, continuation)
        self.tools = ToolCalls()
        self.finish: str | None = None

    def take(self, message: dict[str, Any], *, whole: bool, out: list[Event]) -> None:
        """Take the texts and tool calls of a delta or a whole message."""
        for is_reasoning, text in texts(message):
            if is_reasoning:
                self.text.reason(text, out)
            elif whole:
                self.text.add_whole(text, out)
            else:
                self.text.add(text, out)
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            self.tools.add(call)
        legacy = message.get("function_call")
        if isinstance(legacy, dict):
            self.tools.add({"index": 0, "function": legacy})

    def reason(self, absent: str) -> str:
        """Why it ended, where `stop` beside tool calls means the calls; `absent` if nobody says."""
        if self.finish in (None, "stop") and self.tools:
            return "tool_calls"
        return self.finish or absent


class Assembly:
    """All choices of a reply, its usage, and whether its beginning was told."""

    def __init__(self, headers: Mapping[str, str], continuation: bool) -> None:
        self.choices: dict[int, Choice] = {}
        self.usage = UsageReader()
        self.begun = False
        self._request_id = request_id(headers)
        self._continuation = continuation

    @property
    def received(self) -> bool:
        """Whether any text, reasoning or part of a tool call has come."""
        return any(c.text.produced or c.tools for c in self.choices.values())

    @property
    def finished(self) -> bool:
        """Whether every choice seen has said why it ended."""
        return bool(self.choices) and all(c.finish for c in self.choices.values())

    def ended_by(self, reason: str) -> bool:
        """Whether some choice ended for this reason."""
        return any(c.finish == reason for c in self.choices.values())

    def begin(self, value: dict[str, Any], out: list[Event]) -> None:
        """Say once who answers, at the first document with an id or a choice."""
        name = value.get("id")
        if self.begun or not (name or value.get("choices")):
            return
        self.begun = True
        known = name[:200] if isinstance(name, str) and name else None
        out.append(Begin(known, self._request_id))

    def choice(self, index: int) -> Choice:
        """The state of choice `index`, from its first mention on."""
        if index not in self.choices:
            self.choices[index] = Choice(index, self._continuation)
        return self.choices[index]

    def take(self, entry: dict[str, Any], index: object, *, whole: bool, out: list[Event]) -> None:
        """Take one entry of `choices`."""
        choice = self.choice(index if isinstance(index, int) else 0)
        delta = entry.get("delta")
        message = delta if isinstance(delta, dict) else entry.get("message")
        if isinstance(message, dict):
            choice.take(message, whole=whole, out=out)
        elif isinstance(entry.get("text"), str):
            choice.text.add(entry["text"], out)
        choice.finish = choice.finish or finish_reason(entry.get("finish_reason"))

    def flush(self, out: list[Event]) -> None:
        """Add the text that has gathered in each choice."""
        for choice in self.choices.values():
            choice.text.flush(out)

    def close(self, out: list[Event], *, whole: bool, partly: bool, absent: str) -> None:
        """Release what is held back; then tool calls, usage, and why each choice ended.

        `whole` settles all choices, `partly` those that had said why they ended.
        """
        ends: list[Event] = []
        for index in sorted(self.choices):
            choice = self.choices[index]
            choice.text.finish(out)
            if whole or (partly and choice.finish):
                out.extend(choice.tools.finish(index))
                ends.append(Finish(choice.reason(absent), index))
        usage = self.usage.result()
        out.extend([usage] if usage is not None else [])
        out.extend(ends)
