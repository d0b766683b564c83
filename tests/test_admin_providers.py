"""The provider's pages in the administration: adding by kind, testing, taking over a listing."""

from decimal import Decimal
from unittest import mock

from django.test import TestCase
from django.urls import reverse

from conversations.admin.provider_pages import MOST_TICKS
from conversations.models import LanguageModel, LedgerEntry, Preset, Provider, User
from conversations.providers.base import ListedModel
from conversations.providers.errors import Forbidden
from tests import making
from tests.serving import Serving

KEY = "secret-key-of-here-1234"
SECONDS = {
    "connect_seconds": "5", "first_byte_seconds": "120", "silence_seconds": "60", "total_seconds": "600",
}  # fmt: skip


class AdminTestCase(TestCase):
    def setUp(self):
        self.ada = User.objects.create_superuser("ada", "ada@example.com", "word")
        self.client.force_login(self.ada)

    def address(self, what, provider):
        change = reverse("admin:conversations_provider_change", args=[provider.pk])
        return change.replace("change/", what + "/")


class AddingTests(AdminTestCase):
    def add(self, **fields):
        form = {"name": "New", "options": "{}", "enabled": "on"} | SECONDS | fields
        return self.client.post(reverse("admin:conversations_provider_add"), form)

    def test_a_kind_of_its_own_needs_only_its_key_and_brings_its_models(self):
        self.add(kind="deepinfra", new_key=KEY)
        provider = Provider.objects.get()
        self.assertEqual(provider.base_url, "https://api.deepinfra.com/v1/openai")
        self.assertEqual(provider.key.reveal(), KEY)
        self.assertEqual(provider.models.count(), 3)
        self.assertEqual(Preset.objects.count(), 3)

    def test_cloudflare_needs_its_account_and_the_form_says_so(self):
        response = self.add(kind="cloudflare")
        self.assertContains(response, "account_id")
        self.add(kind="cloudflare", account_id="a1b2")
        provider = Provider.objects.get()
        self.assertEqual(provider.options, {"account_id": "a1b2"})
        self.assertIn("{account_id}", provider.base_url)

    def test_a_server_of_ones_own_needs_its_address(self):
        self.assertContains(self.add(kind="openai_compatible"), "needs its base URL")
        self.assertFalse(Provider.objects.exists())


class CheckingTests(AdminTestCase):
    def test_looking_at_the_page_asks_nobody(self):
        provider = making.provider("Demo")
        with mock.patch("conversations.connections.check") as check:
            page = self.client.get(self.address("check", provider))
        check.assert_not_called()
        self.assertContains(page, "costs a few tokens")

    def test_a_post_tells_each_step_and_charges_who_asked(self):
        with Serving() as url:
            provider = making.provider("Here", kind="openai_compatible", base_url=url)
            page = self.client.post(self.address("check", provider))
        for step in ("Name", "Connection", "Listing", "Answer"):
            self.assertContains(page, f"<strong>{step}</strong>")
        self.assertEqual(LedgerEntry.objects.get().user_id, self.ada.pk)

    def test_others_may_not(self):
        provider = making.provider("Demo")
        self.client.force_login(making.person())
        for what in ("check", "sync"):
            self.assertNotEqual(self.client.post(self.address(what, provider)).status_code, 200)
        self.assertFalse(LedgerEntry.objects.exists())


class SyncingTests(AdminTestCase):
    def setUp(self):
        super().setUp()
        self.provider = making.provider(
            "Here", kind="openai_compatible", base_url="http://127.0.0.1:9/v1"
        )

    def listing(self, *models):
        return mock.patch("conversations.connections.listing", return_value=list(models))

    def page(self, *models):
        with self.listing(*models):
            return self.client.get(self.address("sync", self.provider))

    def post(self, page, **ticked):
        fields = {"listing": page.context["listing"]} | ticked
        return self.client.post(self.address("sync", self.provider), fields)

    def listed(self, name, price_in="0.1", price_out="0.2", **more):
        return ListedModel(name, 8192, Decimal(price_in), Decimal(price_out), **more)

    def test_looking_changes_nothing(self):
        making.model("old", at=self.provider)
        page = self.page(self.listed("new"))
        self.assertContains(page, "No longer listed")
        self.assertContains(page, "0.1 / 0.2")
        self.assertEqual([m.name for m in LanguageModel.objects.filter(withdrawn=False)], ["old"])

    def test_what_is_ticked_is_taken_and_offered(self):
        self.post(self.page(self.listed("one"), self.listed("two")), offer=["two"])
        self.assertEqual(LanguageModel.objects.get().name, "two")
        self.assertEqual(Preset.objects.get().name, "two")

    def test_a_price_is_confirmed_as_it_was_shown(self):
        model = making.model("one", price=("0.1", "0.2"), at=self.provider)
        page = self.page(self.listed("one", price_out="0.25"))
        with self.listing(self.listed("one", price_out="99")):
            self.post(page, price=["one"])
        self.assertEqual(str(model.price_at()), "$0.1 in / $0.25 out per million")

    def test_a_price_that_nobody_confirms_stays(self):
        model = making.model("one", price=("0.1", "0.2"), at=self.provider)
        self.post(self.page(self.listed("one", price_out="0.25")))
        self.assertEqual(str(model.price_at()), "$0.1 in / $0.2 out per million")

    def test_a_listing_that_nobody_showed_is_not_applied(self):
        page = self.page(self.listed("one"))
        other = making.provider("Other")
        with self.listing(self.listed("one")):
            for forged in ("", "[]", page.context["listing"] + "x"):
                response = self.client.post(
                    self.address("sync", self.provider), {"listing": forged, "offer": ["one"]}
                )
                self.assertContains(response, "Look at it again")
            self.client.post(
                self.address("sync", other), {"listing": page.context["listing"], "offer": ["one"]}
            )
        self.assertFalse(LanguageModel.objects.exists())

    def test_hundreds_may_be_ticked_at_once(self):
        names = [f"m{number:03}" for number in range(250)]
        page = self.page(*map(self.listed, names))
        self.assertEqual(self.post(page, offer=names).status_code, 302)
        self.assertEqual(LanguageModel.objects.count(), 250)

    def test_a_page_never_has_more_to_tick_than_a_form_may_have(self):
        priced = [f"p{number:04}" for number in range(5)]
        for name in priced:
            making.model(name, price=("9", "9"), at=self.provider)
        names = priced + [f"m{number:04}" for number in range(1200)]
        page = self.page(*map(self.listed, names))
        shown = page.context["new"]
        self.assertEqual((len(page.context["prices"]), len(shown)), (5, MOST_TICKS - 5))
        self.assertContains(page, "305 more are not shown")
        response = self.post(page, offer=[row["name"] for row in shown], price=priced)
        self.assertEqual(response.status_code, 302)
        self.assertEqual(LanguageModel.objects.count(), MOST_TICKS)

    def test_what_is_not_shown_is_found_by_a_part_of_its_id(self):
        models = [self.listed(f"m{number:04}") for number in range(1200)]
        with self.listing(*models):
            page = self.client.get(self.address("sync", self.provider), {"find": " M119"})
        self.assertEqual(
            [row["name"] for row in page.context["new"]], [f"m119{n}" for n in range(10)]
        )
        self.assertContains(page, 'name="find" value="M119"')
        self.assertNotContains(page, "not shown")
        self.post(page, offer=["m1199"])
        self.assertEqual(LanguageModel.objects.get().name, "m1199")

    def test_a_short_list_needs_no_second_search(self):
        self.assertNotContains(self.page(self.listed("one")), 'name="find"')

    def test_whatever_is_listed_the_page_is_shown_and_applied(self):
        odd = [
            self.listed("bad\ud800id"),
            self.listed("dear", price_in="1e40"),
            self.listed("other", aliases=("\udfff",), most=2**40),
            ListedModel("wide", 2**70),
        ]
        page = self.page(*odd)
        self.assertNotContains(page, "bad")
        self.post(page, offer=["dear", "other", "wide"])
        self.assertEqual(LanguageModel.objects.filter(output_tokens=None).count(), 3)
        self.assertIsNone(LanguageModel.objects.get(name="dear").price_at())

    def test_a_forbidden_listing_says_that_ids_by_hand_do(self):
        with mock.patch("conversations.connections.listing", side_effect=Forbidden("not yours")):
            page = self.client.get(self.address("sync", self.provider))
        self.assertContains(page, "not yours")
        self.assertContains(page, "by their ids")
