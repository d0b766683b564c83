"""This process's hub: frames in, HTML patches out to all viewers here.

It holds one copy of each watched running message, however many watch, renders each step once and
hands the same bytes to all. What it doesn't know it is told by the `Reader` that it is given: it
touches no database. All of it happens on the server's loop.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from conversations.engine.frames import (
    Bus,
    Event,
    Expected,
    Frame,
    Gone,
    Introduced,
    Settled,
    Shown,
)
from conversations.live.copies import Copy, Patch, Snapshot
from conversations.live.viewers import Viewer
from conversations.rendering.parts import state_html

log = logging.getLogger(__name__)

# Four bytes a character at most; larger snapshots go by HTTP.
MOST_FRAME_CHARACTERS = 120_000
KEY = re.compile(r"\bid=\"(m-[0-9a-f]{32})(?=[-\"])|#(m-[0-9a-f]{32})(?=-)")
# What is missing comes with the next save.
REREAD_SECONDS = 0.3
TRY_AGAIN_LATER = 1013
# Seconds after which a conversation that somebody began to watch is read again.
LOOK_AGAIN_AFTER = (0.7, 3)


class Reader(Protocol):
    """What the hub asks for, answered by the composition root."""

    async def running(self, conversation: UUID) -> list[Snapshot]:
        """The conversation's messages that are being written, or wait to be."""

    async def snapshot(self, message: UUID) -> Snapshot | None:
        """One message, or None when nobody writes it any more."""

    async def articles(self, conversation: UUID, messages: Iterable[UUID]) -> dict[UUID, str]:
        """The whole markup of these messages, as far as they are the conversation's."""

    async def after(self, conversation: UUID, sequence: int) -> dict[UUID, str]:
        """The markup of the messages after `sequence`, in order."""


def introducing(articles: str) -> str:
    """A patch that adds these articles at the end; the page leaves out what it shows already."""
    return f'<div hx-swap-oob="beforeend:#messages">{articles}</div>'


def replacing(article: str) -> str:
    """A patch that puts this article in the place of the one with its id."""
    return article.replace("<article ", '<article hx-swap-oob="true" ', 1)


@dataclass
class Room:
    """A watched conversation."""

    conversation: UUID
    viewers: dict[Viewer, None] = field(default_factory=dict)
    copies: dict[UUID, Copy] = field(default_factory=dict)
    known: set[UUID] = field(default_factory=set)
    sequence: int = 0
    early: list[Event] | None = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)


class Hub:
    """All watched conversations of this process."""

    def __init__(self, bus: Bus, reader: Reader) -> None:
        self._bus = bus
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self.rooms: dict[UUID, Room] = {}
        self._outbox: list[tuple[list[Viewer], int, str]] = []
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        self._spawn(self._pump_forever())

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def join(self, conversation: UUID, viewer: Viewer) -> None:
        """Let `viewer` watch; the caller has checked that they may."""
        room = self.rooms.get(conversation)
        if room is None:
            room = self.rooms[conversation] = Room(conversation)
            room.viewers[viewer] = None
            self._bus.subscribe(conversation, self._on_event)
            self._spawn(self._fill(room))
        room.viewers[viewer] = None
        await room.ready.wait()

    def leave(self, conversation: UUID, viewer: Viewer) -> None:
        room = self.rooms.get(conversation)
        if room is None or viewer not in room.viewers:
            return
        viewer.closed = True
        del room.viewers[viewer]
        if not room.viewers:
            del self.rooms[conversation]
            self._bus.unsubscribe(conversation, self._on_event)

    async def catch_up(
        self, conversation: UUID, viewer: Viewer, have: Mapping[UUID, Mapping[str, int]], after: int
    ) -> None:
        """Bring a page that shows `have`, and messages up to `after`, to the present.

        What ends after it was read here is held for this page, and read again.
        """
        room = self.rooms.get(conversation)
        if room is None:
            return
        viewer.acknowledges, viewer.held = True, viewer.held or []
        newer = await self._reader.after(conversation, after)
        ended: dict[UUID, str] = {}
        while lost := [pk for pk in have if pk not in room.copies and pk not in ended]:
            viewer.held = [about for about in viewer.held if about not in lost]
            articles = await self._reader.articles(conversation, lost)
            ended.update(dict.fromkeys(lost, "") | articles)
        # From here to the end nothing is awaited, so nothing can come in between.
        held, viewer.held = viewer.held, None
        if newer:
            self._send(room, introducing("".join(newer.values())), [viewer])
        for about in held:
            if isinstance(about, Introduced):
                self._send(room, introducing(about.html), [viewer])
            else:
                self._spawn(self._replace(room, about, [viewer]))
        for message, article in ended.items():
            if message not in room.copies:
                self._send(room, replacing(article), [viewer])
        for message, copy in room.copies.items():
            if message in have:
                self._catch_up(room, viewer, copy, have[message])
            elif copy.parts:
                self._show(room, copy.whole(), [viewer])

    def _catch_up(self, room: Room, viewer: Viewer, copy: Copy, counts: Mapping[str, int]) -> None:
        for index in range(len(copy.parts)):
            self._show(room, copy.catch_up(index, counts.get(str(index))), [viewer])

    async def _fill(self, room: Room) -> None:
        """Read what runs, then apply what came meanwhile."""
        try:
            for snapshot in await self._reader.running(room.conversation):
                room.copies[snapshot.message] = Copy(snapshot.message, snapshot)
                room.known.add(snapshot.message)
        except Exception:
            log.exception("reading a conversation failed")
        early, room.early = room.early or [], None
        room.ready.set()
        if self.rooms.get(room.conversation) is not room:
            return
        for event in early:
            self._on_event(event)
        if room.copies:
            self._spawn(self._look_again(room))

    async def _look_again(self, room: Room) -> None:
        """What another process told before its word could reach this one is stored by now."""
        for seconds in LOOK_AGAIN_AFTER:
            await asyncio.sleep(seconds)
            for message in list(room.copies):
                snapshot = await self._reader.snapshot(message)
                if self.rooms.get(room.conversation) is not room or message not in room.copies:
                    continue
                if snapshot is None:
                    del room.copies[message]
                    await self._replace(room, message)
                    continue
                for index, kind, text in snapshot.parts:
                    frame = Frame(room.conversation, message, index, kind, 0, text)
                    self._on_frame(room, frame)

    def _on_event(self, event: Event) -> None:
        room = self.rooms.get(event.conversation)
        if room is None:
            return
        if room.early is not None:
            room.early.append(event)
            return
        match event:
            case Frame():
                self._on_frame(room, event)
            case Settled():
                self._on_settled(room, event)
            case Expected():
                self._on_expected(room, event)
            case Introduced():
                self._on_introduced(room, event)
            case Shown():
                self._send(room, event.html, list(room.viewers))
            case Gone():
                for viewer in list(room.viewers):
                    self._spawn(viewer.socket.check())

    def _on_expected(self, room: Room, event: Expected) -> None:
        for message in event.messages:
            if message not in room.known and message not in room.copies:
                copy = room.copies[message] = Copy(message)
                copy.expected, copy.waiting = True, []

    def _on_introduced(self, room: Room, event: Introduced) -> None:
        room.known.update(event.messages)
        self._hold(room, event)
        self._send(room, introducing(event.html))
        for message in event.messages:
            copy = room.copies.get(message)
            if copy is None or not copy.expected:
                continue
            told, copy.waiting, copy.expected = copy.waiting or [], None, False
            for frame_or_end in told:
                self._on_event(frame_or_end)

    def _on_frame(self, room: Room, frame: Frame) -> None:
        copy = room.copies.get(frame.message)
        if copy is None:
            copy = room.copies[frame.message] = Copy(frame.message)
            if frame.message not in room.known:
                self._reload(room, copy, frame)
                return
        if copy.waiting is not None:
            copy.waiting.append(frame)
            return
        patch = copy.apply(frame)
        if patch is None:
            self._reload(room, copy, frame)
        else:
            self._show(room, patch)

    def _reload(self, room: Room, copy: Copy, frame: Frame) -> None:
        """A piece is missing: read what is stored, then go on with what comes."""
        copy.waiting = [frame]
        self._spawn(self._reread(room, copy, frame.message))

    async def _reread(self, room: Room, copy: Copy, message: UUID) -> None:
        """Show what is stored, with what came meanwhile; again while a piece is missing."""
        while room.copies.get(message) is copy:
            try:
                await self._introduce(room, message)
                snapshot = await self._reader.snapshot(message)
            except Exception:
                log.exception("reading a message failed")
                await asyncio.sleep(REREAD_SECONDS)
                continue
            if room.copies.get(message) is not copy:
                return
            if snapshot is None:  # it has ended, and nobody told us
                del room.copies[message]
                await self._replace(room, message)
                return
            fresh = Copy(message, snapshot)
            frames = [told for told in copy.waiting or [] if isinstance(told, Frame)]
            if all(fresh.apply(frame) is not None for frame in frames):
                room.copies[message] = fresh
                self._show(room, fresh.whole())
                return
            await asyncio.sleep(REREAD_SECONDS)

    async def _introduce(self, room: Room, message: UUID) -> None:
        """Show a message that was never announced here."""
        if message in room.known:
            return
        articles = await self._reader.articles(room.conversation, [message])
        room.known.add(message)
        for article in articles.values():
            self._send(room, introducing(article))

    def _on_settled(self, room: Room, event: Settled) -> None:
        copy = room.copies.get(event.message)
        if copy is not None and copy.expected and copy.waiting is not None:
            copy.waiting.append(event)
            return
        room.known.add(event.message)
        room.copies.pop(event.message, None)
        self._hold(room, event.message)
        key = f"m-{event.message.hex}"
        if copy is not None and copy.waiting is None and len(copy.parts) == len(event.html):
            for patch in copy.finish(event.html):
                self._show(room, patch)
        elif event.html:
            self._spawn(self._replace(room, event.message))
            return
        self._send(room, state_html(key, event.facts))

    async def _replace(
        self, room: Room, message: UUID, viewers: list[Viewer] | None = None
    ) -> None:
        """Show a message that has ended as it is stored, to all or to these."""
        if viewers is None:
            self._hold(room, message)
        while self.rooms.get(room.conversation) is room:
            try:
                articles = await self._reader.articles(room.conversation, [message])
            except Exception:
                log.exception("reading a message failed")
                await asyncio.sleep(REREAD_SECONDS)
                continue
            for article in articles.values():
                self._send(room, replacing(article), viewers)
            return

    def _hold(self, room: Room, about: Introduced | UUID) -> None:
        """Keep what is new, or which message has ended, for those who can't be shown it yet."""
        for viewer in room.viewers:
            if viewer.held is not None:
                viewer.held.append(about)

    def _by_http(self, room: Room, html: str) -> str:
        """In place of a frame that is too large: what makes each page fetch its messages itself."""
        keys = dict.fromkeys(one or other for one, other in KEY.findall(html))
        return "".join(
            f'<div hx-swap-oob="beforeend:#{key}-body"><i hidden hx-trigger="load"'
            f' hx-get="/conversations/{room.conversation}/messages/{UUID(key[2:])}/"'
            f' hx-target="#{key}" hx-swap="outerHTML"></i></div>'
            for key in keys
        )

    def _show(self, room: Room, patch: Patch, viewers: list[Viewer] | None = None) -> None:
        self._send(room, patch.html, viewers, patch.mark)

    def _send(
        self,
        room: Room,
        html: str,
        viewers: list[Viewer] | None = None,
        mark: str = "",
    ) -> None:
        """Hand the same bytes to all viewers, or to these."""
        if not html:
            return
        if len(html) > MOST_FRAME_CHARACTERS:
            html = self._by_http(room, html)
            mark = ""
        room.sequence += 1
        if viewers is None:
            viewers = [viewer for viewer in room.viewers if viewer.held is None]
        self._outbox.append((viewers, room.sequence, f"<!--{room.sequence}{mark}-->{html}"))
        self._wake.set()

    async def _pump_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            outbox, self._outbox = self._outbox, []
            for viewers, sequence, text in outbox:
                for viewer in viewers:
                    await self._deliver(viewer, sequence, text)

    async def _deliver(self, viewer: Viewer, sequence: int, text: str) -> None:
        if viewer.closed:
            return
        now = self._loop.time()
        viewer.note(sequence, len(text), now)
        try:
            if viewer.is_slow(now):
                viewer.closed = True
                await viewer.socket.close(code=TRY_AGAIN_LATER)
            else:
                await viewer.socket.say(text)
        except Exception:
            log.exception("sending to a page failed")
            viewer.closed = True

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
