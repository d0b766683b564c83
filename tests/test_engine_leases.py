"""Of two processes that hold one completion the row decides; what a dead one left is ended."""

import asyncio
import time
from datetime import timedelta

from django.utils import timezone

from conversations.engine import jobs, store
from conversations.engine.run import Run
from conversations.models import Completion, LedgerEntry, Reservation, State
from conversations.models.base import new_id
from tests import making, playing
from tests.playing import END, Played, Watching, ended, in_db, state_of, text_of, until
from tests.test_engine import EngineTestCase


class LeaseTests(EngineTestCase):
    """Of two processes that hold one completion, the row decides who goes on."""

    async def lose(self, job, text="Once upon"):
        """The process of `job` is dead: some text is stored, the lease has ended."""
        part = store.Unsaved(
            new_id(), job.replies[0].message, 0, "answer", True, job.completion, job.claim, 0, text
        )
        self.assertTrue(await in_db(store.save)([part]))
        past = timezone.now() - timedelta(seconds=1)
        await in_db(Completion.objects.filter(pk=job.completion).update)(lease_until=past)

    async def test_an_expired_lease_is_interrupted_and_settled_with_an_estimate(self):
        await self.lose(await playing.claimed(self.completion))
        async with playing.engine(Played([END]), opened=False) as engine:
            seen = Watching(engine.around.bus, self.turn.conversation.pk)
            await engine.sweep()
        row = await ended(self.completion)
        self.assertEqual(row.state, State.INTERRUPTED)
        self.assertEqual((row.usage_source, row.cost_source), ("estimated", "estimated"))
        self.assertEqual(row.completion_tokens, 3)
        self.assertEqual(await in_db(LedgerEntry.objects.count)(), 1)
        self.assertFalse(await in_db(Reservation.objects.exists)())
        self.assertEqual(await text_of(self.reply), "Once upon")
        self.assertEqual(seen.settled[0].state, "interrupted")

    async def test_one_that_had_written_nothing_costs_nothing(self):
        await self.lose(await playing.claimed(self.completion), "")
        async with playing.engine(Played([END]), opened=False) as engine:
            await engine.sweep()
        self.assertEqual(await state_of(self.completion), State.INTERRUPTED)
        self.assertFalse(await in_db(LedgerEntry.objects.exists)())

    async def test_who_has_lost_the_claim_stops_writing_and_settles_nothing(self):
        adapter = Played(["Once", asyncio.Event()])
        async with playing.engine(adapter) as engine:
            seen = Watching(engine.around.bus, self.turn.conversation.pk)
            engine.start(self.completion.pk)
            await until(lambda: seen.frames)
            await engine.flush()
            rows = Completion.objects.filter(pk=self.completion.pk)
            await in_db(rows.update)(claim=new_id())
            run = engine.runs[self.completion.pk]
            run.writers[0].add("answer", " too late")
            await until(lambda: not engine.runs)
        self.assertEqual(await text_of(self.reply), "Once")
        self.assertEqual(await state_of(self.completion), State.RUNNING)
        self.assertEqual((adapter.ended, seen.settled), (1, []))

    async def test_a_lease_that_is_kept_does_not_end(self):
        async with playing.engine(Played(["Once", asyncio.Event()])) as engine:
            engine.start(self.completion.pk)
            await until(lambda: engine.runs.get(self.completion.pk))
            soon = timezone.now() + timedelta(seconds=1)
            rows = Completion.objects.filter(pk=self.completion.pk)
            await in_db(rows.update)(lease_until=soon)
            await engine.keep()
            kept = await in_db(rows.get)()
            self.assertGreater(kept.lease_until, soon + timedelta(seconds=10))

    async def test_a_queued_one_that_nobody_claims_fails_and_frees_what_was_held(self):
        long_ago = timezone.now() - timedelta(seconds=121)
        await in_db(Completion.objects.update)(created_at=long_ago)
        async with playing.engine(Played([END]), opened=False) as engine:
            seen = Watching(engine.around.bus, self.turn.conversation.pk)
            await engine.sweep()
        row = await ended(self.completion)
        self.assertEqual((row.state, row.error_code), (State.FAILED, "unclaimed"))
        self.assertFalse(await in_db(Reservation.objects.exists)())
        self.assertEqual(
            seen.settled[0].facts,
            {"state": "failed", "run": row.pk.hex, "error": "unclaimed"},
        )

    async def test_a_shutdown_stores_the_text_and_marks_what_ran(self):
        async with playing.engine(Played(["Once", asyncio.Event()])) as engine:
            seen = Watching(engine.around.bus, self.turn.conversation.pk)
            engine.start(self.completion.pk)
            await until(lambda: seen.frames)
            began = time.monotonic()
            await engine.close()
            self.assertLess(time.monotonic() - began, 5)
            self.assertEqual(await state_of(self.completion), State.INTERRUPTED)
            self.assertEqual(await text_of(self.reply), "Once")
            engine.start(self.completion.pk)
            self.assertFalse(engine.runs)

    async def test_one_that_was_just_begun_at_a_shutdown_is_marked_too(self):
        turn = await in_db(making.asked)(self.alice, claim=new_id())
        adapter = Played(["never", asyncio.Event()])
        async with playing.engine(adapter) as engine:
            engine.adopt(await in_db(jobs.adopted)(turn))
            await engine.close()
            self.assertEqual(await state_of(turn.completion), State.INTERRUPTED)
        self.assertEqual(adapter.requests, [])

    async def test_settling_a_run_twice_tells_once(self):
        job = await playing.claimed(self.completion)
        run = Run(job, playing.surroundings(Played(["Once", END])))
        self.assertIsNotNone(await run.execute())
        self.assertIsNone(await run.settle(store.Outcome(State.DONE)))

    async def test_a_piece_that_is_saved_again_is_there_once(self):
        job = await playing.claimed(self.completion)
        message = job.replies[0].message
        piece = store.Unsaved(
            new_id(), message, 0, "answer", True, job.completion, job.claim, 0, "once"
        )
        await in_db(store.save)([piece])
        await in_db(store.save)([piece])
        self.assertEqual(await in_db(making.text_of)(message), "once")
