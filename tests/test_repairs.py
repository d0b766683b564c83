"""A JSON answer is judged as it ends; one that doesn't fit can be repaired, once."""

import json

from conversations import turns
from conversations.engine import jobs
from conversations.models import LanguageModel, Part, PresetVersion, Reservation, State
from conversations.problems import Invalid
from conversations.views.presenting import shown
from tests import making
from tests.playing import END, in_db
from tests.test_engine import EngineTestCase

SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


class JudgedTestCase(EngineTestCase):
    parameters = {"response_format": "json_schema", "json_schema": SCHEMA, "n": 1}

    def setUp(self):
        PresetVersion.objects.update(parameters=self.parameters)
        super().setUp()

    async def answer(self, *texts, turn=None):
        return await self.run_with([*texts, END], turn=turn)

    async def repair(self, reply=None):
        return await in_db(turns.retry)(
            author=self.alice,
            client_id=making.new_id().hex,
            message_id=(reply or self.reply).pk,
            repair=True,
        )


class JudgingTests(JudgedTestCase):
    async def test_an_answer_that_fits_is_told_and_stays_told(self):
        _done, seen, _adapter = await self.answer('{"age"', ": 36}")
        self.assertEqual(seen.settled[-1].facts["json"], "valid")
        self.assertEqual((await in_db(Part.objects.get)(message=self.reply)).problem, "")
        (article,) = await in_db(shown)([self.reply.pk])
        self.assertIn('data-json="valid"', article.article)

    async def test_one_that_does_not_says_where(self):
        _done, seen, _adapter = await self.answer('{"age": "36"}')
        facts = seen.settled[-1].facts
        self.assertEqual((facts["json"], facts["json-path"]), ("invalid", "$.age"))
        self.assertIn("whole number", facts["json-problem"])

    async def test_prose_is_no_json(self):
        _done, seen, _adapter = await self.answer("I am 36.")
        self.assertEqual(seen.settled[-1].facts["json"], "invalid")
        self.assertNotIn("json-path", seen.settled[-1].facts)

    async def test_what_was_cut_off_by_its_end_is_not_judged(self):
        _done, seen, _adapter = await self.run_with(['{"age": 3', ValueError("broken")])
        self.assertEqual(seen.settled[-1].state, State.FAILED)
        self.assertNotIn("json", seen.settled[-1].facts)


class RepairTests(JudgedTestCase):
    async def test_the_model_is_told_what_did_not_fit_and_the_new_answer_stands_beside(self):
        await self.answer('{"age": "36"}')
        turn = await self.repair()
        _done, seen, adapter = await self.answer('{"age": 36}', turn=turn)
        *_, said, told = adapter.requests[0].messages
        self.assertEqual((said.role, said.content), ("assistant", '{"age": "36"}'))
        self.assertEqual(told.role, "user")
        self.assertIn("$.age", told.content)
        self.assertEqual(seen.settled[-1].facts["json"], "valid")
        self.assertEqual(turn.replies[0].parent_id, self.reply.parent_id)

    async def test_it_is_offered_once(self):
        await self.answer('{"age": "36"}')
        turn = await self.repair()
        _done, seen, _adapter = await self.answer('{"age": "37"}', turn=turn)
        self.assertEqual(seen.settled[-1].facts["repairs"], "1")
        with self.assertRaises(Invalid):
            await self.repair(turn.replies[0])

    async def test_the_same_answer_is_repaired_once(self):
        await self.answer('{"age": "36"}')
        await self.repair()
        with self.assertRaises(Invalid):
            await self.repair()

    async def test_what_is_told_is_held_for_and_stays_when_the_rest_is_cut(self):
        await in_db(LanguageModel.objects.update)(context_tokens=2_000)
        await in_db(PresetVersion.objects.update)(parameters=self.parameters | {"max_tokens": 50})
        long = json.dumps({"age": "36", "more": "x " * 1200})
        await self.answer(long)
        turn = await self.repair()
        held = await in_db(Reservation.objects.get)(completion=turn.completion)
        self.assertGreater(held.amount_nanos, len(long) * 1_000)
        _done, _seen, adapter = await self.answer('{"age": 36}', turn=turn)
        said = [message.content for message in adapter.requests[0].messages]
        self.assertEqual(said[:2], ["Tell me a story", long])

    async def test_what_fits_or_was_never_judged_has_nothing_to_repair(self):
        with self.assertRaises(Invalid):
            await self.repair()
        await self.answer('{"age": 36}')
        with self.assertRaises(Invalid):
            await self.repair()

    async def test_a_stranger_may_not(self):
        await self.answer('{"age": "36"}')
        bob = await in_db(making.person)("bob")
        with self.assertRaises(turns.NotFound):
            await in_db(turns.retry)(
                author=bob, client_id="x", message_id=self.reply.pk, repair=True
            )


class ObjectOnlyTests(JudgedTestCase):
    parameters = {"response_format": "json_object", "json_schema": SCHEMA}

    def test_a_provider_that_takes_no_schema_is_told_it_in_the_instructions(self):
        job = jobs.claim(self.turn.completion.pk)
        self.assertIn('"required": ["age"]', job.system_text)
        PresetVersion.objects.update(system_text="Be brief.")
        self.assertTrue(
            PresetVersion.objects.get().instructions.startswith("Be brief.\n\nAnswer with")
        )
