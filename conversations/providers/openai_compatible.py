"""The adapter for every server that speaks OpenAI's chat completions.

Formats: https://platform.openai.com/docs/api-reference/chat and `/models`.
"""

import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from . import errors
from .base import ChatRequest, Endpoint, Event, ListedModel, Rest
from .classify import classify
from .complaint import is_complaint
from .decoder import ReplyDecoder
from .http import MAX_ERROR_BYTES, Client, Reply
from .listing import read_models
from .loose_json import parse
from .payload import chat_body, refuse_unfit, write

CHAT = "/chat/completions"


class OpenAICompatible:
    """Adapter for `POST {base_url}/chat/completions` and `GET {base_url}/models`.

    Streams and whole replies come through `stream`; the server decides which it sends. A server
    that refuses `stream_options`, or wants `max_completion_tokens`, is asked again at once in its
    own way, and that is remembered. Option `max_tokens_name` fixes the latter. Other providers of
    this form are subclasses.
    """

    kind = "openai_compatible"
    models_path = "/models"
    lists_without_key = False
    decoder = ReplyDecoder

    def __init__(self, endpoint: Endpoint) -> None:
        self.base_url = clean_base_url(endpoint.base_url)
        self._endpoint = endpoint
        self._client = Client(endpoint)
        self._include_usage = True
        self._limit_names: dict[str, str] = {}

    async def stream(
        self, request: ChatRequest, rest: Rest | None = None
    ) -> AsyncGenerator[list[Event]]:
        """Yield the reply in batches. See `Adapter.stream`."""
        refuse_unfit(request, self.kind, self._endpoint.options)
        reply = await self._ask(self.shaped(request))
        try:
            decoder = self.decoder(
                headers=reply.headers,
                status=reply.status,
                continuation=request.continuation,
                secrets=self._secrets(),
            )
            async for batch in batches(reply, decoder, rest):
                yield batch
        except errors.ProviderError as error:
            raise self.explained(error) from error.__cause__
        finally:
            await reply.aclose()

    async def models(self) -> list[ListedModel]:
        """Return the listed models. Raises a `ProviderError`."""
        return read_models(await self._get(self.base_url + self.models_path))

    async def aclose(self) -> None:
        await self._client.aclose()

    def shaped(self, request: ChatRequest) -> ChatRequest:
        """The request as this provider wants its messages."""
        return request

    def explained(self, error: errors.ProviderError) -> errors.ProviderError:
        """An error with what is known of this provider beyond its own words."""
        return error

    def headers(self, *, with_key: bool = True) -> dict[str, str]:
        key = self._endpoint.key if with_key else None
        sent = {"authorization": f"Bearer {key}"} if key else {}
        return sent | {"content-type": "application/json", "accept": "*/*"}

    async def _get(self, url: str) -> bytes:
        """The body of a listing. Raises a `ProviderError`."""
        headers = self.headers(with_key=not self.lists_without_key)
        reply = await self._client.send("GET", url, headers=headers)
        try:
            if not 200 <= reply.status < 300:
                raise await self._error(reply)
            body = await reply.read()
            said = parse(body)
            if isinstance(said, dict) and (is_complaint(said) or said.get("success") is False):
                raise self.explained(classify(reply.status, reply.headers, said, self._secrets()))
            return body
        finally:
            await reply.aclose()

    async def _accepted(self, url: str, body: bytes) -> Reply:
        """Post a body; a 2xx answer comes back, anything else is raised."""
        reply = await self._client.send("POST", url, body=body, headers=self.headers())
        if 200 <= reply.status < 300:
            return reply
        try:
            raise await self._error(reply)
        finally:
            await reply.aclose()

    async def _ask(self, request: ChatRequest) -> Reply:
        """Send the request; a 2xx answer comes back, anything else is raised."""
        while True:
            body = self._body(request)
            try:
                return await self._accepted(self.base_url + CHAT, write(body))
            except errors.BadRequest as error:
                self._learn(body, error.detail)
                if self._body(request) == body:
                    raise

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        """The request's fields, as far as this server is known to take them."""
        limit_name = self._limit_names.get(request.model, "max_tokens")
        fixed = self._endpoint.options.get("max_tokens_name")
        usage = self._include_usage
        return chat_body(request, self.kind, include_usage=usage, limit_name=fixed or limit_name)

    def _learn(self, body: Mapping[str, Any], said: str) -> None:
        """Note what the server does not know, as it says."""
        if "stream_options" in body and "stream_options" in said:
            self._include_usage = False
        if "max_tokens" in body and "max_completion_tokens" in said:
            self._limit_names[body["model"]] = "max_completion_tokens"

    async def _error(self, reply: Reply) -> errors.ProviderError:
        """The error that an answer means, even if its body is lost on the way."""
        body: object = b""
        if 300 <= reply.status < 400:
            body = "the address answers with a redirect, which is not followed"
        else:
            with contextlib.suppress(errors.ProviderError):
                body = await reply.read(MAX_ERROR_BYTES, cut=True)
        return self.explained(classify(reply.status, reply.headers, body, self._secrets()))

    def _secrets(self) -> tuple[str, ...]:
        return (self._endpoint.key,) if self._endpoint.key else ()


async def batches(
    reply: Reply, decoder: ReplyDecoder, rest: Rest | None
) -> AsyncGenerator[list[Event]]:
    """Decode the body to its end, its end mark, an error, or the loss of the connection."""
    lost = False
    try:
        async for block in reply.blocks(rest):
            if batch := decoder.feed(block):
                yield batch
            if decoder.over:
                break
    except errors.ConnectionLost:
        lost = True
    except errors.ProviderError as error:
        decoder.failure = error
    if batch := decoder.finish(lost=lost):
        yield batch
    if decoder.failure is not None:
        raise decoder.failure
    await reply.drain()


def clean_base_url(url: str) -> str:
    """The base URL without blanks, trailing slashes or a pasted `/chat/completions`."""
    return url.strip().rstrip("/").removesuffix(CHAT).rstrip("/")
