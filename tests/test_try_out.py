"""Trying a preset out: what is asked, what is told as it comes, what it costs, who may."""

import asyncio
import json
import warnings
from unittest import mock

from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.test import Client, TestCase
from django.urls import reverse

from conversations import process
from conversations.engine.breaker import FAILURES
from conversations.models import (
    Budget,
    Completion,
    DailySum,
    LedgerEntry,
    Period,
    Preset,
    Reservation,
    Scope,
    User,
)
from conversations.presets import trying
from conversations.presets.versions import Meaning
from conversations.problems import Invalid, TooMany
from conversations.providers.base import Finish, Reasoning, Text, ToolCall, Usage
from conversations.providers.errors import Overloaded, Resting, Truncated, Unauthorized
from tests import making
from tests.playing import Played, in_db, surroundings, until

TRY = "admin:conversations_preset_try"
SAID = [Text("Good "), Text("day")]
END = [Usage(10, 5, 15), Finish("stop")]


class Adapter(Played):
    async def aclose(self):
        pass


def playing(*calls):
    """Every provider answers like this."""
    adapter = Adapter(*calls)
    return adapter, mock.patch.object(process, "adapter_of", return_value=adapter)


async def all_of(trial):
    return [json.loads(line) async for line in trial.lines()]


class TrialTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ada = User.objects.create_superuser(
            "ada", "ada@example.com", "word", first_name="Ada", last_name="Archer"
        )
        cls.team = making.team(cls.ada)
        at = making.provider("Deep", kind="deepinfra", base_url="https://example.com/v1")
        cls.model = making.model("small", price=("1", "2"), at=at)
        cls.other = making.model("other", at=at)

    def meaning(self, *models, text="", **parameters):
        return Meaning(list(models) or [self.model], text, parameters)

    def tried(self, adapter_and_patch, meaning=None, question="Who is there?", person=None):
        """What is told, as one line after another."""
        _adapter, patched = adapter_and_patch
        trial = trying.begin(person or self.ada, meaning or self.meaning(), question)
        with patched:
            return async_to_sync(all_of)(trial)

    def test_the_answer_is_told_as_it_comes_and_then_what_it_came_to(self):
        lines = self.tried(playing([[Reasoning("Hm. ")], [SAID[0]], [SAID[1]], END]))
        self.assertEqual(lines[:4], [{"model": "small"}, {"reasoning": "Hm. "}, {"text": "Good "}, {"text": "day"}])  # fmt: skip
        done = lines[4]["done"]
        self.assertEqual((done["prompt_tokens"], done["completion_tokens"]), (10, 5))
        self.assertEqual((done["cost"], done["estimated"], done["finish"]), ("$0.000020", False, "stop"))  # fmt: skip
        self.assertGreaterEqual(done["first_ms"], 0)

    def test_the_form_as_it_stands_is_asked(self):
        adapter, patched = playing([SAID, END])
        meaning = self.meaning(
            text="For {name} of {team}: {date}", temperature=0.5, stop=["END"], n=3
        )
        self.ada.main_team = self.team
        self.tried((adapter, patched), meaning)
        (request,) = adapter.requests
        system, question = request.messages
        self.assertTrue(system.content.startswith("For Ada Archer of Team: 20"), system)
        self.assertEqual((question.role, question.content), ("user", "Who is there?"))
        self.assertEqual((request.n, request.parameters.temperature), (1, 0.5))
        self.assertEqual(request.parameters.stop, ("END",))

    def test_the_answer_is_bounded_whatever_the_form_says(self):
        for given, most in ((None, 1_000), (50, 50), (900_000, 1_000)):
            adapter, patched = playing([SAID, END])
            meaning = self.meaning(**({"max_tokens": given} if given else {}))
            self.tried((adapter, patched), meaning)
            self.assertEqual(adapter.requests[0].parameters.max_tokens, most)

    def test_it_is_charged_to_who_tries_and_nothing_stays_held(self):
        self.tried(playing([SAID, END]))
        entry = LedgerEntry.objects.get()
        self.assertEqual((entry.user_id, entry.user_name), (self.ada.pk, "Ada Archer"))
        self.assertEqual((entry.cost_nanos, entry.cost_source), (20_000, "price"))
        self.assertEqual((entry.provider_name, entry.model_name), ("Deep", "small"))
        self.assertEqual(DailySum.objects.get(of="person").cost_nanos, 20_000)
        self.assertFalse(Reservation.objects.exists())
        self.assertFalse(Completion.objects.exists())

    def test_what_the_provider_does_not_count_is_estimated_and_called_so(self):
        lines = self.tried(playing([SAID, [Finish("stop")]]))
        self.assertTrue(lines[-1]["done"]["estimated"])
        self.assertEqual(LedgerEntry.objects.get().cost_source, "estimated")

    def test_a_call_that_came_to_nothing_is_not_charged(self):
        (_model, error) = self.tried(playing([Unauthorized("sk-secret refused", status=401)]))
        self.assertEqual(error["status"], 401)
        self.assertEqual(error["error"], Unauthorized.sentence)
        self.assertNotIn("sk-secret", json.dumps(error))
        self.assertFalse(LedgerEntry.objects.exists())
        self.assertFalse(Reservation.objects.exists())

    def test_the_next_model_takes_over_before_the_first_word_and_never_after(self):
        meaning = self.meaning(self.model, self.other)
        lines = self.tried(playing([Overloaded("")], [SAID, END]), meaning)
        self.assertEqual([line["model"] for line in lines if "model" in line], ["small", "other"])
        self.assertIn("done", lines[-1])
        lines = self.tried(playing([SAID, Truncated("")], [SAID, END]), meaning)
        self.assertEqual([line["model"] for line in lines if "model" in line], ["small"])
        self.assertEqual(lines[-1]["error"], Truncated.sentence)
        self.assertEqual(LedgerEntry.objects.count(), 2)

    def test_tools_are_offered_and_a_call_is_told_not_run(self):
        adapter, patched = playing([[ToolCall(0, 0, "1", "clock", "{}")], END])
        meaning = self.meaning(tools=["now"])
        with mock.patch.object(trying, "built_in_toolbox") as toolbox:
            toolbox.return_value.offered = mock.AsyncMock(return_value=[{"name": "clock"}])
            lines = self.tried((adapter, patched), meaning)
        self.assertEqual(adapter.requests[0].tools, ({"name": "clock"},))
        self.assertEqual(lines[1], {"tool": "clock {}"})
        self.assertEqual(len(adapter.requests), 1)

    def test_a_budget_that_is_used_up_refuses_before_anything_is_asked(self):
        Budget.objects.create(
            scope=Scope.SITE, period=Period.MONTH, amount_nanos=1, hard=True, enabled=True
        )
        adapter, patched = playing([SAID, END])
        lines = self.tried((adapter, patched))
        self.assertIn("$", lines[-1]["error"])
        self.assertEqual(adapter.requests, [])
        self.assertFalse(Reservation.objects.exists())

    def test_one_at_a_time_for_each_person(self):
        trying.begin(self.ada, self.meaning(), "Hi")
        with self.assertRaises(TooMany):
            trying.begin(self.ada, self.meaning(), "Hi")
        trying.begin(making.person(), self.meaning(), "Hi")
        cache.clear()
        for _time in range(2):
            self.tried(playing([SAID, END]))

    def test_a_question_is_needed_and_bounded(self):
        for question in ("", "  \n", "x" * 4_001):
            with self.assertRaises(Invalid):
                trying.begin(self.ada, self.meaning(), question)
        trying.begin(self.ada, self.meaning(), "The place is still free")

    async def test_who_leaves_ends_the_call_and_pays_for_what_was_written(self):
        forever = asyncio.Event()
        adapter, patched = playing([SAID, forever])
        with patched:
            trial = await in_db(trying.begin)(self.ada, self.meaning(), "Hi")
            lines = trial.lines()
            while "text" not in json.loads(await anext(lines)):
                pass
            self.assertTrue(await in_db(Reservation.objects.exists)())
            await lines.aclose()
            await until(lambda: adapter.ended)
            await until(in_db(LedgerEntry.objects.exists))
        entry = await in_db(LedgerEntry.objects.get)()
        self.assertEqual(entry.usage_source, "estimated")
        await until(lambda: cache.add(trial.place, 1))
        self.assertFalse(await in_db(Reservation.objects.exists)())

    async def test_who_leaves_before_it_begins_waits_for_seconds_only(self):
        with mock.patch.object(trying, "BEGIN_SECONDS", 0.2):
            trial = await in_db(trying.begin)(self.ada, self.meaning(), "Hi")
        await trial.lines().aclose()
        await until(lambda: cache.add(trial.place, 1))

    async def test_while_it_runs_the_place_is_taken(self):
        _adapter, patched = playing([SAID, asyncio.Event()])
        with patched, mock.patch.object(trying, "BEGIN_SECONDS", 0.2):
            trial = await in_db(trying.begin)(self.ada, self.meaning(), "Hi")
            lines = trial.lines()
            while "text" not in json.loads(await anext(lines)):
                pass
            await asyncio.sleep(0.3)
            self.assertFalse(cache.add(trial.place, 1))
            await lines.aclose()

    async def test_what_takes_too_long_is_stopped_with_a_sentence(self):
        _adapter, patched = playing([asyncio.Event()])
        with patched, mock.patch.object(trying, "MOST_SECONDS", 0.05):
            trial = await in_db(trying.begin)(self.ada, self.meaning(), "Hi")
            lines = await all_of(trial)
        self.assertIn("two minutes", lines[-1]["error"])

    async def test_the_provider_s_queue_is_waited_in(self):
        adapter = Played([SAID, END])
        around = surroundings(adapter)
        here = mock.Mock(loop=asyncio.get_running_loop(), surroundings=around)
        trial = await in_db(trying.begin)(self.ada, self.meaning(), "Hi")
        target = trial.job.targets[0]
        target.provider.concurrency = 1
        with mock.patch.object(process, "current", here):
            async with around.turn(target):
                lines = asyncio.create_task(all_of(trial))
                await until(in_db(Reservation.objects.exists))
                await asyncio.sleep(0.05)
                self.assertEqual(adapter.requests, [])
            self.assertIn("done", (await lines)[-1])

    async def test_a_model_that_rests_is_left_alone(self):
        adapter = Played([Overloaded("")])
        around = surroundings(adapter)
        here = mock.Mock(loop=asyncio.get_running_loop(), surroundings=around)
        with mock.patch.object(process, "current", here):
            for _time in range(FAILURES + 1):
                trial = await in_db(trying.begin)(self.ada, self.meaning(), "Hi")
                (*_model, last) = await all_of(trial)
        self.assertEqual(len(adapter.requests), FAILURES)
        self.assertEqual(last["error"], Resting.sentence)


class TryViewTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ada = User.objects.create_superuser("ada", "ada@example.com", "word")
        at = making.provider("Deep", kind="deepinfra", base_url="https://example.com/v1")
        cls.model = making.model("small", price=("1", "2"), at=at)

    def setUp(self):
        self.client.force_login(self.ada)

    def post(self, client=None, where="", **values):
        form = {"language_model": str(self.model.pk), "question": "Who is there?"} | values
        return (client or self.client).post(reverse(TRY) + where, form)

    def test_it_streams_lines_that_nothing_keeps_or_holds_back(self):
        adapter, patched = playing([SAID, END])
        with patched, warnings.catch_warnings():
            warnings.simplefilter("ignore", Warning)
            answer = self.post(system_text="Be kind.")
            lines = [json.loads(line) for line in b"".join(answer).splitlines()]
        self.assertEqual(answer["Content-Type"], "application/x-ndjson")
        self.assertIn("no-store", answer["Cache-Control"])
        self.assertEqual(answer["X-Accel-Buffering"], "no")
        self.assertIn("done", lines[-1])
        self.assertEqual(adapter.requests[0].messages[0].content, "Be kind.")
        self.assertFalse(Preset.objects.exists())

    def test_a_form_that_does_not_fit_is_refused_by_field_and_asks_nobody(self):
        answer = self.post(temperature="9", name="")
        self.assertEqual(answer.status_code, 400)
        self.assertEqual(list(answer.json()["errors"]), ["temperature"])

    def test_without_a_question_it_says_so(self):
        answer = self.post(question=" ")
        self.assertEqual((answer.status_code, answer.json()["error"]), (400, "empty"))

    def test_a_second_one_at_once_is_429(self):
        self.post()
        answer = self.post()
        self.assertEqual((answer.status_code, answer["Retry-After"]), (429, "5"))
        self.assertIn("already", answer.json()["detail"])

    def test_only_who_manages_presets_may(self):
        for may in ({}, {"may_people": True}, {"may_spend": True, "may_read": True}):
            person = making.person(f"p{len(User.objects.all())}", **may)
            client = Client()
            client.force_login(person)
            self.assertIn(self.post(client).status_code, (302, 403, 404))
        may = making.person("may", may_providers=True)
        client = Client()
        client.force_login(may)
        self.assertEqual(self.post(client).status_code, 200)

    def test_it_needs_a_post_with_a_token(self):
        self.assertEqual(self.client.get(reverse(TRY)).status_code, 404)
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(self.ada)
        self.assertEqual(self.post(strict).status_code, 403)

    def test_peoples_own_presets_are_not_tried_by_administrators(self):
        own = making.preset("Own", self.model, owner=making.person())
        self.assertEqual(self.post(where=f"?preset={own.pk}").status_code, 404)
        self.assertEqual(self.post(where="?preset=nonsense").status_code, 404)
