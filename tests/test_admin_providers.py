"""The provider's pages in the administration: adding by kind, testing, taking over a listing."""

from decimal import Decimal
from unittest import mock

from django.test import TestCase
from django.urls import reverse

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

    def test_a_forbidden_listing_says_that_ids_by_hand_do(self):
        with mock.patch("conversations.connections.listing", side_effect=Forbidden("not yours")):
            page = self.client.get(self.address("sync", self.provider))
        self.assertContains(page, "not yours")
        self.assertContains(page, "by their ids")
