"""The bodies that the stand-in provider sends, in OpenAI's form."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from .provider_text import Directives, expected_text, tokens

WRITE_BYTES = 64 * 1024

_cache: dict[tuple[Any, ...], list[bytes]] = {}


def events_of(asked: Directives, choices: int) -> list[bytes]:
    """The events with reasoning and text, made once for equal directives."""
    key = (asked.text, asked.tokens, asked.seed, asked.reasoning, choices)
    if key not in _cache:
        if len(_cache) > 32:
            _cache.clear()
        thoughts = tokens("words", asked.reasoning, asked.seed + 1000)
        events = [event({"choices": [delta_of(0, reasoning_content=t)]}) for t in thoughts]
        texts = [tokens(asked.text, asked.tokens, asked.seed + c) for c in range(choices)]
        for row in zip(*texts, strict=True):
            events += [event({"choices": [delta_of(c, content=t)]}) for c, t in enumerate(row)]
        _cache[key] = events
    return _cache[key]


def flood(
    asked: Directives, choices: int, begin: int, end: int
) -> Iterator[bytes | Callable[[], bytes]]:
    """The same in blocks for one write each; stamped ones are made when written."""
    events = events_of(asked, choices)[begin:end]
    step = max(1, WRITE_BYTES // max(1, len(events[0]))) if events else 1
    for at in range(0, len(events), step):
        block = events[at : at + step]
        if asked.stamp == "yes":
            yield partial(stamped_block, len(block))
        else:
            yield framed(b"".join(block))


def ending(asked: Directives, body: dict[str, Any], choices: int) -> bytes:
    """The last events: a tool call, why each choice ended, usage, and the end mark."""
    tail = b""
    if asked.tool and body["messages"][-1]["role"] != "tool":
        function = {"name": asked.tool, "arguments": asked.args}
        call = {"index": 0, "id": "call_1", "function": function}
        tail += event({"choices": [delta_of(0, tool_calls=[call])]})
    ends = [{"index": c, "delta": {}, "finish_reason": asked.finish} for c in range(choices)]
    tail += event({"choices": ends})
    wanted = (body.get("stream_options") or {}).get("include_usage")
    if asked.usage == "yes" or (asked.usage == "auto" and wanted):
        tail += event({"choices": [], "usage": usage(asked, body, choices)})
    return tail + (b"data: [DONE]\n\n" if asked.done == "yes" else b"")


def whole_reply(asked: Directives, body: dict[str, Any]) -> dict[str, Any]:
    choices = body.get("n") or 1
    messages = [{"role": "assistant", "content": expected_text(asked, c)} for c in range(choices)]
    return {
        "id": "stand-in",
        "choices": [
            {"index": index, "message": message, "finish_reason": asked.finish}
            for index, message in enumerate(messages)
        ],
        "usage": usage(asked, body, choices),
    }


def usage(asked: Directives, body: dict[str, Any], choices: int) -> dict[str, int]:
    prompt = sum(len(str(message.get("content")).split()) for message in body.get("messages", []))
    completion = (asked.tokens + asked.reasoning) * choices
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def delta_of(index: int, **delta: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta}


def event(value: dict[str, Any]) -> bytes:
    chunk = {"id": "stand-in", "object": "chat.completion.chunk", **value}
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def stamped(behind: str = " ") -> bytes:
    return event({"choices": [delta_of(0, content=f"{time.monotonic_ns()}{behind}")]})


def stamped_block(size: int) -> bytes:
    """A write of `size` tokens that all carry the present time."""
    return framed(stamped() * size)


def framed(data: bytes) -> bytes:
    """One chunk of HTTP's chunked coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)
