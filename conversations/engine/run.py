"""One completion from its claim to its settlement.

A run is a task of the process: it belongs to no request and no socket, and nobody's leaving ends
it. Only a stop, a deadline, a lost claim or the process's shutdown does.
"""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import Error as DatabaseTrouble
from django.db import IntegrityError

from conversations.engine import jobs, store
from conversations.engine.calling import Calling
from conversations.engine.frames import Settled
from conversations.engine.judging import judged, judgement
from conversations.engine.parts import Parts
from conversations.engine.surroundings import Surroundings
from conversations.engine.writer import Writer
from conversations.models import Completion, Part, State
from conversations.providers.errors import ProviderError

log = logging.getLogger(__name__)

SETTLE_SECONDS = 30


class Run:
    """Runs one claimed job. `stop()` and `interrupt()` end it early; its text is kept."""

    def __init__(self, job: jobs.Job, surroundings: Surroundings) -> None:
        self.job = job
        self.around = surroundings
        self.writers = [
            Writer(job.conversation, reply.message, surroundings.pace, surroundings.bus)
            for reply in job.replies
        ]
        self.parts = Parts(job, surroundings, self.writers)
        self.calling = Calling(job, surroundings, self.writers, self._enough)
        self.ending: State | None = None
        self._streaming: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """A person wants no more of it."""
        self._end_early(State.STOPPED)

    def interrupt(self) -> None:
        """The process ends, or the claim was lost."""
        self._end_early(State.INTERRUPTED)

    def _enough(self) -> None:
        """It is as long as a reply may be."""
        self._end_early(State.DONE)

    def _end_early(self, state: State) -> None:
        self.ending = self.ending or state
        if self._streaming is not None:
            self._streaming.cancel()

    async def execute(self) -> dict[str, str] | None:
        """Write the replies and settle; returns the facts, or None when the claim was lost."""
        self.around.pace.writers += len(self.writers)
        try:
            outcome = await self._outcome()
        finally:
            self.around.pace.writers -= len(self.writers)
        for writer in self.writers:
            self.around.pace.finish(writer)
        return await self.settle(outcome)

    async def _outcome(self) -> store.Outcome:
        """Stream to the end, whatever end that is."""
        code = ""
        try:
            if self.ending is None:
                self._streaming = asyncio.create_task(self.calling.converse())
                await self._streaming
            state, error = self.ending or State.DONE, None
        except asyncio.CancelledError:
            state, error = self.ending or State.INTERRUPTED, None
        except ProviderError as trouble:
            cut = trouble.code == "stream_truncated"
            state, error = State.INTERRUPTED if cut else State.FAILED, trouble
        except Exception:
            log.exception("completion failed", extra={"completion": str(self.job.completion)})
            state, error, code = State.FAILED, None, "internal"
        return store.Outcome(
            state=state,
            finish_reason=self.calling.finish_reason,
            finishes=self._other_finishes(),
            error_code=error.code if error else code,
            error_detail=error.detail[:2000] if error else "",
            generation_ms=self._generation_ms(),
        )

    def _other_finishes(self) -> dict[UUID, str]:
        """Why the replies beside the first ended, where that differs."""
        ends = {
            writer.message: self.calling.finishes.get(choice, "")
            for choice, writer in enumerate(self.writers)
        }
        return {pk: end for pk, end in ends.items() if end and end != self.calling.finish_reason}

    def _generation_ms(self) -> int | None:
        if self.calling.first_text_at is None:
            return None
        return max(1, round((self.around.pace.now() - self.calling.first_text_at) * 1000))

    async def settle(self, outcome: store.Outcome) -> dict[str, str] | None:
        """Store the end, then tell it. The database may be gone for a while: try again."""
        parts = [part for writer in self.writers for part in await self.parts.final(writer)]
        if outcome.state == State.DONE and self.calling.says == Part.Kind.JSON:
            parts = await asyncio.to_thread(judged, parts, self.job.parameters.get("json_schema"))
        facts = await self._settled(outcome, parts)
        if facts is not None:
            for writer in self.writers:
                own = [part for part in parts if part.message == writer.message]
                html = {part.index: part.html for part in own}
                told = facts | _thought(own) | judgement(own) | _silence(outcome, own)
                if end := outcome.finishes.get(writer.message):
                    told["finish"] = end
                self.around.bus.publish(
                    Settled(self.job.conversation, writer.message, outcome.state, told, html)
                )
        return facts

    async def _settled(
        self, outcome: store.Outcome, parts: list[store.FinalPart]
    ) -> dict[str, str] | None:
        deadline = self.around.pace.now() + SETTLE_SECONDS
        settle, orphaned = database_sync_to_async(store.settle), False
        while True:
            try:
                facts: dict[str, str] | None = await settle(
                    self.job, outcome, parts, self.calling.calls, orphaned
                )
                return facts
            except DatabaseTrouble as trouble:
                # Its model or its price was removed meanwhile: the charge is booked all the same.
                orphaned = isinstance(trouble, IntegrityError)
                if self.around.pace.now() > deadline:
                    raise
                await asyncio.sleep(1)


def _silence(outcome: store.Outcome, parts: list[store.FinalPart]) -> dict[str, str]:
    """A provider that was asked for several answers may give fewer."""
    return {} if parts or outcome.state != State.DONE else Completion.SILENT


def _thought(parts: list[store.FinalPart]) -> dict[str, str]:
    """The seconds of each reasoning part: a page that came in later didn't see it begin."""
    spans = [f"{part.seconds or 0:.0f}" for part in parts if part.kind == "reasoning"]
    return {"thought": " ".join(spans)} if spans else {}
