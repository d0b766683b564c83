"""Those who watch: one open page each, and what it has yet to say that it got."""

from __future__ import annotations

from collections import deque
from typing import Any
from uuid import UUID

from conversations.engine.frames import Introduced

MOST_UNACKNOWLEDGED_BYTES = 256 * 1024
# A fast answer brings as much in a moment, and no page is slow for that.
BURST_SECONDS = 1
MOST_BURST_BYTES = 2 * 1024 * 1024
MOST_UNACKNOWLEDGED_SECONDS = 10
# A listener that never says what it has isn't a page of ours; it is held to this much in all.
MOST_SILENT_BYTES = 16 * 1024 * 1024


class Viewer:
    """One open page; its `socket` can `say`, `close` and `check`.

    One that `waits` hears nothing until it has said what it shows: a patch for those who have more
    would not fit what it has. `held` are then the turns introduced and the messages ended meanwhile.
    """

    def __init__(self, person: UUID, session: str, socket: Any, *, waits: bool = False) -> None:
        self.person = person
        self.session = session
        self.socket = socket
        self.acknowledges = False
        self.closed = False
        self.held: list[Introduced | UUID] | None = [] if waits else None
        self._unacknowledged: deque[tuple[int, int, float]] = deque()
        self._bytes = 0

    def acknowledge(self, sequence: int) -> None:
        while self._unacknowledged and self._unacknowledged[0][0] <= sequence:
            self._bytes -= self._unacknowledged.popleft()[1]

    def note(self, sequence: int, size: int, now: float) -> None:
        self._bytes += size
        if self.acknowledges:
            self._unacknowledged.append((sequence, size, now))

    def is_slow(self, now: float) -> bool:
        if not self.acknowledges:
            return self._bytes > MOST_SILENT_BYTES
        waited = now - self._unacknowledged[0][2] if self._unacknowledged else 0
        most = MOST_UNACKNOWLEDGED_BYTES if waited > BURST_SECONDS else MOST_BURST_BYTES
        return self._bytes > most or waited > MOST_UNACKNOWLEDGED_SECONDS
