"""What a run does when a provider fails, and what follows a finished reply: its title."""

import asyncio
from decimal import Decimal
from unittest import mock

from channels.db import database_sync_to_async
from django.db import OperationalError

from conversations.engine import store, titles
from conversations.models import Call, Conversation, LedgerEntry, Preset, Reservation, State
from conversations.providers import errors
from conversations.providers.base import Begin, Finish, Text, Usage
from tests import making, playing
from tests.playing import END, Played, Watching, ended, in_db, text_of, until
from tests.test_engine import EngineTestCase


def without_waiting():
    return mock.patch(
        "conversations.engine.calling.retry_delay", lambda error, *_: 0 if error.retryable else None
    )


async def calls_of(completion):
    rows = Call.objects.filter(completion=completion).order_by("pk")
    return await in_db(list)(rows.values_list("kind", "model_name", "error_code"))


class FailingTests(EngineTestCase):
    async def test_an_error_after_some_text_keeps_it_and_is_told(self):
        failed, seen, _adapter = await self.run_with(
            ["Once", errors.ServerFailure("the key sk-1234567890abcdef broke", status=500)]
        )
        self.assertEqual((failed.state, failed.error_code), (State.FAILED, "server"))
        self.assertEqual(await text_of(self.reply), "Once")
        self.assertEqual(seen.settled[0].facts["error"], "server")
        self.assertNotIn("sk-1234567890abcdef", failed.error_detail)
        self.assertEqual(failed.usage_source, "estimated")

    async def test_an_error_after_the_first_token_is_never_retried(self):
        with without_waiting():
            _failed, _seen, adapter = await self.run_with(
                ["Once", errors.Overloaded()], ["never", END]
            )
        self.assertEqual(len(adapter.requests), 1)

    async def test_before_the_first_token_it_is_tried_again_and_each_call_is_recorded(self):
        with without_waiting():
            done, _seen, _adapter = await self.run_with(
                [errors.Overloaded(status=503)], [errors.RateLimit(status=429)], ["Once", END]
            )
        self.assertEqual((done.state, await text_of(self.reply)), (State.DONE, "Once"))
        self.assertEqual(
            await calls_of(done),
            [
                ("first", "small", "overloaded"),
                ("retry", "small", "rate_limit"),
                ("retry", "small", ""),
            ],
        )
        self.assertEqual(await in_db(LedgerEntry.objects.count)(), 1)

    async def test_it_gives_up_after_three_tries(self):
        with without_waiting():
            failed, _seen, adapter = await self.run_with([errors.Overloaded()])
        self.assertEqual((failed.state, failed.error_code), (State.FAILED, "overloaded"))
        self.assertEqual(len(adapter.requests), 3)

    async def test_what_can_not_help_is_not_tried_again(self):
        failed, _seen, adapter = await self.run_with([errors.Unauthorized(status=401)])
        self.assertEqual((failed.state, failed.error_code), (State.FAILED, "auth"))
        self.assertEqual(len(adapter.requests), 1)
        call = await in_db(Call.objects.get)()
        self.assertEqual(call.status, 401)

    async def test_a_stream_that_breaks_off_is_interrupted_and_can_be_continued(self):
        cut, _seen, _adapter = await self.run_with(["Once", errors.Truncated()])
        self.assertEqual((cut.state, cut.error_code), (State.INTERRUPTED, "stream_truncated"))
        self.assertEqual(await text_of(self.reply), "Once")

    async def test_a_fault_of_our_own_ends_the_reply_at_once_with_its_text(self):
        with self.assertLogs("conversations.engine", "ERROR"):
            failed, seen, _adapter = await self.run_with(["Once", ZeroDivisionError()])
        self.assertEqual((failed.state, failed.error_code), (State.FAILED, "internal"))
        self.assertEqual(await text_of(self.reply), "Once")
        self.assertEqual(seen.settled[0].state, "failed")

    async def test_while_the_database_is_gone_text_waits_and_is_stored_later(self):
        go_on = asyncio.Event()
        save = store.save
        with mock.patch.object(store, "save", side_effect=OperationalError):
            async with playing.engine(Played(["Once", go_on, " upon", END])) as engine:
                seen = Watching(engine.around.bus, self.turn.conversation.pk)
                engine.start(self.completion.pk)
                await until(lambda: seen.frames)
                with self.assertLogs("conversations.engine", "WARNING"):
                    await engine.flush()
                store.save = save
                await engine.flush()
                self.assertEqual(await text_of(self.reply), "Once")
                go_on.set()
                await ended(self.completion)
        self.assertEqual(await text_of(self.reply), "Once upon")

    async def test_settling_is_tried_again_while_the_database_is_gone(self):
        settle, tries = store.settle, []

        def gone_at_first(*args):
            tries.append(args)
            if len(tries) == 1:
                raise OperationalError
            return settle(*args)

        with mock.patch.object(store, "settle", gone_at_first):
            done, _seen, _adapter = await self.run_with(["Once", END])
        self.assertEqual((done.state, len(tries)), (State.DONE, 2))


class FallingBackTests(EngineTestCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        second = making.model("second", price=("10", "20"))
        making.new_version(cls.preset, [making.model("first"), second])

    async def run_models(self, **played):
        """Run the turn with one adapter per model; returns the completion and what was told."""
        turn = await in_db(making.asked)(self.alice)
        self.reply = turn.replies[0]
        async with playing.engine(lambda name: played[name]) as engine:
            seen = Watching(engine.around.bus, turn.conversation.pk)
            engine.start(turn.completion.pk)
            return await ended(turn.completion), seen

    async def test_before_the_first_token_the_second_model_takes_over(self):
        done, seen = await self.run_models(
            first=Played([errors.NotFound()]), second=Played(["Hello", END])
        )
        self.assertEqual((done.state, await text_of(self.reply)), (State.DONE, "Hello"))
        kinds = await calls_of(done)
        self.assertEqual(kinds, [("first", "first", "not_found"), ("fallback", "second", "")])
        self.assertEqual(done.cost_nanos, 10 * 10_000 + 5 * 20_000)
        self.assertEqual(len({frame.message for frame in seen.frames}), 1)

    def limit_answers(self):
        models = [row.model for row in self.preset.version.preset_models.order_by("position")]
        making.new_version(self.preset, models, parameters={"max_tokens": 10})

    async def test_each_further_call_is_held_before_it_is_made(self):
        held, others = [], Reservation.objects.exclude(completion=self.completion)

        class Second(Played):
            async def stream(self, request, rest=None):
                rows = others.order_by("created_at")
                held.extend(await in_db(list)(rows.values_list("amount_nanos", flat=True)))
                async for batch in super().stream(request):
                    yield batch

        await in_db(self.limit_answers)()
        done, _seen = await self.run_models(
            first=Played([errors.NotFound()]), second=Second(["Hello", END])
        )
        self.assertEqual(len(held), 1, "what the first call held is let go: it came to nothing")
        self.assertGreater(held[0], done.cost_nanos)
        self.assertFalse(await in_db(others.exists)())

    async def test_after_the_first_token_it_does_not(self):
        second = Played(["never", END])
        failed, _seen = await self.run_models(
            first=Played(["Hel", errors.NotFound()]), second=second
        )
        self.assertEqual((failed.state, failed.error_code), (State.FAILED, "not_found"))
        self.assertEqual(second.requests, [])

    async def test_when_all_fail_the_last_reason_is_told(self):
        failed, _seen = await self.run_models(
            first=Played([errors.NotFound()]), second=Played([errors.Payment()])
        )
        self.assertEqual((failed.state, failed.error_code), (State.FAILED, "payment"))

    async def test_no_model_at_all_is_a_failure_and_not_a_silence(self):
        turn = await in_db(making.asked)(self.alice)
        await in_db(self.preset.version.preset_models.all().delete)()
        async with playing.engine(Played([END])) as engine:
            engine.start(turn.completion.pk)
            row = await ended(turn.completion)
        self.assertEqual((row.state, row.error_code), (State.FAILED, "not_offered"))


class TitleTests(EngineTestCase):
    ANSWER = [
        [Begin("t-1", None), Text('"Bees that dance."\nMore'), Usage(40, 6, 46), Finish("stop")]
    ]

    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        model = making.model("namer", price=("1", "1"))
        making.preset("Namer", model, writes_titles=True)

    async def titled(self, *title_calls):
        """Run the first exchange, then have the title written by the chosen preset."""
        adapter = Played(*title_calls)
        job = await playing.claimed(self.completion)
        done = store.Outcome(State.DONE)
        await database_sync_to_async(store.settle)(job, done, [], [])
        result = await titles.write_title(job, playing.surroundings(adapter))
        return result, adapter, await in_db(Conversation.objects.get)()

    async def test_the_first_exchange_is_named_by_the_chosen_preset(self):
        result, adapter, conversation = await self.titled(self.ANSWER)
        self.assertEqual(conversation.title, "Bees that dance")
        self.assertEqual(result, ("Bees that dance", 2))
        (request,) = adapter.requests
        self.assertIn("Tell me a story", request.messages[0].content)
        self.assertFalse(request.stream)

    async def test_its_call_is_charged_and_nothing_stays_reserved(self):
        await self.titled(self.ANSWER)
        entry = await in_db(LedgerEntry.objects.get)()
        self.assertEqual((entry.model_name, entry.cost_nanos), ("namer", 46_000))
        self.assertEqual((await in_db(Call.objects.get)()).kind, "title")
        self.assertFalse(await in_db(Reservation.objects.exists)())

    async def test_a_title_of_one_s_own_choice_stays(self):
        await in_db(Conversation.objects.update)(title="Mine", title_is_chosen=True)
        result, _adapter, conversation = await self.titled(self.ANSWER)
        self.assertEqual((result, conversation.title), (None, "Mine"))

    async def test_a_failure_changes_nothing_and_is_recorded(self):
        result, _adapter, conversation = await self.titled([errors.Overloaded()])
        self.assertEqual((result, conversation.title), (None, "Tell me a story"))
        self.assertEqual((await in_db(Call.objects.get)()).error_code, "overloaded")
        self.assertFalse(await in_db(Reservation.objects.exists)())

    async def test_without_such_a_preset_the_first_words_stay(self):
        await in_db(Preset.objects.update)(writes_titles=False)
        result, adapter, _conversation = await self.titled(self.ANSWER)
        self.assertEqual((result, adapter.requests), (None, []))

    async def test_only_the_first_exchange_asks_for_one(self):
        first = await playing.claimed(self.completion)
        await in_db(store.settle)(first, store.Outcome(State.DONE), [], [])
        second = await in_db(making.asked)(self.alice, conversation_id=first.conversation)
        later = await playing.claimed(second.completion)
        self.assertEqual((first.titling, later.titling), (True, False))

    async def test_a_cost_that_the_provider_reports_is_taken(self):
        reported = [[Text("Bees"), Usage(1, 1, 2, Decimal("0.5")), Finish("stop")]]
        await self.titled(reported)
        self.assertEqual((await in_db(LedgerEntry.objects.get)()).cost_nanos, 500_000_000)
