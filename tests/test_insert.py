"""New rows are stored as Django would store them, in one statement whose SQL is built once."""

from datetime import timedelta
from unittest import mock

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test import TestCase
from django.utils import timezone

from conversations.models import Completion, Conversation, Message, Part, Reservation, State
from conversations.models import prepared as module
from conversations.models.base import new_id
from conversations.models.completions import LEASE
from conversations.models.prepared import insert
from tests import making

WORDS = ["", "100 %", "%s", "'; --", '"', "émoi 🎈", "a\nb"]


class InsertTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice = making.person()
        cls.talk = making.conversation(cls.alice)
        cls.preset = making.preset("Small", making.model("small"))

    def message(self, sequence, **values):
        values = {"author": self.alice, "role": Message.Role.USER} | values
        return Message(conversation=self.talk, sequence=sequence, **values)

    def completion(self, **values):
        lead = self.message(1)
        lead.save()
        return Completion(
            conversation=self.talk, lead=lead, asked_by=self.alice, client_id=new_id().hex,
            preset_version=self.preset.version, **values,
        )  # fmt: skip

    def test_a_row_is_stored_with_every_value(self):
        made = self.completion(parameters={"stop": ["%s", '"'], "seed": 2**60, "n": None})
        insert(made)
        found = Completion.objects.get(pk=made.pk)
        for field in Completion._meta.concrete_fields:
            with self.subTest(field.name):
                self.assertEqual(getattr(found, field.attname), getattr(made, field.attname))

    def test_any_text_is_taken_as_it_is(self):
        message = self.message(1)
        insert(message)
        insert(*(Part(message=message, index=i, text=text) for i, text in enumerate(WORDS)))
        self.assertEqual(list(message.parts.values_list("text", flat=True)), WORDS)

    def test_several_take_one_query_and_keep_their_order(self):
        rows = [self.message(number) for number in (3, 1, 2)]
        with self.assertNumQueries(1):
            insert(*rows)
        stored = Message.objects.filter(conversation=self.talk).order_by("sequence")
        self.assertEqual(list(stored), [rows[1], rows[2], rows[0]])

    def test_the_sql_is_built_once_for_so_many_of_a_kind(self):
        insert(self.message(1))
        insert(self.message(2), self.message(3))
        with mock.patch.object(module, "_insert_of") as building:
            insert(self.message(4))
            insert(self.message(5), self.message(6))
        building.assert_not_called()
        self.assertEqual(self.talk.messages.count(), 6)

    def test_the_database_s_clock_may_be_a_value(self):
        before = timezone.now() - timedelta(seconds=5)
        for _again in range(2):
            made = self.completion()
            made.claimed_by(new_id())
            insert(made)
            found = Completion.objects.get(pk=made.pk)
            self.assertEqual((found.state, found.claim), (State.RUNNING, made.claim))
            self.assertAlmostEqual(found.lease_until - found.started_at, LEASE, delta=LEASE / 100)
            self.assertGreater(found.started_at, before)
            found.lead.delete()

    def test_another_expression_is_another_statement(self):
        for ahead in (timedelta(hours=1), timedelta(hours=9)):
            made = self.completion(
                state=State.RUNNING, claim=new_id(), lease_until=Now() + ahead, started_at=Now()
            )
            insert(made)
            found = Completion.objects.get(pk=made.pk)
            self.assertEqual(found.lease_until - found.started_at, ahead)
            found.lead.delete()

    def test_a_stored_row_is_one_like_any_other(self):
        message = self.message(1)
        self.assertTrue(message._state.adding)
        insert(message)
        self.assertEqual((message._state.adding, message._state.db), (False, "default"))
        message.sequence = 7
        message.save()
        self.assertEqual(Message.objects.get(pk=message.pk).sequence, 7)

    def test_what_is_set_as_it_is_stored_is_set(self):
        completion = self.completion()
        insert(completion)
        held = Reservation(completion=completion, call_id=new_id(), amount_nanos=None)
        insert(held)
        self.assertIsNotNone(held.created_at)
        self.assertEqual(Reservation.objects.get(pk=held.pk).created_at, held.created_at)

    def test_what_must_hold_holds(self):
        insert(self.message(1))
        for wrong in (self.message(1), self.message(2, role="nobody")):
            with self.assertRaises(IntegrityError), transaction.atomic():
                insert(wrong)
        with self.assertRaises(IntegrityError), transaction.atomic():
            insert(self.message(3), self.message(3))
        self.assertEqual(self.talk.messages.count(), 1)

    def test_a_row_that_refers_to_none_is_refused(self):
        message = Message(conversation=Conversation(), sequence=1, role=Message.Role.USER)
        with self.assertRaises(IntegrityError), transaction.atomic():
            insert(message)
            connection.check_constraints()
