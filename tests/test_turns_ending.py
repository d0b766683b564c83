"""Going on with a reply that broke off, stopping one, and what is held for its cost."""

from datetime import timedelta

from django.utils import timezone

from conversations import turns
from conversations.models import Completion, Message, Reservation, Role, State
from conversations.models.base import new_id
from conversations.models.spending import ENVELOPE_BYTES, ENVELOPE_BYTES_PER_MESSAGE
from conversations.problems import Conflict, Invalid, NotFound
from tests import making
from tests.test_turns import TurnTestCase


class ContinuingTests(TurnTestCase):
    def setUp(self):
        self.broken = making.reply(self.question, "Once upon", State.INTERRUPTED)

    def test_a_new_completion_writes_the_same_message(self):
        turn = self.verb(turns.continue_, self.broken)
        self.assertEqual(turn.replies, [self.broken])
        self.assertEqual(turn.completion.continues, self.broken.completion)
        stored = Message.objects.get(pk=self.broken.pk)
        self.assertEqual(stored.completion, turn.completion)
        self.assertEqual(making.text_of(self.broken.pk), "Once upon")

    def test_what_is_still_written_can_not_be_continued(self):
        for state in (State.QUEUED, State.RUNNING):
            running = making.reply(self.question, "", state)
            with self.assertRaises(Conflict) as caught:
                self.verb(turns.continue_, running)
            self.assertEqual(caught.exception.code, "running")
            self.assertEqual(Message.objects.get(pk=running.pk).completion, running.completion)

    def test_of_two_who_continue_it_one_does(self):
        making.share(self.conversation, self.bob, Role.EDITOR)
        self.verb(turns.continue_, self.broken)
        with self.assertRaises(Conflict):
            self.verb(turns.continue_, self.broken, self.bob)

    def test_a_person_s_message_can_not_be_continued(self):
        with self.assertRaises(Invalid):
            self.verb(turns.continue_, self.question)

    def test_a_reader_or_a_stranger_finds_nothing(self):
        making.share(self.conversation, self.bob)
        for user in (self.bob, self.charlie):
            with self.assertRaises(NotFound):
                self.verb(turns.continue_, self.broken, user)


class StoppingTests(TurnTestCase):
    def stop(self, message, user=None):
        return turns.stop(user=user or self.alice, message_id=message.pk)

    def test_before_anyone_has_begun_it_ends_at_once_and_frees_what_was_held(self):
        turn = self.send()
        stopped = self.stop(turn.replies[0])
        self.assertEqual((stopped.state, stopped.finish_reason), (State.STOPPED, "stopped"))
        self.assertEqual(stopped.stopped_by, self.alice)
        self.assertIsNotNone(stopped.finished_at)
        self.assertFalse(Reservation.objects.filter(completion=stopped).exists())
        self.assertFalse(Completion.objects.claim(stopped.pk, new_id()))

    def test_one_that_runs_is_asked_to_stop(self):
        turn = self.send(claim=new_id())
        stopped = self.stop(turn.replies[0])
        self.assertEqual(stopped.state, State.RUNNING)
        self.assertIsNotNone(stopped.stop_requested_at)
        self.assertTrue(Reservation.objects.filter(completion=stopped).exists())

    def test_twice_is_no_error_and_the_first_counts(self):
        making.share(self.conversation, self.bob, Role.EDITOR)
        turn = self.send(claim=new_id())
        first = self.stop(turn.replies[0])
        again = self.stop(turn.replies[0], self.bob)
        self.assertEqual(again.stopped_by, self.alice)
        self.assertEqual(again.stop_requested_at, first.stop_requested_at)

    def test_what_has_ended_stays_as_it_ended(self):
        stopped = self.stop(self.answer)
        self.assertEqual((stopped.state, stopped.stop_requested_at), (State.DONE, None))

    def test_what_waited_for_it_may_run_then(self):
        first, second = self.send(), self.send()
        self.assertFalse(Completion.objects.claim(second.completion.pk, new_id()))
        self.stop(first.replies[0])
        self.assertTrue(Completion.objects.claim(second.completion.pk, new_id()))

    def test_a_person_s_message_can_not_be_stopped(self):
        with self.assertRaises(Invalid):
            self.stop(self.question)

    def test_a_reader_or_a_stranger_finds_nothing(self):
        making.share(self.conversation, self.bob)
        turn = self.send()
        for user in (self.bob, self.charlie):
            with self.assertRaises(NotFound):
                self.stop(turn.replies[0], user)

    def test_all_of_a_conversation_can_be_stopped(self):
        queued, running = (
            self.send(),
            self.send(parent_id=self.question.pk, branch=True, claim=new_id()),
        )
        elsewhere = making.asked(self.alice)
        told = turns.stop_all(user=self.alice, conversation_id=self.conversation.pk)
        self.assertEqual(told, [running.completion.pk])
        states = [
            Completion.objects.get(pk=turn.completion.pk).state for turn in (queued, elsewhere)
        ]
        self.assertEqual(states, [State.STOPPED, State.QUEUED])


class ClaimingTests(TurnTestCase):
    def test_one_of_several_gets_it(self):
        pk = self.send().completion.pk
        self.assertEqual(
            [Completion.objects.claim(pk, new_id()) for _ in range(3)], [True, False, False]
        )

    def test_the_oldest_come_first(self):
        ids = [self.send(parent_id=self.question.pk, branch=True).completion.pk for _ in range(3)]
        self.assertEqual(Completion.objects.next_claimable(2), ids[:2])

    def test_a_lease_that_nobody_renews_expires(self):
        token = new_id()
        pk = self.send(claim=token).completion.pk
        self.assertEqual(Completion.objects.expired().count(), 0)
        Completion.objects.filter(pk=pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        self.assertEqual(Completion.objects.expired().get().pk, pk)
        self.assertEqual(Completion.objects.renew([token]), 1)
        self.assertEqual(Completion.objects.expired().count(), 0)

    def test_one_that_waits_is_unclaimed_only_since_it_may_run(self):
        first, second = self.send(), self.send()
        long_ago = timezone.now() - timedelta(seconds=121)
        Completion.objects.update(created_at=long_ago)
        self.assertEqual(list(Completion.objects.unclaimed()), [first.completion])
        rows = Completion.objects.filter(pk=first.completion.pk)
        rows.update(state=State.DONE, finished_at=timezone.now())
        self.assertEqual(Completion.objects.unclaimed().count(), 0)
        rows.update(finished_at=long_ago)
        self.assertEqual(list(Completion.objects.unclaimed()), [second.completion])


class ReservingTests(TurnTestCase):
    """What is held is an upper bound, in billionths of a dollar."""

    def preset(self, name="Priced", **options):
        model = making.model(f"{name} model", price=("1", "2"))
        return making.preset(name, model, **options)

    def held(self, turn):
        return Reservation.objects.get(completion=turn.completion)

    def test_it_is_every_byte_at_the_input_price_and_the_longest_answer_at_the_output_price(self):
        self.preset(parameters={"max_tokens": 50}, system_text="Be brief, ü.")
        turn = making.asked(self.alice, "Grüße 🐝", preset="priced")
        texts = len("Grüße 🐝".encode()) + len("Be brief, ü.".encode())
        most = texts + ENVELOPE_BYTES + 2 * ENVELOPE_BYTES_PER_MESSAGE
        self.assertEqual(self.held(turn).amount_nanos, most * 1_000 + 50 * 2_000)
        self.assertEqual(self.held(turn).completion.asked_by, self.alice)

    def test_the_whole_path_counts_and_other_branches_do_not(self):
        self.preset(parameters={"max_tokens": 1})
        making.reply(self.question, "x" * 10_000)
        bound = self.held(self.send(parent_id=self.answer.pk, preset="priced")).amount_nanos
        texts = len("Question 0Answer 0Go on")
        envelope = ENVELOPE_BYTES + 4 * ENVELOPE_BYTES_PER_MESSAGE
        self.assertEqual(bound, (texts + envelope) * 1_000 + 2_000)

    def test_several_choices_hold_several_answers(self):
        self.preset("One", parameters={"max_tokens": 10})
        self.preset("Three", parameters={"max_tokens": 10, "n": 3})
        one, three = (
            self.held(making.asked(self.alice, preset=name)).amount_nanos
            for name in ("one", "three")
        )
        self.assertEqual(three - one, 2 * 10 * 2_000)

    def test_without_a_price_or_a_limit_there_is_no_bound(self):
        self.preset("Endless")
        for name in ("small", "endless"):
            self.assertIsNone(self.held(making.asked(self.alice, preset=name)).amount_nanos)

    def test_continuing_and_retrying_hold_too(self):
        self.preset(parameters={"max_tokens": 10})
        for verb in (turns.continue_, turns.retry):
            turn = self.verb(verb, self.answer, preset="priced")
            self.assertGreater(self.held(turn).amount_nanos, 0)
