"""Running messages as this process knows them, and the patches that their frames make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from conversations.engine.frames import Frame, Settled
from conversations.rendering import GrowingPart, growing_part
from conversations.rendering.parts import appended_part, part_html, whole_body


@dataclass(frozen=True, slots=True)
class Patch:
    """Swaps for one part, and the header's second half, by which a page knows whether they fit.

    The mark names message and part; where the part isn't brought whole, also the steps before, the
    steps after, and its length then, or "end".
    """

    html: str
    mark: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A running message as it stands: index, kind and text of each part."""

    message: UUID
    parts: list[tuple[int, str, str]]


class Copy:
    """A running message as this process knows it."""

    def __init__(self, message: UUID, snapshot: Snapshot | None = None) -> None:
        self.key = f"m-{message.hex}"
        self.parts: list[tuple[str, GrowingPart]] = []
        self.lengths: list[int] = []
        # What can't be shown yet: a piece is missing, or the message is only `expected`.
        self.waiting: list[Frame | Settled] | None = None
        self.expected = False
        for index, kind, text in snapshot.parts if snapshot else ():
            if index == len(self.parts):
                self._begin(index, kind)
                self._grow(index, text)

    def _begin(self, index: int, kind: str) -> None:
        self.parts.append((kind, growing_part(kind, f"{self.key}-{index}")))
        self.lengths.append(0)

    def _grow(self, index: int, text: str) -> None:
        self.parts[index][1].feed(text)
        self.lengths[index] += len(text)

    def apply(self, frame: Frame) -> Patch | None:
        """The patch that `frame` makes, empty if it is known already; None if a piece is missing."""
        index = frame.part
        if index > len(self.parts):
            return None
        if index == len(self.parts):
            if frame.offset:
                return None
            self._begin(index, frame.kind)
            self._grow(index, frame.text)
            return self._appended(index)
        known = self.lengths[index] - frame.offset
        if known < 0:
            return None
        if known >= len(frame.text):
            return Patch("", "")
        before = self.parts[index][1].count
        self._grow(index, frame.text[known:])
        return self._grown(index, before)

    def catch_up(self, index: int, count: int | None) -> Patch:
        """What brings a page with `count` steps of a part, or without it, to the present."""
        if count is None:
            return self._appended(index)
        if count > self.parts[index][1].count:
            return Patch(self._part(index, oob=True), self._mark(index))
        return self._grown(index, count)

    def whole(self) -> Patch:
        """Everything in place of whatever a page shows of it."""
        parts = "".join(self._part(index) for index in range(len(self.parts)))
        return Patch(whole_body(self.key, parts), self._mark(max(0, len(self.parts) - 1)))

    def finish(self, html: Mapping[int, str]) -> list[Patch]:
        """The last patches: what closes each part, or its whole final rendering if that differs."""
        patches = []
        for index, (kind, growing) in enumerate(self.parts):
            before = growing.count
            growing.close()
            final = html.get(index, "")
            if growing.matches(final):
                patches.append(self._grown(index, before, "end"))
            else:
                closed = part_html(self.key, index, kind, final, oob=True)
                patches.append(Patch(closed, self._mark(index)))
        return patches

    def _appended(self, index: int) -> Patch:
        return Patch(appended_part(self.key, self._part(index)), self._mark(index))

    def _grown(self, index: int, before: int, length: int | str | None = None) -> Patch:
        growing = self.parts[index][1]
        length = self.lengths[index] if length is None else length
        place = f" {max(before, 0)} {growing.count} {length}"
        return Patch(growing.patch(before), self._mark(index) + place)

    def _part(self, index: int, *, oob: bool = False) -> str:
        kind, growing = self.parts[index]
        grown = growing.count, self.lengths[index]
        return part_html(self.key, index, kind, growing.html(), grown, oob=oob)

    def _mark(self, index: int) -> str:
        return f" {self.key} {index}"
