"""The only hand on a running reply: gathers its text, publishes frames, marks it to be saved.

The first token goes out at once, and any other that comes when the last frame is long enough ago;
in between text gathers: for one display frame when little runs, for 40 ms while the model writes
faster than that, and up to 50 ms under load. Under load it gathers unread: a reply reads when it
may send, which wakes it once a frame instead of once a token.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from conversations.engine.frames import Bus, Frame

QUIET_SECONDS = 0.016
FAST_SECONDS = 0.040
BUSY_SECONDS = 0.022
FLOOD_SECONDS = 0.050
# Replies whose time comes within such a stretch go together.
TICK_SECONDS = 0.008
# A frame that gathered so many deltas comes from a fast model; so many writers at once count as
# busy; so many characters in one frame count as a flood.
FAST_DELTAS = 2
BUSY_WRITERS = 16
FLOOD_CHARACTERS = 2_000


class PartText:
    """The text of one part: the pieces not yet published and not yet saved, and all of it."""

    __slots__ = (
        "ended",
        "fresh",
        "index",
        "kind",
        "pieces",
        "resumed",
        "saved",
        "sent",
        "started",
        "stored",
        "unsaved",
    )

    def __init__(self, index: int, kind: str, text: str = "", started: float | None = None) -> None:
        self.index = index
        self.kind = kind
        self.pieces = [text] if text else []
        self.resumed = self.sent = self.saved = len(text)
        # Whether the part has a row; `saved` is how much of its text is in it.
        self.stored = started is None
        self.fresh: list[str] = []
        self.unsaved: list[str] = []
        self.started = self.ended = started

    def add(self, text: str) -> None:
        self.pieces.append(text)
        self.fresh.append(text)
        self.unsaved.append(text)

    @property
    def seconds(self) -> float | None:
        """How long it was written; None for a part that an earlier run began."""
        if self.started is None or self.ended is None:
            return None
        return round(self.ended - self.started, 1)

    @property
    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""


class Writer:
    """Writes one reply message."""

    def __init__(self, conversation: UUID, message: UUID, pace: Pace, bus: Bus) -> None:
        self.conversation = conversation
        self.message = message
        self.parts: list[PartText] = []
        self.characters = 0
        self.last_frame = 0.0
        self.is_fast = False
        self._pace = pace
        self._bus = bus

    def resume(self, parts: list[PartText]) -> None:
        """Go on after the text that is stored."""
        self.parts = parts
        self.characters = sum(part.resumed for part in parts)

    def add(self, kind: str, text: str, *, anew: bool = False) -> None:
        """Append `text` to the last part if it is of this kind, otherwise, or `anew`, begin a part."""
        if anew or not self.parts or self.parts[-1].kind != kind:
            now = self._pace.now()
            self.parts.append(PartText(len(self.parts), kind, started=now))
        self.parts[-1].add(text)
        self.parts[-1].ended = self._pace.now()
        self.characters += len(text)
        self._pace.due(self)

    def begin_round(self) -> None:
        """What is written from here on belongs to a call of its own."""
        for part in self.parts:
            part.resumed = len(part.text)

    def publish(self) -> int:
        """Send what has gathered, one frame per part; returns the characters sent."""
        sent = 0
        for part in self.parts:
            if not part.fresh:
                continue
            text = "".join(part.fresh)
            self.is_fast = len(part.fresh) >= FAST_DELTAS
            part.fresh.clear()
            frame = Frame(self.conversation, self.message, part.index, part.kind, part.sent, text)
            part.sent += len(text)
            sent += len(text)
            self._bus.publish(frame)
        return sent


class Pace:
    """When frames go: at once while little runs, otherwise at each reply's time, a few together.

    One timer ticks for all. Replies sent all together would keep the loop busy for as long as they
    take; a timer for each would wake it for every one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[Writer, float] = {}
        self._turns: list[tuple[float, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._ticked = self._flooded_until = 0.0
        self.now = loop.time
        self.writers = 0
        self.dirty: set[Writer] = set()

    def interval(self, writer: Writer) -> float:
        """Seconds between two frames of this reply."""
        if self._flooded_until > self.now():
            return FLOOD_SECONDS
        share = min(1.0, self.writers / BUSY_WRITERS)
        busy = QUIET_SECONDS + (BUSY_SECONDS - QUIET_SECONDS) * share**2
        return max(busy, FAST_SECONDS) if writer.is_fast else busy

    def due(self, writer: Writer) -> None:
        """`writer` has new text."""
        self.dirty.add(writer)
        now = self.now()
        at = writer.last_frame + self.interval(writer)
        if at <= now + TICK_SECONDS / 2 or not writer.last_frame:
            self._due.pop(writer, None)
            self._send(writer, now)
        elif writer not in self._due:
            self._due[writer] = at
            self._look_at(at)

    def turn(self, writer: Writer) -> asyncio.Future[None] | None:
        """Under load, what to await before reading on: the time when `writer` may send again."""
        at = writer.last_frame + self.interval(writer)
        if self.writers < BUSY_WRITERS or at <= self.now():
            return None
        if writer in self._due:
            # It goes with what is read then, or else a little later by itself.
            self._due[writer] = at + TICK_SECONDS
        turn = self._loop.create_future()
        self._turns.append((at, turn))
        self._look_at(at)
        return turn

    def _look_at(self, moment: float) -> None:
        moment = max(moment, self._ticked + TICK_SECONDS)
        if self._timer is not None:
            if self._timer.when() <= moment:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(moment, self._tick)

    def finish(self, writer: Writer) -> None:
        """The reply is over: what is left goes now."""
        self._due.pop(writer, None)
        self._send(writer, self.now())

    def _tick(self) -> None:
        """Send, or let read, whose time has come or nearly."""
        now = self._ticked = self.now()
        soon = now + TICK_SECONDS / 2
        for writer in [writer for writer, at in self._due.items() if at <= soon]:
            del self._due[writer]
            self._send(writer, now)
        turns, self._turns = self._turns, []
        for at, turn in turns:
            if at > soon:
                self._turns.append((at, turn))
            elif not turn.done():
                turn.set_result(None)
        self._timer = None
        if waiting := [*self._due.values(), *(at for at, _turn in self._turns)]:
            self._look_at(min(waiting))

    def _send(self, writer: Writer, now: float) -> None:
        writer.last_frame = now
        if writer.publish() > FLOOD_CHARACTERS:
            self._flooded_until = now + 1
