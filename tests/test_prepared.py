"""Queries that are built once give what Django's own would, each time they are called."""

import threading
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now
from django.test import TestCase
from django.utils import timezone

from conversations.engine import jobs, store
from conversations.models import (
    Completion,
    Conversation,
    Message,
    Part,
    Preset,
    PresetModel,
    Price,
    Provider,
    State,
)
from conversations.models import conversations as conversation_rows
from conversations.models import messages as message_rows
from conversations.models import presets as preset_rows
from conversations.models import providers as provider_rows
from conversations.models.base import new_id
from conversations.models.prepared import Prepared
from tests import making
from tests.committing import CommittingTestCase
from tests.test_turns_together import at_once

TIMES = 50
NAMES = ["plain", "Alice's", '"quoted"', "100 %", "%s", "%(title)s", "a\\b", "'; --", "_", "émoi 🎈", ""]  # fmt: skip


def told(conversation):
    """The messages of a conversation with their completions, as `Prepared` gets them built."""
    rows = Message.objects.filter(conversation=conversation).order_by("sequence")
    return rows.select_related("completion__preset_version__preset")


def texts(message):
    return Part.objects.filter(message=message).values_list("text", flat=True)


def titled(title):
    return Conversation.objects.filter(title=title)


class PreparedTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice = making.person()
        cls.one, cls.other = making.talk(cls.alice, 1), making.talk(cls.alice, 2)

    def alike(self, found, expected):
        """The same rows, in every column."""
        self.assertEqual([row.__dict__.keys() for row in found], [r.__dict__.keys() for r in expected])  # fmt: skip
        for row, like in zip(found, expected, strict=True):
            for field in type(row)._meta.concrete_fields:
                self.assertEqual(getattr(row, field.attname), getattr(like, field.attname))

    def test_rows_are_those_of_the_queryset_it_was_built_from(self):
        prepared = Prepared(told, conversation=UUID)
        found, expected = prepared(conversation=self.other.pk), list(told(self.other.pk))
        self.assertEqual(len(found), 4)
        self.alike(found, expected)

    def test_what_was_selected_with_them_is_there_without_asking_again(self):
        prepared = Prepared(told, conversation=UUID)
        found, expected = prepared(conversation=self.other.pk), list(told(self.other.pk))
        with self.assertNumQueries(0):
            chosen = [m.completion and m.completion.preset_version.preset.name for m in found]
        self.assertEqual(chosen, [None, "Small", None, "Small"])
        replies = [message.completion for message in found if message.completion]
        self.alike(replies, [message.completion for message in expected if message.completion])

    def test_rows_may_be_saved_like_any_other(self):
        message = Prepared(told, conversation=UUID)(conversation=self.one.pk)[-1]
        message.choice = 7
        message.save(update_fields=["choice"])
        self.assertEqual(Message.objects.get(pk=message.pk).choice, 7)
        self.assertEqual(message._state.db, "default")
        self.assertFalse(message._state.adding)

    def test_flat_values_are_those_values(self):
        prepared = Prepared(texts, message=UUID)
        message = self.other.messages.get(sequence=2)
        self.assertEqual(prepared(message=message.pk), ["Answer 0"])

    def test_a_flat_key_is_a_uuid(self):
        prepared = Prepared(lambda c: told(c).values_list("pk", flat=True), c=UUID)
        self.assertEqual(prepared(c=self.one.pk), [row.pk for row in told(self.one.pk)])
        self.assertIsInstance(prepared.first(c=self.one.pk), UUID)

    def test_values_are_bound_anew_each_time(self):
        prepared = Prepared(told, conversation=UUID)
        for talk, count in ((self.one, 2), (self.other, 4), (self.one, 2)):
            found = prepared(conversation=talk.pk)
            self.assertEqual([row.conversation_id for row in found], [talk.pk] * count)

    def test_several_values_find_their_own_places(self):
        prepared = Prepared(
            lambda conversation, pk: Message.objects.filter(pk=pk, conversation=conversation),
            pk=UUID,
            conversation=UUID,
        )
        mine = self.one.messages.first()
        self.assertEqual(prepared(conversation=self.one.pk, pk=mine.pk), [mine])
        self.assertEqual(prepared(pk=mine.pk, conversation=self.other.pk), [])
        self.assertEqual(prepared(pk=self.one.pk, conversation=mine.pk), [])

    def test_a_value_may_stand_in_several_places(self):
        prepared = Prepared(
            lambda pk: Message.objects.filter(parent=pk) | Message.objects.filter(pk=pk), pk=UUID
        )
        question, answer = self.one.messages.order_by("sequence")
        self.assertEqual({row.pk for row in prepared(pk=question.pk)}, {question.pk, answer.pk})

    def test_a_value_that_is_missing_is_an_error(self):
        prepared = Prepared(told, conversation=UUID)
        with self.assertRaises(KeyError):
            prepared()

    def test_the_first_of_several_and_none_of_nothing(self):
        prepared = Prepared(told, conversation=UUID)
        self.assertEqual(prepared.first(conversation=self.other.pk).sequence, 1)
        self.assertIsNone(prepared.first(conversation=new_id()))
        self.assertEqual(prepared(conversation=new_id()), [])

    def test_each_call_is_one_query_the_first_one_too(self):
        prepared = Prepared(told, conversation=UUID)
        for ask in (prepared, prepared, prepared.first):
            with self.assertNumQueries(1):
                ask(conversation=self.other.pk)

    def test_a_queryset_is_built_once(self):
        built = []

        def build(conversation):
            built.append(conversation)
            return told(conversation)

        prepared = Prepared(build, conversation=UUID)
        self.assertEqual(built, [])
        for talk in (self.one, self.other, self.one):
            prepared(conversation=talk.pk)
        self.assertEqual(len(built), 1)

    def test_what_is_changed_in_between_is_seen(self):
        prepared = Prepared(texts, message=UUID)
        message = self.one.messages.get(sequence=2)
        self.assertEqual(prepared(message=message.pk), ["Answer 0"])
        Part.objects.filter(message=message).update(text="Another")
        self.assertEqual(prepared(message=message.pk), ["Another"])
        Part.objects.filter(message=message).delete()
        self.assertEqual(prepared(message=message.pk), [])

    def test_a_row_is_made_anew_each_time(self):
        prepared = Prepared(told, conversation=UUID)
        first, again = (prepared.first(conversation=self.one.pk) for _ in range(2))
        self.assertEqual(first, again)
        self.assertIsNot(first, again)

    def test_words_are_taken_as_they_are(self):
        prepared = Prepared(titled, title=str)
        talks = {name: making.conversation(self.alice, title=name) for name in NAMES}
        for name, talk in talks.items():
            with self.subTest(name):
                self.assertEqual(prepared(title=name), [talk])
        self.assertEqual(prepared(title="' OR 1=1 --"), [])

    def test_words_that_look_like_a_key_stay_words(self):
        prepared = Prepared(titled, title=str)
        for name in (str(self.one.pk), self.one.pk.hex):
            talk = making.conversation(self.alice, title=name)
            self.assertEqual(prepared(title=name), [talk])

    def test_fixed_values_of_the_queryset_stay(self):
        prepared = Prepared(
            lambda conversation: told(conversation).filter(role="user", parts__text="Question 1"),
            conversation=UUID,
        )
        self.assertEqual([row.sequence for row in prepared(conversation=self.other.pk)], [3])
        self.assertEqual(prepared(conversation=self.one.pk), [])


class TogetherTests(CommittingTestCase):
    def test_threads_get_each_their_own_rows(self):
        alice = making.person()
        talks = [making.talk(alice, count) for count in (1, 2)]
        prepared = Prepared(lambda talk: Message.objects.filter(conversation=talk), talk=UUID)

        step = threading.Barrier(len(talks))

        def ask(talk):
            step.wait(10)
            return [{row.conversation_id for row in prepared(talk=talk.pk)} for _ in range(TIMES)]

        results = at_once(*(lambda talk=talk: ask(talk) for talk in talks))
        self.assertEqual(results, [[{talk.pk}] * TIMES for talk in talks])

    def test_a_connection_that_was_closed_is_opened_again(self):
        talk = making.talk(making.person())
        prepared = Prepared(told, conversation=UUID)
        self.assertEqual(len(prepared(conversation=talk.pk)), 2)
        connection.close()
        self.assertEqual(len(prepared(conversation=talk.pk)), 2)


class OfTheSiteTests(TestCase):
    """Those that the site uses, beside the query written out."""

    @classmethod
    def setUpTestData(cls):
        cls.alice, cls.bob, cls.charlie = making.people()
        cls.small = making.model("small", price=("1", "2"))
        cls.large = making.model("large", price=("3", "4"))
        now = timezone.now()
        making.set_price(cls.small, "5", "6", valid_from=now - timedelta(days=9))
        making.set_price(cls.small, "7", "8", valid_from=now + timedelta(days=9))
        cls.free = making.model("free")
        cls.chosen = making.preset("Small", cls.small)
        cls.both = making.preset("Both", cls.large, cls.small, cls.free)
        cls.hidden = making.preset("Hidden", cls.free, enabled=False)
        cls.talk = making.talk(cls.alice, 2)
        cls.others = making.talk(cls.bob)
        cls.gone = making.talk(cls.alice, deleted_at=now)

    def test_a_conversation_of_one_s_own(self):
        for talk in (self.talk, self.others, self.gone):
            for user in (self.alice, self.bob, self.charlie):
                found = conversation_rows.OWN(pk=talk.pk, user=user.pk)
                rows = Conversation.objects.filter(pk=talk.pk, owner=user, deleted_at=None)
                self.assertEqual(found, list(rows))
        found = conversation_rows.OWN.first(pk=self.talk.pk, user=self.alice.pk)
        self.assertEqual((found.title, found.active_at), (self.talk.title, found.active_at))

    def test_the_price_of_now(self):
        for model, dollars in ((self.small, 1), (self.large, 3), (self.free, None)):
            rows = Price.objects.filter(model=model, valid_from__lte=Now())
            found = provider_rows.PRICE_NOW.first(model=model.pk)
            self.assertEqual(found, rows.first())
            nanos = found and found.input_nanos_per_million
            self.assertEqual(nanos, dollars and dollars * 10**9)

    def test_the_default_preset(self):
        (found,) = preset_rows.BY_DEFAULT(user=self.alice.pk)
        self.assertEqual(found, PresetModel.objects.offered_to(self.alice).first())
        with self.assertNumQueries(0):
            self.assertEqual(found.version.preset, self.chosen)
            self.assertEqual(found.model.provider, self.small.provider)

    def test_presets_by_id_and_by_slug(self):
        offered = PresetModel.objects.offered_to(self.alice)
        for preset in (self.chosen, self.both, self.hidden):
            expected = list(offered.filter(version__preset=preset))
            by_id = preset_rows.BY_ID(user=self.alice.pk, preset=preset.pk)
            by_slug = preset_rows.BY_SLUG(user=self.alice.pk, slug=preset.slug)
            self.assertEqual((by_id, by_slug), (expected, expected))
            self.assertEqual(len(expected), preset != self.hidden)
        for slug in ("", "nothing", "Sm%", "small'"):
            self.assertEqual(preset_rows.BY_SLUG(user=self.alice.pk, slug=slug), [])

    def test_a_preset_that_is_no_longer_offered(self):
        self.assertTrue(preset_rows.BY_SLUG(user=self.alice.pk, slug="both"))
        Provider.objects.update(enabled=False)
        self.assertEqual(preset_rows.BY_SLUG(user=self.alice.pk, slug="both"), [])
        self.assertIsNone(preset_rows.BY_DEFAULT.first(user=self.alice.pk))
        Provider.objects.update(enabled=True)
        Preset.objects.filter(pk=self.both.pk).update(enabled=False)
        self.assertEqual(preset_rows.BY_ID(user=self.alice.pk, preset=self.both.pk), [])

    def test_the_newest_message_and_one_of_them(self):
        for talk in (self.talk, self.others, making.conversation(self.alice)):
            rows = Message.objects.filter(conversation=talk).order_by("sequence")
            found = message_rows.NEWEST.first(conversation=talk.pk)
            self.assertEqual(found, rows.last())
            for message in Message.objects.all():
                one = message_rows.ONE_OF(conversation=talk.pk, pk=message.pk)
                self.assertEqual(one, list(rows.filter(pk=message.pk)))
        found = message_rows.NEWEST.first(conversation=self.talk.pk)
        with self.assertNumQueries(0):
            self.assertEqual(found.completion.state, State.DONE)

    def test_whether_a_message_has_a_child(self):
        for message in Message.objects.all():
            children = list(message.children.values_list("pk", flat=True))
            self.assertEqual(message_rows.CHILD(parent=message.pk), children[:1])
            self.assertEqual(message.is_answered(), bool(children))

    def test_a_child_of_several_is_one(self):
        question = self.talk.messages.get(sequence=1)
        making.reply(question)
        (found,) = message_rows.CHILD(parent=question.pk)
        self.assertIn(found, question.children.values_list("pk", flat=True))

    def test_the_models_of_a_version_in_their_order(self):
        for preset in (self.chosen, self.both, self.hidden):
            rows = PresetModel.objects.filter(version=preset.version_id).order_by("position")
            found = jobs.MODELS(version=preset.version_id)
            self.assertEqual(found, list(rows))
            with self.assertNumQueries(0):
                named = [(row.model.name, row.model.provider.name) for row in found]
            self.assertEqual(named, [(row.model.name, row.model.provider.name) for row in rows])

    def test_the_prices_of_a_version_s_models_the_newest_last(self):
        for preset in (self.chosen, self.both, self.hidden):
            rows = Price.objects.filter(
                model__presetmodel__version=preset.version_id, valid_from__lte=Now()
            )
            found = jobs.PRICES(version=preset.version_id)
            self.assertEqual(found, list(rows.order_by("valid_from")))
        targets = jobs.targets_of(self.both.version_id)
        prices = [target.price and target.price.input_nanos_per_million for target in targets]
        self.assertEqual(prices, [3 * 10**9, 10**9, None])

    def test_completions_that_wait_for_one(self):
        first = making.asked(self.alice, conversation_id=self.talk.pk).completion
        after = making.asked(self.alice, conversation_id=self.talk.pk).completion
        self.assertEqual(after.waits_for_id, first.pk)
        for state in (State.QUEUED, State.RUNNING, State.DONE):
            Completion.objects.filter(pk=first.pk).update(**making._standing(state))
            rows = Completion.objects.claimable().filter(waits_for=first)
            found = store.WAITING(pk=first.pk)
            self.assertEqual(found, list(rows.values_list("pk", flat=True)))
            self.assertEqual(found, [after.pk] if state == State.DONE else [])
        self.assertEqual(store.WAITING(pk=after.pk), [])

    def test_a_completion_that_is_to_be_settled(self):
        for completion in Completion.objects.all():
            (found,) = store.TO_SETTLE(pk=completion.pk)
            self.assertEqual(found, completion)
            with self.assertNumQueries(0):
                people = (found.asked_by, found.stopped_by)
                preset = found.preset_version.preset
            self.assertEqual(people, (completion.asked_by, completion.stopped_by))
            self.assertEqual(preset, completion.preset_version.preset)
        Completion.objects.update(stopped_by=self.charlie, asked_by=None)
        (found,) = store.TO_SETTLE(pk=completion.pk)
        self.assertEqual((found.asked_by, found.stopped_by), (None, self.charlie))
        self.assertEqual(store.TO_SETTLE(pk=new_id()), [])
