"""A completion from its start to its end, with an adapter that plays what a test tells it."""

import asyncio
import time

from django.test import TestCase

from conversations import turns
from conversations.models import (
    Call,
    LedgerEntry,
    Message,
    Part,
    Reservation,
    State,
)
from conversations.providers import errors
from conversations.providers.base import Begin, Finish, Reasoning, Text, Usage
from tests import making, playing
from tests.playing import END, Played, Watching, ended, in_db, state_of, text_of, until


class EngineTestCase(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice = making.person()
        cls.preset = making.preset("Small", making.model("small", price=("1", "2")))

    def setUp(self):
        self.turn = making.asked(self.alice, "Tell me a story")
        self.completion, self.reply = self.turn.completion, self.turn.replies[0]

    async def run_with(self, *calls, turn=None):
        """Run the turn to its end; returns the completion, what was told, and the adapter."""
        turn = turn or self.turn
        adapter = Played(*calls)
        async with playing.engine(adapter) as engine:
            seen = Watching(engine.around.bus, turn.conversation.pk)
            engine.start(turn.completion.pk)
            return await ended(turn.completion), seen, adapter


class WritingTests(EngineTestCase):
    async def test_a_reply_is_stored_told_and_charged(self):
        done, seen, adapter = await self.run_with(
            [[Begin("r-1", "q-1")], "Once", " upon", " a time.", END]
        )
        self.assertEqual((done.state, done.finish_reason), (State.DONE, "stop"))
        part = await in_db(Part.objects.get)(message=self.reply)
        self.assertEqual(part.text, "Once upon a time.")
        self.assertIn("Once upon a time.", part.html)
        self.assertEqual((done.prompt_tokens, done.completion_tokens), (10, 5))
        self.assertEqual((done.cost_nanos, done.cost_source), (10 * 1_000 + 5 * 2_000, "price"))
        call = await in_db(Call.objects.get)(completion=done)
        self.assertEqual((call.response_id, call.request_id), ("r-1", "q-1"))
        self.assertFalse(await in_db(Reservation.objects.exists)())
        (told,) = seen.settled
        self.assertEqual((told.state, told.facts["state"]), ("done", "done"))
        self.assertEqual(told.html, {0: part.html})
        self.assertEqual(adapter.ended, 1)

    async def test_the_provider_gets_the_instructions_and_the_path(self):
        preset = await in_db(making.preset)(
            "Pirate", system_text="Arr.", parameters={"max_tokens": 9, "temperature": 0.5}
        )
        talk = await in_db(making.talk)(self.alice)
        turn = await in_db(making.asked)(
            self.alice, "And now?", conversation_id=talk.pk, preset=preset.slug
        )
        _done, _seen, adapter = await self.run_with(["x", END], turn=turn)
        (request,) = adapter.requests
        said = [(message.role, message.content) for message in request.messages]
        self.assertEqual(
            said,
            [
                ("system", "Arr."),
                ("user", "Question 0"),
                ("assistant", "Answer 0"),
                ("user", "And now?"),
            ],
        )
        self.assertEqual((request.parameters.max_tokens, request.parameters.temperature), (9, 0.5))
        self.assertEqual((request.model, request.n), ("pirate", 1))

    async def test_frames_are_contiguous_and_the_first_goes_at_once(self):
        go_on = asyncio.Event()
        adapter = Played(["Once", go_on, *(f" {number}" for number in range(200)), END])
        async with playing.engine(adapter) as engine:
            seen = Watching(engine.around.bus, self.turn.conversation.pk)
            engine.start(self.completion.pk)
            await until(lambda: seen.frames)
            self.assertEqual(seen.frames[0].text, "Once")
            go_on.set()
            await ended(self.completion)
        text = ""
        for frame in seen.frames:
            self.assertEqual((frame.part, frame.kind, frame.offset), (0, "answer", len(text)))
            text += frame.text
        self.assertEqual(text, await text_of(self.reply))
        self.assertLess(len(seen.frames), 100)

    async def test_text_is_in_the_database_within_half_a_second_of_its_arrival(self):
        never = asyncio.Event()
        async with playing.engine(Played(["Once", never])) as engine:
            seen = Watching(engine.around.bus, self.turn.conversation.pk)
            engine.start(self.completion.pk)
            await until(lambda: seen.frames)
            arrived = time.monotonic()

            async def stored():
                return await text_of(self.reply) == "Once"

            await until(stored, 2)
            self.assertLess(time.monotonic() - arrived, 0.5)
            self.assertEqual(await state_of(self.completion), State.RUNNING)

    async def test_reasoning_and_answer_are_parts_of_their_own(self):
        _done, seen, _adapter = await self.run_with(
            [[Reasoning("Let me think")], [Reasoning(".")], "Yes", END]
        )
        rows = Part.objects.filter(message=self.reply).order_by("index")
        parts = await in_db(list)(rows.values_list("index", "kind", "text"))
        self.assertEqual(parts, [(0, "reasoning", "Let me think."), (1, "answer", "Yes")])
        self.assertEqual({frame.part for frame in seen.frames}, {0, 1})
        self.assertEqual(set(seen.settled[0].html), {0, 1})
        stored = await in_db(Part.objects.get)(message=self.reply, index=0)
        self.assertIsNotNone(stored.seconds)

    async def test_several_choices_write_siblings(self):
        turn = await in_db(self.with_second_choice)()
        done, seen, adapter = await self.run_with(
            [[Text("One", 0), Text("Two", 1)], [Text("!", 1)], END], turn=turn
        )
        self.assertEqual(adapter.requests[0].n, 2)
        rows = Message.objects.filter(completion=done).order_by("choice")
        texts = [await text_of(reply) for reply in await in_db(list)(rows)]
        self.assertEqual(texts, ["One", "Two!"])
        self.assertEqual(len({event.message for event in seen.settled}), 2)

    def with_second_choice(self):
        turn = making.asked(self.alice)
        Message.objects.create(
            conversation=turn.conversation,
            parent=turn.message,
            completion=turn.completion,
            role=Message.Role.ASSISTANT,
            choice=1,
            sequence=3,
        )
        return turn

    async def test_a_reply_without_figures_is_estimated(self):
        done, _seen, _adapter = await self.run_with(["Once upon a time", [Finish("stop")]])
        self.assertEqual((done.usage_source, done.cost_source), ("estimated", "estimated"))
        self.assertEqual(done.completion_tokens, 4)
        self.assertGreater(done.prompt_tokens, 3)

    async def test_what_the_provider_says_it_cost_counts(self):
        from decimal import Decimal

        done, _seen, _adapter = await self.run_with(
            ["Hi", [Usage(1, 1, 2, Decimal("0.0000268")), Finish("stop")]]
        )
        self.assertEqual((done.cost_nanos, done.cost_source), (26_800, "provider"))

    async def test_an_endless_reply_ends_at_a_bound(self):
        from unittest import mock

        with mock.patch("conversations.engine.calling.MOST_CHARACTERS", 1000):
            done, _seen, adapter = await self.run_with([*["x" * 100] * 50, END])
        self.assertEqual((done.state, done.finish_reason), (State.DONE, "length"))
        self.assertLess(len(await text_of(self.reply)), 1300)
        self.assertEqual(adapter.ended, 1)


class StoppingTests(EngineTestCase):
    async def stop(self, engine, turn=None):
        stop = in_db(turns.stop)
        completion = await stop(user=self.alice, message_id=(turn or self.turn).replies[0].pk)
        engine.stop(completion.pk)
        return await ended(completion)

    async def test_mid_stream_it_keeps_the_text_and_closes_the_connection(self):
        adapter = Played(["Once upon", asyncio.Event()])
        async with playing.engine(adapter) as engine:
            seen = Watching(engine.around.bus, self.turn.conversation.pk)
            engine.start(self.completion.pk)
            await until(lambda: seen.frames)
            stopped = await self.stop(engine)
            self.assertEqual(await text_of(self.reply), "Once upon")
            self.assertEqual(adapter.ended, 1)
            self.assertEqual((stopped.state, stopped.finish_reason), (State.STOPPED, "stopped"))
            await until(lambda: seen.settled)
            self.assertEqual(seen.settled[0].facts["stopped-by"], "Alice")
            self.assertEqual(stopped.usage_source, "estimated")

    async def test_before_the_first_token_it_ends_without_text_and_what_was_sent_is_guessed(self):
        adapter = Played([asyncio.Event()])
        async with playing.engine(adapter) as engine:
            engine.start(self.completion.pk)
            await until(lambda: adapter.requests)
            stopped = await self.stop(engine)
        self.assertEqual((stopped.state, await text_of(self.reply)), (State.STOPPED, ""))
        self.assertEqual(adapter.ended, 1)
        entry = await in_db(LedgerEntry.objects.get)()
        self.assertEqual((entry.usage_source, entry.completion_tokens), ("estimated", 0))
        self.assertGreater(entry.prompt_tokens, 0)

    async def test_before_anyone_has_claimed_it_the_provider_is_never_called(self):
        adapter = Played(["Once", END])
        async with playing.engine(adapter) as engine:
            await self.stop(engine)
            engine.start(self.completion.pk)
            await until(lambda: not engine.runs)
        self.assertEqual(adapter.requests, [])

    async def test_a_stop_whose_message_was_lost_is_found_in_the_row(self):
        adapter = Played(["Once upon", asyncio.Event()])
        async with playing.engine(adapter) as engine:
            engine.start(self.completion.pk)
            await until(lambda: adapter.requests)
            await in_db(turns.stop)(user=self.alice, message_id=self.reply.pk)
            await ended(self.completion)


class GoingOnTests(EngineTestCase):
    async def test_a_continued_reply_grows_from_where_it_stood(self):
        first, _seen, _adapter = await self.run_with(["Once", errors.Truncated()])
        self.assertEqual(first.state, State.INTERRUPTED)
        turn = await in_db(turns.continue_)(
            author=self.alice, client_id="c", message_id=self.reply.pk, preset=""
        )
        _done, seen, adapter = await self.run_with([" upon", " a time", END], turn=turn)
        self.assertEqual(await text_of(self.reply), "Once upon a time")
        self.assertEqual((seen.frames[0].offset, seen.frames[0].text), (4, " upon"))
        (request,) = adapter.requests
        self.assertTrue(request.continuation)
        self.assertEqual(request.messages[-1].content, "Once")
        self.assertEqual(request.messages[-1].role, "assistant")
        self.assertEqual(await in_db(Part.objects.filter(message=self.reply).count)(), 1)

    async def test_offsets_count_characters_not_bytes(self):
        await self.run_with(["Grüße 🐝", errors.Truncated()])
        turn = await in_db(turns.continue_)(
            author=self.alice, client_id="c", message_id=self.reply.pk, preset=""
        )
        _done, seen, _adapter = await self.run_with(["!", END], turn=turn)
        self.assertEqual(seen.frames[0].offset, 7)

    async def test_what_waits_starts_after_the_one_before(self):
        go_on = asyncio.Event()
        second = await in_db(making.asked)(
            self.alice, "More", conversation_id=self.turn.conversation.pk
        )
        adapter = Played(["First", go_on, END], ["Second", END])
        async with playing.engine(adapter) as engine:
            engine.start(self.completion.pk)
            engine.start(second.completion.pk)
            await until(lambda: adapter.requests)
            await asyncio.sleep(0.1)
            self.assertEqual(len(adapter.requests), 1)
            go_on.set()
            done = await ended(second.completion)
        self.assertEqual(done.state, State.DONE)
        said = [message.content for message in adapter.requests[1].messages]
        self.assertEqual(said, ["Tell me a story", "First", "More"])
