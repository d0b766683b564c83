"""Writing a chat completion request, with nothing in it that was not set.

Format: https://platform.openai.com/docs/api-reference/chat/create
"""

from typing import Any

import msgspec

from .base import ChatMessage, ChatRequest, ToolCall
from .errors import BadRequest

PLAIN = (
    "temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty",
    "repetition_penalty", "seed", "stop", "response_format", "reasoning_effort",
)  # fmt: skip
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def write(body: dict[str, Any]) -> bytes:
    """Return the body as JSON; decimals stay exact. Raises `BadRequest`."""
    try:
        return _ENCODER.encode(body)
    except (TypeError, ValueError, OverflowError, RecursionError) as trouble:
        raise BadRequest(f"the request cannot be written as JSON: {trouble}") from trouble


def chat_body(
    request: ChatRequest, *, include_usage: bool, limit_name: str = "max_tokens"
) -> dict[str, Any]:
    """The fields of a request. What the extra body repeats of ours does not count."""
    parameters = request.parameters
    body: dict[str, Any] = dict(parameters.extra_body)
    body["model"] = request.model
    body["messages"] = [chat_message(message) for message in request.messages]
    body["stream"] = request.stream
    body |= {name: _value(getattr(parameters, name)) for name in PLAIN if _is_set(parameters, name)}
    if parameters.max_tokens is not None:
        body[limit_name] = parameters.max_tokens
    if request.n != 1:
        body["n"] = request.n
    if request.user:
        body["user"] = request.user
    if request.tools:
        body["tools"] = [dict(tool) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = _value(request.tool_choice)
    if request.stream and include_usage:
        body["stream_options"] = {"include_usage": True}
    return body


def chat_message(message: ChatMessage) -> dict[str, Any]:
    """One message as the wire has it; an assistant's tool calls go beside its content."""
    content = message.content
    parts = content if isinstance(content, str) else [dict(part) for part in content]
    written: dict[str, Any] = {"role": message.role, "content": parts}
    if message.name:
        written["name"] = message.name
    if message.tool_calls:
        written["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    return written


def _tool_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _is_set(parameters: object, name: str) -> bool:
    return getattr(parameters, name) is not None


def _value(value: Any) -> Any:
    return dict(value) if hasattr(value, "keys") else value
