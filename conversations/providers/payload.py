"""Writing a request in OpenAI's form, with nothing in it that was not set or isn't taken there.

Format: https://platform.openai.com/docs/api-reference/chat/create, and docs/providers.md, section 2.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from .base import ChatMessage, ChatRequest, Parameters, ToolCall
from .checking import EXTRA, check, finite
from .errors import BadRequest
from .matrix import FIELDS, JSON_SCHEMA, TELLS_USAGE, TELLS_USER, column

WITH_TOOLS = ("tool_choice", "parallel_tool_calls")
# Written in another way, or by the request itself.
NOT_PLAIN = {"max_tokens", "n", "response_format", "json_schema", "json_strict", *WITH_TOOLS}
PLAIN = tuple(name for name in FIELDS if name not in NOT_PLAIN)
NAME = re.compile(r"[^A-Za-z0-9_-]+")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def write(body: dict[str, Any]) -> bytes:
    """Return the body as JSON; decimals stay exact. Raises `BadRequest`."""
    try:
        return _ENCODER.encode(plain(body))
    except (TypeError, ValueError, OverflowError, RecursionError) as trouble:
        raise BadRequest(f"the request cannot be written as JSON: {trouble}") from trouble


def set_values(request: ChatRequest) -> dict[str, Any]:
    """The parameters of a request that are set, by their neutral names."""
    values = {name: getattr(request.parameters, name, None) for name in FIELDS}
    values["n"] = request.n if request.n != 1 else None
    return {name: value for name, value in values.items() if value is not None}


def refuse_unfit(request: ChatRequest, kind: str, options: Mapping[str, Any]) -> None:
    """Raise `BadRequest` for what this model doesn't take: it was offered, so it isn't left out."""
    values = set_values(request) | {EXTRA: request.parameters.extra_body}
    refusals = check(values, column(kind, options, request.limits))
    if refusals:
        raise BadRequest(" ".join(refusal.sentence for refusal in refusals))


def chat_body(
    request: ChatRequest, kind: str, *, include_usage: bool = True, limit_name: str = "max_tokens"
) -> dict[str, Any]:
    """The fields of a request. What the extra body repeats of ours is refused before."""
    parameters = request.parameters
    body: dict[str, Any] = dict(parameters.extra_body)
    body["model"] = request.model
    body["messages"] = [chat_message(message) for message in request.messages]
    body["stream"] = request.stream
    values = set_values(request)
    body |= {name: values[name] for name in PLAIN if name in values}
    if parameters.max_tokens is not None:
        body[limit_name] = parameters.max_tokens
    if parameters.response_format is not None:
        body["response_format"] = response_format(parameters)
    if request.n != 1:
        body["n"] = request.n
    if request.user and kind in TELLS_USER:
        body["user"] = request.user
    if request.tools:
        body["tools"] = [nested(tool) for tool in request.tools]
        body |= {name: values[name] for name in WITH_TOOLS if name in values}
    if request.stream and include_usage and kind in TELLS_USAGE:
        body["stream_options"] = {"include_usage": True}
    return body


def response_format(parameters: Parameters) -> dict[str, Any]:
    """The form of the answer as OpenAI and AI/ML API have it: the schema within an envelope."""
    if parameters.response_format != JSON_SCHEMA:
        return {"type": parameters.response_format}
    schema = dict(parameters.json_schema or {})
    envelope: dict[str, Any] = {"name": schema_name(schema), "schema": schema}
    if parameters.json_strict is not None:
        envelope["strict"] = parameters.json_strict
    return {"type": JSON_SCHEMA, JSON_SCHEMA: envelope}


def schema_name(schema: Mapping[str, Any]) -> str:
    """What the schema is called: its title, as far as a name may hold it."""
    return NAME.sub("_", str(schema.get("title", ""))).strip("_")[:64] or "answer"


def chat_message(message: ChatMessage) -> dict[str, Any]:
    """One message as the wire has it; an assistant's tool calls go beside its content."""
    written: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.name:
        written["name"] = message.name
    if message.tool_calls:
        written["tool_calls"] = [tool_call(call) for call in message.tool_calls]
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    return written


def tool_call(call: ToolCall) -> dict[str, Any]:
    """A call in the nested form, which is right everywhere."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def nested(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool in the nested form, which is right everywhere, from either form."""
    if isinstance(tool.get("function"), Mapping):
        return {"type": "function"} | dict(tool)
    function = {name: value for name, value in tool.items() if name != "type"}
    return {"type": "function", "function": function}


def plain(value: Any) -> Any:
    """A value as JSON takes it, frozen as it may be. Raises `ValueError` for what JSON hasn't."""
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float | Decimal) and not finite(value):
        raise ValueError(f"{value} is no number")
    return Decimal(value) if isinstance(value, Decimal) else value
