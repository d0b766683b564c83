"""Calls of the adapter to a stand-in on loopback."""

import asyncio
import time

from conversations.bench.provider import StandIn
from conversations.providers import adapter_for, base, errors

KEY = "secret-key-of-alice-1234"


def served(body, *, deadlines=None, **endpoint):
    """Run `body(server, adapter)` with a stand-in and an adapter for it."""

    async def run():
        async with StandIn() as server:
            limits = deadlines or base.Deadlines(connect=1, first_byte=2, silence=2, total=5)
            options = {"key": KEY, "deadlines": limits, "allow_private": True} | endpoint
            adapter = adapter_for("openai_compatible", base.Endpoint(server.base_url, **options))
            try:
                return await body(server, adapter)
            finally:
                await adapter.aclose()

    return asyncio.run(run())


def request(text, **fields):
    return base.ChatRequest("stand-in", (base.ChatMessage("user", text),), **fields)


async def collect(adapter, text, **fields):
    """All events of a call and the error that it ended in, if any."""
    events = []
    try:
        async for batch in adapter.stream(request(text, **fields)):
            events += batch
    except errors.ProviderError as error:
        return events, error
    return events, None


def text_of(events, choice=0):
    return "".join(e.text for e in events if isinstance(e, base.Text) and e.choice == choice)


def failure(text, **options):
    return served(lambda _, adapter: collect(adapter, text), **options)


async def closed(server):
    """Seconds until the server sees its connections closed."""
    begin = time.monotonic()
    while server.connections and time.monotonic() - begin < 2:
        await asyncio.sleep(0.005)
    assert server.requests[-1]["closed_early"]
    return time.monotonic() - begin
