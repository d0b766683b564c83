"""A provider gets no more calls at once than it may, a failing model is left alone, nobody is named."""

import asyncio
from itertools import groupby

from conversations.engine.breaker import FAILURES
from conversations.models import Call, LanguageModel, Part, Provider, State
from conversations.providers import errors
from tests import making, playing
from tests.playing import END, Played, Watching, ended, in_db, state_of, until
from tests.test_engine import EngineTestCase


class QueueTests(EngineTestCase):
    def setUp(self):
        super().setUp()
        Provider.objects.update(concurrency=1)
        self.second = making.asked(self.alice, "And another")

    async def test_who_waits_is_told_their_place_and_goes_when_there_is_room(self):
        free = asyncio.Event()
        adapter = Played(["Once", free, END])
        async with playing.engine(adapter) as engine:
            seen = Watching(engine.around.bus, self.second.conversation.pk)
            engine.start(self.completion.pk)
            await until(lambda: adapter.requests)
            engine.start(self.second.completion.pk)
            waiting = await until(lambda: seen.settled)
            self.assertEqual(waiting[0].facts["place"], "1")
            self.assertEqual(len(adapter.requests), 1)
            free.set()
            await ended(self.second.completion)
        told = [(one.state, one.facts.get("place")) for one in seen.settled]
        states = [state for state, _again in groupby(told)]
        self.assertEqual(states, [("running", "1"), ("running", None), ("done", None)])

    async def test_a_stop_leaves_the_queue_and_calls_nobody(self):
        free = asyncio.Event()
        adapter = Played(["Once", free, END])
        async with playing.engine(adapter) as engine:
            seen = Watching(engine.around.bus, self.second.conversation.pk)
            engine.start(self.completion.pk)
            await until(lambda: adapter.requests)
            engine.start(self.second.completion.pk)
            await until(lambda: seen.settled)
            engine.stop(self.second.completion.pk)
            stopped = await ended(self.second.completion)
            free.set()
            await ended(self.completion)
        self.assertEqual((stopped.state, len(adapter.requests)), (State.STOPPED, 1))
        self.assertFalse(await in_db(Call.objects.filter(completion=stopped).exists)())


class RestingTests(EngineTestCase):
    async def test_a_model_that_keeps_failing_is_called_no_more_for_a_while(self):
        adapter = Played([errors.ServerFailure("out of order", retryable=False)])
        turns = [self.turn] + [
            await in_db(making.asked)(self.alice, f"Try {number}") for number in range(FAILURES)
        ]
        async with playing.engine(adapter) as engine:
            for turn in turns:
                engine.start(turn.completion.pk)
                await ended(turn.completion)
        last = turns[-1].completion
        await in_db(last.refresh_from_db)()
        self.assertEqual((last.state, last.error_code), (State.FAILED, "resting"))
        self.assertEqual(len(adapter.requests), FAILURES)
        self.assertFalse(await in_db(Call.objects.filter(completion=last).exists)())

    async def test_another_model_takes_over_meanwhile(self):
        broken = Played([errors.ServerFailure("out of order", retryable=False)])
        other = Played(["Once", END])
        both = [
            await in_db(LanguageModel.objects.get)(name="small"),
            await in_db(making.model)("big"),
        ]
        preset = await in_db(making.preset)("Both", *both)
        async with playing.engine(lambda name: broken if name == "small" else other) as engine:
            for number in range(FAILURES + 2):
                turn = await in_db(making.asked)(self.alice, f"Try {number}", preset=preset.slug)
                engine.start(turn.completion.pk)
                await ended(turn.completion)
                self.assertEqual(await state_of(turn.completion), State.DONE)
        self.assertEqual((len(broken.requests), len(other.requests)), (FAILURES, FAILURES + 2))


class RequestTests(EngineTestCase):
    async def test_providers_know_a_person_by_a_hash_that_stays_the_same(self):
        again = await in_db(making.asked)(self.alice, "Another")
        bob = await in_db(making.person)("bob")
        his = await in_db(making.asked)(bob, "Mine")
        users = []
        for turn in (self.turn, again, his):
            _done, _seen, adapter = await self.run_with([END], turn=turn)
            users.append(adapter.requests[0].user)
        self.assertEqual(users[0], users[1])
        self.assertNotEqual(users[0], users[2])
        self.assertRegex(users[0], r"^[0-9a-f]{32}$")
        self.assertNotIn(self.alice.pk.hex, users[0])

    async def test_a_models_own_limits_go_with_the_request(self):
        await in_db(LanguageModel.objects.update)(output_tokens=64)
        _done, _seen, adapter = await self.run_with(["Once", END])
        self.assertEqual(adapter.requests[0].limits, {"max_tokens": {"high": 64}})

    async def test_an_answer_in_json_mode_is_a_part_of_its_own_kind_and_still_what_was_said(self):
        preset = await in_db(making.preset)(
            "Json",
            await in_db(LanguageModel.objects.get)(),
            parameters={"response_format": "json_object"},
        )
        turn = await in_db(making.asked)(self.alice, "As JSON", preset=preset.slug)
        await self.run_with(['{"a":', " 1}", END], turn=turn)
        part = await in_db(Part.objects.get)(message=turn.replies[0])
        self.assertEqual((part.kind, part.text), ("json", '{"a": 1}'))
        next_turn = await in_db(making.asked)(
            self.alice, "And?", conversation_id=turn.conversation.pk
        )
        _done, _seen, adapter = await self.run_with(["So.", END], turn=next_turn)
        said = [(one.role, one.content) for one in adapter.requests[0].messages]
        self.assertEqual(said[1], ("assistant", '{"a": 1}'))
