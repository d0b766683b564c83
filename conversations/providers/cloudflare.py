"""The adapter for Cloudflare Workers AI's native route.

Formats: https://developers.cloudflare.com/workers-ai/ and docs/providers.md, section 2.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from .base import ChatMessage, ChatRequest, Endpoint, Event, ListedModel, Rest
from .cloudflare_form import CloudflareDecoder, read_page
from .errors import BadRequest
from .http import Reply
from .matrix import JSON_SCHEMA, column
from .messages import plain_messages, text_of
from .openai_compatible import OpenAICompatible, batches
from .payload import nested, refuse_unfit, set_values, tool_call, write

API = "/client/v4"
RUN = "/run/"
PAGE = 100
MOST_PAGES = 30
# Unless told otherwise it cuts at 256, so it is always told.
MOST_TOKENS = 4_096
# Written in another way.
NOT_PLAIN = {"max_tokens", "response_format", "json_schema", "functions"}
# The request takes one of these.
FORMS = {"messages", "prompt"}


def account_url(base_url: str, account: str) -> str:
    """Where the account's models are: `…/accounts/{account_id}/ai`, of which the beginning will do.

    A pasted `/v1` (the OpenAI form's) or `/run/…` is dropped.
    """
    url = base_url.strip().rstrip("/")
    for placeholder in ("{account_id}", "{ACCOUNT_ID}"):
        url = url.replace(placeholder, quote(account, safe=""))
    if "/accounts/" not in url and account:
        url = f"{url.removesuffix(API)}{API}/accounts/{quote(account, safe='')}/ai"
    for pasted in ("/run", "/v1"):
        head, found, _rest = url.partition(f"/ai{pasted}")
        url = f"{head}/ai" if found else url
    return url


class Cloudflare(OpenAICompatible):
    """Adapter for `https://api.cloudflare.com/client/v4/accounts/{account_id}/ai`."""

    kind = "cloudflare"

    def __init__(self, endpoint: Endpoint) -> None:
        url = account_url(endpoint.base_url, endpoint.options.get("account_id", ""))
        super().__init__(replace(endpoint, base_url=url))

    async def stream(
        self, request: ChatRequest, rest: Rest | None = None
    ) -> AsyncGenerator[list[Event]]:
        """Yield the reply in batches; in JSON mode, which can't stream, in one."""
        refuse_unfit(request, self.kind, self._endpoint.options)
        body = native_body(request)
        reply = await self._run(request.model, body)
        try:
            decoder = CloudflareDecoder(
                headers=reply.headers,
                status=reply.status,
                continuation=request.continuation,
                secrets=self._secrets(),
                most=body["max_tokens"],
            )
            async for batch in batches(reply, decoder, rest):
                yield batch
        finally:
            await reply.aclose()

    async def models(self) -> list[ListedModel]:
        """Return the models of all pages that generate text. Raises a `ProviderError`."""
        found: dict[str, ListedModel] = {}
        seen = 0
        for number in range(1, MOST_PAGES + 1):
            url = f"{self.base_url}/models/search?page={number}&per_page={PAGE}"
            page = read_page(await self._get(url))
            new = {model.id: model for model in page.models if model.id not in found}
            found |= new
            seen += page.entries
            if not page.entries or (not new if page.total is None else seen >= page.total):
                break
        return [model for model in found.values() if model.chats]

    async def _run(self, model: str, body: Mapping[str, Any]) -> Reply:
        url = self.base_url + RUN + quote(model, safe="@/:~")
        return await self._accepted(url, write(dict(body)))


def native_body(request: ChatRequest) -> dict[str, Any]:
    """The fields of a native request: messages, or one prompt where a template or adapter wants it.

    Raises `BadRequest` for tools beside a prompt.
    """
    parameters = request.parameters
    values = set_values(request)
    extra = parameters.extra_body
    body = {name: value for name, value in extra.items() if name not in FORMS}
    body |= _prompted(request) if parameters.raw or parameters.lora else _conversation(request)
    body["stream"] = request.stream and not parameters.wants_json
    body |= {name: value for name, value in values.items() if name not in NOT_PLAIN}
    body["max_tokens"] = parameters.max_tokens or _usual_most(request)
    if parameters.response_format is not None:
        body["response_format"] = {"type": parameters.response_format}
        if parameters.response_format == JSON_SCHEMA:
            body["response_format"]["json_schema"] = parameters.json_schema
    return body


def _usual_most(request: ChatRequest) -> int:
    """How long an answer may be when nobody says, as far as the model can."""
    taken = column(Cloudflare.kind, limits=request.limits).get("max_tokens")
    high = taken.high if taken else None
    return MOST_TOKENS if high is None else min(MOST_TOKENS, int(high))


def _prompted(request: ChatRequest) -> dict[str, Any]:
    """The form for a raw template or an adapter, which takes neither messages nor tools."""
    if request.tools:
        raise BadRequest("a raw prompt, or one for a LoRA adapter, takes no tools")
    return {"prompt": as_prompt(request)}


def _conversation(request: ChatRequest) -> dict[str, Any]:
    written: dict[str, Any] = {"messages": [_message(m) for m in plain_messages(request.messages)]}
    if request.tools:
        written["tools"] = [_tool(tool) for tool in request.tools]
    if request.parameters.functions:
        written["functions"] = request.parameters.functions
    return written


def as_prompt(request: ChatRequest) -> str:
    """The conversation as one text: ChatML where the model's template is off, else as a transcript."""
    messages = plain_messages(request.messages)
    if request.parameters.raw:
        return _chatml(messages)
    if len(messages) <= 1:
        return "".join(text_of(message) for message in messages) or " "
    turns = [f"{message.role.capitalize()}: {message.content}" for message in messages]
    return "\n\n".join(turns if _goes_on(messages) else [*turns, "Assistant:"])


def _chatml(messages: list[ChatMessage]) -> str:
    """The template of Qwen's models, left open where the model goes on."""
    turns = [f"<|im_start|>{message.role}\n{message.content}" for message in messages]
    if not _goes_on(messages):
        turns.append("<|im_start|>assistant\n")
    return "<|im_end|>\n".join(turns)


def _goes_on(messages: list[ChatMessage]) -> bool:
    """Whether the last message is the model's own."""
    return bool(messages) and messages[-1].role == "assistant"


def _message(message: ChatMessage) -> dict[str, Any]:
    """Role and content are required, and content is a text: empty beside tool calls."""
    written: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        written["tool_calls"] = [tool_call(call) for call in message.tool_calls]
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    if message.name:
        written["name"] = message.name
    return written


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool with everything that is required here: what is missing is filled in."""
    function = dict(nested(tool)["function"])
    schema = _filled(function.get("parameters"), {"type": "object", "properties": {}})
    schema["properties"] = {
        name: _filled(about, {"type": "string", "description": name})
        for name, about in _filled(schema["properties"], {}).items()
    }
    name = function.get("name", "")
    function["description"] = function.get("description") or name
    return {"type": "function", "function": function | {"parameters": schema}}


def _filled(given: object, usual: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, with the usual in the place of what is missing or empty."""
    known = dict(given) if isinstance(given, Mapping) else {}
    return known | {name: known.get(name) or value for name, value in usual.items()}
