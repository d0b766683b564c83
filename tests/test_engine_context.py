"""A long conversation is cut to what the model reads; only one message that is too long fails."""

from conversations import turns
from conversations.engine import jobs, store
from conversations.models import Call, Completion, LanguageModel, Reservation, State
from conversations.models.base import new_id
from conversations.providers import errors
from conversations.providers.base import Finish, Usage
from tests import making, playing
from tests.playing import END, Played, ended, in_db, state_of, text_of
from tests.test_engine import EngineTestCase
from tests.test_engine_trouble import calls_of

LINE = "Bees dance to tell each other where the flowers are. "
LONG = LINE * 20


def widen(name, tokens):
    LanguageModel.objects.filter(name=name).update(context_tokens=tokens)


def long_talk(alice, exchanges=10):
    """A conversation of questions of about 250 tokens, each with a short answer."""
    where, last = making.conversation(alice), None
    for number in range(exchanges):
        last = making.reply(making.say(where, alice, f"Q{number} {LONG}", last), f"A{number}")
    return where


def said(request):
    return [message.content for message in request.messages]


class LongTestCase(EngineTestCase):
    window = None

    def setUp(self):
        self.conversation = long_talk(self.alice)
        if self.window:
            widen("small", self.window)
        self.turn = self.asked("And now?")
        self.reply = self.turn.replies[0]

    def asked(self, text, **rest):
        return making.asked(self.alice, text, conversation_id=self.conversation.pk, **rest)

    def asked_instead(self, text):
        """Beside the question that nobody has answered yet."""
        rest = {"parent_id": self.turn.message.parent_id, "branch": True}
        self.turn = self.asked(text, **rest)
        self.reply = self.turn.replies[0]

    async def run_models(self, **played):
        """Run the turn to its end with an adapter per model."""
        async with playing.engine(lambda name: played[name]) as engine:
            engine.start(self.turn.completion.pk)
            return await ended(self.turn.completion)


class CuttingTests(LongTestCase):
    window = 1600

    async def test_what_fits_is_sent_and_what_was_left_out_is_told(self):
        done, seen, adapter = await self.run_with(["Yes", END])
        (request,) = adapter.requests
        first, *_, last = said(request)
        self.assertEqual(last, "And now?")
        self.assertEqual(len(said(request)), 21 - done.left_out)
        self.assertTrue(first.startswith(f"Q{done.left_out // 2} "))
        self.assertEqual(done.window_tokens, 1600)
        self.assertLess(done.prompt_estimate, 1600 - 400)
        facts = seen.settled[0].facts
        self.assertEqual(facts["left-out"], str(done.left_out))
        self.assertEqual((facts["window"], facts["room"]), ("1600", str(1600 - 10 - 5)))

    async def test_the_instructions_are_kept(self):
        model = await in_db(LanguageModel.objects.get)(name="small")
        await in_db(making.new_version)(self.preset, [model], system_text="Be brief.")
        await in_db(self.asked_instead)("Really?")
        _done, _seen, adapter = await self.run_with(["Yes", END], turn=self.turn)
        self.assertEqual(said(adapter.requests[0])[0], "Be brief.")

    async def test_what_the_provider_reported_corrects_the_next_estimate(self):
        first, *_ = await self.run_with(
            ["Yes", [Usage(3000, 1, 3001), Finish("stop")]], turn=self.turn
        )
        turn = await in_db(self.asked)("Go on")
        second, _seen, adapter = await self.run_with(["Yes", END], turn=turn)
        self.assertGreater(3000 / first.prompt_estimate, 2)
        self.assertGreater(second.left_out, first.left_out + 2)
        self.assertLess(len(said(adapter.requests[0])), 21 - first.left_out)

    async def test_a_guess_at_what_was_used_is_corrected_too(self):
        await self.run_with(["Yes", [Usage(3000, 1, 3001), Finish("stop")]])
        turn = await in_db(self.asked)("Go on")
        guessed, *_ = await self.run_with(["Yes", [Finish("stop")]], turn=turn)
        self.assertEqual(guessed.usage_source, "estimated")
        self.assertGreater(guessed.prompt_tokens, 2 * guessed.prompt_estimate)

    async def test_a_model_that_wants_less_is_asked_again_with_less(self):
        done, _seen, adapter = await self.run_with(
            [errors.ContextLength(status=400)], [errors.TooLarge(status=413)], ["Yes", END]
        )
        self.assertEqual((done.state, await text_of(self.reply)), (State.DONE, "Yes"))
        sizes = [len(said(request)) for request in adapter.requests]
        self.assertEqual(sizes, sorted(set(sizes), reverse=True))
        self.assertEqual(done.left_out, 21 - sizes[-1])
        self.assertEqual(
            await calls_of(done),
            [
                ("first", "small", "context_length"),
                ("retry", "small", "too_large"),
                ("retry", "small", ""),
            ],
        )

    async def test_after_the_first_token_nothing_is_asked_again(self):
        failed, _seen, adapter = await self.run_with(["Y", errors.ContextLength()], ["no", END])
        self.assertEqual((failed.state, len(adapter.requests)), (State.FAILED, 1))


class UnknownWindowTests(LongTestCase):
    async def test_everything_is_sent(self):
        done, seen, adapter = await self.run_with(["Yes", END])
        self.assertEqual(len(said(adapter.requests[0])), 21)
        self.assertEqual((done.left_out, done.window_tokens), (0, None))
        self.assertGreater(done.prompt_estimate, 2000)
        self.assertFalse({"left-out", "window", "room"} & set(seen.settled[0].facts))

    async def test_however_little_the_model_reads_the_last_turn_is_tried(self):
        too_long = [errors.ContextLength(status=400)]
        done, _seen, adapter = await self.run_with(too_long, too_long, too_long, ["Yes", END])
        self.assertEqual(done.state, State.DONE)
        self.assertEqual(said(adapter.requests[-1]), ["And now?"])
        self.assertEqual(done.left_out, 20)

    async def test_it_fails_when_the_last_turn_alone_is_too_long(self):
        failed, _seen, adapter = await self.run_with([errors.ContextLength(status=400)])
        self.assertEqual((failed.state, failed.error_code), (State.FAILED, "context_length"))
        self.assertEqual(len(adapter.requests), 4)
        self.assertEqual(said(adapter.requests[-1]), ["And now?"])


class TooLongTests(LongTestCase):
    """What was stored while the model still took it."""

    def narrow(self):
        self.asked_instead(f"And now? {LONG}")
        widen("small", 200)

    async def test_it_is_refused_with_the_numbers_and_no_call_is_made(self):
        await in_db(self.narrow)()
        failed, _seen, adapter = await self.run_with(["never", END])
        self.assertEqual((failed.state, failed.error_code), (State.FAILED, "context_length"))
        self.assertRegex(failed.error_detail, r"about 2\d\d tokens, window 200, 50 kept")
        self.assertEqual(adapter.requests, [])
        self.assertFalse(await in_db(Call.objects.filter(completion=failed).exists)())
        self.assertFalse(await in_db(Reservation.objects.filter(completion=failed).exists)())

    def with_another(self, window):
        second = making.model("second", price=("10", "20"))
        first = LanguageModel.objects.get(name="small")
        making.new_version(self.preset, [first, second], parameters={"max_tokens": 50})
        self.narrow()
        widen("second", window)

    async def test_a_fallback_that_reads_more_takes_over_under_a_bound_of_its_own(self):
        await in_db(self.with_another)(4000)
        small, held = Played(["never", END]), []

        class Second(Played):
            async def stream(self, request, rest=None):
                rows = Reservation.objects.order_by("-created_at")
                held.append((await in_db(rows.first)()).amount_nanos)
                async for batch in super().stream(request):
                    yield batch

        done = await self.run_models(small=small, second=Second(["Yes", END]))
        self.assertEqual((done.state, small.requests), (State.DONE, []))
        self.assertEqual(await calls_of(done), [("fallback", "second", "")])
        self.assertEqual(done.window_tokens, 4000)
        self.assertGreater(held[0], done.cost_nanos)

    async def test_a_fallback_that_reads_less_is_sent_less(self):
        await in_db(self.with_another)(800)
        await in_db(widen)("small", 100_000)
        small, second = Played([errors.NotFound()]), Played(["Yes", END])
        done = await self.run_models(small=small, second=second)
        self.assertEqual((done.state, done.window_tokens), (State.DONE, 800))
        self.assertEqual((len(said(small.requests[0])), done.left_out > 10), (21, True))

    async def test_where_no_model_takes_it_the_last_reason_is_told(self):
        await in_db(self.with_another)(210)
        never = Played(["never", END])
        failed = await self.run_models(small=never, second=never)
        self.assertEqual((failed.error_code, never.requests), ("context_length", []))
        self.assertIn("window 210", failed.error_detail)


class ContinuingTests(LongTestCase):
    window = 1600

    async def test_a_reply_that_is_continued_stays_whole(self):
        await self.run_with(["Once", errors.Truncated()])
        turn = await in_db(turns.continue_)(
            author=self.alice, client_id="c", message_id=self.reply.pk
        )
        done, _seen, adapter = await self.run_with([" upon", END], turn=turn)
        self.assertEqual(said(adapter.requests[0])[-2:], ["And now?", "Once"])
        self.assertGreater(done.left_out, 0)
        self.assertEqual(await text_of(self.reply), "Once upon")

    async def test_what_a_dead_process_had_sent_is_estimated_as_it_was_cut(self):
        job = await playing.claimed(self.turn.completion)
        key, when = new_id(), job.replies[0].message
        piece = store.Unsaved(key, when, 0, "answer", True, job.completion, job.claim, 0, "Once")
        await in_db(store.save)([piece])
        rows = Completion.objects.filter(pk=job.completion)
        await in_db(rows.update)(lease_until="2020-01-01T00:00Z")
        async with playing.engine(Played(["no", END]), opened=False) as engine:
            await engine.sweep()
        row = await in_db(rows.get)()
        self.assertEqual(await state_of(row), State.INTERRUPTED)
        self.assertEqual(row.prompt_tokens, row.prompt_estimate)
        self.assertGreater(row.left_out, 0)


class QueryTests(LongTestCase):
    def test_reports_are_read_only_where_the_talk_may_be_too_long(self):
        for window, queries in ((None, 0), (100_000, 0), (1600, 1)):
            widen("small", window)
            self.asked_instead("More")
            job = jobs.claim(self.turn.completion.pk)
            with self.subTest(window=window), self.assertNumQueries(queries):
                jobs._corrected(job, self.reply.pk)
