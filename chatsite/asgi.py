"""The ASGI application: pages over HTTP, answers over the socket.

A page is served in one hop to a worker thread that keeps its database connection: Django's own
handler would hop once for each middleware and open a connection for each request.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
django.setup()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.core.exceptions import RequestAborted  # noqa: E402
from django.core.handlers.asgi import ASGIHandler, get_script_prefix  # noqa: E402
from django.core.signals import request_started  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpResponseBase  # noqa: E402
from django.urls import set_script_prefix  # noqa: E402

from conversations.routing import websocket_urlpatterns  # noqa: E402

THREADS = ThreadPoolExecutor(max_workers=6, thread_name_prefix="page")
# SQLite has one writer at a time. What people say waits for one thread, first come, first served;
# at a lock, threads that run would overtake those that wait, and each turn would cost a switch.
SENDS = ThreadPoolExecutor(max_workers=1, thread_name_prefix="send")


def threads_for(method: str, path: str) -> ThreadPoolExecutor:
    """Where a request is answered."""
    sends = method == "POST" and path.startswith("/conversations/")
    return SENDS if sends and connection.vendor == "sqlite" else THREADS


def is_growing(response: Any) -> bool:
    """Whether its body is an asynchronous stream, made on the loop while it is sent."""
    return bool(response.streaming and response.is_async)


class Pages(ASGIHandler):
    """Django's handler, with the whole of its synchronous stack run in one thread."""

    def __init__(self) -> None:
        self.load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        loop = asyncio.get_running_loop()
        threads = threads_for(scope["method"], scope["path"])
        response = await loop.run_in_executor(threads, self._respond, scope, body)
        if is_growing(response):
            await self._send_while_wanted(response, receive, send)
        else:
            await self.send_response(response, send)

    async def _send_while_wanted(self, response: Any, receive: Any, send: Any) -> None:
        """Send what is still being made; whoever leaves ends it."""
        tasks = {
            asyncio.ensure_future(self.send_response(response, send)),
            asyncio.ensure_future(self.listen_for_disconnect(receive)),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _respond(self, scope: Any, body: Any) -> HttpResponseBase:
        """The answer to one request; only an asynchronous stream is still to be made."""
        set_script_prefix(get_script_prefix(scope))
        request_started.send(sender=self.__class__, scope=scope)
        with body:
            request, error = self.create_request(scope, body)
            response: Any = error if request is None else self.get_response(request)
        response._handler_class = self.__class__
        if response.streaming and not is_growing(response):
            response.streaming_content = [b"".join(response.streaming_content)]
        response.close()
        return response


application = ProtocolTypeRouter(
    {
        "http": Pages(),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        ),
    }
)
