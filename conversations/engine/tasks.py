"""The engine of this process: its runs, and what keeps them.

Runs are held here until done, each in an empty context. One flusher saves the text of all of them,
one keeper renews their leases and takes over what other processes left behind.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import Error as DatabaseTrouble

from conversations.engine import jobs, store
from conversations.engine.frames import Settled, running
from conversations.engine.run import Run
from conversations.engine.surroundings import Surroundings
from conversations.models import State

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.3
SWEEP_SECONDS = 5
STOP_CHECK_SECONDS = 1
SHUTDOWN_SECONDS = 8


class Engine:
    """Starts, keeps and ends runs. Everything but `start` and `stop` happens on its loop."""

    def __init__(
        self,
        surroundings: Surroundings,
        after: Callable[[jobs.Job, dict[str, str]], Awaitable[None]] | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.around = surroundings
        self.runs: dict[UUID, Run | None] = {}
        self.stopped: set[UUID] = set()
        self._after = after
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    def open(self) -> None:
        """Begin to keep: save, renew, sweep."""
        self._hold(self._forever(self.flush, FLUSH_SECONDS))
        self._hold(self._forever(self.keep, SWEEP_SECONDS))
        self._hold(self._forever(self.hear_stops, STOP_CHECK_SECONDS))

    def start(self, completion: UUID) -> None:
        """Run a queued, committed completion. Thread-safe; returns at once."""
        self.loop.call_soon_threadsafe(self._start, completion)

    def start_claimed(self, turn: jobs.FreshTurn) -> None:
        """Run a turn whose completion this process claimed as it was stored.

        Thread-safe; what running it needs is read here, in the thread that stored it.
        """
        try:
            job = jobs.adopted(turn)
        except Exception:
            log.exception("starting failed", extra={"completion": str(turn.completion.pk)})
        else:
            self.loop.call_soon_threadsafe(self.adopt, job)

    def stop(self, completion: UUID) -> None:
        """Stop the run of this completion if it is here. Thread-safe."""
        self.loop.call_soon_threadsafe(self._stop, completion)

    def adopt(self, job: jobs.Job) -> None:
        """Run a job that this process has claimed already."""
        if job.completion not in self.runs:
            self.runs[job.completion] = None
            self._hold(self._run(job))

    def writes(self, message: UUID) -> Run | None:
        """The run here that writes `message`."""
        for run in self.runs.values():
            if run and any(writer.message == message for writer in run.writers):
                return run
        return None

    def _start(self, completion: UUID) -> None:
        if completion not in self.runs and not self._closing:
            self.runs[completion] = None
            self._hold(self._claim_and_run(completion))

    def _stop(self, completion: UUID) -> None:
        run = self.runs.get(completion)
        if run is not None:
            run.stop()
        elif completion in self.runs:
            self.stopped.add(completion)

    def _hold(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _claim_and_run(self, completion: UUID) -> None:
        """Take the job, then run it, unless another process was faster."""
        job = None
        try:
            job = await database_sync_to_async(jobs.claim)(completion)
        except Exception:
            log.exception("starting failed", extra={"completion": str(completion)})
        if job is None:
            self.runs.pop(completion, None)
            self.stopped.discard(completion)
            return
        if job.waited:
            for reply in job.replies:
                self.around.bus.publish(running(job.conversation, reply.message, completion))
        await self._run(job)

    async def _run(self, job: jobs.Job) -> None:
        run = Run(job, self.around)
        self.runs[job.completion] = run
        if job.completion in self.stopped:
            run.stop()
        elif self._closing:
            run.interrupt()
        facts: dict[str, str] | None = None
        try:
            facts = await run.execute()
        except Exception:
            log.exception("completion failed", extra={"completion": str(job.completion)})
        finally:
            self.runs.pop(job.completion, None)
            self.stopped.discard(job.completion)
        if facts is not None:
            await self._go_on(job, facts)

    async def _go_on(self, job: jobs.Job, facts: dict[str, str]) -> None:
        """What waited for this completion may run now; then what follows from it."""
        try:
            for pk in await database_sync_to_async(store.waiting_for)(job.completion):
                self._start(pk)
            if self._after is not None and not self._closing:
                await self._after(job, facts)
        except Exception:
            log.exception("following up failed", extra={"completion": str(job.completion)})

    def _live(self) -> list[Run]:
        return [run for run in self.runs.values() if run is not None]

    async def _forever(self, step: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Do `step` now and every so often; what fails once is tried again."""
        while True:
            try:
                await step()
            except Exception:
                log.exception("a regular step failed")
            await asyncio.sleep(seconds)

    async def flush(self) -> None:
        """Store all text that isn't yet, in one short transaction."""
        dirty, self.around.pace.dirty = self.around.pace.dirty, set()
        if not dirty:
            return
        pieces = [(run, piece) for run in self._live() for piece in run.parts.unsaved()]
        if not pieces:
            return
        try:
            complete = await database_sync_to_async(store.save)([piece for _run, piece in pieces])
        except DatabaseTrouble:
            log.warning("saving failed, trying again")
            for run, piece in pieces:
                run.parts.put_back(piece)
            return
        if not complete:
            await self._drop_losers()

    async def _drop_losers(self) -> None:
        runs = self._live()
        held = await database_sync_to_async(store.still_held)([run.job.claim for run in runs])
        for run in runs:
            if run.job.claim not in held:
                run.interrupt()

    async def keep(self) -> None:
        """Renew our leases; end what dead processes left."""
        if runs := self._live():
            await database_sync_to_async(store.renew)([run.job.claim for run in runs])
        await self.sweep()

    async def sweep(self) -> None:
        """Mark what nobody writes any more: `interrupted`, or `failed` if nobody began."""
        for job in await database_sync_to_async(jobs.take_expired)(20):
            run = Run(job, self.around)
            run.calling.estimate_lost_calls()
            facts = await run.settle(store.Outcome(State.INTERRUPTED))
            if facts is not None:
                await self._go_on(job, facts)
        for conversation, replies, facts in await database_sync_to_async(store.fail_unclaimed)():
            for reply in replies:
                self.around.bus.publish(Settled(conversation, reply, "failed", facts))

    async def hear_stops(self) -> None:
        """A stop is told at once; should that be lost, it is read here."""
        if runs := self._live():
            claims = [run.job.claim for run in runs]
            wanted = await database_sync_to_async(store.stops)(claims)
            for run in runs:
                if run.job.claim in wanted:
                    run.stop()

    async def close(self) -> None:
        """End all runs as interrupted, their text stored, within ten seconds."""
        self._closing = True
        for run in self._live():
            run.interrupt()
        deadline = self.loop.time() + SHUTDOWN_SECONDS
        while self.runs and self.loop.time() < deadline:
            await asyncio.sleep(0.02)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:  # a title's charge is still booked
            await asyncio.wait(tasks, timeout=2)
