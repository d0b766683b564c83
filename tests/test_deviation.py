"""A reported cost that differs from the price is shown to administrators, and taken as it is."""

from django.test import SimpleTestCase

from conversations.admin.ledger import LedgerAdmin
from conversations.models import LedgerEntry

PRICES = {"input_nanos_per_million": 70_000_000, "output_nanos_per_million": 160_000_000}


def shown(cost, *, source="provider", tokens=(1000, 500), **prices):
    entry = LedgerEntry(
        cost_nanos=cost, cost_source=source, prompt_tokens=tokens[0], completion_tokens=tokens[1],
        **(PRICES | prices),
    )  # fmt: skip
    return LedgerAdmin.against_price(None, entry)


class DeviationTests(SimpleTestCase):
    def test_above_a_twentieth_it_is_shown(self):
        expected = 150_000
        self.assertEqual(shown(expected), "")
        self.assertEqual(shown(expected * 105 // 100), "")
        self.assertEqual(shown(expected * 106 // 100), "+6%")
        self.assertEqual(shown(expected // 2), "-50%")

    def test_the_documents_stale_sample_is_told(self):
        self.assertEqual(shown(26_800, tokens=(15, 16)), "+642%")

    def test_where_nothing_can_be_compared_nothing_is_said(self):
        self.assertEqual(shown(5, source="price"), "")
        self.assertEqual(shown(None), "")
        self.assertEqual(shown(5, input_nanos_per_million=None, output_nanos_per_million=None), "")
        self.assertEqual(shown(5, tokens=(None, 3)), "")
        self.assertEqual(shown(5, input_nanos_per_million=0, output_nanos_per_million=0), "")
