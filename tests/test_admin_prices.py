"""Models and their prices in the administration: what counts, what counted, what is planned."""

from datetime import timedelta
from decimal import Decimal

from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from conversations.models import AuditEntry, LanguageModel, Price
from conversations.problems import Invalid
from conversations.spending.pricing import add_price
from tests import making


class PriceTests(TestCase):
    def setUp(self):
        self.ada = making.person("ada", may_providers=True)
        self.client.force_login(self.ada)
        self.model = making.model("small")
        self.address = reverse("admin:conversations_languagemodel_change", args=[self.model.pk])

    def add(self, **fields):
        form = {"add_price": "1", "read": "0.07", "written": "0.16"} | fields
        return self.client.post(self.address, form, follow=True)

    def typed(self, moment):
        return f"{timezone.localtime(moment):%Y-%m-%dT%H:%M}"

    def test_dollars_are_kept_to_the_billionth(self):
        self.add(read="0.000000001", written="123456.123456789", cached="0.1")
        price = Price.objects.get()
        self.assertEqual(price.input_nanos_per_million, 1)
        self.assertEqual(price.output_nanos_per_million, 123_456_123_456_789)
        self.assertEqual(price.cached_nanos_per_million, 100_000_000)
        self.assertEqual(self.model.price_at(), price)

    def test_what_no_column_holds_is_refused_at_its_field(self):
        for amount in ("-1", "1e400", "NaN", "0.0000000001", "1000001", "x", "", "Infinity"):
            page = self.add(read=amount)
            self.assertTrue(page.context["price_form"].errors["read"], amount)
        self.assertFalse(Price.objects.exists())

    def test_a_price_with_what_is_typed_wrong_comes_back_as_it_was_typed(self):
        page = self.add(read="x", written="0.16")
        self.assertContains(page, 'value="0.16"')

    def test_a_planned_price_does_not_count_yet_and_can_be_removed(self):
        self.add()
        self.add(read="1", since=self.typed(timezone.now() + timedelta(days=1)))
        page = self.client.get(self.address)
        self.assertEqual([row.state for row in page.context["prices"]], ["planned", "present"])
        self.assertEqual(self.model.price_at().input_nanos_per_million, 70_000_000)
        planned = page.context["prices"][0].pk
        self.client.post(self.address, {"remove_price": planned})
        self.assertFalse(Price.objects.filter(pk=planned).exists())

    def test_what_counts_or_counted_cannot_be_removed(self):
        making.set_price(self.model, "1", "2", valid_from=timezone.now() - timedelta(days=2))
        self.add()
        for price in Price.objects.all():
            page = self.client.post(self.address, {"remove_price": price.pk}, follow=True)
            self.assertContains(page, "can be removed")
        for odd in ("x", "9" * 30, "-1", ""):
            self.client.post(self.address, {"remove_price": odd})
        self.assertEqual(Price.objects.count(), 2)

    def test_the_past_keeps_the_price_that_it_used(self):
        making.set_price(self.model, "1", "2", valid_from=timezone.now() - timedelta(days=2))
        page = self.add(since=self.typed(timezone.now() - timedelta(days=1)))
        self.assertContains(page, "keeps the price that it used")
        self.assertEqual(Price.objects.count(), 1)

    def test_a_past_without_any_price_may_get_one(self):
        self.add()
        begin = timezone.now() - timedelta(days=9)
        self.add(read="3", since=self.typed(begin))
        self.assertEqual(Price.objects.count(), 2)
        self.assertEqual(self.model.price_at().input_nanos_per_million, 70_000_000)

    def test_two_prices_of_one_moment_are_refused(self):
        since = timezone.now() + timedelta(days=1)
        add_price(self.model, Decimal(1), Decimal(2), since=since)
        with self.assertRaisesMessage(Invalid, "that very moment"):
            add_price(self.model, Decimal(3), Decimal(4), since=since)

    def test_the_history_says_who_set_it(self):
        self.add(assumed="on")
        (row,) = self.client.get(self.address).context["prices"]
        self.assertEqual((row.by, row.assumed, row.state), ("Ada", True, "present"))
        entry = AuditEntry.objects.get(action="price.added")
        self.assertEqual((entry.detail["read"], entry.detail["assumed"]), ("0.07", True))

    def test_facts_of_the_model_are_saved_beside_it(self):
        form = {"context_tokens": "4096", "output_tokens": "", "dtype": "", "limits": "{}"}
        page = self.client.post(self.address, {**form, "lora": "unknown", "withdrawn": "on"})
        self.assertEqual(page.status_code, 302)
        self.model.refresh_from_db()
        self.assertEqual((self.model.context_tokens, self.model.withdrawn), (4096, True))

    def test_limits_that_nothing_can_keep_are_refused(self):
        form = {"context_tokens": "4096", "output_tokens": "", "dtype": "", "lora": "unknown"}
        for limits in ("[" * 60_000, "9" * 5_000, '{"a": "\\u0000"}'):
            page = self.client.post(self.address, {**form, "limits": limits})
            self.assertIn("limits", page.context["adminform"].form.errors)

    def test_others_see_and_change_nothing(self):
        self.client.force_login(making.person("bob", may_spend=True))
        self.assertEqual(self.add().status_code, 403)
        self.client.force_login(making.person("charlie"))
        self.assertNotEqual(self.add().status_code, 200)
        self.assertFalse(Price.objects.exists())


class ListTests(TestCase):
    def setUp(self):
        self.client.force_login(making.person("ada", may_providers=True))
        self.priced = making.model("priced", price=("0.5", "1.5"))
        making.set_price(self.priced, "9", "9", valid_from=timezone.now() + timedelta(days=1))
        self.free = making.model("unpriced")
        self.guessed = making.model("guessed")
        making.set_price(self.guessed, "1", "1", assumed=True)

    def page(self, **query):
        return self.client.get(reverse("admin:conversations_languagemodel_changelist"), query)

    def names(self, **query):
        return {row.name for row in self.page(**query).context["cl"].result_list}

    def test_it_shows_the_price_of_now(self):
        self.assertContains(self.page(), "0.5 / 1.5")
        self.assertNotContains(self.page(), "9 / 9")

    def test_it_is_filtered_by_price(self):
        self.assertEqual(self.names(priced="no"), {"unpriced"})
        self.assertEqual(self.names(priced="assumed"), {"guessed"})
        self.assertEqual(self.names(priced="yes"), {"priced"})
        self.assertEqual(self.names(priced="odd"), {"priced", "unpriced", "guessed"})

    def test_it_is_searched(self):
        self.assertEqual(self.names(q="unp"), {"unpriced"})

    def test_more_models_need_no_more_queries(self):
        with self.assertNumQueries(FewOrMany.count(self.page)):
            self.page()
        for number in range(30):
            making.set_price(making.model(f"m{number}"), "1", "2")
        with self.assertNumQueries(FewOrMany.counted):
            self.page()

    def test_models_are_neither_added_nor_deleted_here(self):
        add = reverse("admin:conversations_languagemodel_add")
        self.assertEqual(self.client.get(add).status_code, 403)
        delete = reverse("admin:conversations_languagemodel_delete", args=[self.free.pk])
        self.assertEqual(self.client.post(delete, {"post": "yes"}).status_code, 403)
        self.assertEqual(LanguageModel.objects.count(), 3)


class FewOrMany:
    """How many queries a page took at first."""

    counted = 0

    @classmethod
    def count(cls, page):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        page()
        with CaptureQueriesContext(connection) as queries:
            page()
        cls.counted = len(queries)
        return cls.counted
