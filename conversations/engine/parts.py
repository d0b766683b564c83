"""The parts of a run's replies as they are stored: while they grow, and as they end."""

from __future__ import annotations

import asyncio
from uuid import UUID

from conversations.engine import jobs, store
from conversations.engine.surroundings import Surroundings
from conversations.engine.writer import PartText, Writer
from conversations.models.base import new_id


class Parts:
    """Knows the row of each part, and what of its text isn't in it yet."""

    def __init__(self, job: jobs.Job, surroundings: Surroundings, writers: list[Writer]) -> None:
        self.job = job
        self.writers = writers
        self._around = surroundings
        self._ids: dict[tuple[UUID, int], UUID] = {}
        for writer, reply in zip(writers, job.replies, strict=True):
            writer.resume([PartText(part.index, part.kind, part.text) for part in reply.parts])
            for part in reply.parts:
                self._ids[reply.message, part.index] = part.id

    def unsaved(self) -> list[store.Unsaved]:
        """Take what isn't stored yet; give it back with `put_back` if storing fails."""
        taken = []
        for writer in self.writers:
            for part in writer.parts:
                if part.unsaved:
                    text = "".join(part.unsaved)
                    part.unsaved.clear()
                    taken.append(self._unsaved(writer, part, text))
        return taken

    def _unsaved(self, writer: Writer, part: PartText, text: str) -> store.Unsaved:
        opens, part.stored = not part.stored, True
        offset, part.saved = part.saved, part.saved + len(text)
        return store.Unsaved(
            part=self._ids.setdefault((writer.message, part.index), new_id()),
            message=writer.message,
            index=part.index,
            kind=part.kind,
            opens=opens,
            completion=self.job.completion,
            claim=self.job.claim,
            offset=offset,
            text=text,
        )

    def put_back(self, piece: store.Unsaved) -> None:
        """Storing failed: the text waits for the next try."""
        for writer in self.writers:
            if writer.message == piece.message:
                part = writer.parts[piece.index]
                part.unsaved.insert(0, piece.text)
                part.saved, part.stored = piece.offset, not piece.opens
                self._around.pace.dirty.add(writer)

    async def final(self, writer: Writer) -> list[store.FinalPart]:
        finals = []
        for part in writer.parts:
            prefix = f"m-{writer.message.hex}-{part.index}"
            html = await asyncio.to_thread(self._around.render, part.kind, part.text, prefix)
            pk = self._ids.setdefault((writer.message, part.index), new_id())
            finals.append(
                store.FinalPart(
                    pk,
                    writer.message,
                    part.index,
                    part.kind,
                    part.text,
                    html,
                    self._around.renderer_version,
                    self._seconds(writer, part),
                )
            )
        return finals

    def _seconds(self, writer: Writer, part: PartText) -> float | None:
        """How long the part took; of one from before, what is stored."""
        if part.seconds is not None:
            return part.seconds
        stored = next(reply for reply in self.job.replies if reply.message == writer.message)
        return stored.parts[part.index].seconds if part.index < len(stored.parts) else None
