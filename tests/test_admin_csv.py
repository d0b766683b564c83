"""Every list as CSV: exactly what the list shows, and never a formula."""

import csv
import io

from asgiref.sync import async_to_sync
from django.contrib import admin
from django.test import TestCase
from django.urls import reverse

from conversations.admin.base import ParleyAdmin
from conversations.models import LedgerEntry, Preset, User
from conversations.models.base import new_id
from conversations.oversight.auditing import record
from conversations.reports.spreadsheets import FORMULA
from conversations.spending import ledger
from tests import making
from tests.booking import about, administrator, book


async def _whole(response):
    return b"".join([piece async for piece in response]).decode()


def read(response):
    """The download as rows of texts."""
    text = async_to_sync(_whole)(response)
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


class CsvTestCase(TestCase):
    def setUp(self):
        self.client.force_login(administrator())

    def rows(self, model, **query):
        address = reverse(f"admin:conversations_{model}_csv")
        response = self.client.get(address, query)
        self.assertEqual(response["Content-Type"], "text/csv; charset=utf-8")
        self.assertIn("attachment", response["Content-Disposition"])
        return read(response)


class EveryListTests(CsvTestCase):
    def test_every_list_of_ours_has_a_csv_that_can_be_read(self):
        making.preset()
        book(making.person())
        User.objects.filter(username="ada").update(may_read=True)
        for model, its_admin in admin.site._registry.items():
            self.assertIsInstance(its_admin, ParleyAdmin, model)
            with self.subTest(model=model.__name__):
                rows = self.rows(model._meta.model_name)
                self.assertTrue(rows[0])
                self.assertEqual({len(row) for row in rows}, {len(rows[0])})

    def test_the_button_keeps_search_and_filters(self):
        page = self.client.get(reverse("admin:conversations_preset_changelist"), {"q": "small"})
        self.assertContains(page, f'href="{reverse("admin:conversations_preset_csv")}?q=small"')

    def test_it_has_what_the_search_finds(self):
        making.preset("Small")
        making.preset("Large", making.model("large"))
        rows = self.rows("preset", q="lar")
        self.assertEqual([row[0] for row in rows[1:]], ["Large"])

    def test_markup_stays_on_the_page(self):
        making.preset("Tom & Ada <3")
        self.assertIn("Tom & Ada <3", self.rows("preset")[1])

    def test_who_may_not_see_the_list_gets_no_csv(self):
        self.client.force_login(administrator("bob", "providers"))
        for model in ("ledgerentry", "auditentry", "user"):
            response = self.client.get(reverse(f"admin:conversations_{model}_csv"))
            self.assertEqual(response.status_code, 403, model)
        self.client.force_login(making.person("charlie"))
        response = self.client.get(reverse("admin:conversations_preset_csv"))
        self.assertEqual(response.status_code, 404)

    def test_a_filter_that_makes_no_sense_leads_back_to_the_list(self):
        response = self.client.get(reverse("admin:conversations_preset_csv"), {"e": "1", "x": "y"})
        self.assertIn(response.status_code, (302, 400))


class FormulaTests(CsvTestCase):
    def test_a_name_is_never_a_formula(self):
        for number, name in enumerate(("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1")):
            with self.subTest(name=name):
                record("thing.changed", name=name, detail={"n": number})
        found = {row[7] for row in self.rows("auditentry")[1:]}
        self.assertTrue(found)
        self.assertEqual({name for name in found if not name.startswith("'")}, set())

    def test_nor_where_it_is_split_at_semicolons(self):
        record("thing.changed", name='Bob;=HYPERLINK("x")', detail={"a": "b; +1"})
        address = reverse("admin:conversations_auditentry_csv")
        text = async_to_sync(_whole)(self.client.get(address))
        self.assertIn(',"', text)
        for line in text.splitlines():
            for part in csv.reader([line], delimiter=";"):
                for value in part:
                    self.assertFalse(value.lstrip(" ").startswith(FORMULA), value)

    def test_amounts_stay_numbers_also_below_zero(self):
        person = making.person()
        entry = book(person, 2)
        ledger.correct(entry, by=person, cost_nanos=1_500_000_000, reason="=HYPERLINK(1)")
        rows = self.rows("ledgerentry")
        cost, reason = rows[0].index("cost_usd"), rows[0].index("reason")
        self.assertEqual([row[cost] for row in rows[1:]], ["-0.500000000", "2.000000000"])
        self.assertEqual(rows[1][reason], "'=HYPERLINK(1)")


class LedgerCsvTests(CsvTestCase):
    def test_it_has_all_pages_of_exactly_what_is_filtered(self):
        alice, bob = making.person("alice"), making.person("bob")
        for number in range(60):
            book(alice if number % 2 else bob, 0.25)
        rows = self.rows("ledgerentry", person=str(alice.pk))
        name, cost = rows[0].index("user_name"), rows[0].index("cost_usd")
        self.assertEqual({row[name] for row in rows[1:]}, {"Alice"})
        self.assertEqual(sum(float(row[cost]) for row in rows[1:]), 30 * 0.25)

    def test_an_unknown_cost_is_empty_and_not_zero(self):
        book(None, None, **about("preset", "Odd"))
        rows = self.rows("ledgerentry")
        self.assertEqual(rows[1][rows[0].index("cost_usd")], "")

    def test_thousands_are_read_in_portions(self):
        entry = book()
        copies = []
        for number in range(2_500):
            entry.pk, entry.call_id = None, new_id()
            copies.append(LedgerEntry(**_values(entry, number)))
        LedgerEntry.objects.bulk_create(copies)
        self.assertEqual(len(self.rows("ledgerentry")), 2_502)
        self.assertFalse(Preset.objects.exists())


def _values(entry, number):
    names = [field.attname for field in LedgerEntry._meta.fields if field.attname != "id"]
    return {name: getattr(entry, name) for name in names} | {"prompt_tokens": number}
