"""The board: its figures are those of the rows that they link to, and each sees what they may."""

from datetime import date, timedelta

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversations.models import NANOS, Alert, AuditEntry, Budget, BudgetRequest, Kind
from conversations.oversight import attention
from conversations.oversight.alerting import raise_alert
from conversations.reports import board, pacing, periods
from conversations.reports.periods import Days
from conversations.spending import allowances, ledger, money
from tests import making
from tests.booking import about, administrator, book, call
from tests.test_admin_csv import read

TODAY = date(2026, 3, 15)
BOARD = reverse("admin:index")


class PeriodTests(TestCase):
    def test_each_name_is_whole_days_with_both_ends(self):
        self.assertEqual(
            {name: periods.named(name, TODAY) for name in periods.NAMES},
            {
                "today": Days(TODAY, TODAY),
                "7days": Days(date(2026, 3, 9), TODAY),
                "month": Days(date(2026, 3, 1), TODAY),
                "last_month": Days(date(2026, 2, 1), date(2026, 2, 28)),
                "year": Days(date(2025, 4, 1), TODAY),
            },
        )
        self.assertIsNone(periods.named("fortnight", TODAY))

    def test_twelve_months_are_twelve_in_every_month(self):
        for month in range(1, 13):
            days = periods.named("year", date(2028, month, 28))
            self.assertEqual(len({day.replace(day=1) for day in days}), 12, month)

    def test_a_day_begins_at_midnight_of_the_site_also_when_clocks_change(self):
        with timezone.override("Europe/Berlin"):
            begin, end = Days(date(2026, 3, 29), date(2026, 3, 29)).moments
        self.assertEqual(end.timestamp() - begin.timestamp(), 23 * 3600)

    def test_an_open_end_has_no_end(self):
        self.assertIsNone(periods.between("", "x"))
        self.assertEqual(periods.between("2026-01-02", "").last, periods.LAST)
        self.assertEqual(periods.between("", "2026-01-02").first, periods.FIRST)


class FiguresTests(TestCase):
    def setUp(self):
        self.alice, self.bob = making.person("alice"), making.person("bob")
        today = timezone.localdate()
        self.days = Days(today - timedelta(days=30), today)

    def test_sums_are_those_of_the_days(self):
        book(self.alice, 2)
        book(self.alice, 3, days_ago=2)
        book(self.bob, None, days_ago=2)
        book(self.bob, 100, days_ago=31)
        sums = board.Reading(self.days).total
        self.assertEqual((sums.cost_nanos, sums.charges, sums.unknown), (5 * NANOS, 3, 1))
        self.assertEqual((sums.prompt_tokens, sums.completion_tokens, sums.tokens), (30, 15, 45))
        daily = board.by_day(self.days)
        self.assertEqual(len(daily), 31)
        self.assertEqual(daily[self.days.last - timedelta(days=2)].cost_nanos, 3 * NANOS)
        self.assertEqual(sum(s.charges for s in board.by_month(daily).values()), 3)

    def test_shares_are_the_dearest_first_and_nobody_is_one_of_them(self):
        book(self.alice, 1), book(self.alice, 1), book(self.bob, 5), book(None, 3)
        shares = board.shares("person", self.days)
        found = [(share.name, share.sums.cost_nanos // NANOS) for share in shares]
        self.assertEqual(found, [("Bob", 5), ("", 3), ("Alice", 2)])
        self.assertEqual(board.Reading(self.days).people_active, 2)

    def test_errors_are_counted_by_their_kind(self):
        for error in ("timeout", "rate_limited", "timeout", ""):
            call(error=error)
        self.assertEqual(pacing.errors(self.days), [("timeout", 2), ("rate_limited", 1)])
        before = Days(self.days.first - timedelta(days=9), self.days.first)
        self.assertEqual(pacing.errors(before), [])

    def test_how_quick_a_provider_is_comes_from_its_answers(self):
        for milliseconds in (100, 200, 300, 400, 5_000):
            call("One", first_ms=milliseconds)
        call("One", error="timeout")
        call("Two", first_ms=50)
        (pace,) = pacing.paces(self.days, ["One", "Nobody"])
        self.assertEqual((pace.provider, pace.answers), ("One", 5))
        self.assertEqual((pace.first_ms, pace.first_ms_most), (300, 5_000))
        self.assertEqual(pace.tokens_per_second, 50)

    def test_the_slowest_is_the_slowest_twentieth(self):
        for number in range(1, 101):
            row = call()
            row.completion.completion_tokens, row.completion.generation_ms = number, 1_000
            row.completion.save()
        (pace,) = pacing.paces(self.days, ["Somewhere"])
        self.assertEqual(pace.tokens_per_second_least, 5)

    def test_a_percentile_is_a_value_that_was_measured(self):
        values = list(range(1, 101))
        shares = (0.5, 0.95, 0.05, 1.0)
        found = [pacing.percentile(values, share) for share in shares]
        self.assertEqual(found, [50, 95, 5, 100])
        self.assertEqual(pacing.percentile([7], 0.95), 7)
        self.assertIsNone(pacing.percentile([], 0.5))

    def test_the_sites_budget_is_told_with_what_its_period_came_to(self):
        self.assertIsNone(attention.site_budget())
        making.budget("10", period="month")
        book(self.alice, 4)
        used = attention.site_budget()
        self.assertEqual((used.level.spent, used.level.share), (4 * NANOS, 0.4))
        allowances.ask(self.alice, used.level.budget, 30 * NANOS, "More")
        until = timezone.now() + timedelta(days=1)
        allowances.approve(
            BudgetRequest.objects.get(), by=self.alice, amount_nanos=30 * NANOS, ends_at=until
        )
        self.assertEqual(attention.site_budget().level.share, 0.1)
        Budget.objects.update(enabled=False)
        self.assertIsNone(attention.site_budget())


class BoardTestCase(TestCase):
    def setUp(self):
        self.ada = administrator()
        self.client.force_login(self.ada)

    def figures(self, **query):
        page = self.client.get(BOARD, query)
        return {figure.label: figure for figure in page.context["figures"]}

    def table(self, name, **query):
        tables = self.client.get(BOARD, query).context["tables"]
        return next(table for table in tables if table.name == name)


class LinkTests(BoardTestCase):
    """What a figure says is what the rows behind its link come to."""

    def setUp(self):
        super().setUp()
        alice = making.person("alice")
        book(alice, 2, **about("team", "Red"), **about("provider", "One"))
        book(alice, 3, days_ago=1, **about("preset", "Poems"), **about("model", "large"))
        book(None, None)
        entry = book(alice, 7)
        ledger.correct(entry, by=self.ada, cost_nanos=6 * NANOS, reason="Less")

    def listed(self, link):
        """Rows and totals of the list behind a link."""
        seen = self.client.get(link).context["cl"]
        return list(seen.queryset), getattr(seen.paginator, "totals", None)

    def test_every_figure_is_the_sum_of_its_rows(self):
        for period in periods.NAMES:
            figures = self.figures(period=period)
            for label in ("Spend today", "Spend this month", "Spend in the period"):
                if label not in figures:
                    continue
                rows, totals = self.listed(figures[label].link)
                spent = sum(row.cost_nanos or 0 for row in rows)
                self.assertEqual(figures[label].value, totals.cost, (period, label))
                self.assertEqual(totals.cost_nanos, spent, (period, label))
            rows, _totals = self.listed(figures["Requests"].link)
            self.assertEqual(figures["Requests"].value, str(len(rows)), period)
            tokens = sum(row.prompt_tokens + row.completion_tokens for row in rows)
            self.assertEqual(figures["Tokens"].value, str(tokens), period)

    def test_unknown_costs_lead_to_their_rows(self):
        figure = self.figures()["Unknown costs"]
        rows, _totals = self.listed(figure.link)
        self.assertEqual((figure.value, [row.cost_nanos for row in rows]), ("1", [None]))

    def test_every_row_of_every_table_is_the_sum_of_its_rows(self):
        for name in ("day", "person", "team", "preset", "provider", "model"):
            table = self.table(name, period="7days")
            self.assertTrue(table.rows, name)
            for row in table.rows:
                rows, totals = self.listed(row.link)
                charges = [entry for entry in rows if entry.kind == "charge"]
                known = [entry.cost_nanos for entry in rows if entry.cost_nanos is not None]
                self.assertEqual(row.values[1], sum(known) if known else None, row)
                self.assertEqual(money.shown(row.values[1]), totals.cost, row)
                self.assertEqual(row.values[2], len(charges), row)
                self.assertEqual(row.values[5], totals.unknown, row)

    def test_what_nobody_knows_is_never_nothing(self):
        preset = about("preset", "Odd")
        book(None, None, days_ago=1, **preset)
        table = self.table("preset", period="7days")
        (row,) = [row for row in table.rows if row.values[0] == "Odd"]
        self.assertEqual(table.columns[1].show(row.values[1]), "unknown")
        self.assertEqual(self.listed(row.link)[1].cost, "unknown")
        self.assertEqual(board.Sums().known, 0)
        self.assertEqual(board.Sums(unknown=1, charges=2).known, 0)

    def test_errors_lead_to_the_calls_that_failed(self):
        for error in ("timeout", "timeout", "rate_limited", ""):
            call(error=error)
        figure = self.figures()["Errors"]
        self.assertEqual((figure.value, len(self.listed(figure.link)[0])), ("3", 3))
        first = self.table("errors").rows[0]
        self.assertEqual(first.values, ("timeout", 2))
        self.assertEqual({row.error_code for row in self.listed(first.link)[0]}, {"timeout"})

    def test_the_pace_leads_to_the_answers_of_its_provider(self):
        call("One"), call("One", error="timeout"), call("Two")
        (row,) = self.table("pace").rows
        self.assertEqual(row.values[0], "One")
        self.assertEqual([c.provider_name for c in self.listed(row.link)[0]], ["One"])

    def test_csv_has_all_rows_with_all_digits(self):
        for number in range(12):
            book(making.person(f"p{number}"), 0.000000123)
        address = reverse("admin:board_csv", args=["person"])
        rows = read(self.client.get(address, {"period": "7days"}))
        self.assertEqual(rows[0][:2], ["Person", "Spend"])
        self.assertEqual(len(rows), 1 + 12 + 2)
        self.assertIn("0.000000123", {row[1] for row in rows[1:]})
        page = self.table("person", period="7days")
        self.assertEqual((len(page.rows), page.more), (10, True))
        self.assertEqual(len(self.table("person", period="7days", all="person").rows), 14)


class PageTests(BoardTestCase):
    def test_a_fresh_site_shows_the_first_steps_and_ticks_what_is_done(self):
        self.assertContains(self.client.get(BOARD), "Add a provider")
        provider = making.provider(
            "One", kind=Kind.OPENAI_COMPATIBLE, base_url="http://127.0.0.1:9"
        )
        steps = self.client.get(BOARD).context["steps"]
        self.assertEqual([step["done"] for step in steps], [True, False, False, False])
        making.preset("Small", making.model("small", at=provider))
        making.person("alice")
        making.budget("10")
        page = self.client.get(BOARD)
        self.assertEqual(page.context["steps"], [])
        self.assertNotContains(page, "First steps")

    def test_the_demo_provider_is_no_first_step(self):
        making.preset("Demo", making.model("demo", at=making.provider("Demo")))
        self.assertFalse(any(step["done"] for step in self.client.get(BOARD).context["steps"]))

    def test_a_site_without_a_charge_has_no_plot_but_its_figures(self):
        page = self.client.get(BOARD)
        self.assertEqual(page.context["plots"], [])
        self.assertContains(page, "Nobody asked for anything in this period.", 1)

    def test_a_period_that_is_none_is_this_month(self):
        self.assertEqual(self.client.get(BOARD, {"period": "'"}).context["period"], "month")

    def test_plots_have_labelled_axes_and_their_data(self):
        book(dollars=2)
        book(dollars=1, days_ago=1)
        plots = self.client.get(BOARD, {"period": "7days"}).context["plots"]
        self.assertIn('"text": "US dollars"', plots[0]["options"])
        self.assertIn('"text": "Day"', plots[0]["options"])
        self.assertIn("[0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0]", plots[0]["data"])

    def test_names_are_escaped(self):
        book(making.person("alice", first_name="<script>alert(1)</script>"))
        page = self.client.get(BOARD)
        self.assertNotContains(page, "<script>alert(1)")
        self.assertContains(page, "&lt;script&gt;alert(1)")

    def test_the_budget_stands_beside_the_month(self):
        making.budget("10", period="month", warn_percent=80)
        book(dollars=4)
        figure = self.figures()["Spend this month"]
        self.assertEqual((figure.note, figure.is_trouble), ("40% of $10.00", False))
        book(dollars=5)
        self.assertTrue(self.figures()["Spend this month"].is_trouble)

    def test_open_alerts_are_closed_from_here(self):
        raise_alert(Alert.Kind.PROVIDER_FAILING, "p", "Somewhere", "12 of 20 calls failed.")
        self.assertContains(self.client.get(BOARD), "12 of 20 calls failed.")
        alert = Alert.objects.get()
        close = reverse("admin:close_alert", args=[alert.pk])
        self.assertRedirects(self.client.post(close, {"next": "board"}), BOARD)
        self.assertNotContains(self.client.get(BOARD), "12 of 20 calls failed.")
        self.assertTrue(AuditEntry.objects.filter(action="alert.closed").exists())

    def test_open_requests_lead_to_their_decision(self):
        budget, alice = making.budget("10"), making.person("alice")
        asked = BudgetRequest.objects.create(
            budget=budget, person=alice, asked_nanos=5 * NANOS, reason="A long report"
        )
        raise_alert(Alert.Kind.BUDGET_REQUEST, str(asked.pk), "Alice")
        page = self.client.get(BOARD)
        self.assertContains(page, "A long report")
        self.assertEqual(list(page.context["alerts"]), [])
        link = reverse("admin:conversations_budgetrequest_change", args=[asked.pk])
        self.assertContains(page, link)

    def test_the_number_of_queries_is_small_and_does_not_grow(self):
        making.budget("10")
        counted = []
        for count in (1, 12):
            for number in range(count):
                name = f"p{count}x{number}"
                book(making.person(name), 1, **about("provider", name), **about("team", name))
                call(name, error="timeout")
                call(name)
                raise_alert(Alert.Kind.BUDGET_USED, name, name)
            with CaptureQueriesContext(connection) as queries:
                self.client.get(BOARD)
            counted.append(len(queries))
        self.assertGreater(counted[0], 5)
        self.assertLessEqual(counted[1], 30)
        self.assertLessEqual(counted[1] - counted[0], pacing.PROVIDERS_TIMED)


class CapabilityTests(BoardTestCase):
    def setUp(self):
        super().setUp()
        book(making.person("alice"), 2)
        call(error="timeout")
        call()
        raise_alert(Alert.Kind.PROVIDER_FAILING, "p", "Somewhere")
        raise_alert(Alert.Kind.BUDGET_USED, "b", "The whole site")

    def seen_by(self, *capabilities):
        self.client.force_login(administrator("bob", *capabilities))
        return self.client.get(BOARD)

    def test_who_manages_providers_sees_their_health_and_no_money(self):
        page = self.seen_by("providers")
        self.assertEqual([figure.label for figure in page.context["figures"]], ["Errors"])
        self.assertEqual([table.name for table in page.context["tables"]], ["errors", "pace"])
        self.assertEqual([str(a.subject_name) for a in page.context["alerts"]], ["Somewhere"])
        self.assertNotContains(page, "$2.00")
        for name in ("person", "day"):
            response = self.client.get(reverse("admin:board_csv", args=[name]))
            self.assertEqual(response.status_code, 403, name)

    def test_who_manages_people_sees_no_figures(self):
        page = self.seen_by("people")
        self.assertEqual((page.context["figures"], page.context["tables"]), ([], []))
        self.assertNotContains(page, "$2.00")

    def test_who_manages_spend_sees_all_of_it(self):
        page = self.seen_by("spend")
        self.assertContains(page, "$2.00")
        self.assertEqual(len(page.context["tables"]), 8)

    def test_a_member_does_not_find_it(self):
        self.client.force_login(making.person("charlie"))
        self.assertEqual(self.client.get(BOARD).status_code, 404)
        address = reverse("admin:board_csv", args=["person"])
        self.assertEqual(self.client.get(address).status_code, 404)

    def test_there_is_no_table_of_another_name(self):
        address = reverse("admin:board_csv", args=["secrets"])
        self.assertEqual(self.client.get(address).status_code, 404)
