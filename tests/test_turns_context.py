"""A message that no model of its preset reads is refused before anything is stored."""

from django.urls import reverse

from conversations import turns
from conversations.models import (
    Call,
    Completion,
    Conversation,
    LanguageModel,
    Message,
    Part,
    Reservation,
    State,
)
from conversations.models.base import new_id
from conversations.problems import TooLong
from tests import making
from tests.test_turns import TurnTestCase

LONG = "Bees dance to tell each other where the flowers are. " * 100
KEPT = (Conversation, Message, Part, Completion, Reservation)


def stored():
    return [model.objects.count() for model in KEPT]


class NarrowTestCase(TurnTestCase):
    """The preset's model reads 800 tokens, 100 of them for the answer."""

    def setUp(self):
        self.model = LanguageModel.objects.get(name="small")
        self.read(800)

    def read(self, tokens):
        LanguageModel.objects.filter(pk=self.model.pk).update(context_tokens=tokens)

    def refused(self, act):
        before = stored()
        with self.assertRaises(TooLong) as caught:
            act()
        self.assertEqual(stored(), before)
        return caught.exception


class RefusingTests(NarrowTestCase):
    def test_every_verb_refuses_what_is_too_long_and_stores_nothing(self):
        Part.objects.filter(message=self.question).update(text=LONG)
        acts = {
            "start": lambda: making.asked(self.alice, LONG),
            "send": lambda: self.send(LONG),
            "edit": lambda: self.verb(turns.edit, self.question, text=LONG),
            "retry": lambda: self.verb(turns.retry, self.answer),
            "continue": lambda: self.verb(turns.continue_, self.answer),
        }
        for name, act in acts.items():
            with self.subTest(name):
                self.assertEqual(self.refused(act).code, "context_length")

    def test_the_sentence_has_the_numbers(self):
        problem = self.refused(lambda: self.send(LONG))
        self.assertEqual(problem.status, 413)
        self.assertEqual((problem.extra["window"], problem.extra["answer"]), (800, 100))
        self.assertTrue(1000 < problem.extra["tokens"] < 1500)
        shown = f"{problem.extra['tokens']:,}"
        self.assertRegex(str(problem.detail), f"about {shown} tokens .* 800 at once, and 100 of")

    def test_a_program_is_told_so(self):
        self.client.force_login(self.alice)
        answer = self.client.post(
            reverse("message-create", args=[self.conversation.pk]),
            {"text": LONG, "client_id": "c"},
            headers={"accept": "application/json"},
        )
        self.assertEqual((answer.status_code, answer.json()["error"]), (413, "context_length"))
        self.assertIn("800", answer.json()["detail"])

    def test_what_goes_before_does_not_count(self):
        last = self.answer
        for number in range(5):
            last = making.reply(making.say(self.conversation, self.alice, LONG, last), f"{number}")
        self.assertEqual(self.send("Go on").completion.state, State.QUEUED)

    def test_the_instructions_count(self):
        making.new_version(self.small, [self.model], system_text=LONG)
        self.refused(lambda: self.send("Go on"))

    def test_the_answer_s_room_counts(self):
        making.new_version(self.small, [self.model], parameters={"max_tokens": 799})
        self.assertEqual(self.refused(lambda: self.send("Go on")).extra["answer"], 799)

    def test_a_continued_reply_counts(self):
        Part.objects.filter(message=self.answer).update(text=LONG)
        self.refused(lambda: self.verb(turns.continue_, self.answer))
        self.assertTrue(self.verb(turns.retry, self.answer).created)

    def test_it_goes_where_a_fallback_reads_more(self):
        other = making.model("other")
        making.new_version(self.small, [self.model, other])
        for window, goes in ((None, True), (4000, True), (900, False)):
            LanguageModel.objects.filter(pk=other.pk).update(context_tokens=window)
            with self.subTest(window=window):
                if goes:
                    self.send(LONG)
                else:
                    self.refused(lambda: self.send(LONG))

    def test_without_a_known_window_nothing_is_refused(self):
        self.read(None)
        self.assertTrue(self.send(LONG).created)

    def test_a_repetition_of_what_was_taken_is_not_refused(self):
        self.read(None)
        first = self.send(LONG, client_id="c")
        self.read(800)
        again = self.send(LONG, client_id="c")
        self.assertEqual((again.completion, again.created), (first.completion, False))


class CorrectingTests(NarrowTestCase):
    """What a provider counted before decides where the estimate alone would not."""

    def report(self, tokens, estimate=1000, model=None):
        completion = self.answer.completion
        Completion.objects.filter(pk=completion.pk).update(
            prompt_tokens=tokens, prompt_estimate=estimate, usage_source="provider"
        )
        Call.objects.create(
            completion=completion,
            model=model or self.model,
            prompt_tokens=tokens,
            usage_source="provider",
        )

    def test_a_model_that_counts_more_refuses_sooner(self):
        self.read(1600)
        self.send(LONG, parent_id=self.answer.pk, branch=True)
        self.report(2000)
        self.refused(lambda: self.send(LONG, parent_id=self.answer.pk, branch=True))

    def test_a_model_that_counts_less_takes_more(self):
        self.report(500)
        self.assertTrue(self.send(LONG).created)

    def test_another_model_s_count_says_nothing(self):
        self.report(500, model=making.model("other"))
        self.refused(lambda: self.send(LONG))

    def test_a_short_request_s_count_says_nothing(self):
        self.report(50, estimate=100)
        self.refused(lambda: self.send(LONG))

    def test_reports_come_nearest_first(self):
        self.report(2000)
        later = making.reply(
            making.say(self.conversation, self.alice, "More", self.answer),
            prompt_tokens=600,
            prompt_estimate=500,
            usage_source="provider",
        )
        Call.objects.create(
            completion=later.completion,
            model=self.model,
            prompt_tokens=600,
            usage_source="provider",
        )
        counted = Completion.objects.counted_above(later.pk)
        model = self.model.pk
        self.assertEqual(counted, [(model, 600, 500), (model, 2000, 1000)])
        self.assertEqual(Completion.objects.counted_above(self.question.pk), [])


class CostTests(NarrowTestCase):
    def sends_with(self, queries, text="Go on"):
        conversation = making.talk(self.alice, 3)
        with self.assertNumQueries(queries):
            making.asked(self.alice, text, conversation_id=conversation.pk, client_id=new_id().hex)

    def test_a_short_message_costs_no_query_more(self):
        self.sends_with(12)

    def test_one_that_might_not_fit_costs_one(self):
        self.read(4000)
        self.sends_with(13, LONG)
