"""The composer's preview: likely, at most, and what a budget says to it."""

from django.test import TestCase

from conversations.models import PresetModel, Scope
from conversations.spending.previewing import preview
from tests import making


class PreviewTests(TestCase):
    def setUp(self):
        self.alice, self.bob = making.person("alice"), making.person("bob")
        self.model = making.model("small", price=("1", "1"))
        self.preset = making.preset("Small", self.model, parameters={"max_tokens": 1000})
        self.client.force_login(self.alice)

    def preview(self, where=None, text_bytes=400, preset=""):
        chosen = PresetModel.objects.chosen_by(self.alice, preset)
        return preview(self.alice, chosen, where, text_bytes)

    def get(self, **query):
        return self.client.get("/cost/", {"preset": self.preset.slug, "bytes": "12"} | query)

    def test_at_most_is_what_the_send_would_hold(self):
        where = making.talk(self.alice, 3)
        for text in ("Hello", "Grüße 🐝", "x" * 5000):
            told = self.preview(where, len(text.encode()))
            turn = making.asked(self.alice, text, conversation_id=where.pk)
            self.assertEqual(told.most, turn.reservation.amount_nanos)
            where = making.talk(self.alice, 3)

    def test_likely_follows_the_last_answers(self):
        where = making.conversation(self.alice)
        question = making.say(where, self.alice)
        making.reply(question, prompt_tokens=2000, completion_tokens=300)
        told = self.preview(where, 400)
        self.assertEqual(told.likely, (2300 + 100 + 300) * 1000)
        self.assertLess(told.likely, 3_000_000)

    def test_likely_is_never_above_the_most(self):
        self.assertLessEqual(self.preview(None, 1).likely, self.preview(None, 1).most)

    def test_without_a_price_nothing_is_told(self):
        free = making.preset("Free", making.model("free"))
        told = self.preview(preset=free.slug)
        self.assertEqual((told.likely, told.most, told.refusal), (None, None, ""))

    def test_under_a_hard_budget_the_refusal_is_told_before_the_send(self):
        making.budget("0.001")
        self.assertIn("could cost up to", self.preview().refusal)

    def test_a_budget_that_is_nearly_used_is_named(self):
        making.budget("1", Scope.EACH_PERSON, warn_percent=1)
        self.assertIsNone(self.preview().tightest)
        making.budget("0", Scope.EACH_PERSON, hard=False)
        self.assertEqual(self.preview().tightest.left, 0)

    def test_the_page_asks_for_it(self):
        body = self.get().content.decode()
        self.assertIn("about $", body)
        self.assertIn("at most $", body)

    def test_a_refusal_leads_to_one_s_usage(self):
        making.budget("0")
        body = self.get().content.decode()
        self.assertIn("used up", body)
        self.assertIn("/usage/", body)

    def test_nonsense_is_refused(self):
        for query in ({"bytes": "-1"}, {"bytes": ""}, {"bytes": "9" * 9}, {"preset": "none"}, {"conversation": "x"}):  # fmt: skip
            self.assertEqual(self.get(**query).status_code, 400, query)

    def test_nothing_of_another_s_conversation_is_told(self):
        where = making.talk(self.bob)
        self.assertEqual(self.get(conversation=str(where.pk)).status_code, 404)

    def test_it_reads_little(self):
        where = making.talk(self.alice, 3)
        making.budget("1")
        with self.assertNumQueries(8):
            self.preview(where)

    def test_without_a_text_only_the_month_is_told(self):
        making.budget("0")
        body = self.get(bytes="0").content.decode()
        self.assertNotIn("used up", body)
        self.assertIn('id="month-spend"', body)
