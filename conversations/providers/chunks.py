"""Typed shapes of the chunk that makes up nearly all of a stream, for decoding at full speed.

Format: https://platform.openai.com/docs/api-reference/chat-streaming
A field typed `Any` is one that the fast path does not understand: when it holds anything, the
chunk is decoded again without types. So is whatever these types refuse.
"""

from typing import Any

import msgspec


class Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: Any = None
    function_call: Any = None
    refusal: Any = None


class Choice(msgspec.Struct, gc=False):
    delta: Delta
    index: int = 0
    finish_reason: Any = None
    usage: Any = None
    error: Any = None


class Chunk(msgspec.Struct, gc=False):
    choices: list[Choice]
    usage: Any = None
    error: Any = None
    x_groq: Any = None
    timings: Any = None
    meta: Any = None

    def plain_choice(self) -> Choice | None:
        """The only choice, when the chunk carries text for it and nothing else."""
        if self.usage or self.error or self.x_groq or self.timings or self.meta:
            return None
        if len(self.choices) != 1:
            return None
        choice = self.choices[0]
        if choice.finish_reason or choice.usage or choice.error:
            return None
        delta = choice.delta
        if delta.tool_calls or delta.function_call or delta.refusal:
            return None
        return choice


decode_chunk = msgspec.json.Decoder(Chunk).decode
