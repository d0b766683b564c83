"""Rounds of one reply: the model asks for tools, they run, and it goes on with what they told.

Each call is shown as a part of its own, in the first reply; what isn't offered isn't run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from conversations.engine.writer import Writer
from conversations.providers.base import ChatMessage, ToolCall
from conversations.tools.base import Asker, Result, Toolbox
from conversations.tools.lines import call_line, result_line

# The last one is asked without tools, so that it answers.
MOST_ROUNDS = 6
MOST_CALLS = 16
TOOL_CALL = "tool_call"
# What no database takes: NUL, and halves of characters.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
TOO_MANY = Result("Too many calls at once; this one was not run.", 0.0, failed=True)
NOT_OFFERED = Result("This preset doesn’t offer that tool; nothing was run.", 0.0, failed=True)


def storable(text: str) -> str:
    """`text` as any database takes it."""
    if text.isascii() and "\0" not in text:
        return text
    return UNSTORABLE.sub("\ufffd", text)


def cleaned(call: ToolCall) -> ToolCall:
    """A call whose every text can be stored and sent."""
    pk, name, arguments = map(storable, (call.id, call.name, call.arguments))
    return replace(call, id=pk, name=name, arguments=arguments)


@dataclass
class Round:
    """One call's part in a reply: what it is offered and told, what it says and asks for.

    `tools` are in the nested form; `more` follows the conversation; `received` is set by the first
    thing that comes, after which the call isn't made again.
    """

    tools: Sequence[Mapping[str, Any]] = ()
    more: tuple[ChatMessage, ...] = ()
    asked: list[ToolCall] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    received: bool = False

    def ask(self, call: ToolCall) -> None:
        self.received = True
        if not call.choice:
            self.asked.append(call)

    @property
    def goes_on(self) -> bool:
        """Whether tools are to be run, and the model called again."""
        return bool(self.asked and self.tools)

    async def run(self, toolbox: Toolbox, asker: Asker, writer: Writer) -> tuple[ChatMessage, ...]:
        """Run what was asked for, one after the other; returns what the next round is told."""
        offered = {tool["function"]["name"] for tool in self.tools}
        told = [ChatMessage("assistant", "".join(self.said), tool_calls=tuple(self.asked))]
        for place, call in enumerate(self.asked):
            writer.add(TOOL_CALL, call_line(call.id, call.name, call.arguments), anew=True)
            result = NOT_OFFERED if call.name not in offered else TOO_MANY
            if call.name in offered and place < MOST_CALLS:
                result = await toolbox.run(call.name, call.arguments, asker)
            writer.add(TOOL_CALL, result_line(result))
            told.append(ChatMessage("tool", result.text, tool_call_id=call.id))
        return (*self.more, *told)

    def show_unrun(self, writer: Writer) -> None:
        """Calls that came though nothing was offered: they are seen, and not run."""
        for call in self.asked:
            line = call_line(call.id, call.name, call.arguments)
            writer.add(TOOL_CALL, line + result_line(NOT_OFFERED), anew=True)
