"""The adapter for Cloudflare Workers AI's native route.

Formats: https://developers.cloudflare.com/workers-ai/ and docs/providers.md, section 2.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from .base import ChatMessage, ChatRequest, Endpoint, Event, ListedModel, Rest
from .cloudflare_form import CloudflareDecoder, read_page
from .http import Reply
from .matrix import JSON_SCHEMA
from .messages import plain_messages
from .openai_compatible import OpenAICompatible, batches
from .payload import plain, refuse_unfit, set_values, tool_call, write

RUN = "/run/"
PAGE = 100
MOST_PAGES = 30
# Unless told otherwise it cuts at 256, so it is always told.
MOST_TOKENS = 4_096
# Written in another way, or part of the address.
NOT_PLAIN = {"max_tokens", "response_format", "json_schema", "functions"}


class Cloudflare(OpenAICompatible):
    """Adapter for `https://api.cloudflare.com/client/v4/accounts/{account_id}/ai`."""

    kind = "cloudflare"

    def __init__(self, endpoint: Endpoint) -> None:
        account = endpoint.options.get("account_id", "")
        url = endpoint.base_url.replace("{account_id}", quote(account, safe=""))
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
        found: list[ListedModel] = []
        seen = 0
        for page in range(1, MOST_PAGES + 1):
            url = f"{self.base_url}/models/search?page={page}&per_page={PAGE}"
            models, total = read_page(await self._get(url))
            found += models
            seen += PAGE
            if not models or seen >= total:
                break
        return [model for model in found if model.chats]

    async def _run(self, model: str, body: Mapping[str, Any]) -> Reply:
        url = self.base_url + RUN + quote(model, safe="@/:~")
        return await self._accepted(url, write(dict(body)))


def native_body(request: ChatRequest) -> dict[str, Any]:
    """The fields of a native request: messages, or one prompt where a template or adapter wants it."""
    parameters = request.parameters
    values = set_values(request)
    body: dict[str, Any] = dict(parameters.extra_body)
    if parameters.raw or parameters.lora is not None:
        body["prompt"] = as_prompt(request)
    else:
        body["messages"] = [_message(message) for message in plain_messages(request.messages)]
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if parameters.functions:
            body["functions"] = [dict(function) for function in parameters.functions]
    body["stream"] = request.stream and not parameters.wants_json
    body |= {name: plain(value) for name, value in values.items() if name not in NOT_PLAIN}
    body["max_tokens"] = parameters.max_tokens or MOST_TOKENS
    if parameters.response_format is not None:
        body["response_format"] = {"type": parameters.response_format}
        if parameters.response_format == JSON_SCHEMA:
            body["response_format"]["json_schema"] = dict(parameters.json_schema or {})
    return body


def as_prompt(request: ChatRequest) -> str:
    """The conversation as one text: ChatML where the model's template is off, else as a transcript."""
    messages = plain_messages(request.messages)
    if request.parameters.raw:
        return _chatml(messages)
    if len(messages) == 1:
        return str(messages[0].content) or " "
    turns = [f"{message.role.capitalize()}: {message.content}" for message in messages]
    return "\n\n".join(turns) + ("" if messages[-1].role == "assistant" else "\n\nAssistant:")


def _chatml(messages: list[ChatMessage]) -> str:
    """The template of Qwen's models, left open where the model goes on."""
    turns = [f"<|im_start|>{message.role}\n{message.content}" for message in messages]
    if messages[-1].role != "assistant":
        turns.append("<|im_start|>assistant\n")
    return "<|im_end|>\n".join(turns)


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
    function = dict(tool.get("function", tool))
    schema = dict(function.get("parameters") or {})
    properties = {
        name: {"type": "string", "description": name} | dict(about)
        for name, about in dict(schema.get("properties") or {}).items()
    }
    function["description"] = function.get("description") or function.get("name", "")
    function["parameters"] = {"type": "object"} | schema | {"properties": properties}
    return {"type": "function", "function": function}
