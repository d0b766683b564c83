"""Settling: charged once, from the best figure there is, and never changed afterwards."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction
from django.test import TestCase
from django.utils import timezone

from conversations.engine import jobs, store
from conversations.models import (
    Call,
    Completion,
    Conversation,
    LedgerEntry,
    Part,
    Price,
    Reservation,
    State,
    User,
    cost_nanos,
    nanos_of,
)
from conversations.models.base import new_id
from tests import making


class SettlingTestCase(TestCase):
    def setUp(self):
        self.alice = making.person()
        self.model = making.model("small", price=("0.05", "0.20"))
        self.preset = making.preset("Small", self.model, parameters={"max_tokens": 100})
        self.turn = making.asked(self.alice, "Hello")
        self.job = jobs.claim(self.turn.completion.pk)

    def call(self, **fields):
        """What one call came to; the first has the reserved id."""
        made = store.CallResult(self.job.call, Call.Kind.FIRST, self.job.targets[0], timezone.now())
        return replace(made, **fields)

    def counted(self, prompt=1000, completion=100, **fields):
        figures = {"prompt_tokens": prompt, "completion_tokens": completion}
        return self.call(**figures | {"usage_source": "provider"} | fields)

    def settle(self, *calls, state=State.DONE, parts=()):
        outcome = store.Outcome(state, finish_reason="stop")
        return store.settle(self.job, outcome, list(parts), list(calls))

    def final(self, text):
        message = self.job.replies[0].message
        return store.FinalPart(new_id(), message, 0, "answer", text, f"<p>{text}</p>", 1, None)


class ChargingTests(SettlingTestCase):
    def test_a_call_is_charged_with_everything_that_a_reader_of_the_ledger_needs(self):
        self.settle(self.counted())
        entry = LedgerEntry.objects.get()
        self.assertEqual(entry.call_id, self.job.call)
        self.assertEqual(
            (entry.completion_id, entry.conversation_id),
            (self.job.completion, self.job.conversation),
        )
        self.assertEqual((entry.user_id, entry.user_name), (self.alice.pk, "Alice"))
        self.assertEqual((entry.provider_name, entry.model_name), ("Somewhere", "small"))
        self.assertEqual((entry.preset_id, entry.preset_name), (self.preset.pk, "Small"))
        self.assertEqual((entry.prompt_tokens, entry.completion_tokens), (1000, 100))
        self.assertEqual(entry.input_nanos_per_million, 50_000_000)
        self.assertEqual((entry.cost_nanos, entry.cost_source), (70_000, "price"))

    def test_settling_again_writes_nothing(self):
        self.assertIsNotNone(self.settle(self.counted()))
        self.assertIsNone(self.settle(self.counted(), state=State.FAILED))
        self.assertEqual(LedgerEntry.objects.count(), 1)
        self.assertEqual(Completion.objects.get().state, State.DONE)

    def test_who_has_lost_the_claim_writes_nothing(self):
        Completion.objects.update(claim=new_id())
        self.assertIsNone(self.settle(self.counted(), parts=[self.final("late")]))
        self.assertEqual(Completion.objects.get().state, State.RUNNING)
        counts = [model.objects.count() for model in (LedgerEntry, Call)]
        self.assertEqual(counts, [0, 0])
        self.assertFalse(Part.objects.filter(text="late").exists())
        self.assertTrue(Reservation.objects.exists())

    def test_the_reservation_ends(self):
        self.assertTrue(Reservation.objects.exists())
        self.settle(self.counted())
        self.assertFalse(Reservation.objects.exists())

    def test_the_completion_tells_usage_and_cost_with_their_sources(self):
        facts = self.settle(self.counted(first_token_ms=240))
        stored = Completion.objects.get()
        self.assertEqual((stored.prompt_tokens, stored.usage_source), (1000, "provider"))
        self.assertEqual((stored.cost_nanos, stored.cost_source), (70_000, "price"))
        self.assertEqual(stored.first_token_ms, 240)
        self.assertEqual((facts["tokens"], facts["cost"]), ("100", "0.000070"))

    def test_what_the_provider_reports_wins_over_the_price(self):
        self.settle(self.counted(dollars=Decimal("0.0000268")))
        entry = LedgerEntry.objects.get()
        self.assertEqual((entry.cost_nanos, entry.cost_source), (26_800, "provider"))

    def test_an_estimate_is_marked_as_one(self):
        self.settle(self.counted(usage_source="estimated"))
        entry = LedgerEntry.objects.get()
        self.assertEqual((entry.usage_source, entry.cost_source), ("estimated", "estimated"))
        self.assertEqual(entry.cost_nanos, 70_000)

    def test_without_a_price_the_cost_is_unknown_not_nothing(self):
        Price.objects.all().delete()
        self.job.targets[0].price = None
        self.settle(self.counted())
        entry = LedgerEntry.objects.get()
        self.assertEqual((entry.cost_nanos, entry.cost_source), (None, "none"))
        self.assertIsNone(Completion.objects.get().cost_nanos)

    def test_a_free_call_costs_nothing_and_is_recorded(self):
        self.settle(self.counted(dollars=Decimal(0)))
        self.assertEqual(LedgerEntry.objects.get().cost_nanos, 0)

    def test_a_call_that_used_nothing_is_recorded_and_not_charged(self):
        self.settle(self.call(error_code="overloaded"), state=State.FAILED)
        self.assertEqual(Call.objects.get().error_code, "overloaded")
        self.assertEqual(LedgerEntry.objects.count(), 0)

    def test_each_call_of_a_completion_is_charged(self):
        retry = self.counted(200, 20, id=new_id(), kind=Call.Kind.RETRY)
        self.settle(self.counted(100, 0), retry)
        self.assertEqual(LedgerEntry.objects.count(), 2)
        stored = Completion.objects.get()
        self.assertEqual(stored.cost_nanos, LedgerEntry.objects.total_nanos())
        self.assertEqual(stored.prompt_tokens, 200)

    def test_the_price_of_the_moment_is_kept(self):
        used = self.job.targets[0].price
        making.set_price(self.model, "9", "9")
        self.settle(self.counted())
        self.assertEqual(Call.objects.get().price, used)
        self.assertEqual(LedgerEntry.objects.get().cost_nanos, 70_000)

    def test_the_final_text_and_rendering_are_stored_with_it(self):
        self.settle(self.counted(), parts=[self.final("Good day")])
        part = Part.objects.get(message=self.job.replies[0].message)
        self.assertEqual(
            (part.text, part.html, part.renderer_version), ("Good day", "<p>Good day</p>", 1)
        )

    def test_a_failed_entry_leaves_everything_as_it_was(self):
        LedgerEntry.objects.create(
            call_id=self.job.call,
            completion_id=self.job.completion,
            conversation_id=self.job.conversation,
        )
        with self.assertRaises(DatabaseError), transaction.atomic():
            self.settle(self.counted())
        self.assertEqual(Completion.objects.get().state, State.RUNNING)


class AppendOnlyTests(SettlingTestCase):
    """The database itself refuses."""

    def setUp(self):
        super().setUp()
        self.settle(self.counted())

    def refused(self, act):
        with self.assertRaises(DatabaseError) as caught, transaction.atomic():
            act()
        self.assertIn("append-only", str(caught.exception))

    def test_an_entry_is_not_changed(self):
        self.refused(lambda: LedgerEntry.objects.update(cost_nanos=0))

    def test_an_entry_is_not_deleted(self):
        self.refused(LedgerEntry.objects.all().delete)

    def test_an_entry_outlives_the_conversation_and_the_person(self):
        Conversation.objects.all().delete()
        User.objects.all().delete()
        self.assertEqual(LedgerEntry.objects.get().user_name, "Alice")

    def test_a_call_is_charged_once_and_corrected_by_new_entries(self):
        entry = LedgerEntry.objects.get()
        entry.pk = None
        with self.assertRaises(DatabaseError), transaction.atomic():
            entry.save(force_insert=True)
        entry.kind, entry.cost_nanos = LedgerEntry.Kind.CORRECTION, -20_000
        entry.save(force_insert=True)
        self.assertEqual(LedgerEntry.objects.of(self.alice).total_nanos(), 50_000)

    def test_a_charge_is_not_below_zero(self):
        entry = LedgerEntry.objects.get()
        entry.pk, entry.call_id, entry.cost_nanos = None, new_id(), -1
        with self.assertRaises(DatabaseError), transaction.atomic():
            entry.save(force_insert=True)

    def test_one_sees_one_s_own(self):
        self.assertEqual(LedgerEntry.objects.visible_to(self.alice).count(), 1)
        self.assertEqual(LedgerEntry.objects.visible_to(making.person("bob")).count(), 0)

    def test_a_period_begins_at_a_moment(self):
        self.assertEqual(LedgerEntry.objects.since(timezone.now()).total_nanos(), 0)


@pytest.mark.parametrize(
    ("tokens", "nanos"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (7, 4), (10, 5)]
)
def test_costs_are_rounded_once_half_to_even(tokens, nanos):
    half = Price(input_nanos_per_million=500_000, output_nanos_per_million=0)
    assert cost_nanos(half, tokens, 0) == nanos


def test_input_and_output_are_summed_before_rounding():
    price = Price(input_nanos_per_million=250_000, output_nanos_per_million=250_000)
    assert cost_nanos(price, 1, 1) == 0
    assert cost_nanos(price, 3, 3) == 2


@pytest.mark.parametrize(
    ("dollars", "nanos"),
    [
        ("0.0000268", 26_800),
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("1e-10", 0),
        ("12", 12 * 10**9),
    ],
)
def test_reported_dollars_become_whole_billionths(dollars, nanos):
    assert nanos_of(Decimal(dollars)) == nanos


def test_millions_of_tokens_stay_exact():
    price = Price(input_nanos_per_million=333_333_333, output_nanos_per_million=1)
    assert cost_nanos(price, 10**12 + 1, 0) == 333_333_333_000_333
