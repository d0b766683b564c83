"""What must always hold is held by the database."""

from django.db import IntegrityError, transaction
from django.test import TestCase
from django.utils import timezone

from conversations.models import Preset, Provider
from tests import making


class ConstraintTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice = making.person()
        cls.conversation = making.conversation(cls.alice)
        cls.question = making.say(cls.conversation, cls.alice)
        cls.reply = making.reply(cls.question)

    def refuses(self, name, row, **values):
        with self.assertRaises(IntegrityError) as caught, transaction.atomic():
            type(row).objects.filter(pk=row.pk).update(**values)
        if name:
            self.assertIn(name, str(caught.exception))

    def test_a_place_in_the_order_is_given_once(self):
        self.refuses("", self.reply, sequence=self.question.sequence)

    def test_a_person_s_message_has_no_completion(self):
        self.refuses("message_role", self.question, completion=self.reply.completion)

    def test_a_reply_has_a_completion_and_a_parent(self):
        self.refuses("message_role", self.reply, parent=None)
        self.refuses("message_role", self.reply, completion=None)

    def test_a_state_is_one_of_ours(self):
        self.refuses("completion_state", self.reply.completion, state="lost")

    def test_what_runs_is_claimed(self):
        self.refuses("completion_running_is_claimed", self.reply.completion, state="running")

    def test_what_has_ended_says_when(self):
        self.refuses("completion_final_is_finished", self.reply.completion, finished_at=None)

    def test_there_is_one_default_and_one_title_writer(self):
        Preset.objects.update(is_default=True, writes_titles=True)
        for field in ("is_default", "writes_titles"):
            with self.assertRaises(IntegrityError), transaction.atomic():
                making.preset(f"Second {field}", **{"is_default": False} | {field: True})

    def test_a_price_is_not_below_zero(self):
        price = making.set_price(making.model("priced"), "1", "1")
        self.refuses("price_not_negative", price, output_nanos_per_million=-1)

    def test_of_one_moment_there_is_one_price(self):
        model, now = making.model("priced"), timezone.now()
        making.set_price(model, "1", "1", valid_from=now)
        with self.assertRaises(IntegrityError), transaction.atomic():
            making.set_price(model, "2", "2", valid_from=now)

    def test_an_address_or_name_differs_by_more_than_case(self):
        for fields in ({"email": "ALICE@example.com"}, {"username": "Alice", "email": ""}):
            with self.assertRaises(IntegrityError), transaction.atomic():
                making.person("dora")._meta.model.objects.filter(username="dora").update(**fields)

    def test_several_people_may_have_no_address(self):
        for name in ("dora", "emil"):
            user = making.person(name)
            user.email = ""
            user.save()

    def test_a_provider_other_than_the_demo_has_an_address(self):
        self.refuses("provider_has_address", Provider.objects.get(), kind="openai_compatible")
