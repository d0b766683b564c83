"""The socket: who may watch, what they have, what comes next. Messages are sent by POST."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from autobahn.exception import Disconnected
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from conversations import process
from conversations.live import Hub, Viewer
from conversations.views.reading import may_watch, other_title, session_key

log = logging.getLogger(__name__)

NOT_FOUND = 4404
TOO_MANY_MISTAKES = 1008
TRY_AGAIN_LATER = 1013
MOST_MISTAKES = 3
HEARTBEAT_SECONDS = 15
HEARTBEAT = "<!--hb-->"
MOST_HAVE = 100
MOST_SAID_BYTES = 64 * 1024
TOO_LARGE = 1009

open_sockets: dict[UUID, int] = {}


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """What a page may say: what it shows (steps by part, by message), or the last that it got.

    `title` is the version of the title that it shows.
    """

    have: dict[UUID, dict[str, int]] | None = None
    after: int | None = None
    ack: int | None = None
    title: int | None = None


decode = msgspec.json.Decoder(Said).decode


class ConversationSocket(AsyncWebsocketConsumer):
    """One open page of a conversation."""

    # The hub sends to sockets itself: a channel of the layer for each would cost, and may be gone.
    channel_layer_alias = "none"
    viewer: Viewer | None = None
    mistakes = 0
    _beat: asyncio.TimerHandle | None = None
    _say: Callable[[str], None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """However it ends, by a fault too, nobody watches any more."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """What a page says asks for no database by itself: it needn't hop to its thread first."""
        if message["type"] == "websocket.receive":
            await self.websocket_receive(message)
        else:
            await super().dispatch(message)

    async def send(self, *args: Any, **kwargs: Any) -> None:
        """Say something; a page that has just gone need not hear it."""
        with contextlib.suppress(Disconnected):
            await super().send(*args, **kwargs)

    async def say(self, text: str) -> None:
        """The short way, where the server has one."""
        if self._say is not None:
            self._say(text)
        else:
            await self.send(text_data=text)

    async def connect(self) -> None:
        user = self.scope["user"]
        self.conversation: UUID = self.scope["url_route"]["kwargs"]["pk"]
        hub = self._hub()
        if hub is None or not user.is_authenticated:
            await self.accept()
            await self.close(code=NOT_FOUND if hub else TRY_AGAIN_LATER)
            return
        # A page of ours will tell what it shows before it takes anything; others just listen.
        waits = self.scope["query_string"] == b"have"
        viewer = Viewer(user.pk, session_key(self.scope.get("session")), self, waits=waits)
        allowed = await database_sync_to_async(may_watch)(viewer, self.conversation)
        await self.accept()
        if not allowed or open_sockets.get(user.pk, 0) >= settings.SOCKETS_PER_PERSON:
            await self.close(code=TRY_AGAIN_LATER if allowed else NOT_FOUND)
            return
        self.viewer = viewer
        self._say = self.scope.get("extensions", {}).get("parley.say")
        open_sockets[user.pk] = open_sockets.get(user.pk, 0) + 1
        await hub.join(self.conversation, viewer)
        self._schedule_beat()

    def _leave(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
        if self.viewer is None:
            return
        left = open_sockets.get(self.viewer.person, 1) - 1
        open_sockets[self.viewer.person] = left
        if left <= 0:
            del open_sockets[self.viewer.person]
        if hub := self._hub():
            hub.leave(self.conversation, self.viewer)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        hub = self._hub()
        if hub is None or self.viewer is None:
            return
        size = len(bytes_data or b"") + len((text_data or "").encode("utf-8", "surrogatepass"))
        if size > MOST_SAID_BYTES:
            await self.close(code=TOO_LARGE)
            return
        try:
            said = decode((text_data or "").encode())
            if said.have is not None and len(said.have) > MOST_HAVE:
                raise ValueError("too many messages")
        except (msgspec.MsgspecError, ValueError, RecursionError):
            await self._mistake()
            return
        self.mistakes = 0
        if said.ack is not None:
            self.viewer.acknowledge(said.ack)
        if said.have is None:
            return
        try:
            await self._catch_up(hub, self.viewer, said.have, said)
        except Exception:
            log.exception("bringing a page to the present failed")
            await self.close(code=TRY_AGAIN_LATER)

    async def _catch_up(
        self, hub: Hub, viewer: Viewer, have: dict[UUID, dict[str, int]], said: Said
    ) -> None:
        after = said.after if said.after is not None and 0 <= said.after < 2**31 else 2**31 - 1
        await hub.catch_up(self.conversation, viewer, have, after)
        if said.title is not None and 0 <= said.title < 2**31:
            await self._retitle(said.title)

    async def _retitle(self, version: int) -> None:
        """The title may have changed before this socket was open."""
        if html := await database_sync_to_async(other_title)(self.conversation, version):
            await self.send(text_data=html)

    async def check(self) -> None:
        """Access may have changed: close if it is gone."""
        viewer = self.viewer
        if viewer and not await database_sync_to_async(may_watch)(viewer, self.conversation):
            await self.close(code=NOT_FOUND)

    async def _mistake(self) -> None:
        self.mistakes += 1
        await self.send(text_data="<!--error invalid-->")
        if self.mistakes >= MOST_MISTAKES:
            await self.close(code=TOO_MANY_MISTAKES)

    def _hub(self) -> Hub | None:
        return process.current.hub if process.current else None

    def _schedule_beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._beat = loop.call_later(HEARTBEAT_SECONDS, self._send_beat)

    def _send_beat(self) -> None:
        if self.viewer is None or self.viewer.closed:
            return
        self._pulse = asyncio.get_running_loop().create_task(self._heartbeat())

    async def _heartbeat(self) -> Any:
        await self.send(text_data=HEARTBEAT)
        self._schedule_beat()


class Nowhere(AsyncWebsocketConsumer):
    """Any other address: closed quietly, since an unrouted path would raise."""

    channel_layer_alias = "none"

    async def connect(self) -> None:
        await self.accept()
        await self.close(code=NOT_FOUND)
