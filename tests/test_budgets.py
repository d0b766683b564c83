"""Budgets: what counts for them, what they refuse, and what is said then."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.test import TestCase
from django.utils import timezone

from conversations.engine import jobs, store
from conversations.models import (
    NANOS,
    Alert,
    Budget,
    BudgetRequest,
    Call,
    Completion,
    LedgerEntry,
    Message,
    Period,
    Reservation,
    Scope,
    State,
)
from conversations.models.base import new_id
from conversations.problems import BudgetSpent
from conversations.spending import budgets, ledger
from tests import making

# A thousand tokens of answer, a dollar per million: what one send holds.
SEND = 1_000_000
CENT = NANOS // 100


def nanos(dollars):
    return int(Decimal(dollars) * NANOS)


class BudgetTestCase(TestCase):
    def setUp(self):
        self.alice, self.bob = making.person("alice"), making.person("bob")
        self.model = making.model("small", price=("0", "1"))
        self.preset = making.preset("Small", self.model, parameters={"max_tokens": 1000})

    def spend(self, dollars, user=None, *, days_ago=0, preset=None, team=None):
        """A charge as it was booked some days ago."""
        user, preset = user or self.alice, preset or self.preset
        provider = preset.version.preset_models.get(position=0).model.provider
        entry = LedgerEntry(
            at=timezone.now() - timedelta(days=days_ago),
            call_id=new_id(),
            completion_id=new_id(),
            conversation_id=new_id(),
            user_id=user.pk,
            user_name=user.display_name,
            team_id=team.pk if team else None,
            preset_id=preset.pk,
            provider_id=provider.pk,
            cost_nanos=nanos(dollars),
        )
        ledger.post([entry])
        return entry

    def send(self, user=None, **rest):
        return making.asked(user or self.alice, **rest)

    def refused(self, user=None, **rest):
        before = Message.objects.count()
        with self.assertRaises(BudgetSpent) as caught:
            self.send(user, **rest)
        self.assertEqual(Message.objects.count(), before, "nothing of it is stored")
        return caught.exception


class HardTests(BudgetTestCase):
    def test_a_send_within_it_goes_and_holds_its_worst_case(self):
        making.budget("0.001")
        self.send()
        held = Reservation.objects.get()
        self.assertEqual(held.amount_nanos, SEND)
        self.assertEqual((held.user_id, held.preset_id), (self.alice.pk, self.preset.pk))
        self.assertEqual(held.provider_id, self.model.provider_id)

    def test_what_is_held_counts_as_if_it_were_spent(self):
        making.budget("0.0019")
        self.send()
        self.refused()

    def test_a_nanodollar_too_little_is_too_little(self):
        budget = making.budget("0.002")
        self.spend("0.001")
        self.send()
        Budget.objects.filter(pk=budget.pk).update(amount_nanos=2 * SEND - 1)
        Reservation.objects.all().delete()
        self.refused()

    def test_an_empty_one_refuses_everything(self):
        making.budget("0")
        self.assertIn("used up", str(self.refused().detail))

    def test_the_refusal_names_the_budget_the_amounts_and_the_end(self):
        making.budget("1.50", Scope.EACH_PERSON)
        self.spend("1.4995")
        refusal = self.refused()
        self.assertEqual((refusal.status, refusal.code), (402, "budget"))
        for part in ("Each person, a month", "$0.0010", "$0.00050", "$1.50", "until"):
            self.assertIn(part, str(refusal.detail))

    def test_of_several_the_tightest_is_named(self):
        making.budget("5", Scope.SITE)
        making.budget("0.0005", Scope.PRESET, preset=self.preset)
        making.budget("2", Scope.PERSON, user=self.alice)
        self.assertIn("Small", str(self.refused().detail))

    def test_one_that_is_off_is_none(self):
        making.budget("0", enabled=False)
        self.send()

    def test_a_soft_one_lets_everything_through(self):
        making.budget("0", hard=False)
        self.send()

    def test_a_repetition_is_answered_though_the_budget_is_used_up_by_it(self):
        making.budget("0.001")
        first = self.send(client_id="the same")
        again = self.send(client_id="the same")
        self.assertEqual((again.created, again.completion), (False, first.completion))


class ScopeTests(BudgetTestCase):
    def test_each_person_has_their_own(self):
        making.budget("0.001", Scope.EACH_PERSON)
        self.send(self.alice)
        self.refused(self.alice)
        self.send(self.bob)

    def test_a_person_s_takes_the_place_of_each_person_s(self):
        making.budget("0.001", Scope.EACH_PERSON)
        making.budget("0.002", Scope.PERSON, user=self.alice)
        self.send()
        self.send()
        self.refused()

    def test_but_not_of_another_period(self):
        making.budget("0.001", Scope.EACH_PERSON, period=Period.DAY)
        making.budget("9", Scope.PERSON, user=self.alice, period=Period.MONTH)
        self.send()
        self.refused()

    def test_a_person_s_own_limit_is_below_the_others_never_instead(self):
        making.budget("0.001", Scope.EACH_PERSON)
        making.budget("9", Scope.PERSON, user=self.alice, own=True)
        self.send()
        self.assertIn("Each person", str(self.refused().detail))
        Budget.objects.filter(own=True).update(amount_nanos=0)
        self.assertIn("Your own limit", str(self.refused().detail))

    def test_a_team_s_counts_its_conversations_and_those_whose_main_team_it_is(self):
        team = making.team(self.alice, self.bob)
        making.budget("0.002", Scope.TEAM, team=team)
        shared = making.talk(self.bob, team=team)
        self.send(self.bob, conversation_id=shared.pk)
        self.send(self.bob)
        self.alice.main_team = team
        self.alice.save()
        self.send(self.alice)
        self.refused(self.alice)
        self.refused(self.bob, conversation_id=shared.pk)
        self.send(self.bob)

    def test_a_preset_s_counts_everybody_with_it(self):
        other = making.preset("Other", self.model, parameters={"max_tokens": 1000})
        making.budget("0.001", Scope.PRESET, preset=self.preset)
        self.send(self.alice)
        self.refused(self.bob)
        self.send(self.bob, preset=other.slug)

    def test_a_provider_s_counts_its_models(self):
        elsewhere = making.model("far", price=("0", "1"), at=making.provider("Elsewhere"))
        other = making.preset("Far", elsewhere, parameters={"max_tokens": 1000})
        making.budget("0.001", Scope.PROVIDER, provider=self.model.provider)
        self.send()
        self.refused(self.bob)
        self.send(self.bob, preset=other.slug)

    def test_the_database_wants_exactly_the_subject_of_the_scope(self):
        for scope, fields in (("site", {"user": self.alice}), ("person", {}), ("team", {"user": self.alice})):  # fmt: skip
            with self.assertRaises(IntegrityError), transaction.atomic():
                making.budget("1", scope, **fields)


class PeriodTests(BudgetTestCase):
    def left(self, **fields):
        making.budget("1", **fields)
        (level,) = budgets.standing(self.alice)
        return level.left

    def test_spend_of_before_the_period_does_not_count(self):
        self.spend("0.25", days_ago=40)
        for period in (Period.DAY, Period.WEEK, Period.MONTH, Period.ROLLING):
            Budget.objects.all().delete()
            self.assertEqual(self.left(period=period), nanos("1"), period)
        Budget.objects.all().delete()
        self.assertEqual(self.left(period=Period.EVER), nanos("0.75"))

    def test_thirty_days_roll(self):
        self.spend("0.10", days_ago=29)
        self.spend("0.20", days_ago=30)
        self.assertEqual(self.left(period=Period.ROLLING), nanos("0.90"))

    def test_corrections_count(self):
        entry = self.spend("0.50")
        ledger.correct(entry, by=self.bob, cost_nanos=nanos("0.10"), reason="Counted twice")
        self.assertEqual(self.left(), nanos("0.90"))


@pytest.mark.parametrize(
    ("period", "begins", "renews"),
    [
        (Period.DAY, date(2026, 12, 31), date(2027, 1, 1)),
        (Period.WEEK, date(2026, 12, 28), date(2027, 1, 4)),
        (Period.MONTH, date(2026, 12, 1), date(2027, 1, 1)),
        (Period.ROLLING, date(2026, 12, 2), None),
        (Period.EVER, date(2000, 1, 1), None),
    ],
)
def test_periods_begin_and_renew(period, begins, renews):
    today = date(2026, 12, 31)
    assert (period.begins(today), period.renews(today)) == (begins, renews)


class UnboundedTests(BudgetTestCase):
    """Without a price or a longest answer there is no bound, and a hard budget needs one."""

    def test_a_model_without_a_price_is_refused_under_a_hard_one(self):
        free = making.preset("Free", making.model("free"), parameters={"max_tokens": 10})
        making.budget("5")
        refusal = self.refused(preset=free.slug)
        self.assertEqual(refusal.code, "no_price")
        self.assertIn("no price", str(refusal.detail))

    def test_and_goes_under_a_soft_one(self):
        free = making.preset("Free", making.model("free"))
        making.budget("5", hard=False)
        self.send(preset=free.slug)
        self.assertIsNone(Reservation.objects.get().amount_nanos)

    def test_an_assumed_price_bounds_it_and_says_so_in_the_ledger(self):
        model = making.model("own")
        making.set_price(model, "0", "1", assumed=True)
        own = making.preset("Own", model, parameters={"max_tokens": 1000})
        making.budget("5")
        job = jobs.claim(self.send(preset=own.slug).completion.pk)
        settle(job, completion_tokens=500)
        entry = LedgerEntry.objects.get()
        self.assertEqual((entry.cost_source, entry.cost_nanos), ("assumed", 500_000))

    def test_a_longest_answer_is_sent_where_the_preset_names_none(self):
        brief = making.model("brief", price=("0", "1"))
        brief.output_tokens = 300
        brief.save()
        open_ended = making.preset("Open", self.model, brief)
        making.budget("5")
        turn = self.send(preset=open_ended.slug)
        self.assertEqual(turn.completion.parameters["max_tokens"], 300)
        self.assertEqual(Reservation.objects.get().amount_nanos, 300_000)

    def test_without_a_hard_budget_nothing_is_added(self):
        open_ended = making.preset("Open", self.model)
        self.assertNotIn("max_tokens", self.send(preset=open_ended.slug).completion.parameters)


def settle(job, *, state=State.DONE, dollars=None, **usage):
    call = store.CallResult(job.call, Call.Kind.FIRST, job.targets[0], timezone.now())
    call.usage_source = "provider"
    call.prompt_tokens, call.completion_tokens = (
        usage.get("prompt_tokens", 0),
        usage.get("completion_tokens", 0),
    )
    call.dollars = dollars
    return store.settle(job, store.Outcome(state), [], [call])


class SettlingTests(BudgetTestCase):
    def test_what_was_held_becomes_what_was_spent(self):
        making.budget("0.002")
        job = jobs.claim(self.send().completion.pk)
        settle(job, completion_tokens=100)
        (level,) = budgets.standing(self.alice)
        self.assertEqual((level.spent, level.held), (100_000, 0))
        self.send()

    def test_a_stop_before_it_ran_lets_go(self):
        from conversations import turns

        making.budget("0.001")
        turn = self.send()
        turns.stop(user=self.alice, message_id=turn.replies[0].pk)
        self.send()

    def test_what_a_provider_reports_above_the_bound_is_booked_and_told(self):
        making.budget("0.002")
        job = jobs.claim(self.send().completion.pk)
        settle(job, completion_tokens=100, dollars=Decimal("0.5"))
        self.assertEqual(LedgerEntry.objects.get().cost_nanos, nanos("0.5"))
        alert = Alert.objects.get(kind=Alert.Kind.ABOVE_RESERVATION)
        self.assertIn("$0.50", alert.detail)
        self.refused()

    def test_the_team_is_in_the_ledger(self):
        team = making.team(self.alice)
        self.alice.main_team = team
        self.alice.save()
        settle(jobs.claim(self.send().completion.pk), completion_tokens=1)
        entry = LedgerEntry.objects.get()
        self.assertEqual((entry.team_id, entry.team_name), (team.pk, "Team"))
        self.assertEqual(entry.provider_id, self.model.provider_id)


class FurtherCallTests(BudgetTestCase):
    """Another try, another model, a round of tools: each is held by itself."""

    def job(self):
        self.turn = self.send()
        return jobs.claim(self.turn.completion.pk)

    def test_one_that_fits_is_held_beside_the_first(self):
        making.budget("0.002")
        job = self.job()
        jobs.reserve_call(job, new_id(), job.targets[0])
        self.assertEqual(Reservation.objects.filter(user_id=self.alice.pk).count(), 2)

    def test_one_that_does_not_is_not_made(self):
        making.budget("0.0019")
        job = self.job()
        with self.assertRaises(jobs.Unaffordable) as caught:
            jobs.reserve_call(job, new_id(), job.targets[0])
        self.assertEqual(caught.exception.code, "budget")
        self.assertEqual(Reservation.objects.count(), 1)

    def test_a_try_that_came_to_nothing_makes_room_for_the_next(self):
        making.budget("0.001")
        job = self.job()
        jobs.reserve_call(job, new_id(), job.targets[0], unused=[job.call])
        self.assertEqual(Reservation.objects.count(), 1)


class AlertTests(BudgetTestCase):
    def charge(self, tokens):
        settle(jobs.claim(self.send().completion.pk), completion_tokens=tokens)

    def alerts(self):
        return list(Alert.objects.order_by("pk").values_list("kind", flat=True))

    def test_each_mark_is_told_once_as_it_is_passed(self):
        making.budget("0.001", hard=False)
        self.charge(700)
        self.assertEqual(self.alerts(), [])
        self.charge(150)
        self.assertEqual(self.alerts(), ["budget_nearly"])
        self.charge(100)
        self.assertEqual(self.alerts(), ["budget_nearly"])
        self.charge(100)
        self.charge(100)
        self.assertEqual(self.alerts(), ["budget_nearly", "budget_used"])

    def test_of_a_budget_that_each_has_the_person_is_named(self):
        making.budget("0.0001", Scope.EACH_PERSON, hard=False)
        self.charge(100)
        alert = Alert.objects.get()
        self.assertIn("Alice", alert.subject_name)
        self.assertLessEqual(len(alert.subject), 80)

    def test_nobody_is_told_of_a_person_s_own_limit(self):
        making.budget("0.0001", Scope.PERSON, user=self.alice, own=True, hard=False)
        self.charge(100)
        self.assertEqual(self.alerts(), [])


class MoreTests(BudgetTestCase):
    def grant(self, budget, person, dollars, **fields):
        now = timezone.now()
        return BudgetRequest.objects.create(
            budget=budget,
            person=person,
            asked_nanos=nanos(dollars),
            **{
                "state": BudgetRequest.State.APPROVED,
                "granted_nanos": nanos(dollars),
                "ends_at": now + timedelta(days=1),
                "decided_at": now,
            }
            | fields,
        )

    def test_what_was_approved_counts_until_its_end(self):
        budget = making.budget("0")
        granted = self.grant(budget, self.alice, "0.001")
        self.send()
        granted.ends_at = timezone.now() - timedelta(seconds=1)
        granted.save()
        Reservation.objects.all().delete()
        self.refused()

    def test_of_a_budget_that_each_has_it_is_for_the_person(self):
        budget = making.budget("0", Scope.EACH_PERSON)
        self.grant(budget, self.alice, "0.001")
        self.refused(self.bob)
        self.send(self.alice)

    def test_of_any_other_it_is_for_all(self):
        self.grant(making.budget("0"), self.alice, "0.001")
        self.send(self.bob)

    def test_what_is_open_or_refused_is_nothing(self):
        budget = making.budget("0")
        self.grant(budget, self.alice, "1", state=BudgetRequest.State.OPEN)
        self.grant(budget, self.bob, "1", state=BudgetRequest.State.REFUSED)
        self.refused()


class QueryTests(BudgetTestCase):
    def test_one_query_where_there_are_none_and_one_more_however_many(self):
        with self.assertNumQueries(1):
            budgets.standing(self.alice)
        for scope in (Scope.SITE, Scope.EACH_PERSON):
            for period in Period.values:
                making.budget("1", scope, period=period)
        with self.assertNumQueries(2):
            self.assertEqual(len(budgets.standing(self.alice)), 10)


class CompletionTests(BudgetTestCase):
    def test_the_team_that_paid_is_kept_with_the_completion(self):
        team = making.team(self.alice)
        self.alice.main_team = team
        self.alice.save()
        self.send()
        self.assertEqual(Completion.objects.get().team, team)
