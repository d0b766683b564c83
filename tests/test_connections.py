"""Testing a connection: each step, what it says where it fails, and what it costs."""

from unittest import mock

from django.test import TestCase, override_settings

from conversations import connections
from conversations.models import Kind, LedgerEntry, Provider, Reservation
from conversations.models.base import NOTHING
from tests import making
from tests.serving import Serving

KEY = "secret-key-of-here-1234"


class ConnectionTests(TestCase):
    def provider(self, url, **fields):
        made = making.provider("Here", kind="openai_compatible", base_url=url, **fields)
        made.refresh_from_db()
        return made

    def check(self, url, **fields):
        return connections.check(self.provider(url, **fields))

    def test_all_steps_pass_and_the_answer_is_charged(self):
        alice = making.person()
        with Serving() as url:
            provider = self.provider(url, key=KEY)
            making.model("stand-in", price=("1", "2"), at=provider)
            steps = connections.check(provider, alice)
        self.assertEqual([step.name for step in steps], ["Name", "Connection", "Listing", "Answer"])
        self.assertTrue(all(step.passed and step.seconds >= 0 for step in steps), steps)
        entry = LedgerEntry.objects.get()
        self.assertEqual((entry.user_id, entry.provider_name), (alice.pk, "Here"))
        self.assertEqual((entry.usage_source, entry.cost_source), ("provider", "price"))
        spent = entry.prompt_tokens * 1_000 + entry.completion_tokens * 2_000
        self.assertEqual(entry.cost_nanos, spent)
        self.assertEqual(entry.conversation_id, NOTHING)

    def test_without_a_model_the_first_listed_one_is_asked(self):
        with Serving() as url:
            steps = self.check(url)
        self.assertTrue(steps[-1].passed)
        self.assertEqual(LedgerEntry.objects.get().cost_source, "none")

    def test_a_name_that_is_none(self):
        (step,) = self.check("http://no-such-host.invalid/v1")
        self.assertEqual((step.name, step.passed), ("Name", False))
        self.assertIn("no-such-host.invalid", step.found)
        self.assertIn("spelling", step.advice)

    def test_nobody_answers_at_the_address(self):
        *_, step = self.check("http://127.0.0.1:9/v1")
        self.assertEqual((step.name, step.passed), ("Connection", False))
        self.assertIn("firewall", step.advice)

    def test_no_encryption_where_the_address_promises_it(self):
        with Serving() as url:
            *_, step = self.check(url.replace("http:", "https:"))
        self.assertEqual((step.name, step.passed), ("Connection", False))

    @override_settings(PRIVATE_PROVIDERS=False)
    def test_a_private_address_is_refused_before_anything_is_sent(self):
        with Serving() as url, mock.patch("asyncio.open_connection") as opened:
            (step,) = self.check(url)
            Provider.objects.all().delete()
            (named,) = self.check(url.replace("127.0.0.1", "localhost"))
        opened.assert_not_called()
        self.assertEqual((step.passed, named.passed), (False, False))
        self.assertIn("PARLEY_PRIVATE_PROVIDERS", step.advice)

    def test_a_refused_key_is_named(self):
        with (
            Serving() as url,
            mock.patch("conversations.providers.checkup.QUESTION", "[[status=401 says=wrong]]"),
        ):
            *_, step = self.check(url, key=KEY)
        self.assertEqual((step.name, step.passed), ("Key", False))
        self.assertIn("HTTP 401", step.found)
        self.assertNotIn(KEY, step.found)
        self.assertFalse(LedgerEntry.objects.exists())

    def test_a_forbidden_listing_does_not_stop_the_test(self):
        with (
            Serving() as url,
            mock.patch(
                "conversations.providers.openai_compatible.OpenAICompatible.models_path", "/nowhere"
            ),
        ):
            provider = self.provider(url)
            making.model("stand-in", at=provider)
            steps = connections.check(provider)
        self.assertEqual([step.passed for step in steps], [True, True, None, True])
        self.assertIn("by their ids", steps[2].advice)

    def test_the_demo_has_no_address(self):
        provider = making.provider("Demo")
        making.model("demo", at=provider)
        self.assertEqual([step.name for step in connections.check(provider)], ["Listing", "Answer"])

    def test_what_the_provider_says_is_named_with_what_to_do(self):
        with (
            Serving() as url,
            mock.patch("conversations.providers.checkup.QUESTION", "[[status=402 says=empty]]"),
        ):
            *_, step = self.check(url)
        self.assertEqual((step.name, step.passed), ("Answer", False))
        self.assertIn("Add credit", step.advice)


class BudgetTests(TestCase):
    """A test's question is held like any other; without room for it the model isn't asked."""

    def setUp(self):
        self.alice = making.person(may_providers=True)
        self.provider = making.provider("Demo", kind=Kind.DEMO)
        making.model("demo", price=("1", "1"), at=self.provider)

    def steps(self):
        return {step.name: step for step in connections.check(self.provider, self.alice)}

    def test_within_the_budget_it_is_asked_and_nothing_stays_held(self):
        making.budget("1")
        self.assertTrue(self.steps()["Answer"].passed)
        self.assertEqual(LedgerEntry.objects.count(), 1)
        self.assertFalse(Reservation.objects.exists())

    def test_without_room_it_is_not_asked_and_says_why(self):
        making.budget("0")
        answer = self.steps()["Answer"]
        self.assertIsNone(answer.passed)
        self.assertIn("used up", answer.found)
        self.assertFalse(LedgerEntry.objects.exists())
        self.assertFalse(Reservation.objects.exists())
