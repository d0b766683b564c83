"""Calls of real adapters to a provider on loopback."""

import asyncio
import json

from conversations.providers import adapter_for, base, errors
from tests.providers.fixture_server import MODEL, SSE, Delivery, FixtureServer
from tests.wire.replay import Outcome

KINDS = ("deepinfra", "aimlapi", "cloudflare", "openai_compatible")
HELLO = (base.ChatMessage("user", "Hello"),)
MODELS = dict.fromkeys(KINDS, "Qwen/Qwen2.5-Coder-32B-Instruct") | {"cloudflare": MODEL}


def with_server(kind, body, *deliveries, **endpoint):
    """Run `body(server, adapter)` with a provider of this kind and an adapter for it."""

    async def run():
        async with FixtureServer(kind, *deliveries) as server:
            adapter = adapter_for(kind, server.endpoint(**endpoint))
            try:
                return await body(server, adapter)
            finally:
                await adapter.aclose()

    return asyncio.run(run())


def request(kind, messages=HELLO, **fields):
    return base.ChatRequest(MODELS[kind], tuple(messages), **fields)


async def outcome(adapter, asked):
    """What a call comes to."""
    events = []
    try:
        async for batch in adapter.stream(asked):
            events += batch
    except errors.ProviderError as error:
        return Outcome(events, error)
    return Outcome(events)


def call(kind, asked, *deliveries, **endpoint):
    """One call: what it came to, and the server that was asked."""

    async def run(server, adapter):
        return await outcome(adapter, asked), server

    return with_server(kind, run, *deliveries, **endpoint)


def reply(kind, text="Hi"):
    """A whole answer as a provider of this kind gives it."""
    body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    native = {"result": {"response": text}, "success": True, "errors": [], "messages": []}
    return Delivery(json.dumps(native if kind == "cloudflare" else body).encode())


def sent(kind, messages=HELLO, *, extra=None, tools=(), n=1, user=None, stream=True, **parameters):
    """The body of a request with these parameters; the provider had nothing to complain about."""
    values = base.Parameters(**parameters, extra_body=extra or {})
    asked = request(kind, messages, parameters=values, tools=tools, n=n, user=user, stream=stream)
    came, server = call(kind, asked, reply(kind))
    assert (came.error, server.complaints) == (None, [])
    return server.asked[0].body


def refused(kind, messages=HELLO, *, tools=(), n=1, limits=None, extra=None, **parameters):
    """The words in which the adapter refuses a request before anything is sent."""
    values = base.Parameters(**parameters, extra_body=extra or {})
    asked = request(kind, messages, parameters=values, tools=tools, n=n, limits=limits or {})
    came, server = call(kind, asked, reply(kind))
    assert server.asked == []
    assert came.error.code == "bad_request"
    return came.error.detail


def events(*chunks, done=True):
    """A stream with these chunks, each as a value or as JSON text."""
    texts = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
    body = "".join(f"data: {text}\n\n" for text in [*texts, *(["[DONE]"] if done else [])])
    return Delivery(body.encode(), headers={"content-type": SSE})
