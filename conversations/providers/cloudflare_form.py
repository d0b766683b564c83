"""Reading Cloudflare's native replies: `{result, success, errors}`, and pieces with a `response`.

Formats: https://developers.cloudflare.com/workers-ai/models/ (a model's output schema) and
docs/providers.md, sections 3 and 4. Newer models answer in OpenAI's form within `result`.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

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
# Where a result may hold its answer.
ANSWERS = ("choices", "response", "tool_calls")


class Piece(msgspec.Struct, gc=False):
    """The piece that makes up nearly all of a stream; `Any` is for what the fast path leaves."""

    response: str
    tool_calls: Any = None
    usage: Any = None
    errors: Any = None
    error: Any = None
    choices: Any = None
    success: Any = None
    finish_reason: Any = None

    def says_more(self) -> bool:
        """Whether there is anything beside the text."""
        beside = self.tool_calls or self.usage or self.choices or self.finish_reason
        return bool(beside or self.errors or self.error or self.success is False)


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
        self._last: object = None

    def absent_reason(self) -> str:
        usage = self.reply.usage.result()
        return "length" if usage and usage.completion_tokens >= self._most else "stop"

    def chunk(self, value: dict[str, Any], out: list[Event]) -> None:
        wrong = value.get("success") is False or is_complaint(value)
        if not wrong or any(value.get(name) for name in ANSWERS):
            super().chunk(self._once(_as_openai(value, "delta")), out)
        if wrong:
            self._complain(value)

    def _once(self, value: dict[str, Any]) -> dict[str, Any]:
        """A chunk, of which the last may come twice: again it brings no text."""
        last, self._last = self._last, value["choices"]
        ended = self.reply.finished and value["choices"] == last
        return value | {"choices": []} if ended else value

    def message(self, value: dict[str, Any], out: list[Event]) -> None:
        result = value.get("result", value)
        if value.get("success") is False or is_complaint(value):
            self._complain(value)
        elif isinstance(result, str):
            super().message(_as_openai({"response": result}, "message"), out)
        elif isinstance(result, dict) and any(name in result for name in ANSWERS):
            super().message(_as_openai(result, "message"), out)
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
        if piece.says_more():
            return False
        state, text = choice.text, piece.response
        if text and (state.careful or state.kind is not Text or text in END_MARKS):
            return False
        if text:
            state.parts.append(text)
        return True


def _as_openai(native: dict[str, Any], name: str) -> dict[str, Any]:
    """A native result as a chunk (`delta`) or a whole reply (`message`) with one choice.

    In JSON mode `response` is the decoded answer, of which the text is its compact JSON. What has
    OpenAI's form already stays as it is.
    """
    if native.get("choices") or ("choices" in native and "response" not in native):
        return native
    content = native.get("response")
    if isinstance(content, bool | dict | list):
        content = compact(content)
    message = {"content": content, "tool_calls": native.get("tool_calls")}
    choice = {"index": 0, name: message, "finish_reason": native.get("finish_reason")}
    return {"id": native.get("id"), "choices": [choice], "usage": native.get("usage")}


class Page(NamedTuple):
    """A page of models. `entries` counts also what is unreadable; `total` is over all pages.

    A `total` of None is unknown, and there may be more.
    """

    models: list[ListedModel]
    entries: int
    total: int | None


def read_page(body: bytes) -> Page:
    """A page of `GET …/ai/models/search`. Raises `Protocol` when it is none."""
    value = parse(body)
    entries = value.get("result") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise Protocol("the list of models could not be read")
    info = value.get("result_info")
    total = count(info.get("total_count")) if isinstance(info, dict) else len(entries)
    named = [e for e in entries if isinstance(e, dict) and isinstance(e.get("name"), str)]
    return Page([_model(entry) for entry in named if entry["name"]], len(entries), total)


def _model(entry: dict[str, Any]) -> ListedModel:
    listed = entry.get("properties")
    properties = {
        str(one.get("property_id")): one.get("value")
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict)
    }
    task = entry.get("task")
    prices = properties.get("price")
    lora = properties.get("lora")
    return ListedModel(
        id=entry["name"],
        context=_window(properties.get("context_window")),
        price_in=_price(prices, "input tokens"),
        price_out=_price(prices, "output tokens"),
        lora=None if lora is None else str(lora).lower() == "true",
        chats=not isinstance(task, dict) or task.get("name") in (None, CHAT_TASK),
    )


def _window(value: object) -> int | None:
    """Tokens, from a number or its digits; 0 is unknown."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
        value = int(value)
    return count(value) or None


def _price(prices: object, unit: str) -> Decimal | None:
    """Dollars per million: the unit reads `per M input tokens`."""
    for price in prices if isinstance(prices, list) else []:
        if isinstance(price, dict) and price.get("unit") == f"per M {unit}":
            return tidy(money(price.get("price")))
    return None
