"""Corrections are new entries; daily sums follow; `check_ledger` finds whatever disagrees."""

from datetime import timedelta
from io import StringIO

from django.core.management import CommandError, call_command
from django.utils import timezone

from conversations.models import Call, Completion, DailySum, LedgerEntry, Reservation, State
from conversations.models.base import new_id
from conversations.problems import Invalid
from conversations.spending import ledger
from tests import making
from tests.test_ledger import SettlingTestCase


class CorrectionTests(SettlingTestCase):
    def setUp(self):
        super().setUp()
        self.settle(self.counted())
        self.entry = LedgerEntry.objects.get()
        self.root = making.person("root")

    def correct(self, nanos, reason="The provider gave it back", entry=None):
        return ledger.correct(entry or self.entry, by=self.root, cost_nanos=nanos, reason=reason)

    def test_it_is_a_new_entry_of_today_with_the_difference(self):
        made = self.correct(20_000)
        self.assertEqual((made.kind, made.cost_nanos), ("correction", -50_000))
        self.assertEqual((made.by_name, made.reason), ("Root", "The provider gave it back"))
        self.assertEqual((made.day, made.call_id), (timezone.localdate(), self.entry.call_id))
        self.assertEqual(made.user_name, "Alice")
        self.assertEqual(LedgerEntry.objects.total_nanos(), 20_000)
        self.assertEqual(ledger.check(), [])

    def test_a_second_one_starts_from_the_first(self):
        self.correct(20_000)
        self.assertEqual(self.correct(30_000).cost_nanos, 10_000)
        self.assertEqual(ledger.of_call(self.entry.call_id), 30_000)

    def test_an_unknown_cost_becomes_known(self):
        entry = self.entry
        entry.pk, entry.call_id, entry.cost_nanos = None, new_id(), None
        ledger.post([entry])
        self.assertEqual(self.correct(7, entry=entry).cost_nanos, 7)
        self.assertEqual(ledger.check(), [])

    def test_it_counts_no_call_and_no_token_twice(self):
        before = DailySum.objects.get(of="site")
        self.correct(0)
        after = DailySum.objects.get(of="site")
        self.assertEqual(after.cost_nanos, 0)
        for name in ("charges", "prompt_tokens", "completion_tokens", "unknown"):
            self.assertEqual(getattr(after, name), getattr(before, name), name)

    def test_nonsense_is_refused_and_nothing_is_booked(self):
        correction = self.correct(1)
        for act in (
            lambda: self.correct(5, reason="  "),
            lambda: self.correct(-1),
            lambda: self.correct(1),
            lambda: self.correct(5, entry=correction),
        ):
            with self.assertRaises(Invalid):
                act()
        self.assertEqual(LedgerEntry.objects.count(), 2)


class DailySumTests(SettlingTestCase):
    def sums(self):
        rows = DailySum.objects.values_list("of", "subject_name", "cost_nanos", "charges")
        return sorted(rows)

    def test_a_charge_is_in_the_sum_of_everything_that_it_counts_for(self):
        self.settle(self.counted())
        self.assertEqual(
            self.sums(),
            [
                ("model", "small", 70_000, 1),
                ("person", "Alice", 70_000, 1),
                ("preset", "Small", 70_000, 1),
                ("provider", "Somewhere", 70_000, 1),
                ("site", "", 70_000, 1),
                ("team", "", 70_000, 1),
            ],
        )

    def test_sums_of_a_day_add_up_and_days_stay_apart(self):
        self.settle(self.counted())
        for days in (0, 0, 1):
            entry = LedgerEntry.objects.order_by("pk").first()
            entry.pk, entry.call_id = None, new_id()
            entry.at = timezone.now() - timedelta(days=days)
            ledger.post([entry])
        rows = DailySum.objects.filter(of="person").order_by("day")
        self.assertEqual(list(rows.values_list("cost_nanos", flat=True)), [70_000, 210_000])
        self.assertEqual(ledger.check(), [])

    def test_an_unknown_cost_is_counted_as_one(self):
        self.job.targets[0].price = None
        self.settle(self.counted())
        site = DailySum.objects.get(of="site")
        self.assertEqual((site.unknown, site.cost_nanos, site.prompt_tokens), (1, 0, 1000))


class CheckTests(SettlingTestCase):
    def setUp(self):
        super().setUp()
        self.settle(self.counted())

    def said(self, **options):
        out = StringIO()
        try:
            call_command("check_ledger", stdout=out, **options)
        except CommandError as trouble:
            out.write(str(trouble))
        return out.getvalue()

    def test_a_ledger_that_agrees_says_so_with_its_total(self):
        self.assertEqual(self.said(), "The ledger agrees: 1 entries, $0.000070 in all.\n")

    def test_a_wrong_sum_is_found_and_made_anew(self):
        DailySum.objects.filter(of="person").update(cost_nanos=1)
        DailySum.objects.filter(of="team").delete()
        said = self.said()
        self.assertIn("person", said)
        self.assertIn("2 things disagree", said)
        self.assertIn("agrees", self.said(rebuild=True))
        self.assertEqual(DailySum.objects.get(of="person").subject_name, "Alice")

    def test_a_sum_of_nothing_is_found(self):
        DailySum.objects.create(of="site", subject_id=new_id(), day="2026-01-01", cost_nanos=5)
        self.assertIn("the ledger has nothing", self.said())

    def test_a_call_without_its_charge_is_found(self):
        completion = Completion.objects.get()
        Call.objects.create(completion=completion, usage_source="provider", cost_nanos=5)
        self.assertIn("isn't charged", self.said())

    def test_a_charge_that_differs_from_its_call_is_found(self):
        Call.objects.update(cost_nanos=1)
        self.assertIn("charged otherwise", self.said())

    def test_a_reservation_of_what_has_ended_is_found(self):
        completion = Completion.objects.get()
        held = Reservation.objects.create(completion=completion, call_id=new_id(), amount_nanos=5)
        self.assertEqual(completion.state, State.DONE)
        self.assertIn("agrees", self.said(), "it may be a title's that is being written")
        Reservation.objects.filter(pk=held.pk).update(
            created_at=timezone.now() - timedelta(minutes=21)
        )
        self.assertIn("held for what has ended", self.said())
