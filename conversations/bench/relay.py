"""The bare relay, the yardstick beside Parley: what this stack costs when it does nothing else.

    python -m conversations.bench.relay --provider http://127.0.0.1:PORT/v1

Daphne with one socket application: each message that comes is asked of the provider through httpx
(over aiohttp's transport); the raw bytes of the reply are split on blank lines and each event goes
on as one message. Nothing is stored, rendered or checked.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import httpx
from httpx_aiohttp import AiohttpTransport


class Relay:
    """The ASGI application."""

    def __init__(self, provider: str) -> None:
        self._url = f"{provider}/chat/completions"
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await self._answer(message["text"], send)

    async def _answer(self, text: str, send: Any) -> None:
        if self._client is None:
            self._client = httpx.AsyncClient(transport=AiohttpTransport(), timeout=None)  # noqa: S113
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": text}]}
        content = json.dumps(body).encode()
        async with self._client.stream("POST", self._url, content=content) as response:
            rest = b""
            async for block in response.aiter_raw():
                *events, rest = (rest + block).split(b"\n\n")
                for event in events:
                    await send({"type": "websocket.send", "text": event.decode()})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--provider", required=True)
    provider = parser.parse_args().provider
    from daphne.server import Server

    server: Any = Server(
        Relay(provider),
        endpoints=["tcp:port=0:interface=127.0.0.1:backlog=512"],
        ready_callable=lambda: print(f"port {server.listening_addresses[0][1]}", flush=True),
        verbosity=0,
    )
    server.run()


if __name__ == "__main__":
    main()
