"""Running messages as this process knows them, and the patches that their frames make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from conversations.engine.frames import Frame, Settled
from conversations.rendering import Growing
from conversations.rendering.parts import appended_part, part_html


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A running message as it stands: index, kind and text of each part."""

    message: UUID
    parts: list[tuple[int, str, str]]


class Copy:
    """A running message as this process knows it."""

    def __init__(self, message: UUID, snapshot: Snapshot | None = None) -> None:
        self.key = f"m-{message.hex}"
        self.parts: list[tuple[str, Growing]] = []
        self.lengths: list[int] = []
        # What can't be shown yet: a piece is missing, or the message is only `expected`.
        self.waiting: list[Frame | Settled] | None = None
        self.expected = False
        for index, kind, text in snapshot.parts if snapshot else ():
            if index == len(self.parts):
                self._begin(index, kind)
                self._grow(index, text)

    def _begin(self, index: int, kind: str) -> None:
        self.parts.append((kind, Growing(f"{self.key}-{index}")))
        self.lengths.append(0)

    def _grow(self, index: int, text: str) -> None:
        self.parts[index][1].feed(text)
        self.lengths[index] += len(text)

    def apply(self, frame: Frame) -> str | None:
        """The patch that `frame` makes, empty if it is known already; None if a piece is missing."""
        index = frame.part
        if index > len(self.parts):
            return None
        if index == len(self.parts):
            if frame.offset:
                return None
            self._begin(index, frame.kind)
            self._grow(index, frame.text)
            return appended_part(self.key, self.part(index))
        known = self.lengths[index] - frame.offset
        if known < 0:
            return None
        if known >= len(frame.text):
            return ""
        growing = self.parts[index][1]
        before = growing.count
        self._grow(index, frame.text[known:])
        return growing.patch(before)

    def part(self, index: int, *, oob: bool = False) -> str:
        kind, growing = self.parts[index]
        return part_html(self.key, index, kind, growing.html(), growing.count, oob=oob)

    def count(self, index: int) -> int:
        return self.parts[index][1].count

    def catch_up(self, index: int, count: int | None) -> str:
        """What brings a page with `count` steps of a part, or without it, to the present."""
        growing = self.parts[index][1]
        if count is None:
            return appended_part(self.key, self.part(index))
        return growing.patch(count) if count <= growing.count else self.part(index, oob=True)

    def finish(self, html: Mapping[int, str]) -> str:
        """The last patches: what closes each part, or its whole final rendering if that differs."""
        patches = []
        for index, (kind, growing) in enumerate(self.parts):
            before = growing.count
            growing.close()
            whole = html.get(index, "")
            patches.append(
                growing.patch(before)
                if growing.matches(whole)
                else part_html(self.key, index, kind, whole, growing.count, oob=True)
            )
        return "".join(patches)
