"""Several people, or one impatient one, at the same moment: each thread has its own connection."""

import threading

from django.db import connection

from conversations import turns
from conversations.models import Completion, Conversation, Message, OneTimeLink, Role
from conversations.models.base import new_id
from conversations.problems import Conflict, Refused
from tests import making
from tests.committing import CommittingTestCase

MANY = 6


def at_once(*acts):
    """What each of these returned or was refused with, all begun at one moment."""
    ready = threading.Barrier(len(acts))
    results = [None] * len(acts)

    def run(place, act):
        try:
            ready.wait(10)
            results[place] = act()
        except Refused as refusal:
            results[place] = refusal
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


class TogetherTests(CommittingTestCase):
    def setUp(self):
        self.alice, self.bob = making.person("alice"), making.person("bob")
        making.preset()
        self.conversation = making.talk(self.alice)
        self.question, self.answer = self.conversation.messages.order_by("sequence")
        making.share(self.conversation, self.bob, Role.EDITOR)

    def send(self, author=None, **rest):
        where = {"conversation_id": self.conversation.pk}
        return making.asked(author or self.alice, "Go on", **where | rest)

    def test_many_sends_keep_one_order_without_a_gap(self):
        people = [self.alice, self.bob] * (MANY // 2)
        sent = at_once(*(lambda author=author: self.send(author) for author in people))
        self.assertTrue(all(turn.created for turn in sent))
        rows = Message.objects.filter(conversation=self.conversation).order_by("sequence")
        self.assertEqual(
            list(rows.values_list("sequence", flat=True)), list(range(1, 3 + 2 * MANY))
        )
        for turn in sent:
            self.assertEqual(turn.replies[0].sequence, turn.message.sequence + 1)

    def test_each_of_many_sends_follows_the_one_before_and_waits_for_it(self):
        sent = at_once(*[self.send] * MANY)
        sent.sort(key=lambda turn: turn.message.sequence)
        before = [self.answer, *(turn.replies[0] for turn in sent)]
        for turn, parent in zip(sent, before, strict=False):
            self.assertEqual(turn.message.parent_id, parent.pk)
        waits = [turn.completion.waits_for_id for turn in sent]
        self.assertEqual(waits, [None, *(turn.completion.pk for turn in sent[:-1])])

    def test_one_client_id_stores_one_turn_and_everyone_gets_it(self):
        for rest in ({"parent_id": self.answer.pk}, {}):
            key = new_id().hex
            sent = at_once(*[lambda key=key, rest=rest: self.send(client_id=key, **rest)] * MANY)
            self.assertEqual(sum(turn.created for turn in sent), 1)
            self.assertEqual(len({turn.message.pk for turn in sent}), 1)
        self.assertEqual(Message.objects.filter(conversation=self.conversation).count(), 6)

    def test_one_client_id_opens_one_conversation(self):
        key = new_id().hex
        started = at_once(*[lambda: making.asked(self.alice, client_id=key)] * MANY)
        self.assertEqual(len({turn.conversation.pk for turn in started}), 1)
        self.assertEqual(Conversation.objects.count(), 2)

    def test_of_several_answers_to_one_message_one_is_taken(self):
        sent = at_once(*[lambda: self.send(parent_id=self.answer.pk)] * MANY)
        self.assertEqual(sum(isinstance(result, Conflict) for result in sent), MANY - 1)

    def test_of_several_who_continue_a_reply_one_does(self):
        def go_on():
            return turns.continue_(
                author=self.bob, client_id=new_id().hex, message_id=self.answer.pk, preset=""
            )

        results = at_once(*[go_on] * MANY)
        self.assertEqual(sum(isinstance(result, Conflict) for result in results), MANY - 1)

    def test_of_several_who_claim_a_completion_one_gets_it(self):
        pk = self.send().completion.pk
        won = at_once(*[lambda: Completion.objects.claim(pk, new_id())] * MANY)
        self.assertEqual(sorted(won), [False] * (MANY - 1) + [True])

    def test_of_several_who_open_a_link_one_gets_in(self):
        token = OneTimeLink.objects.issue(OneTimeLink.LOGIN, self.alice)
        used = at_once(*[lambda: OneTimeLink.objects.use(OneTimeLink.LOGIN, token)] * MANY)
        self.assertEqual(sum(link is not None for link in used), 1)
