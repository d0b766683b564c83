"""Several replies to one message: asked for at once, side by side until one of them is followed."""

from django.test import TestCase

from conversations import turns
from conversations.models import Completion, Conversation, Reservation, State
from conversations.views.presenting import thread_of
from tests import making


class ChoicesTests(TestCase):
    def setUp(self):
        self.alice = making.person()
        model = making.model("small", price=("1", "2"))
        self.preset = making.preset("Three", model, parameters={"n": 3, "max_tokens": 100})
        self.turn = making.asked(self.alice, "Tell me")
        self.where = self.turn.conversation

    def finish(self, turn):
        Completion.objects.filter(pk=turn.completion.pk).update(
            state=State.DONE, finished_at=turn.completion.created_at
        )

    def shown(self, **where):
        return [(m.role, m.choices) for m in thread_of(self.where, **where).messages]

    def send(self, text="And?", **rest):
        return making.asked(self.alice, text, conversation_id=self.where.pk, **rest)

    def test_each_choice_is_a_reply_of_its_own(self):
        replies = self.turn.replies
        self.assertEqual([reply.choice for reply in replies], [0, 1, 2])
        self.assertEqual([reply.sequence for reply in replies], [2, 3, 4])
        self.assertEqual({reply.parent_id for reply in replies}, {self.turn.message.pk})
        self.assertEqual(self.turn.completion.lead_id, replies[0].pk)
        self.assertEqual(Conversation.objects.get().last_sequence, 4)

    def test_the_most_that_they_can_cost_is_held_for_all(self):
        three = Reservation.objects.get().amount_nanos
        one = making.preset(
            "One", making.model("other", price=("1", "2")), parameters={"max_tokens": 100}
        )
        making.asked(self.alice, "Tell me", preset=one.slug)
        self.assertEqual(
            three - Reservation.objects.order_by("-created_at")[0].amount_nanos, 200 * 2_000
        )

    def test_they_stand_side_by_side_until_one_is_followed(self):
        beside = [("user", 1)] + 3 * [("assistant", 3)]
        self.assertEqual(self.shown(), beside)
        self.assertEqual(self.shown(at=self.turn.replies[1].pk), beside)
        self.finish(self.turn)
        self.send(parent_id=self.turn.replies[1].pk)
        self.assertEqual(self.shown(), [("user", 1), ("assistant", 3), *beside])
        self.assertEqual(thread_of(self.where).messages[1].pk, self.turn.replies[1].pk)
        alone = self.shown(at=self.turn.replies[2].pk)
        self.assertEqual(alone, [("user", 1), ("assistant", 3)])

    def test_without_a_word_the_first_one_is_followed(self):
        self.finish(self.turn)
        self.assertEqual(self.send().message.parent_id, self.turn.replies[0].pk)

    def test_a_continued_one_goes_on_alone(self):
        self.finish(self.turn)
        turn = turns.continue_(
            author=self.alice, client_id="c", message_id=self.turn.replies[1].pk, preset=""
        )
        self.assertEqual([reply.pk for reply in turn.replies], [self.turn.replies[1].pk])
        self.assertNotIn("n", turn.completion.parameters)

    def test_trying_again_asks_for_as_many(self):
        self.finish(self.turn)
        turn = turns.retry(author=self.alice, client_id="r", message_id=self.turn.replies[1].pk)
        self.assertEqual(len(turn.replies), 3)
        shown = thread_of(self.where).messages
        self.assertEqual([m.pk for m in shown[1:]], [reply.pk for reply in turn.replies])
        self.assertEqual([m.sibling_count for m in shown[1:]], [6, 6, 6])

    def test_the_page_costs_two_readings_more_not_more_with_each(self):
        self.finish(self.turn)
        with self.assertNumQueries(9):
            thread_of(self.where)
