"""What each provider takes, written down again, and stricter than any of them is.

Independent of the code under test: nothing here comes from its matrix. `complaints` names all that
is wrong with a request's body. Source: docs/providers.md, section 2.
"""

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

Rule = Callable[[Any], str]

TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def read(raw: bytes) -> Any:
    """A body with its numbers exact. Raises `ValueError` for anything but strict JSON."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(raw.decode("utf-8"), parse_float=Decimal, parse_constant=refuse)


def number(low: Any = None, high: Any = None, *, above: Any = None) -> Rule:
    def rule(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return "is no number"
        if low is not None and value < Decimal(str(low)):
            return f"is below {low}"
        if above is not None and value <= above:
            return f"is not above {above}"
        return f"is above {high}" if high is not None and value > Decimal(str(high)) else ""

    return rule


def integer(low: int | None = None, high: int | None = None) -> Rule:
    inner = number(low, high)
    return lambda value: inner(value) if type(value) is int else "is no integer"


def boolean(value: Any) -> str:
    return "" if isinstance(value, bool) else "is no boolean"


def text(value: Any) -> str:
    return "" if isinstance(value, str) and value else "is no text, or empty"


def texts(most: int) -> Rule:
    def rule(value: Any) -> str:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            return "is no list of texts"
        return "" if 0 < len(value) <= most else f"has not 1 to {most} entries"

    return rule


def one_of(*choices: str) -> Rule:
    return lambda value: "" if value in choices else f"is none of {choices}"


def form(*types: str, wrapped: bool = True) -> Rule:
    """A response format: of these types, its schema in an envelope or bare."""

    def rule(value: Any) -> str:
        if not isinstance(value, dict) or value.get("type") not in types:
            return f"has a type that is none of {types}"
        if value["type"] != "json_schema":
            return "" if set(value) == {"type"} else "has more than a type"
        schema = value.get("json_schema")
        if set(value) != {"type", "json_schema"} or not isinstance(schema, dict):
            return "has no schema"
        if not wrapped:
            return "has an envelope" if "schema" in schema else ""
        return _envelope(schema)

    return rule


def _envelope(schema: dict[str, Any]) -> str:
    if not {"name", "schema"} <= set(schema) <= {"name", "schema", "strict"}:
        return "has no proper envelope"
    if not TOOL_NAME.fullmatch(str(schema["name"])) or not isinstance(schema["schema"], dict):
        return "has a wrong name or schema"
    return boolean(schema["strict"]) if "strict" in schema else ""


def biases(value: Any) -> str:
    if not isinstance(value, dict) or not all(key.isdecimal() for key in value):
        return "is no object by token ids"
    return next(filter(None, map(number(-100, 100), value.values())), "")


def usage_option(value: Any) -> str:
    good = isinstance(value, dict) and set(value) == {"include_usage"}
    return boolean(value["include_usage"]) if good else "has other than include_usage"


def tool_choice(*choices: str) -> Rule:
    def rule(value: Any) -> str:
        if isinstance(value, dict) and "required" in choices:
            return "" if isinstance(value.get("function"), dict) else "names no function"
        return one_of(*choices)(value)

    return rule


def tools(*, thorough: bool = False) -> Rule:
    """Nested functions; `thorough`: with all that Cloudflare requires."""

    def rule(value: Any) -> str:
        if not isinstance(value, list) or not value:
            return "is no list, or empty"
        return next(filter(None, (_tool(tool, thorough) for tool in value)), "")

    return rule


def _tool(tool: Any, thorough: bool) -> str:
    if not isinstance(tool, dict) or set(tool) != {"type", "function"}:
        return "has a tool that is not nested"
    function = tool["function"]
    if tool["type"] != "function" or not TOOL_NAME.fullmatch(str(function.get("name", ""))):
        return "has a tool without a proper name"
    return _thorough(function) if thorough else ""


def _thorough(function: dict[str, Any]) -> str:
    schema = function.get("parameters")
    if text(function.get("description")) or not isinstance(schema, dict):
        return "has a tool without description or parameters"
    if text(schema.get("type")) or not isinstance(schema.get("properties"), dict):
        return "has parameters without type or properties"
    for about in schema["properties"].values():
        if text(about.get("type")) or text(about.get("description")):
            return "has a property without type or description"
    return ""


def functions(value: Any) -> str:
    for entry in value if isinstance(value, list) and value else [None]:
        if not isinstance(entry, dict) or set(entry) != {"name", "code"}:
            return "is no list of {name, code}"
        if any(map(text, entry.values())):
            return "has no text in name or code"
    return ""


PENALTY = number(-2, 2)
OPENAI = {
    "model": text, "stream": boolean, "stream_options": usage_option, "max_tokens": integer(),
    "temperature": number(0, 2), "top_p": number(0, 1), "frequency_penalty": PENALTY,
    "presence_penalty": PENALTY, "seed": integer(), "stop": texts(4), "n": integer(1),
    "user": text, "tools": tools(), "tool_choice": tool_choice("none", "auto", "required"),
    "response_format": form("text", "json_object", "json_schema"), "logprobs": boolean,
    "top_logprobs": integer(0, 20), "logit_bias": biases, "parallel_tool_calls": boolean,
    "max_completion_tokens": integer(1), "reasoning_effort": text, "messages": lambda _: "",
}  # fmt: skip
NOT_AT_AIMLAPI = {"user", "max_completion_tokens", "reasoning_effort"}
FIELDS: dict[str, dict[str, Rule]] = {
    "deepinfra": {
        "model": text, "messages": lambda _: "", "stream": boolean, "stream_options": usage_option,
        "max_tokens": integer(0, 1_000_000), "temperature": number(0, 2),
        "top_p": number(high=1, above=0), "top_k": integer(0, 999), "min_p": number(0, 1),
        "repetition_penalty": number("0.01", 5), "frequency_penalty": PENALTY,
        "presence_penalty": PENALTY, "seed": integer(0, 2**63 - 1), "stop": texts(16),
        "n": integer(1, 4), "user": text, "tools": tools(), "tool_choice": tool_choice("none", "auto"),
        "response_format": form("json_object"),
    },
    "aimlapi": {name: rule for name, rule in OPENAI.items() if name not in NOT_AT_AIMLAPI} | {
        "max_tokens": integer(1), "top_p": number("0.01", 1), "top_k": number(),
        "min_p": number("0.001", "0.999"), "repetition_penalty": number(), "seed": integer(1),
    },
    "cloudflare": {
        "messages": lambda _: "", "prompt": text, "stream": boolean, "max_tokens": integer(1),
        "temperature": number(0, 5), "top_p": number(0, 2), "top_k": integer(1, 50),
        "repetition_penalty": number(0, 2), "frequency_penalty": number(0, 2),
        "presence_penalty": number(0, 2), "seed": integer(1, 9_999_999_999),
        "tools": tools(thorough=True), "functions": functions,
        "response_format": form("json_object", "json_schema", wrapped=False),
        "lora": text, "raw": boolean,
    },
    "openai_compatible": OPENAI,
}  # fmt: skip
ROLES = {
    "deepinfra": {"system", "user", "assistant", "tool"},
    "aimlapi": {"developer", "system", "user", "assistant", "tool"},
    "cloudflare": {"system", "user", "assistant", "tool"},
    "openai_compatible": {"developer", "system", "user", "assistant", "tool"},
}
MESSAGE = {"role", "content", "name", "tool_calls", "tool_call_id"}
PARTS = {"aimlapi", "openai_compatible"}


def complaints(kind: str, body: Any) -> list[str]:
    """Everything that is wrong with a body; each begins with its field."""
    if not isinstance(body, dict):
        return ["body: is no object"]
    return [*_fields(kind, body), *_together(kind, body), *_messages(kind, body)]


def _fields(kind: str, body: dict[str, Any]) -> Iterator[str]:
    for name, value in body.items():
        rule = FIELDS[kind].get(name)
        trouble = "is unknown" if rule is None else "is null" if value is None else rule(value)
        if trouble:
            yield f"{name}: {trouble}"


def _together(kind: str, body: dict[str, Any]) -> Iterator[str]:
    if kind != "cloudflare":
        yield from (f"{name}: is missing" for name in {"model", "messages"} - set(body))
    elif ("messages" in body) == ("prompt" in body):
        yield "messages: or else a prompt"
    if "prompt" in body and {"tools", "functions"} & set(body):
        yield "prompt: takes no tools or functions"
    if kind == "cloudflare" and body.get("stream") and "response_format" in body:
        yield "stream: not in JSON mode"
    if kind == "cloudflare" and "max_tokens" not in body:
        yield "max_tokens: is missing"
    if "stream_options" in body and not body.get("stream"):
        yield "stream_options: only with stream"
    for name in {"tool_choice", "parallel_tool_calls"} & set(body):
        if "tools" not in body:
            yield f"{name}: only with tools"
    if "top_logprobs" in body and not body.get("logprobs"):
        yield "top_logprobs: only with logprobs"


def _messages(kind: str, body: dict[str, Any]) -> Iterator[str]:
    messages = body.get("messages", [])
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        yield "messages: is no list of objects"
        return
    for message in messages:
        yield from (f"messages: {trouble}" for trouble in _message(kind, message))
    roles = [message.get("role") for message in messages]
    if kind == "deepinfra" and roles:
        spoken = [role for role in roles if role != "system"]
        if roles.count("system") > 1 or spoken[-1:] != ["user"]:
            yield f"messages: not (user, assistant, tool)*, user but {roles}"


def _message(kind: str, message: dict[str, Any]) -> Iterator[str]:
    role, content = message.get("role"), message.get("content")
    if role not in ROLES[kind]:
        yield f"unknown role {role}"
    if set(message) - MESSAGE or None in message.values():
        yield f"unknown or null among {sorted(message)}"
    if not isinstance(content, str) and not (kind in PARTS and _are_parts(content)):
        yield "content is no text"
    if role == "tool" and text(message.get("tool_call_id")):
        yield "tool_call_id is missing"
    for call in message.get("tool_calls", []):
        if set(call) != {"id", "type", "function"} or text(call["id"]):
            yield "a tool call is not nested, or has no id"
        elif not isinstance(call["function"].get("arguments"), str):
            yield "a tool call's arguments are no text"


def _are_parts(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
        for part in content
    )
