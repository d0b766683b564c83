"""The provider's pages in the administration: adding by kind, testing, taking over a listing."""

from datetime import timedelta
from decimal import Decimal
from unittest import mock

from cryptography.fernet import Fernet
from django.db import connection
from django.test import TestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversations import rotation
from conversations.admin.provider_form import ProviderForm
from conversations.admin.provider_pages import MOST_TICKS
from conversations.models import AuditEntry, LanguageModel, LedgerEntry, Preset, Provider, User
from conversations.oversight.alerting import raise_alert
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


class MeanwhileTests(AdminTestCase):
    def test_a_key_that_another_wrote_meanwhile_stays(self):
        provider = making.provider(
            kind="deepinfra", key=KEY, base_url="https://api.deepinfra.com/v1"
        )
        real = ProviderForm.clean

        def clean(form):
            rotation.rotate(Provider.objects.get(), "new-key-of-here-5678", until=None)
            return real(form)

        fields = {"name": "Other", "options": "{}", "enabled": "on", "base_url": provider.base_url}
        with mock.patch.object(ProviderForm, "clean", clean):
            self.client.post(self.address("change", provider), fields | SECONDS)
        provider.refresh_from_db()
        self.assertEqual(provider.name, "Other")
        self.assertEqual(provider.key.reveal(), "new-key-of-here-5678")

    def test_the_moment_of_the_change_is_kept(self):
        provider = making.provider()
        Provider.objects.update(updated_at=timezone.now() - timedelta(days=1))
        fields = {"name": "Other", "options": "{}", "enabled": "on"}
        self.client.post(self.address("change", provider), fields)
        provider.refresh_from_db()
        self.assertGreater(provider.updated_at, timezone.now() - timedelta(hours=1))


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

    def page(self, kind=""):
        query = {"kind": kind} if kind else {}
        return self.client.get(reverse("admin:conversations_provider_add"), query)

    def shown(self, kind):
        form = self.page(kind).context["adminform"]
        _name, first = form.fieldsets[0]
        return [field for field in first["fields"] if field != "kind"]

    def test_first_the_kind_is_chosen(self):
        for page in (self.page(), self.page("odd")):
            self.assertContains(page, "Where do the models run?")
            for kind in ("deepinfra", "aimlapi", "cloudflare", "openai_compatible", "demo"):
                self.assertContains(page, f'href="?kind={kind}"')

    def test_each_kind_asks_for_what_it_needs_and_no_more(self):
        self.assertEqual(self.shown("deepinfra"), ["name", "new_key"])
        self.assertEqual(self.shown("aimlapi"), ["name", "new_key"])
        self.assertEqual(self.shown("cloudflare"), ["name", "account_id", "new_key"])
        own = ["name", "base_url", "new_key", "new_models"]
        self.assertEqual(self.shown("openai_compatible"), own)
        self.assertEqual(self.shown("demo"), ["name"])
        self.assertNotContains(self.page("demo"), "base_url")
        self.assertNotContains(self.page("deepinfra"), "account_id")

    def test_what_was_found_on_this_machine_fills_the_form_in(self):
        found = {"kind": "openai_compatible", "name": "Ollama", "base_url": "http://127.0.0.1:1/v1"}
        page = self.client.get(reverse("admin:conversations_provider_add"), found)
        self.assertContains(page, 'value="Ollama"')
        self.assertContains(page, 'value="http://127.0.0.1:1/v1"')

    def test_afterwards_the_page_says_what_comes_next(self):
        form = {"name": "New", "options": "{}", "kind": "demo"}
        add = reverse("admin:conversations_provider_add")
        page = self.client.post(add, form, follow=True)
        self.assertContains(page, "What comes next")
        self.assertContains(page, self.address("check", Provider.objects.get()))
        self.assertEqual(Preset.objects.count(), 1)

    def test_it_is_audited_without_the_key(self):
        self.add(kind="deepinfra", new_key=KEY)
        entry = AuditEntry.objects.get(action="provider.added")
        self.assertEqual((entry.actor_id, entry.detail["key"]), (self.ada.pk, ["", "…"]))
        self.assertNotIn("secret", str(entry.detail))

    def test_a_key_that_fits_no_header_is_refused_without_being_shown(self):
        for key in ("two words", "schlüssel-of-here-1234", "line\x0bbreak"):
            page = self.add(kind="deepinfra", new_key=key)
            self.assertContains(page, "no blanks and no special characters")
            self.assertNotContains(page, key)
        self.assertFalse(Provider.objects.exists())

    @override_settings(PRIVATE_PROVIDERS=True)
    def test_an_address_that_is_none_is_refused_where_private_ones_are_allowed(self):
        url = "https://api.example.com/v1"
        provider = making.provider(kind="openai_compatible", base_url=url, key=KEY)
        for wrong in ("http://[", "http://[::1", "https://a:99999/v1", "https://x:abc/"):
            fields = {"name": "New", "options": "{}", "enabled": "on", "base_url": wrong}
            page = self.client.post(self.address("change", provider), fields | SECONDS)
            self.assertIn("base_url", page.context["adminform"].form.errors, wrong)
        provider.refresh_from_db()
        self.assertEqual(provider.base_url, url)

    def test_options_that_nothing_can_keep_are_refused(self):
        for options in (
            "[" * 60_000,
            "9" * 5_000,
            '{"a": "\\u0000"}',
            '{"a": "\\ud800"}',
            '{"a": NaN}',
        ):
            self.assertEqual(self.add(kind="deepinfra", options=options).status_code, 200)
        self.assertFalse(Provider.objects.exists())

    def test_odd_options_and_addresses_are_refused_at_their_fields(self):
        for options in ("[]", "1", '"x"', "{", "null x"):
            self.assertEqual(self.add(kind="deepinfra", options=options).status_code, 200)
        for url in (
            "ftp://example.com", "http://user:word@example.com/v1", "http://x/v1?key=1", "x", "http://[",
        ):  # fmt: skip
            page = self.add(kind="openai_compatible", base_url=url)
            self.assertTrue(page.context["errors"], url)
        self.assertFalse(Provider.objects.exists())

    @override_settings(PRIVATE_PROVIDERS=False)
    def test_a_private_address_is_refused_in_the_form_with_what_allows_it(self):
        private = (
            "http://127.0.0.1:11434/v1", "http://localhost/v1", "http://LOCALHOST./v1",
            "http://api.localhost/v1", "http://192.168.0.7/v1", "http://[::1]/v1",
            "http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/v1",
        )  # fmt: skip
        for url in private:
            page = self.add(kind="openai_compatible", base_url=url)
            self.assertContains(page, "PARLEY_PRIVATE_PROVIDERS", msg_prefix=url)
        self.assertContains(self.add(kind="deepinfra", base_url=private[0]), "PARLEY_PRIVATE")
        self.assertFalse(Provider.objects.exists())
        self.add(kind="openai_compatible", base_url="https://api.example.com/v1/")
        self.assertEqual(Provider.objects.get().base_url, "https://api.example.com/v1")


class ChangingTests(AdminTestCase):
    def setUp(self):
        super().setUp()
        self.provider = making.provider(
            "Here", kind="cloudflare", base_url="https://x.example/{account_id}", key=KEY,
            options={"account_id": "a1", "other": "kept"},
        )  # fmt: skip
        self.change = reverse("admin:conversations_provider_change", args=[self.provider.pk])

    def post(self, **fields):
        form = {"name": "Here", "enabled": "on", "account_id": "a1", "options": '{"other": "kept"}'}
        form["base_url"] = "https://x.example/{account_id}"
        return self.client.post(self.change, form | SECONDS | fields, follow=True)

    def test_it_keeps_its_key_and_kind_whatever_is_posted(self):
        at = {"base_url": "https://x.example/other/{account_id}"}
        page = self.post(new_key="another-key-5678", **at)
        self.assertContains(page, "Rotate key")
        self.assertTrue(page.context["errors"])
        self.post(kind="demo", name="There", **at)
        self.provider.refresh_from_db()
        self.assertEqual((self.provider.name, self.provider.kind), ("There", "cloudflare"))
        self.assertEqual(self.provider.key.reveal(), KEY)
        self.assertEqual(self.provider.options, {"account_id": "a1", "other": "kept"})

    def test_the_key_is_shown_by_its_end_alone(self):
        page = self.client.get(self.change)
        self.assertContains(page, "…1234")
        self.assertNotContains(page, "secret-key")

    def test_a_stored_key_goes_to_no_address_that_was_changed_afterwards(self):
        elsewhere = ("https://y.example/v1", "http://x.example/v1", "https://x.example:8443/v1", "")
        for url in elsewhere:
            page = self.post(base_url=url)
            self.assertContains(page, "key for the new address too")
        self.provider.refresh_from_db()
        self.assertEqual(self.provider.base_url, "https://x.example/{account_id}")

    def test_another_address_takes_its_own_key_and_forgets_the_others(self):
        until = timezone.now() + timedelta(hours=1)
        Provider.objects.update(old_key="older-key-0000", old_key_until=until)
        self.post(base_url="https://y.example/v1", new_key="another-key-5678")
        self.provider.refresh_from_db()
        self.assertEqual(self.provider.base_url, "https://y.example/v1")
        self.assertEqual(self.provider.key.reveal(), "another-key-5678")
        self.assertEqual((self.provider.old_key, self.provider.old_key_until), ("", None))

    def test_a_provider_without_a_key_can_be_given_one(self):
        Provider.objects.update(key="")
        self.post(new_key=KEY)
        self.provider.refresh_from_db()
        self.assertEqual(self.provider.key.reveal(), KEY)

    def test_a_key_that_cannot_be_read_is_said_to_be_and_can_be_written_anew(self):
        with self.settings(ENCRYPTION_KEYS=Fernet.generate_key().decode()):
            self.assertContains(self.client.get(self.change), "read with this site")
            self.post(new_key="another-key-5678")
            self.provider.refresh_from_db()
            self.assertEqual(self.provider.key.reveal(), "another-key-5678")

    def test_the_switch_says_what_it_does_and_did(self):
        making.preset("Small", making.model("small", at=self.provider))
        self.assertContains(self.client.get(self.change), "1 preset isn’t offered until")
        off = self.post(enabled="")
        self.assertContains(off, "1 preset isn’t offered any more: Small")
        self.assertFalse(Preset.objects.visible_to(self.ada).exists())
        self.assertContains(self.post(), "in use again")
        self.assertTrue(Preset.objects.visible_to(self.ada).exists())
        self.assertNotContains(self.post(), "in use again")

    def test_deleting_asks_once_and_says_what_goes_with_it(self):
        making.preset("Small", making.model("small", price=("1", "2"), at=self.provider))
        delete = self.address("delete", self.provider)
        page = self.client.get(delete)
        for told in ("one model", "one price", "One preset loses its model", "Small"):
            self.assertContains(page, told)
        self.client.post(delete, {"post": "yes"})
        self.assertFalse(Provider.objects.exists())
        self.assertTrue(AuditEntry.objects.filter(action="provider.deleted").exists())

    def test_who_manages_providers_may_delete_and_others_see_nothing(self):
        making.model("small", price=("1", "2"), at=self.provider)
        self.client.force_login(making.person("bob", may_people=True, may_spend=True))
        for what in ("change", "delete", "check", "sync", "rotate"):
            self.assertEqual(self.client.get(self.address(what, self.provider)).status_code, 403)
        self.client.force_login(making.person("charlie", may_providers=True))
        self.client.post(self.address("delete", self.provider), {"post": "yes"})
        self.assertFalse(Provider.objects.exists())

    def test_an_open_alert_stands_on_its_page(self):
        raise_alert("key_refused", str(self.provider.pk), "Here", "It was refused.")
        self.assertContains(self.client.get(self.change), "It was refused.")
        self.post(enabled="")
        self.assertNotContains(self.client.get(self.change), "It was refused.")

    def test_the_list_needs_no_more_queries_for_more_providers(self):
        address = reverse("admin:conversations_provider_changelist")
        with mock.patch("conversations.admin.providers.found_locally", return_value=[]):
            self.client.get(address)
            with CaptureQueriesContext(connection) as few:
                self.client.get(address)
            for number in range(20):
                making.model("small", at=making.provider(f"P{number}", key=KEY))
            with self.assertNumQueries(len(few)):
                self.client.get(address)


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
        entry = AuditEntry.objects.get(action="provider.synced")
        self.assertEqual((entry.actor_id, entry.detail["new"]), (self.ada.pk, ["two"]))
        price = AuditEntry.objects.get(action="price.added")
        self.assertEqual(price.detail["read"], "0.1")

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
