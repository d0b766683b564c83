"""Reading Cloudflare's native replies: `{result, success, errors}`, and pieces with a `response`.

Formats: https://developers.cloudflare.com/workers-ai/models/ (a model's output schema) and
docs/providers.md, sections 3 and 4. Newer models answer in OpenAI's form within `result`.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from .base import Event, ListedModel, Text
from .complaint import is_complaint
from .decoder import ReplyDecoder
from .errors import Protocol
from .listing import tidy
from .loose_json import compact, parse
from .sse import ErrorData
from .text import END_MARKS
from .usage import count, money

DEFAULT_MOST = 256
CHAT_TASK = "Text Generation"
SHOWN_AS_WRITTEN = (str, int, Decimal, type(None))


class Piece(msgspec.Struct, gc=False):
    """The piece that makes up nearly all of a stream; `Any` is for what the fast path leaves."""

    response: str
    tool_calls: Any = None
    usage: Any = None
    errors: Any = None
    error: Any = None
    choices: Any = None


decode_piece = msgspec.json.Decoder(Piece).decode


class CloudflareDecoder(ReplyDecoder):
    """Decodes native replies, and OpenAI's form where a model answers in it.

    `most` is the `max_tokens` that the request had: native replies don't say why they end, so one
    that used all of it was cut.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, str],
        status: int = 200,
        continuation: bool = False,
        secrets: Iterable[str] = (),
        most: int = DEFAULT_MOST,
    ) -> None:
        super().__init__(headers=headers, status=status, continuation=continuation, secrets=secrets)
        self._most = most

    def absent_reason(self) -> str:
        usage = self.reply.usage.result()
        return "length" if usage and usage.completion_tokens >= self._most else "stop"

    def chunk(self, value: dict[str, Any], out: list[Event]) -> None:
        if value.get("success") is False or is_complaint(value) or "choices" in value:
            super().chunk(value, out)
        else:
            super().chunk(_as_openai(value, "delta"), out)

    def message(self, value: dict[str, Any], out: list[Event]) -> None:
        result = value.get("result", value if "response" in value else None)
        if value.get("success") is False or is_complaint(value):
            self._complain(value)
        elif isinstance(result, dict) and "choices" in result:
            super().message(result, out)
        elif isinstance(result, dict) and ("response" in result or "tool_calls" in result):
            super().message(_as_openai(result, "message"), out)
        elif isinstance(result, str):
            super().message(_as_openai({"response": result}, "message"), out)
        else:
            super().message(value, out)

    def _quick(self, payload: bytes) -> bool:
        choice = self.reply.choices.get(0)
        if choice is None or type(payload) is ErrorData:
            return False
        try:
            piece = decode_piece(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return super()._quick(payload)
        if piece.tool_calls or piece.usage or piece.errors or piece.error or piece.choices:
            return False
        state, text = choice.text, piece.response
        if text and (state.careful or state.kind is not Text or text in END_MARKS):
            return False
        if text:
            state.parts.append(text)
        return True


def _as_openai(native: dict[str, Any], name: str) -> dict[str, Any]:
    """A native result as a chunk (`delta`) or a whole reply (`message`) with one choice.

    In JSON mode `response` is the decoded answer, of which the text is its compact JSON.
    """
    response = native.get("response")
    content = response if isinstance(response, SHOWN_AS_WRITTEN) else compact(response)
    if isinstance(response, bool):
        content = compact(response)
    message = {"content": content, "tool_calls": native.get("tool_calls")}
    return {"choices": [{"index": 0, name: message}], "usage": native.get("usage")}


def read_page(body: bytes) -> tuple[list[ListedModel], int]:
    """A page of `GET …/ai/models/search`: its models, and how many there are in all.

    Raises `Protocol` when it is none.
    """
    value = parse(body)
    entries = value.get("result") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise Protocol("the list of models could not be read")
    info = value.get("result_info")
    total = count(info.get("total_count")) if isinstance(info, dict) else None
    models = [_model(e) for e in entries if isinstance(e, dict) and isinstance(e.get("name"), str)]
    return models, len(entries) if total is None else total


def _model(entry: dict[str, Any]) -> ListedModel:
    listed = entry.get("properties")
    properties = {
        one.get("property_id"): one.get("value")
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict)
    }
    task = entry.get("task")
    prices = properties.get("price")
    window = properties.get("context_window")
    lora = properties.get("lora")
    return ListedModel(
        id=entry["name"],
        context=count(int(window) if isinstance(window, str) and window.isdigit() else window),
        price_in=_price(prices, "input tokens"),
        price_out=_price(prices, "output tokens"),
        lora=None if lora is None else str(lora).lower() == "true",
        chats=not isinstance(task, dict) or task.get("name") in (None, CHAT_TASK),
    )


def _price(prices: object, unit: str) -> Decimal | None:
    """Dollars per million: the unit reads `per M input tokens`."""
    for price in prices if isinstance(prices, list) else []:
        if isinstance(price, dict) and price.get("unit") == f"per M {unit}":
            return tidy(money(price.get("price")))
    return None
