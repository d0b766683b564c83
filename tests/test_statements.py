"""Statements of closed months: exact, per person and team, in dollars and beside them."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from unittest import mock
from zoneinfo import ZoneInfo

from django.db.models import Sum
from django.test import TestCase, override_settings
from django.urls import reverse
from django.utils import timezone

from conversations.models import LedgerEntry, SiteSettings
from conversations.models.base import NOTHING, new_id
from conversations.reports import statements
from conversations.reports.statements import Month
from conversations.spending import ledger
from conversations.spending.money import converted, set_out, shown
from tests import making
from tests.test_usage import charge, correction, records

NANOS = 1_000_000_000
OCTOBER = Month(date(2026, 10, 1))
NOW = datetime(2026, 11, 21, 12, tzinfo=ZoneInfo("UTC"))


def on(day, hour=12):
    return datetime(2026, 10, day, hour, tzinfo=ZoneInfo("UTC"))


def ledger_total():
    """What the ledger itself says of October."""
    rows = LedgerEntry.objects.filter(day__year=2026, day__month=10)
    return rows.aggregate(sum=Sum("cost_nanos"))["sum"]


class StatementTestCase(TestCase):
    def setUp(self):
        clock = mock.patch("django.utils.timezone.now", return_value=NOW)
        clock.start()
        self.addCleanup(clock.stop)
        self.alice, self.bob, self.charlie = making.people()
        self.alice.may_spend = True
        self.alice.save()
        self.team = making.team(self.bob)
        self.client.force_login(self.alice)

    def get(self, name, *args):
        return self.client.get(reverse(f"admin:{name}", args=args))

    def rows(self, name):
        return records(self.get(name, "2026-10"))


class MonthTests(TestCase):
    def test_a_month_is_named_by_year_and_month(self):
        self.assertEqual(Month.named("2026-10"), OCTOBER)
        for key in ("2026-13", "2026-1", "", "2026-10-05", "x", "20261"):
            self.assertIsNone(Month.named(key))

    def test_a_month_is_closed_an_hour_after_its_last_day(self):
        for moment, is_closed in (
            (datetime(2026, 10, 31, 23, 59), False),
            (datetime(2026, 11, 1, 0, 59), False),
            (datetime(2026, 11, 1, 1, 0), True),
        ):
            moment = moment.replace(tzinfo=ZoneInfo("UTC"))
            with mock.patch("django.utils.timezone.now", return_value=moment):
                self.assertEqual(OCTOBER.is_closed, is_closed, moment)

    @override_settings(TIME_ZONE="Pacific/Auckland")
    def test_it_closes_by_the_sites_own_clock(self):
        moment = datetime(2026, 10, 31, 12, 0, tzinfo=ZoneInfo("UTC"))
        with mock.patch("django.utils.timezone.now", return_value=moment):
            self.assertTrue(OCTOBER.is_closed)


class SumTests(StatementTestCase):
    def fill(self):
        """Amounts that would drift as floats or when rounded line by line."""
        for number in range(1, 60):
            person = (self.alice, self.bob, None)[number % 3]
            team = {"team_id": self.team.pk, "team_name": "Team"} if number % 2 else {}
            charge(person, 33_333_333 * number + 1, at=on(number % 31 + 1), **team)
        charge(self.bob, 10**15 + 7, at=on(31, 23))
        charge(self.bob, None, at=on(3))

    def test_the_total_is_the_ledgers_to_the_last_nanodollar(self):
        self.fill()
        charge(self.bob, NANOS, at=on(1) - timedelta(days=1))
        charge(self.bob, NANOS, at=on(31) + timedelta(days=1))
        true = ledger_total()
        found = statements.overview(OCTOBER)
        self.assertEqual(found.total.nanos, true)
        self.assertEqual(sum(line.nanos for line in found.people), true)
        self.assertEqual(sum(line.nanos for line in found.teams), true)
        self.assertEqual(found.total.unknown, 1)
        each = [statements.statement(OCTOBER, "person", line.key) for line in found.people]
        self.assertEqual(sum(one.total.nanos for one in each), true)

    def test_the_summarys_cells_add_up_to_its_total(self):
        self.fill()
        rows = self.rows("statement-summary")
        cost = {"person": Decimal(0), "team": Decimal(0), "total": Decimal(0)}
        for row in rows:
            cost[row["Of"]] += Decimal(row["Cost, dollars"])
        self.assertEqual(cost["person"], cost["total"])
        self.assertEqual(cost["team"], cost["total"])
        self.assertEqual(cost["total"] * NANOS, ledger_total())

    def test_the_file_of_entries_adds_up_to_the_total(self):
        self.fill()
        costs = [Decimal(row["Cost, dollars"] or 0) for row in self.rows("statement-entries")]
        self.assertEqual(sum(costs) * NANOS, ledger_total())

    def test_a_correction_leaves_the_closed_month_as_it_was(self):
        entry = charge(self.bob, 5 * NANOS, at=on(5))
        before = statements.overview(OCTOBER)
        ledger.correct(entry, by=self.alice, cost_nanos=NANOS, reason="Wrong price")
        self.assertEqual(statements.overview(OCTOBER), before)

    def test_corrections_are_listed_one_by_one_with_their_reason(self):
        charge(self.bob, 5 * NANOS, at=on(5))
        correction(self.bob, -4 * NANOS, at=on(20), reason="Wrong <price>")
        found = statements.statement(OCTOBER, "person", self.bob.pk)
        self.assertEqual((found.charged.nanos, found.total.nanos), (5 * NANOS, NANOS))
        self.assertEqual([one.cost_nanos for one in found.corrections], [-4 * NANOS])
        page = self.get("statement-of", "2026-10", "person", self.bob.pk)
        self.assertContains(page, "Wrong &lt;price&gt;")
        self.assertContains(page, "−$4.0000")
        self.assertContains(page, "1.000000000 dollars")

    def test_the_queries_do_not_grow_with_the_people(self):
        for number in range(9):
            charge(making.person(f"p{number}"), NANOS, at=on(5))
        with self.assertNumQueries(3):
            self.assertEqual(len(statements.overview(OCTOBER).people), 9)

    def test_what_belongs_to_nobody_is_counted_as_nobodys(self):
        charge(None, NANOS, at=on(5))
        found = statements.overview(OCTOBER)
        self.assertEqual([(line.name, line.key) for line in found.people], [("Nobody", NOTHING)])
        self.assertEqual([line.name for line in found.teams], ["No team"])
        self.assertContains(self.get("statement-of", "2026-10", "team", NOTHING), "No team")

    def test_who_was_made_nameless_stays_so(self):
        charge(self.bob, NANOS, at=on(5))
        self.bob.first_name, self.bob.anonymised_at = "", timezone.now()
        self.bob.save()
        for name in ("statement-summary", "statement-entries"):
            told = str(self.rows(name))
            self.assertNotIn("'Bob'", told)
            self.assertIn(self.bob.display_name, told)
        page = self.get("statement-of", "2026-10", "person", self.bob.pk)
        self.assertContains(page, self.bob.display_name)


class MoneyTests(TestCase):
    def test_amounts_are_rounded_once_half_to_even(self):
        self.assertEqual(set_out(1_000_050_000), "$1.0000")
        self.assertEqual(set_out(1_000_150_000), "$1.0002")
        self.assertEqual(set_out(-1_234_567_890_000), "−$1,234.5679")
        self.assertEqual(set_out(None), "unknown")
        self.assertEqual(shown(-500_000_000), "−$0.50")
        self.assertEqual(converted(5_000_000, Decimal("1")), Decimal("0.00"))
        self.assertEqual(converted(15_000_000, Decimal("1")), Decimal("0.02"))
        self.assertEqual(converted(123 * NANOS, Decimal("0.921234")), Decimal("113.31"))


class CurrencyTests(StatementTestCase):
    def setUp(self):
        super().setUp()
        charge(self.bob, 100 * NANOS, at=on(5))

    def test_dollars_stand_alone_without_a_whole_currency(self):
        SiteSettings.objects.create(pk=1, currency="EUR")
        self.assertIsNone(statements.currency())
        self.assertNotContains(self.get("statement-month", "2026-10"), "EUR")

    def test_a_currency_stands_beside_dollars_with_its_rate_and_day(self):
        SiteSettings.objects.create(
            pk=1, currency="EUR", currency_per_dollar="0.925", currency_date=date(2026, 11, 2)
        )
        for name, *args in (
            ("statement-month", "2026-10"),
            ("statement-of", "2026-10", "person", self.bob.pk),
        ):
            page = self.get(name, *args)
            self.assertContains(page, "EUR 92.50")
            self.assertContains(page, "0.925 EUR for a dollar on Nov. 2, 2026")
            self.assertContains(page, "100.000000000 dollars")
        total = self.rows("statement-summary")[-1]
        self.assertEqual(
            (total["Cost, dollars"], total["Cost, EUR"], total["Rate"], total["Rate of"]),
            ("100.000000000", "92.50", "0.925000", "2026-11-02"),
        )


class AccessTests(StatementTestCase):
    PAGES = (
        ("statements",),
        ("statement-month", "2026-10"),
        ("statement-summary", "2026-10"),
        ("statement-entries", "2026-10"),
        ("statement-of", "2026-10", "person", NOTHING),
    )

    def test_only_who_manages_spend_gets_them(self):
        charge(None, NANOS, at=on(5))
        for page in self.PAGES:
            self.assertEqual(self.get(*page).status_code, 200, page)
        self.bob.may_people = True
        self.bob.save()
        self.client.force_login(self.bob)
        for page in self.PAGES:
            self.assertEqual(self.get(*page).status_code, 403, page)
        self.client.force_login(self.charlie)
        for page in self.PAGES:
            self.assertEqual(self.get(*page).status_code, 404, page)

    def test_the_running_month_is_refused_with_a_sentence(self):
        charge(self.bob, NANOS, at=NOW)
        for name in ("statement-month", "statement-summary", "statement-entries"):
            answer = self.get(name, "2026-11")
            self.assertContains(answer, "November 2026 isn’t over", status_code=409)
        answer = self.get("statement-of", "2026-11", "person", self.bob.pk)
        self.assertEqual(answer.status_code, 409)

    def test_months_that_are_over_are_listed_newest_first(self):
        charge(self.bob, NANOS, at=on(5) - timedelta(days=30))
        charge(self.bob, 2 * NANOS, at=on(5))
        charge(self.bob, NANOS, at=NOW)
        found = [(month.key, line.nanos) for month, line in statements.closed_months()]
        self.assertEqual(found, [("2026-10", 2 * NANOS), ("2026-09", NANOS)])
        self.assertContains(self.get("statements"), "October 2026")

    def test_an_empty_month_says_so(self):
        self.assertContains(self.get("statements"), "The first statement will stand here")
        self.assertContains(self.get("statement-month", "2026-10"), "Nothing was booked")

    def test_what_is_not_there_is_not_found(self):
        for page in (
            ("statement-month", "2026-13"),
            ("statement-month", "9999-12"),
            ("statement-month", "0001-01"),
            ("statement-summary", "9999-12"),
            ("statement-of", "2026-10", "person", new_id()),
            ("statement-of", "2026-10", "preset", NOTHING),
        ):
            self.assertEqual(self.get(*page).status_code, 404, page)

    def test_what_nobody_knows_is_never_nothing(self):
        SiteSettings.objects.create(
            pk=1, currency="EUR", currency_per_dollar="0.9", currency_date=date(2026, 10, 1)
        )
        charge(self.bob, None, at=on(5))
        page = self.get("statement-month", "2026-10").content.decode()
        print_page = self.get("statement-of", "2026-10", "person", self.bob.pk).content.decode()
        for text in (page, print_page):
            self.assertIn("unknown", text)
            for wrong in ("$0.00", "EUR 0.00", "None dollars", ">None<"):
                self.assertNotIn(wrong, text)
        for row in self.rows("statement-summary"):
            self.assertEqual((row["Cost, dollars"], row["Cost, EUR"]), ("", ""))

    def test_no_title_and_no_conversation_is_in_a_statement(self):
        talk = making.conversation(self.bob, title="Very private")
        charge(self.bob, NANOS, at=on(5), conversation_id=talk.pk)
        for name in ("statement-summary", "statement-entries"):
            told = str(self.rows(name))
            self.assertNotIn("Very private", told)
            self.assertNotIn(str(talk.pk), told)
