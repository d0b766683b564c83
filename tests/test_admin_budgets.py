"""Budgets, requests and corrections in the administration."""

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from conversations.models import Alert, AuditEntry, Budget, BudgetRequest, LedgerEntry, Scope, User
from conversations.spending import allowances
from tests import making
from tests.test_admin_csv import read
from tests.test_budgets import BudgetTestCase, nanos

BUDGETS = "admin:conversations_budget"
REQUESTS = "admin:conversations_budgetrequest"


class AdminTestCase(BudgetTestCase):
    def setUp(self):
        super().setUp()
        self.root = making.person("root", may_spend=True)
        self.client.force_login(self.root)

    def page(self, name, *args):
        response = self.client.get(reverse(name, args=args))
        self.assertEqual(response.status_code, 200)
        return response.content.decode()

    def post(self, name, *args, **values):
        return self.client.post(reverse(name, args=args), values)


class BudgetListTests(AdminTestCase):
    def test_each_budget_stands_with_what_is_spent_and_left(self):
        making.budget("10")
        making.budget("2", Scope.EACH_PERSON)
        making.budget("3", Scope.PERSON, user=self.alice)
        self.spend("0.50", self.alice)
        self.spend("1.50", self.bob)
        page = self.page(f"{BUDGETS}_changelist")
        for part in ("$2.00 (20%)", "$8.00", "Bob", "$1.50 (75%)", "$0.50 (17%)", "$2.50"):
            self.assertIn(part, page)

    def test_as_many_as_there_are_are_in_the_csv(self):
        people = [User(username=f"u{n}", first_name=f"U{n}") for n in range(501)]
        User.objects.bulk_create(people)
        rows = [Budget(scope=Scope.PERSON, user=who, amount_nanos=nanos("1")) for who in people]
        Budget.objects.bulk_create(rows)
        answer = self.client.get(reverse(f"{BUDGETS}_csv"))
        text = read(answer)
        self.assertEqual(len(text), 502)
        self.assertIn("$1.00", text[-1])

    def test_people_s_own_limits_are_not_shown(self):
        making.budget("3", Scope.PERSON, user=self.alice, own=True)
        self.assertNotIn("Alice", self.page(f"{BUDGETS}_changelist"))

    def test_many_budgets_cost_no_more_queries(self):
        def count():
            with self.assertNumQueries(99) as found:
                self.page(f"{BUDGETS}_changelist")
            return len(found)

        counts = []
        for number in range(2):
            for _each in range(1 + 20 * number):
                making.budget("1", Scope.PERSON, user=making.person(f"p{Budget.objects.count()}"))
            try:
                counts.append(count())
            except AssertionError as told:
                counts.append(int(str(told).split(" queries executed")[0].split()[-1]))
        self.assertLessEqual(counts[1], counts[0])


class BudgetFormTests(AdminTestCase):
    def add(self, **values):
        usual = {"period": "month", "amount": "12.50", "hard": "on", "warn_percent": "80", "enabled": "on"}  # fmt: skip
        return self.post(f"{BUDGETS}_add", **usual | values)

    def test_an_amount_is_dollars_and_kept_exactly(self):
        self.add(scope="site", amount="12.3456")
        self.assertEqual(Budget.objects.get().amount_nanos, 12_345_600_000)
        entry = AuditEntry.objects.get(action="budget.added")
        self.assertEqual(entry.actor_name, "Root")

    def test_who_manages_spend_alone_can_choose_whom_it_is_for(self):
        making.preset("Mine", owner=self.alice)
        making.team(self.bob)
        page = self.client.get(reverse(f"{BUDGETS}_add"))
        self.assertNotContains(page, "data-ajax--url")
        shown = {
            name: [str(told) for _pk, told in page.context["adminform"].form.fields[name].choices]
            for name in ("user", "team", "preset")
        }
        self.assertIn("Alice (alice@example.com)", shown["user"])
        self.assertIn("Team", shown["team"])
        self.assertNotIn("Mine", shown["preset"])

    def test_only_the_scope_s_own_subject_is_kept(self):
        self.add(scope="person", user=str(self.alice.pk), preset=str(self.preset.pk))
        budget = Budget.objects.get()
        self.assertEqual((budget.user, budget.preset), (self.alice, None))

    def test_a_subject_that_is_missing_is_asked_for(self):
        response = self.add(scope="team")
        self.assertContains(response, "Choose the one")
        self.assertFalse(Budget.objects.exists())

    def test_the_same_again_is_refused(self):
        for _each in range(2):
            response = self.add(scope="site")
        self.assertContains(response, "There is a budget like this already")
        self.add(scope="site", period="day")
        self.assertEqual(Budget.objects.count(), 2)

    def test_what_is_spent_already_is_said_and_told(self):
        self.spend("20")
        response = self.client.post(
            reverse(f"{BUDGETS}_add"),
            {"scope": "site", "period": "month", "amount": "12.50", "hard": "on", "warn_percent": "80", "enabled": "on"},
            follow=True,
        )  # fmt: skip
        self.assertContains(response, "can’t send anything until")
        self.assertEqual(Alert.objects.get().kind, Alert.Kind.BUDGET_USED)

    def test_a_change_is_logged_with_before_and_after(self):
        budget = making.budget("1")
        self.post(f"{BUDGETS}_change", budget.pk, scope="site", period="month", amount="2", hard="on", warn_percent="80", enabled="on")  # fmt: skip
        detail = AuditEntry.objects.get(action="budget.changed").detail
        self.assertEqual(detail, {"amount_nanos": [nanos("1"), nanos("2")]})

    def test_nonsense_is_refused(self):
        for values in ({"amount": "-1"}, {"amount": "much"}, {"warn_percent": "0"}, {"scope": "x"}):
            self.add(**{"scope": "site"} | values)
        self.assertFalse(Budget.objects.exists())


class RequestTests(AdminTestCase):
    def setUp(self):
        super().setUp()
        self.budget = making.budget("0", Scope.EACH_PERSON)
        self.asked = allowances.ask(self.alice, self.budget, nanos("5"), "A <b>long</b> report")

    def decide(self, **values):
        until = (timezone.localdate() + timedelta(days=3)).isoformat()
        usual = {"amount": "4", "until": until, "answer": "Enough"}
        return self.post(f"{REQUESTS}_change", self.asked.pk, **usual | values)

    def state(self):
        self.asked.refresh_from_db()
        return self.asked.state, self.asked.granted_nanos

    def test_the_page_says_who_asks_for_what_and_how_the_budget_stands(self):
        page = self.page(f"{REQUESTS}_change", self.asked.pk)
        for part in ("Alice asks for more", "$5.00", "$0.00 of $0.00", "A &lt;b&gt;long"):
            self.assertIn(part, page)

    def test_approving_gives_the_amount_until_the_end_of_the_day(self):
        self.decide()
        self.assertEqual(self.state(), ("approved", nanos("4")))
        self.assertEqual(
            timezone.localdate(self.asked.ends_at), timezone.localdate() + timedelta(days=4)
        )
        self.send(self.alice)

    def test_refusing_needs_no_amount(self):
        self.decide(refuse="1", amount="", until="")
        self.assertEqual(self.state(), ("refused", None))
        self.refused(self.alice)

    def test_what_can_not_be_is_said_at_its_field(self):
        for values in ({"amount": "0"}, {"amount": ""}, {"until": "2020-01-01"}, {"until": "soon"}):
            response = self.decide(**values)
            self.assertEqual(response.status_code, 200)
            self.assertContains(response, 'class="parley-error"')
        self.assertEqual(self.state()[0], "open")

    def test_a_second_decision_changes_nothing(self):
        self.decide()
        self.decide(refuse="1")
        self.assertEqual(self.state()[0], "approved")

    def test_they_go_with_their_budget(self):
        self.post(f"{BUDGETS}_delete", self.budget.pk, post="yes")
        self.assertFalse(Budget.objects.exists() or BudgetRequest.objects.exists())

    def test_the_list_leads_to_it(self):
        page = self.page(f"{REQUESTS}_changelist")
        self.assertIn(str(self.asked.pk), page)
        self.assertIn("$5.00", page)

    def test_without_the_capability_nobody_decides(self):
        for person in (making.person("other", may_people=True), self.alice):
            self.client.force_login(person)
            self.assertNotEqual(self.decide().status_code, 200)
        self.assertEqual(self.state()[0], "open")
        self.assertEqual(BudgetRequest.objects.count(), 1)


class CorrectionTests(AdminTestCase):
    def setUp(self):
        super().setUp()
        self.entry = self.spend("0.50")

    def correct(self, **values):
        usual = {"cost": "0.2", "reason": "Given back", "confirmed": "−$0.30"}
        name = "admin:conversations_ledgerentry_correct"
        return self.post(name, self.entry.pk, **usual | values)

    def test_it_books_the_difference_and_is_logged(self):
        self.assertEqual(self.correct().status_code, 302)
        made = LedgerEntry.objects.get(kind="correction")
        self.assertEqual((made.cost_nanos, made.by_name), (nanos("-0.3"), "Root"))
        entry = AuditEntry.objects.get(action="ledger.corrected")
        self.assertEqual(entry.subject_name, "Alice")
        self.assertIn("-0.3", entry.detail["difference"])

    def test_it_asks_once_with_the_difference(self):
        response = self.post(
            "admin:conversations_ledgerentry_correct",
            self.entry.pk,
            cost="0.2",
            reason="Given back",
        )
        self.assertContains(response, "−$0.30")
        self.assertContains(response, 'name="confirmed"')
        self.assertEqual(self.correct(cost="0.3").status_code, 200, "it was asked about another")
        self.assertEqual(LedgerEntry.objects.count(), 1)

    def test_without_a_reason_nothing_is_booked(self):
        for values in ({"reason": ""}, {"cost": "-1"}, {"cost": "0.5"}, {"cost": "1e"}):
            self.assertContains(self.correct(**values), 'class="parley-error"')
        self.assertFalse(LedgerEntry.objects.filter(kind="correction").exists())

    def test_without_the_capability_it_is_not_to_be_had(self):
        self.client.force_login(making.person("other", may_providers=True))
        self.assertIn(self.correct().status_code, (403, 404))
        self.assertEqual(LedgerEntry.objects.count(), 1)
