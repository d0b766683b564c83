"""My usage: figures, tables, files, limits of one's own; only ever of oneself."""

import csv
import io
from datetime import date, datetime, timedelta
from decimal import Decimal
from unittest import mock
from zoneinfo import ZoneInfo

from asgiref.sync import async_to_sync
from django.test import TestCase, override_settings
from django.urls import reverse
from django.utils import timezone

from conversations.models import (
    AuditEntry,
    Budget,
    BudgetRequest,
    LedgerEntry,
    Period,
    Scope,
)
from conversations.models.base import new_id
from conversations.reports import usage
from conversations.reports.plot import above, bars
from conversations.reports.spreadsheets import cell, lines
from conversations.spending import ledger
from tests import making

NANOS = 1_000_000_000
TODAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, tzinfo=ZoneInfo("UTC"))


def charge(person, nanos, *, at=None, **fields):
    """One entry of the ledger, with its share of the day's sums."""
    values = {
        "at": at or timezone.now(),
        "call_id": new_id(),
        "completion_id": new_id(),
        "conversation_id": new_id(),
        "user_id": person.pk if person else None,
        "user_name": person.display_name if person else "",
        "provider_name": "Somewhere",
        "model_name": "small",
        "preset_name": "Small",
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "usage_source": "provider",
        "cost_nanos": nanos,
        "cost_source": "price",
    }
    entry = LedgerEntry(**values | fields)
    ledger.post([entry])
    return entry


def records(answer):
    """The rows of a file that was answered, by their heads."""

    async def all_of_it():
        return b"".join([piece async for piece in answer])

    body = async_to_sync(all_of_it)() if answer.is_async else b"".join(answer)
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))


def correction(person, nanos, **fields):
    """A difference that somebody booked, with the reason."""
    told = {"kind": LedgerEntry.Kind.CORRECTION, "reason": "Counted twice", "by_name": "Ada"}
    tokens = {"prompt_tokens": None, "completion_tokens": None}
    return charge(person, nanos, **told | tokens | fields)


class UsageTestCase(TestCase):
    def setUp(self):
        self.alice, self.bob, _charlie = making.people()
        self.client.force_login(self.alice)

    def is_done(self, answer):
        """The answer to a post that was taken."""
        self.assertEqual((answer.status_code, answer.headers["Location"]), (303, reverse("usage")))

    def at(self, key="month"):
        return usage.usage_of(self.alice, usage.span_of(key, TODAY))


class SpanTests(TestCase):
    def days(self, key, today):
        span = usage.span_of(key, today)
        return span.first, span.last

    def test_periods_are_of_the_calendar_or_count_back_from_today(self):
        self.assertEqual(self.days("month", TODAY), (date(2026, 11, 1), TODAY))
        self.assertEqual(self.days("last", TODAY), (date(2026, 10, 1), date(2026, 10, 31)))
        self.assertEqual(self.days("7", TODAY), (date(2026, 11, 15), TODAY))
        self.assertEqual(self.days("30", TODAY), (date(2026, 10, 23), TODAY))
        self.assertEqual(self.days("12", TODAY), (date(2025, 12, 1), TODAY))

    def test_twelve_months_are_twelve_whatever_the_month(self):
        for month in range(1, 13):
            for day in (1, 28):
                span = usage.span_of("12", date(2024, month, day))
                self.assertEqual(len(span.steps()), 12, span)

    def test_what_nobody_knows_is_this_month(self):
        self.assertEqual(usage.span_of("<script>", TODAY).key, "month")


class FigureTests(UsageTestCase):
    def test_everything_is_summed_by_day_preset_model_and_conversation(self):
        talk = making.conversation(self.alice, title="Bridges")
        charge(self.alice, 3 * NANOS, at=NOON, conversation_id=talk.pk)
        charge(self.alice, 1 * NANOS, at=NOON - timedelta(days=1), preset_name="Large")
        charge(self.alice, 1 * NANOS, at=NOON - timedelta(days=1), model_name="other")
        found = self.at()
        self.assertEqual(found.total.nanos, 5 * NANOS)
        self.assertEqual(
            (found.total.requests, found.total.read, found.total.written), (3, 300, 30)
        )
        self.assertEqual([line.nanos for line in found.days[-3:]], [0, 2 * NANOS, 3 * NANOS])
        self.assertEqual(len(found.days), 21)
        self.assertEqual(
            [(line.name, line.nanos) for line in found.presets],
            [("Small", 4 * NANOS), ("Large", NANOS)],
        )
        self.assertEqual(
            [(line.name, line.nanos) for line in found.models],
            [("small", 4 * NANOS), ("other", NANOS)],
        )
        self.assertEqual(
            (found.conversations[0].name, found.conversations[0].key), ("Bridges", talk.pk)
        )
        self.assertIsNone(found.others)

    def test_nobody_elses_spend_is_counted(self):
        charge(self.bob, 7 * NANOS, at=NOON)
        self.assertTrue(self.at().is_empty)

    def test_a_preset_is_called_as_it_was_last(self):
        pk = new_id()
        charge(self.alice, 1, at=NOON - timedelta(days=1), preset_id=pk, preset_name="Zebra")
        charge(self.alice, 1, at=NOON, preset_id=pk, preset_name="Ant")
        self.assertEqual([line.name for line in self.at().presets], ["Ant"])

    def test_conversations_that_are_gone_or_hidden_are_not_named(self):
        gone = making.conversation(self.alice, title="Secret", deleted_at=timezone.now())
        hidden = making.conversation(self.bob, title="Hidden")
        for talk in (gone, hidden):
            charge(self.alice, NANOS, at=NOON, conversation_id=talk.pk)
        for line in self.at().conversations:
            self.assertEqual((line.name, line.key), ("Deleted conversation", None))

    def test_beyond_the_dearest_conversations_the_rest_is_one_line(self):
        for number in range(usage.SHOWN_CONVERSATIONS + 3):
            charge(self.alice, number + 1, at=NOON)
        found = self.at()
        self.assertEqual(len(found.conversations), usage.SHOWN_CONVERSATIONS)
        self.assertEqual((found.others.nanos, found.others.requests), (1 + 2 + 3, 3))
        listed = sum(line.nanos for line in found.conversations)
        self.assertEqual(listed + found.others.nanos, found.total.nanos)

    def test_an_unknown_cost_is_unknown_and_not_zero(self):
        charge(self.alice, None, at=NOON, preset_name="Free?")
        line = self.at().presets[0]
        self.assertEqual((line.spend, line.unknown), ("unknown", 1))

    def test_a_correction_counts_on_the_day_on_which_it_is_made(self):
        charge(self.alice, 5 * NANOS, at=NOON - timedelta(days=3))
        correction(self.alice, -3 * NANOS, at=NOON)
        found = self.at()
        self.assertEqual(found.total.nanos, 2 * NANOS)
        self.assertEqual(found.days[-1].nanos, -3 * NANOS)
        self.assertEqual(found.total.requests, 1)

    @override_settings(TIME_ZONE="Pacific/Auckland")
    def test_days_are_the_sites_own(self):
        # The tenth in London is the eleventh in Auckland.
        charge(self.alice, NANOS, at=datetime(2026, 11, 10, 23, tzinfo=ZoneInfo("UTC")))
        found = self.at()
        self.assertEqual([line.day for line in found.days if line.nanos], [date(2026, 11, 11)])
        self.assertEqual(found.presets[0].nanos, NANOS)


class PlotTests(TestCase):
    def test_the_axis_ends_at_a_round_amount(self):
        for nanos, top in ((1, 1), (3, 5), (20, 20), (21, 50), (51, 100), (7 * NANOS, 10 * NANOS)):
            self.assertEqual(above(nanos), top)

    def test_bars_are_shares_of_the_height(self):
        plot = bars([("1", 0), ("2", NANOS), ("3", 2 * NANOS)])
        self.assertEqual([bar.height for bar in plot.bars], ["0.000%", "50.000%", "100.000%"])
        self.assertEqual([bar.y for bar in plot.bars], ["100.000%", "50.000%", "0.000%"])
        self.assertEqual(plot.amounts, ["$2.00", "$1.00", "$0.00"])

    def test_without_spend_there_is_nothing_to_draw(self):
        self.assertIsNone(bars([("1", 0), ("2", -5)]))
        self.assertIsNone(bars([]))


class PageTests(UsageTestCase):
    def page(self, **query):
        return self.client.get(reverse("usage"), query)

    def test_an_empty_page_teaches(self):
        self.assertContains(self.page(), "Every reply is charged by the words")

    def test_the_page_shows_figures_and_a_plot_with_a_table_beside_it(self):
        charge(self.alice, 123_400_000, preset_name="<b>Odd</b>")
        page = self.page()
        self.assertContains(page, "$0.12")
        self.assertContains(page, "<rect", count=len(page.context["usage"].days))
        self.assertContains(page, "The days as a table")
        self.assertContains(page, "&lt;b&gt;Odd&lt;/b&gt;")
        self.assertNotContains(page, 'style="')

    def test_every_period_can_be_chosen(self):
        charge(self.alice, NANOS)
        for key in ("month", "last", "7", "30", "12", "nonsense"):
            self.assertEqual(self.page(period=key).status_code, 200)

    def test_the_queries_do_not_grow_with_the_history(self):
        def many(count):
            for number in range(count):
                charge(self.alice, number, conversation_id=making.conversation(self.alice).pk)

        many(2)
        with self.assertNumQueries(8):
            self.page()
        many(40)
        with self.assertNumQueries(8):
            self.page()

    def test_who_is_not_signed_in_is_asked_to(self):
        self.client.logout()
        for name in ("usage", "usage-entries"):
            self.assertEqual(self.client.get(reverse(name)).status_code, 302)


class FileTests(UsageTestCase):
    def rows(self, **query):
        answer = self.client.get(reverse("usage-entries"), query)
        self.assertIn("attachment", answer.headers["Content-Disposition"])
        return records(answer)

    def test_the_file_has_each_entry_with_its_exact_cost(self):
        charge(self.alice, 1, preset_name="Small")
        charge(self.alice, None)
        charge(self.bob, NANOS)
        rows = self.rows()
        self.assertEqual([row["Cost, dollars"] for row in rows], ["0.000000001", ""])
        self.assertEqual(rows[0]["Preset"], "Small")

    def test_the_file_is_whole_when_it_is_read_in_portions(self):
        moment = timezone.now()
        for number in range(7):
            # Several at one moment: a portion may end between them.
            charge(self.alice, number, at=moment - timedelta(seconds=number // 3))
        with mock.patch("conversations.reports.entries.ENTRIES_AT_ONCE", 2):
            rows = self.rows()
        self.assertEqual(sorted(Decimal(row["Cost, dollars"]) * NANOS for row in rows), [*range(7)])

    def test_text_cannot_be_a_formula(self):
        for text in ("=1+1", "+1", "-1", "@a", "\t=1", "\r=1", " =1"):
            self.assertEqual(cell(text), f"'{text}")
        self.assertEqual(cell("A-B"), "A-B")
        self.assertEqual(cell(Decimal("-0.000000001")), "-0.000000001")
        charge(self.alice, NANOS, preset_name='=HYPERLINK("http://x")')
        self.assertEqual(self.rows()[0]["Preset"], '\'=HYPERLINK("http://x")')

    def test_many_rows_come_in_pieces(self):
        pieces = list(lines([number] for number in range(1_000)))
        self.assertGreater(len(pieces), 3)
        self.assertEqual("".join(pieces).lstrip("\ufeff").split(), [str(n) for n in range(1_000)])


class OwnLimitTests(UsageTestCase):
    def post(self, **amounts):
        return self.client.post(reverse("usage-limits"), amounts)

    def own(self):
        rows = Budget.objects.filter(own=True)
        return {row.period: (row.user, row.amount_nanos, row.hard, row.scope) for row in rows}

    def test_limits_are_set_changed_and_taken_away(self):
        self.is_done(self.post(day="2.50", month="40"))
        self.assertEqual(
            self.own(),
            {
                Period.DAY: (self.alice, 2_500_000_000, True, Scope.PERSON),
                Period.MONTH: (self.alice, 40 * NANOS, True, Scope.PERSON),
            },
        )
        self.post(day="1", month="")
        self.assertEqual(self.own(), {Period.DAY: (self.alice, NANOS, True, Scope.PERSON)})

    def test_a_limit_is_kept_in_its_field(self):
        self.post(week="0.05")
        self.assertContains(self.client.get(reverse("usage")), 'value="0.05"')

    def test_what_is_no_amount_changes_nothing(self):
        self.post(day="1")
        for amount in ("-1", "x", "NaN", "Infinity", "1" * 40, "0.0000001"):
            answer = self.post(day=amount, week="3")
            self.assertContains(answer, "Nothing is changed", status_code=400)
        self.assertEqual(list(self.own()), [Period.DAY])

    def test_a_change_is_audited_and_no_change_is_not(self):
        self.post(day="1")
        self.post(day="1")
        entry = AuditEntry.objects.get(action="budget.own_limit")
        self.assertEqual(entry.detail, {"periods": "day"})
        self.assertEqual(entry.actor_id, self.alice.pk)

    def test_budgets_of_an_administrator_are_not_touched(self):
        Budget.objects.create(
            scope=Scope.PERSON, user=self.alice, period=Period.DAY, amount_nanos=9 * NANOS
        )
        self.post(day="1")
        self.post(day="")
        self.assertEqual(Budget.objects.get().amount_nanos, 9 * NANOS)

    def test_reading_changes_nothing(self):
        self.assertEqual(self.client.get(reverse("usage-limits")).status_code, 405)


class BudgetTests(UsageTestCase):
    def setUp(self):
        super().setUp()
        self.budget = Budget.objects.create(
            scope=Scope.EACH_PERSON, period=Period.MONTH, amount_nanos=10 * NANOS
        )

    def ask(self, budget=None, **fields):
        fields = {"amount": "5", "reason": "A long report"} | fields
        fields["budget"] = str((budget or self.budget).pk)
        return self.client.post(reverse("usage-requests"), fields)

    def test_what_is_left_is_told(self):
        charge(self.alice, 4 * NANOS)
        page = self.client.get(reverse("usage"))
        self.assertContains(page, "$6.00 left of $10.00")
        self.assertContains(page, 'width="40.0%"')

    def test_somebody_asks_for_more_and_it_is_said_until_it_is_decided(self):
        self.is_done(self.ask())
        asked = BudgetRequest.objects.get()
        self.assertEqual((asked.person, asked.asked_nanos), (self.alice, 5 * NANOS))
        page = self.client.get(reverse("usage"))
        self.assertContains(page, "You asked for $5.00 more")
        self.assertNotContains(page, "Send the request")

    def test_asking_twice_is_refused_and_a_request_can_be_taken_back(self):
        self.ask()
        self.assertEqual(self.ask().status_code, 409)
        asked = BudgetRequest.objects.get()
        address = reverse("usage-withdraw", args=[asked.pk])
        self.client.force_login(self.bob)
        self.assertEqual(self.client.post(address).status_code, 404)
        self.client.force_login(self.alice)
        self.is_done(self.client.post(address))
        self.assertFalse(BudgetRequest.objects.exists())

    def test_a_request_needs_an_amount_and_a_reason(self):
        for fields in ({"amount": "0"}, {"amount": ""}, {"reason": " "}, {"reason": "x" * 501}):
            answer = self.ask(**fields)
            self.assertContains(answer, "<details", status_code=400)
        self.assertFalse(BudgetRequest.objects.exists())

    def test_only_budgets_that_count_the_person_can_be_asked_of(self):
        others = Budget.objects.create(scope=Scope.PERSON, user=self.bob, amount_nanos=NANOS)
        own = Budget.objects.create(
            scope=Scope.PERSON, user=self.alice, own=True, period=Period.DAY, amount_nanos=1
        )
        for budget in (others, own):
            self.assertEqual(self.ask(budget).status_code, 404)
        self.assertEqual(self.client.post(reverse("usage-requests"), {}).status_code, 404)
