"""What a run holds and books where things change between the send and the call."""

from datetime import timedelta
from decimal import Decimal

from django.db import IntegrityError
from django.utils import timezone

from conversations.engine import jobs, store, titles
from conversations.engine.store import CallResult
from conversations.models import (
    Alert,
    Call,
    Completion,
    LedgerEntry,
    Part,
    Price,
    Reservation,
    Scope,
    State,
)
from conversations.models.base import new_id
from conversations.oversight.housekeeping import release_lost
from conversations.providers import errors
from conversations.providers.base import Usage
from conversations.spending.budget_alerts import after_charges
from tests import making, playing
from tests.committing import CommittingTestCase
from tests.playing import END, Played, ended, in_db
from tests.test_budgets import BudgetTestCase, settle
from tests.test_engine import EngineTestCase


class HoldingTests(EngineTestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice = making.person()
        cls.model = making.model("small", price=("5", "1"))
        cls.preset = making.preset("Small", cls.model, parameters={"max_tokens": 4000})

    def spent(self):
        return LedgerEntry.objects.total_nanos()

    async def test_what_waited_is_held_anew_with_all_that_it_reads_by_then(self):
        """Each of these would fit by what it held when nothing had been written yet."""
        waiting = [
            await in_db(making.asked)(self.alice, "And?", conversation_id=self.turn.conversation.pk)
            for _each in range(3)
        ]
        held = await in_db(
            lambda: sum(Reservation.objects.values_list("amount_nanos", flat=True))
        )()
        budget = await in_db(making.budget)(str(Decimal(held) / 10**9))
        read = [Usage(4_000, 4_000, 8_000)]
        answer = ["x" * 12_000, read, END]
        async with playing.engine(Played(answer)) as engine:
            engine.start(self.completion.pk)
            rows = [await ended(turn.completion) for turn in (self.turn, *waiting)]
        self.assertLessEqual(await in_db(self.spent)(), budget.amount_nanos)
        self.assertEqual((rows[-1].state, rows[-1].error_code), (State.FAILED, "budget"))

    async def test_a_price_that_rose_meanwhile_is_held_at_its_new_height(self):
        await in_db(making.budget)("0.05")
        await in_db(Price.from_now)(self.model, 5 * 10**11, 10**11)
        async with playing.engine(Played(["Once", END])) as engine:
            engine.start(self.completion.pk)
            row = await ended(self.completion)
        self.assertEqual((row.state, row.error_code), (State.FAILED, "budget"))
        self.assertEqual(await in_db(self.spent)(), 0)

    async def test_a_guess_never_passes_what_is_held(self):
        held = await in_db(Reservation.objects.get)()
        async with playing.engine(Played(["-" * 64_000, errors.ServerFailure()])) as engine:
            engine.start(self.completion.pk)
            await ended(self.completion)
        entry = await in_db(LedgerEntry.objects.get)()
        self.assertEqual(entry.usage_source, "estimated")
        self.assertLessEqual(entry.cost_nanos, held.amount_nanos)


class OrphanedTests(CommittingTestCase):
    def test_a_model_that_is_removed_meanwhile_is_charged_by_its_name(self):
        """The database refuses a call of what isn't there; the run then books it by its name."""
        alice, model = making.person(), making.model("small", price=("0", "1"))
        making.preset("Small", model)
        job = jobs.claim(making.asked(alice).completion.pk)
        model.delete()
        with self.assertRaises(IntegrityError):
            settle(job, completion_tokens=5)
        call = CallResult(job.call, Call.Kind.FIRST, job.targets[0], timezone.now())
        call.prompt_tokens, call.completion_tokens, call.usage_source = 0, 5, "provider"
        self.assertIsNotNone(store.settle(job, store.Outcome(State.DONE), [], [call], True))
        entry = LedgerEntry.objects.get()
        self.assertEqual((entry.model_name, entry.cost_nanos), ("small", 5_000))
        self.assertIsNone(Call.objects.get().model)


class FallingBackTests(BudgetTestCase):
    def test_a_budget_of_the_next_provider_bounds_the_answer_there(self):
        elsewhere = making.model("far", price=("0", "1"), at=making.provider("Elsewhere"))
        making.preset("Open", self.model, elsewhere)
        making.budget("5", Scope.PROVIDER, provider=elsewhere.provider)
        job = jobs.claim(self.send(preset="open").completion.pk)
        self.assertNotIn("max_tokens", job.parameters)
        jobs.reserve_call(job, new_id(), job.targets[1])
        self.assertEqual(job.parameters["max_tokens"], 4096)

    def test_who_has_lost_the_claim_holds_nothing_more(self):
        job = jobs.claim(self.send().completion.pk)
        Completion.objects.update(claim=new_id())
        with self.assertRaises(jobs.Superseded):
            jobs.reserve_call(job, new_id(), job.targets[0])
        self.assertEqual(Reservation.objects.count(), 1)


class BoundTests(BudgetTestCase):
    def test_the_dearer_price_for_reading_counts(self):
        making.set_price(
            self.model, "0", "0", cached_nanos_per_million=10**9, valid_from=timezone.now()
        )
        self.send()
        self.assertGreater(Reservation.objects.get().amount_nanos, 2_000 * 1_000)


class AlertTests(BudgetTestCase):
    def test_a_mark_between_two_calls_of_one_reply_is_told(self):
        making.budget("1", hard=False)
        self.spend("0.75")
        entries = [self.spend("0.07"), self.spend("0.07")]
        after_charges(entries)
        self.assertEqual(Alert.objects.get().kind, Alert.Kind.BUDGET_NEARLY)


class LostTests(BudgetTestCase):
    def test_what_is_held_after_a_reply_s_end_is_let_go_after_a_while(self):
        self.send()
        Completion.objects.update(state=State.DONE, finished_at=timezone.now())
        self.assertEqual(release_lost(), 0)
        Reservation.objects.update(created_at=timezone.now() - timedelta(minutes=21))
        self.assertEqual(release_lost(), 1)

    def test_a_running_reply_s_is_never(self):
        jobs.claim(self.send().completion.pk)
        Reservation.objects.update(created_at=timezone.now() - timedelta(hours=2))
        self.assertEqual(release_lost(), 0)


class TitleTests(BudgetTestCase):
    def test_a_provider_that_is_switched_off_writes_none(self):
        making.preset("Titles", self.model, writes_titles=True)
        self.assertEqual(titles.title_target().model_name, "small")
        self.model.provider.enabled = False
        self.model.provider.save()
        self.assertIsNone(titles.title_target())


class KilledTests(EngineTestCase):
    async def test_each_call_that_was_held_is_booked_and_the_last_where_it_was(self):
        elsewhere = await in_db(making.provider)("Elsewhere")
        far = await in_db(making.model)("far", price=("0", "7"), at=elsewhere)
        near = self.preset.version.preset_models
        models = [await in_db(lambda: near.get().model)(), far]
        await in_db(making.new_version)(self.preset, models, parameters={"max_tokens": 50})
        turn = await in_db(making.asked)(self.alice)
        job = await in_db(jobs.claim)(turn.completion.pk)
        await in_db(jobs.reserve_call)(job, new_id(), job.targets[1])
        await in_db(Part.objects.create)(message=turn.replies[0], text="Once upon a time")
        await in_db(Completion.objects.filter(pk=turn.completion.pk).update)(
            lease_until=timezone.now() - timedelta(minutes=1)
        )
        async with playing.engine(Played([END]), opened=False) as engine:
            await engine.sweep()
            row = await ended(turn.completion)
        entries = await in_db(lambda: list(LedgerEntry.objects.order_by("pk")))()
        self.assertEqual(row.state, State.INTERRUPTED)
        self.assertEqual([e.model_name for e in entries], [models[0].name, "far"])
        self.assertEqual(entries[0].completion_tokens, 0)
        self.assertEqual(entries[1].cost_nanos, entries[1].completion_tokens * 7_000)
