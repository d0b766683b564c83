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
from django.core.handlers.asgi import ASGIHandler  # noqa: E402
from django.db import close_old_connections  # noqa: E402
from django.http import HttpRequest, HttpResponseBase  # noqa: E402

from conversations.routing import websocket_urlpatterns  # noqa: E402

THREADS = ThreadPoolExecutor(max_workers=6, thread_name_prefix="page")


class Pages(ASGIHandler):
    """Django's handler, with the whole of its synchronous stack run in one thread."""

    def __init__(self) -> None:
        self.load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await asyncio.get_running_loop().run_in_executor(THREADS, self._respond, request)

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        close_old_connections()
        response: Any = self.get_response(request)
        if response.streaming and not response.is_async:
            response.streaming_content = [b"".join(response.streaming_content)]
        return response


application = ProtocolTypeRouter(
    {
        "http": Pages(),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        ),
    }
)
