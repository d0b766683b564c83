"""What people do in a conversation, and what they are refused."""

from django.test import TestCase
from django.utils import timezone

from conversations import turns
from conversations.models import (
    Completion,
    Conversation,
    Message,
    Part,
    Preset,
    Provider,
    Reservation,
    Role,
    State,
)
from conversations.models.base import new_id
from conversations.problems import Conflict, Invalid, NotFound
from tests import making


class TurnTestCase(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice, cls.bob, cls.charlie = making.people()
        cls.small = making.preset("Small", parameters={"max_tokens": 100})
        cls.conversation = making.talk(cls.alice)
        cls.question, cls.answer = cls.conversation.messages.order_by("sequence")

    def send(self, text="Go on", author=None, **rest):
        where = {"conversation_id": self.conversation.pk}
        return making.asked(author or self.alice, text, **where | rest)

    def verb(self, verb, message, author=None, **rest):
        call = {"author": author or self.alice, "client_id": new_id().hex, "message_id": message.pk}
        return verb(**call | rest)


class StartingTests(TurnTestCase):
    def test_a_first_message_opens_a_conversation_with_an_empty_queued_reply(self):
        turn = making.asked(self.alice, "Tell me about bees")
        self.assertEqual(turn.conversation.owner, self.alice)
        self.assertEqual(turn.conversation.title, "Tell me about bees")
        self.assertEqual(making.text_of(turn.message.pk), "Tell me about bees")
        stored = Completion.objects.get(pk=turn.completion.pk)
        self.assertEqual(stored.state, State.QUEUED)
        self.assertEqual(stored.preset_version, self.small.version)
        self.assertEqual(stored.parameters, {"max_tokens": 100})
        (reply,) = turn.replies
        self.assertEqual(Message.objects.get(pk=reply.pk).parent, turn.message)
        self.assertEqual([turn.message.sequence, reply.sequence], [1, 2])

    def test_a_long_beginning_is_cut_between_words_for_the_title(self):
        turn = making.asked(self.alice, "Explain  how\nbees " + "dance " * 40)
        self.assertLessEqual(len(turn.conversation.title), turns.TITLE_WORDS + 1)
        self.assertRegex(turn.conversation.title, r"^Explain how bees dance .*dance…$")
        self.assertEqual(turns.first_words("x" * 99), "x" * turns.TITLE_WORDS + "…")

    def test_a_process_that_runs_it_itself_has_it_claimed_as_it_is_stored(self):
        token = new_id()
        turn = making.asked(self.alice, claim=token)
        stored = Completion.objects.get(pk=turn.completion.pk)
        self.assertEqual((stored.state, stored.claim), (State.RUNNING, token))
        self.assertGreater(stored.lease_until, timezone.now())

    def test_the_preset_is_found_by_slug_or_id_or_is_the_default(self):
        other = making.preset("Other")
        for name, preset in (("", self.small), ("other", other), (str(other.pk), other)):
            turn = making.asked(self.alice, preset=name)
            self.assertEqual(turn.completion.preset_version.preset, preset)

    def test_a_preset_that_is_not_offered_is_refused_and_nothing_is_stored(self):
        before = Conversation.objects.count()
        withdrawn = making.preset("Old", enabled=False)
        for name in ("old", str(withdrawn.pk), "no-such", str(new_id()), "\x00", "x" * 5000):
            with self.assertRaises(Invalid) as caught:
                making.asked(self.alice, preset=name)
            self.assertEqual(caught.exception.code, "preset")
        Provider.objects.update(enabled=False)
        with self.assertRaises(Invalid):
            making.asked(self.alice)
        self.assertEqual(Conversation.objects.count(), before)


class SendingTests(TurnTestCase):
    def test_a_message_follows_the_newest_leaf(self):
        turn = self.send("Go on")
        self.assertEqual(turn.message.parent_id, self.answer.pk)
        self.assertEqual([turn.message.sequence, turn.replies[0].sequence], [3, 4])
        self.conversation.refresh_from_db()
        self.assertEqual(self.conversation.last_sequence, 4)

    def test_it_brings_the_conversation_to_the_top_of_the_list(self):
        newer = making.conversation(self.alice)
        self.send()
        listed = Conversation.objects.visible_to(self.alice).listed()
        self.assertEqual(list(listed), [self.conversation, newer])

    def test_an_editor_may_and_is_its_author(self):
        making.share(self.conversation, self.bob, Role.EDITOR)
        self.assertEqual(self.send(author=self.bob).message.author, self.bob)

    def test_a_reader_or_a_stranger_finds_nothing(self):
        making.share(self.conversation, self.bob)
        for user in (self.bob, self.charlie):
            with self.assertRaises(NotFound):
                self.send(author=user)
        with self.assertRaises(NotFound):
            self.send(conversation_id=new_id())

    def test_what_was_answered_meanwhile_is_a_conflict_unless_a_branch_is_meant(self):
        with self.assertRaises(Conflict) as caught:
            self.send(parent_id=self.question.pk)
        self.assertEqual(caught.exception.code, "answered")
        turn = self.send(parent_id=self.question.pk, branch=True)
        self.assertEqual(turn.message.parent, self.question)

    def test_a_parent_of_another_conversation_is_not_found(self):
        elsewhere = making.talk(self.alice).messages.first()
        for parent in (elsewhere.pk, new_id()):
            with self.assertRaises(NotFound):
                self.send(parent_id=parent)

    def test_while_a_reply_runs_the_next_waits_for_it(self):
        first, second = self.send(), self.send()
        self.assertIsNone(first.completion.waits_for)
        self.assertEqual(second.completion.waits_for, first.completion)
        claimed = self.send(claim=new_id())
        self.assertEqual((claimed.completion.state, claimed.completion.claim), (State.QUEUED, None))

    def test_a_reply_that_runs_on_another_branch_is_not_waited_for(self):
        self.send()
        turn = self.send(parent_id=self.question.pk, branch=True)
        self.assertIsNone(turn.completion.waits_for)

    def test_twelve_queries_send_however_long_the_talk(self):
        for exchanges in (1, 30):
            conversation = making.talk(self.alice, exchanges)
            with self.assertNumQueries(12):
                making.asked(self.alice, conversation_id=conversation.pk)


class TextTests(TurnTestCase):
    def refused(self, text):
        with self.assertRaises(Invalid) as caught:
            self.send(text)
        self.assertEqual(Message.objects.filter(conversation=self.conversation).count(), 2)
        return caught.exception.code

    def test_nothing_is_no_message(self):
        for text in ("", "  \r\n\t ", "\x00", " \x00\n"):
            self.assertEqual(self.refused(text), "empty")

    def test_too_much_is_refused_with_both_numbers(self):
        self.assertEqual(self.refused("x" * 100_001), "too_long")
        self.assertEqual(len(making.text_of(self.send("x" * 100_000).message.pk)), 100_000)

    def test_what_no_database_takes_is_left_out_or_replaced(self):
        turn = self.send("a\x00b\r\nc \ud800 d 🐝\n")
        self.assertEqual(making.text_of(turn.message.pk), "ab\nc ? d 🐝\n")


class RepeatingTests(TurnTestCase):
    """A client id stands for one wish of one person."""

    def repeated(self, act):
        client_id = new_id().hex
        first = act(client_id)
        rows = [model.objects.count() for model in (Message, Part, Completion, Reservation)]
        again = act(client_id)
        self.assertEqual([first.created, again.created], [True, False])
        self.assertEqual(again.completion, first.completion)
        self.assertEqual(again.message, first.message)
        self.assertEqual(again.replies, first.replies)
        after = [model.objects.count() for model in (Message, Part, Completion, Reservation)]
        self.assertEqual(rows, after)

    def test_starting(self):
        self.repeated(
            lambda key: turns.start(author=self.alice, client_id=key, text="Hi", preset="")
        )
        self.assertEqual(Conversation.objects.count(), 2)

    def test_sending_after_what_is_answered_by_itself(self):
        self.repeated(lambda key: self.send(client_id=key, parent_id=self.answer.pk))

    def test_editing(self):
        self.repeated(
            lambda key: self.verb(turns.edit, self.question, client_id=key, text="New", preset="")
        )

    def test_retrying(self):
        self.repeated(lambda key: self.verb(turns.retry, self.answer, client_id=key))

    def test_continuing(self):
        self.repeated(lambda key: self.verb(turns.continue_, self.answer, client_id=key))

    def test_two_people_may_have_the_same_client_id(self):
        for author in (self.alice, self.bob):
            turn = turns.start(author=author, client_id="1", text="Hi", preset="")
            self.assertTrue(turn.created)

    def test_a_client_id_is_short_and_plain(self):
        for client_id in ("", "x" * 65, "a\x00b", "\ud800"):
            with self.assertRaises(Invalid):
                turns.start(author=self.alice, client_id=client_id, text="Hi", preset="")

    def test_it_tells_nothing_of_a_conversation_that_one_has_lost(self):
        access = making.share(self.conversation, self.bob, Role.EDITOR)
        turn = self.send(author=self.bob)
        access.delete()
        with self.assertRaises(NotFound):
            self.send(author=self.bob, client_id=turn.completion.client_id)


class EditingTests(TurnTestCase):
    def edit(self, message=None, author=None, text="Better"):
        return self.verb(turns.edit, message or self.question, author, text=text, preset="")

    def test_it_makes_a_sibling_with_a_reply_of_its_own_and_changes_nothing(self):
        turn = self.edit()
        self.assertEqual(turn.message.parent_id, self.question.parent_id)
        self.assertEqual(making.text_of(turn.message.pk), "Better")
        self.assertEqual(making.text_of(self.question.pk), "Question 0")
        self.assertEqual(turn.replies[0].parent, turn.message)

    def test_a_later_message_is_edited_below_the_same_parent(self):
        later = self.send().message
        self.assertEqual(self.edit(later).message.parent_id, self.answer.pk)

    def test_only_one_s_own_words_can_be_edited(self):
        making.share(self.conversation, self.bob, Role.EDITOR)
        for message, author in ((self.question, self.bob), (self.answer, self.alice)):
            with self.assertRaises(Invalid):
                self.edit(message, author)

    def test_a_reader_or_a_stranger_finds_nothing(self):
        making.share(self.conversation, self.bob)
        for user in (self.bob, self.charlie):
            with self.assertRaises(NotFound):
                self.edit(author=user)


class RetryingTests(TurnTestCase):
    def test_it_asks_for_another_reply_beside_the_first(self):
        turn = self.verb(turns.retry, self.answer)
        (reply,) = turn.replies
        self.assertEqual(reply.parent_id, self.question.pk)
        self.assertEqual(turn.message, self.question)
        self.assertEqual(making.text_of(self.answer.pk), "Answer 0")

    def test_it_uses_the_same_preset_unless_another_is_named(self):
        other = making.preset("Other")
        used = self.verb(turns.retry, self.answer, preset="other")
        self.assertEqual(used.completion.preset_version.preset, other)
        again = self.verb(turns.retry, used.replies[0])
        self.assertEqual(again.completion.preset_version.preset, other)

    def test_it_uses_the_preset_as_it_is_now(self):
        making.new_version(self.small, [making.model("newer")])
        turn = self.verb(turns.retry, self.answer)
        self.assertEqual(turn.completion.preset_version.number, 2)

    def test_a_preset_that_is_no_longer_offered_has_to_be_replaced(self):
        Preset.objects.filter(pk=self.small.pk).update(enabled=False)
        making.preset("Other")
        with self.assertRaises(Invalid):
            self.verb(turns.retry, self.answer)

    def test_a_message_without_an_answer_can_be_asked_again(self):
        turn = self.verb(turns.retry, self.question)
        self.assertEqual(turn.replies[0].parent, self.question)

    def test_a_reader_or_a_stranger_finds_nothing(self):
        making.share(self.conversation, self.bob)
        for user in (self.bob, self.charlie):
            with self.assertRaises(NotFound):
                self.verb(turns.retry, self.answer, user)
