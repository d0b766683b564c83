"""Paths through the tree of a conversation's messages."""

from django.test import TestCase

from conversations.models import Message
from conversations.views.presenting import PAGE, shown, thread_of
from tests import making


class TreeTests(TestCase):
    """Two answers to one question; the first of them was answered, then edited.

    question ─┬─ answer ─┬─ more ── last
              │          └─ edited
              └─ other
    """

    @classmethod
    def setUpTestData(cls):
        cls.alice = making.person()
        cls.conversation = making.conversation(cls.alice)
        cls.question = making.say(cls.conversation, cls.alice, "question")
        cls.answer = making.reply(cls.question, "answer")
        cls.more = making.say(cls.conversation, cls.alice, "more", cls.answer)
        cls.last = making.reply(cls.more, "last")
        cls.other = making.reply(cls.question, "other")
        cls.edited = making.say(cls.conversation, cls.alice, "edited", cls.answer)

    def shown(self, **where):
        return [
            making.text_of(message.pk) for message in thread_of(self.conversation, **where).messages
        ]

    def test_a_path_goes_from_the_root_to_its_leaf(self):
        expected = [self.question.pk, self.answer.pk, self.more.pk, self.last.pk]
        self.assertEqual(Message.objects.path_to(self.last.pk), expected)

    def test_a_short_path_is_its_end(self):
        expected = [self.more.pk, self.last.pk]
        self.assertEqual(Message.objects.path_to(self.last.pk, 2), expected)

    def test_the_newest_leaf_has_the_highest_sequence(self):
        self.assertEqual(Message.objects.newest_leaf(self.conversation.pk), self.edited.pk)
        empty = making.conversation(self.alice)
        self.assertIsNone(Message.objects.newest_leaf(empty.pk))

    def test_below_a_message_the_newest_leaf_is_chosen(self):
        below = Message.objects.leaf_below
        self.assertEqual(below(self.more.pk), self.last.pk)
        self.assertEqual(below(self.answer.pk), self.edited.pk)
        self.assertEqual(below(self.other.pk), self.other.pk)

    def test_messages_keep_the_order_of_the_ids(self):
        ids = [self.last.pk, self.question.pk]
        self.assertEqual([m.pk for m in Message.objects.in_order(ids)], ids)

    def test_a_page_shows_the_newest_path_or_the_one_asked_for(self):
        self.assertEqual(self.shown(), ["question", "answer", "edited"])
        self.assertEqual(self.shown(at=self.more.pk), ["question", "answer", "more", "last"])
        self.assertEqual(self.shown(at=self.other.pk), ["question", "other"])

    def test_a_message_of_another_conversation_is_no_place_here(self):
        elsewhere = making.talk(self.alice).messages.first().pk
        self.assertIsNone(thread_of(self.conversation, at=elsewhere))
        self.assertIsNone(thread_of(self.conversation, before=elsewhere))

    def test_siblings_are_counted_and_lead_to_each_other(self):
        answer, other = shown([self.answer.pk, self.other.pk])
        self.assertEqual((answer.sibling_index, answer.sibling_count), (1, 2))
        self.assertEqual((answer.prev_id, answer.next_id), (None, self.other.pk))
        self.assertEqual((other.sibling_index, other.prev_id), (2, self.answer.pk))

    def test_first_messages_can_be_siblings_too(self):
        again = making.say(self.conversation, self.alice, "question, better")
        (one,) = shown([again.pk])
        self.assertEqual((one.sibling_index, one.sibling_count), (2, 2))


class PageTests(TestCase):
    """A long conversation is shown in pages, from its end."""

    @classmethod
    def setUpTestData(cls):
        cls.alice = making.person()
        cls.conversation = making.talk(cls.alice, exchanges=PAGE + 5)
        cls.ids = list(cls.conversation.messages.order_by("sequence").values_list("pk", flat=True))

    def test_pages_upwards_show_every_message_once(self):
        seen, before = [], None
        while True:
            thread = thread_of(self.conversation, before=before)
            seen = [message.pk for message in thread.messages] + seen
            if thread.older_than is None:
                break
            self.assertEqual(len(thread.messages), PAGE)
            before = thread.older_than
        self.assertEqual(seen, self.ids)

    def test_a_page_that_holds_all_has_nothing_above_it(self):
        short = making.talk(self.alice, exchanges=PAGE // 2)
        self.assertIsNone(thread_of(short).older_than)

    def test_above_the_first_message_there_is_nothing(self):
        self.assertIsNone(thread_of(self.conversation, before=self.ids[0]))

    def test_five_queries_make_a_page_however_long_the_talk(self):
        short = making.talk(self.alice, exchanges=2)
        for conversation in (short, self.conversation):
            with self.assertNumQueries(5):
                thread_of(conversation)
