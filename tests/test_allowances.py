"""Asking for more, deciding it, and one's own limit."""

from datetime import timedelta

from django.utils import timezone

from conversations.models import Alert, AuditEntry, Budget, BudgetRequest, Scope
from conversations.problems import Conflict, Invalid, NotFound
from conversations.spending import allowances, budgets
from tests import making
from tests.test_budgets import BudgetTestCase, nanos


class AskingTests(BudgetTestCase):
    def setUp(self):
        super().setUp()
        self.budget = making.budget("0", Scope.EACH_PERSON)
        self.root = making.person("root", is_superuser=True)

    def ask(self, person=None, budget=None, dollars="5", reason="A long report"):
        return allowances.ask(person or self.alice, budget or self.budget, nanos(dollars), reason)

    def approve(self, asked, dollars="0.001", days=1):
        allowances.approve(
            asked,
            by=self.root,
            amount_nanos=nanos(dollars),
            ends_at=timezone.now() + timedelta(days=days),
            answer="Go on",
        )

    def test_administrators_are_told_once(self):
        asked = self.ask()
        alert = Alert.objects.get(kind=Alert.Kind.BUDGET_REQUEST, closed_at=None)
        self.assertEqual(alert.subject_name, "Alice")
        self.approve(asked)
        alert.refresh_from_db()
        self.assertEqual(alert.closed_by, "Root")

    def test_what_is_approved_can_be_spent_at_once(self):
        self.refused()
        self.approve(self.ask())
        self.send()
        entry = AuditEntry.objects.get(action="budget.approved")
        self.assertEqual((entry.actor_name, entry.subject_name), ("Root", "Alice"))
        self.assertEqual(entry.detail["approved"], "0.0010")

    def test_one_request_is_open_at_a_time(self):
        self.ask()
        with self.assertRaises(Conflict):
            self.ask()
        self.ask(self.bob)
        allowances.refuse(BudgetRequest.objects.get(person=self.alice), by=self.root)
        self.ask()

    def test_only_of_a_budget_that_counts_them(self):
        other = making.budget("1", Scope.PERSON, user=self.bob)
        own = making.budget("1", Scope.PERSON, user=self.alice, own=True)
        for budget in (other, own):
            with self.assertRaises(NotFound):
                self.ask(budget=budget)

    def test_amounts_that_are_none_are_refused(self):
        for dollars in ("0", "-1", "2000000"):
            with self.assertRaises(Invalid):
                self.ask(dollars=dollars)

    def test_it_is_decided_once(self):
        asked = self.ask()
        allowances.refuse(asked, by=self.root, answer="Not this month")
        with self.assertRaises(Conflict):
            self.approve(asked)
        asked.refresh_from_db()
        self.assertEqual((asked.state, asked.answer), ("refused", "Not this month"))

    def test_an_end_that_is_over_or_nothing_is_not_approved(self):
        asked = self.ask()
        for dollars, days in (("1", -1), ("0", 1), ("-1", 1)):
            with self.assertRaises(Invalid):
                self.approve(asked, dollars, days)

    def test_one_s_own_can_be_taken_back_and_nobody_else_s(self):
        asked = self.ask()
        with self.assertRaises(NotFound):
            allowances.withdraw(self.bob, asked.pk)
        allowances.withdraw(self.alice, asked.pk)
        self.assertFalse(BudgetRequest.objects.exists())
        self.assertFalse(Alert.objects.filter(closed_at=None).exists())


class OwnLimitTests(BudgetTestCase):
    def test_it_is_set_changed_and_taken_away(self):
        allowances.set_own(self.alice, "month", nanos("0.0005"))
        self.assertIn("Your own limit", str(self.refused().detail))
        allowances.set_own(self.alice, "month", nanos("1"))
        self.send()
        allowances.set_own(self.alice, "month", None)
        self.assertFalse(Budget.objects.exists())

    def test_it_counts_nobody_else(self):
        allowances.set_own(self.alice, "day", 0)
        self.send(self.bob)
        self.assertEqual(budgets.standing(self.bob), [])

    def test_nonsense_is_refused(self):
        for period, amount in (("century", 1), ("day", -1), ("day", 10**18)):
            with self.assertRaises(Invalid):
                allowances.set_own(self.alice, period, amount)
