"""A listing is compared, proposed, and applied as far as a person confirms it."""

from decimal import Decimal

from django.test import TestCase

from conversations import syncing
from conversations.models import LanguageModel, Preset, Price
from conversations.providers.base import ListedModel
from tests import making


def listed(name="small", price=("0.1", "0.2"), **more):
    prices = [None, None] if price is None else map(Decimal, price)
    return ListedModel(name, 8192, *prices, **more)


class SyncTests(TestCase):
    def setUp(self):
        self.provider = making.provider("Here")

    def plan(self, *models):
        return syncing.plan(self.provider, syncing.listed_models(models))

    def apply(self, *models, offer=(), confirm=()):
        plan = self.plan(*models)
        return syncing.apply(plan, self.provider, offer=set(offer), confirm=set(confirm))

    def test_the_same_listing_changes_nothing(self):
        self.apply(listed(), offer=["small"])
        with self.assertNumQueries(2):
            self.assertTrue(self.plan(listed()).is_empty)

    def test_a_new_model_is_stored_only_if_it_is_chosen(self):
        presets = self.apply(listed(), listed("other"), offer=["small"])
        self.assertEqual(presets, ["small"])
        model = LanguageModel.objects.get()
        self.assertEqual((model.name, model.context_tokens), ("small", 8192))
        self.assertEqual(str(model.price_at()), "$0.1 in / $0.2 out per million")
        self.assertEqual([one.name for one in self.plan(listed(), listed("other")).new], ["other"])

    def test_a_price_changes_only_when_it_is_confirmed(self):
        model = making.model(price=("0.1", "0.2"))
        dearer = listed(price=("0.1", "0.3"))
        self.apply(dearer)
        self.assertEqual(str(model.price_at()), "$0.1 in / $0.2 out per million")
        (change,) = self.plan(dearer).prices
        self.assertEqual(
            (change.before, change.listed.prices), (model.price_at(), (10**8, 3 * 10**8))
        )
        self.apply(dearer, confirm=["small"])
        self.assertEqual(str(model.price_at()), "$0.1 in / $0.3 out per million")
        self.assertEqual(model.prices.count(), 2)
        self.assertEqual(self.plan(dearer).prices, [])

    def test_a_confirmed_price_keeps_what_is_cached_at_its_own(self):
        model = making.model()
        making.set_price(model, "1", "2", cached_nanos_per_million=10**8)
        self.apply(listed(price=("0.9", "2")), confirm=["small"])
        price = model.price_at()
        self.assertEqual(str(price), "$0.9 in / $2 out per million")
        self.assertEqual(price.cached_nanos_per_million, 10**8)

    def test_what_is_cached_never_costs_more_than_what_is_read(self):
        model = making.model()
        making.set_price(model, "1", "2", cached_nanos_per_million=5 * 10**8)
        self.apply(listed(price=("0.1", "2")), confirm=["small"])
        self.assertEqual(model.price_at().cached_nanos_per_million, 10**8)

    def test_a_cached_price_that_is_given_counts(self):
        model = making.model()
        self.assertIsNone(Price.from_now(model, 5, 6).cached_nanos_per_million)
        making.set_price(model, "1", "2", cached_nanos_per_million=7)
        Price.objects.filter(cached_nanos_per_million=None).delete()
        self.assertEqual(Price.from_now(model, 9, 9, 3).cached_nanos_per_million, 3)

    def test_an_unknown_price_is_proposed_and_half_a_price_is_none(self):
        making.model()
        self.assertEqual(len(self.plan(listed()).prices), 1)
        half = ListedModel("small", price_in=Decimal(1))
        self.assertEqual(self.plan(half).prices, [])
        self.assertEqual(self.plan(listed(price=None)).prices, [])

    def test_what_the_listing_no_longer_has_is_withdrawn_not_deleted(self):
        preset = making.preset("Small", making.model())
        self.assertTrue(Preset.objects.visible_to(making.person()).filter(pk=preset.pk).exists())
        self.apply(listed("other"))
        self.assertTrue(LanguageModel.objects.get(name="small").withdrawn)
        self.assertEqual(self.plan(listed("other")).withdrawn, [])
        self.apply(listed())
        self.assertFalse(LanguageModel.objects.get(name="small").withdrawn)

    def test_a_model_is_known_by_its_other_ids_too(self):
        making.model("qwen-sim")
        told = listed("alibaba/qwen-sim", aliases=("qwen-sim",))
        plan = self.plan(told)
        self.assertEqual((plan.new, plan.withdrawn), ([], []))
        self.apply(told)
        self.assertEqual(LanguageModel.objects.get().aliases, ["qwen-sim"])

    def test_facts_are_taken_over_and_what_is_not_told_stays(self):
        making.model(price=("0.1", "0.2"))
        self.apply(listed(most=512))
        model = LanguageModel.objects.get()
        self.assertEqual((model.context_tokens, model.output_tokens, model.lora), (8192, 512, None))
        self.assertEqual(model.own_limits, {"max_tokens": {"high": 512}})
        self.apply(ListedModel("small", lora=True))
        model.refresh_from_db()
        self.assertEqual((model.context_tokens, model.output_tokens, model.lora), (8192, 512, True))

    def test_what_cannot_chat_and_impossible_ids_are_left_out(self):
        found = self.plan(listed("image", chats=False), listed("x" * 201), listed(), listed())
        self.assertEqual([one.name for one in found.new], ["small"])

    def test_ids_that_cannot_be_stored_or_shown_are_left_out(self):
        odd = ("a\ud800", "b\0", "c\x1b[2J", "d\u202ee", "f\n", " ")
        found = self.plan(*map(listed, odd), listed("模型/é b"))
        self.assertEqual([one.name for one in found.new], ["模型/é b"])
        found = self.plan(listed(aliases=("\udfff", "x\0", "y" * 201, "good")))
        self.assertEqual(found.new[0].aliases, ("good",))

    def test_numbers_that_no_column_holds_are_unknown(self):
        over = Decimal(2**63) / 10**9
        for price in (
            over,
            Decimal("1e30"),
            Decimal("1e999999"),
            Decimal(-1),
            Decimal("NaN"),
            Decimal("Infinity"),
            Decimal("sNaN"),
        ):
            (one,) = syncing.listed_models([listed(price=(price, "1"))])
            self.assertEqual((one.input_nanos, one.prices), (None, None))
        (one,) = syncing.listed_models([listed(price=(over - Decimal("1e-9"), "0"))])
        self.assertEqual(one.prices, (2**63 - 1, 0))
        for tokens in (0, -1, 2**31, 10**30):
            (one,) = syncing.listed_models([ListedModel("small", tokens, most=tokens)])
            self.assertEqual((one.context_tokens, one.output_tokens), (None, None))
        (one,) = syncing.listed_models([ListedModel("small", 2**31 - 1, most=1)])
        self.assertEqual((one.context_tokens, one.output_tokens), (2**31 - 1, 1))

    def test_the_largest_numbers_are_stored(self):
        most = str(Decimal(2**63 - 1) / 10**9)
        self.apply(
            ListedModel("big", 2**31 - 1, Decimal(most), Decimal(most), most=2**31 - 1),
            offer=["big"],
        )
        model = LanguageModel.objects.get()
        self.assertEqual((model.context_tokens, model.output_tokens), (2**31 - 1, 2**31 - 1))
        self.assertEqual(model.price_at().input_nanos_per_million, 2**63 - 1)

    def test_every_model_of_a_long_list_is_compared_in_few_queries(self):
        for number in range(30):
            making.model(f"m{number}", price=("1", "2"), at=self.provider)
        with self.assertNumQueries(2):
            plan = self.plan(*(listed(f"m{number}") for number in range(60)))
        self.assertEqual((len(plan.new), len(plan.prices), len(plan.told)), (30, 30, 30))
