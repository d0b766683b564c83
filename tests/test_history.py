"""What a model is told of a conversation: the texts on the way to a message, in one query."""

from django.test import TestCase

from conversations.models import Message, Part
from conversations.models.base import new_id
from tests import making


class TextsTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice = making.person()
        cls.talk = making.conversation(cls.alice)
        cls.question = making.say(cls.talk, cls.alice, "Why?")

    def texts_to(self, message):
        return Message.objects.texts_to(message.pk)

    def part(self, message, index, text, kind=Part.Kind.ANSWER):
        Part.objects.create(message=message, index=index, text=text, kind=kind)

    def test_roles_and_texts_come_from_the_root_to_the_leaf(self):
        answer = making.reply(self.question, "Because.")
        more = making.say(self.talk, self.alice, "And?", answer)
        self.assertEqual(
            self.texts_to(more), [("user", "Why?"), ("assistant", "Because."), ("user", "And?")]
        )
        self.assertEqual(self.texts_to(self.question), [("user", "Why?")])
        self.assertEqual(self.texts_to(answer), [("user", "Why?"), ("assistant", "Because.")])

    def test_it_is_one_query_however_long_the_way_is(self):
        last = self.question
        for number in range(20):
            last = making.reply(making.say(self.talk, self.alice, f"{number}?", last), str(number))
        with self.assertNumQueries(1):
            found = self.texts_to(last)
        expected = [pair for n in range(20) for pair in (("user", f"{n}?"), ("assistant", str(n)))]
        self.assertEqual(found, [("user", "Why?"), *expected])

    def test_answers_are_joined_in_their_order_without_what_stands_between(self):
        answer = making.reply(self.question, "")
        self.part(answer, 10, "third")
        self.part(answer, 4, "second, ")
        self.part(answer, 3, "a result", Part.Kind.TOOL_CALL)
        self.part(answer, 2, "a call", Part.Kind.TOOL_CALL)
        self.part(answer, 1, "first, ")
        self.part(answer, 0, "let me think", Part.Kind.REASONING)
        self.assertEqual(self.texts_to(answer)[1:], [("assistant", "first, second, third")])

    def test_a_message_without_an_answer_is_left_out(self):
        silent = making.reply(self.question, "")
        thinking = making.reply(making.say(self.talk, self.alice, "Well?", silent), "")
        self.part(thinking, 0, "let me think", Part.Kind.REASONING)
        last = making.say(self.talk, self.alice, "Hello?", thinking)
        self.assertEqual(
            self.texts_to(last), [("user", "Why?"), ("user", "Well?"), ("user", "Hello?")]
        )

    def test_neighbours_of_one_role_stay_two(self):
        last = making.say(self.talk, self.alice, "Why?", self.question)
        self.assertEqual(self.texts_to(last), [("user", "Why?"), ("user", "Why?")])

    def test_an_empty_answer_is_an_answer(self):
        answer = making.reply(self.question, "")
        self.part(answer, 0, "")
        self.assertEqual(self.texts_to(answer)[1:], [("assistant", "")])

    def test_other_branches_are_left_out(self):
        first = making.reply(self.question, "One way.")
        second = making.reply(self.question, "Another way.")
        on_first = making.say(self.talk, self.alice, "On?", first)
        on_second = making.say(self.talk, self.alice, "Back?", second)
        self.assertEqual([text for _, text in self.texts_to(on_first)], ["Why?", "One way.", "On?"])
        self.assertEqual(
            [text for _, text in self.texts_to(on_second)], ["Why?", "Another way.", "Back?"]
        )

    def test_nothing_leads_to_a_message_that_is_not_there(self):
        self.assertEqual(Message.objects.texts_to(new_id()), [])
