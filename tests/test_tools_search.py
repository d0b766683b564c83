"""Searching in the conversations that the asker may read, and in no others."""

import asyncio
import threading
from datetime import timedelta
from unittest import mock

from asgiref.sync import async_to_sync, sync_to_async
from django.test import SimpleTestCase, TestCase
from django.utils import timezone

from conversations.models import Message, Part
from conversations.tools import Asker, ToolError
from conversations.tools.search import MOST_HITS, Search, find, snippet, words_of
from tests import making
from tests.committing import CommittingTestCase


def older(message, days):
    """The same message, said so many days ago."""
    at = timezone.now() - timedelta(days=days)
    Message.objects.filter(pk=message.pk).update(created_at=at)
    return message


class SearchTests(TestCase):
    def setUp(self):
        self.alice, self.bob, self.charlie = making.people()

    def find(self, query, user=None, **fields):
        return find(words_of(query), Asker((user or self.alice).pk, "UTC", **fields))

    def titles(self, query, user=None, **fields):
        return [hit.title for hit in self.find(query, user, **fields)]

    def said(self, owner, text, title="A talk", **fields):
        where = making.conversation(owner, title=title, **fields)
        making.say(where, owner, text)
        return where

    def test_a_hit_has_title_date_excerpt_and_address(self):
        where = making.conversation(self.alice, title="Travel")
        message = making.say(where, self.alice, "Which temples are there in Kyoto?")
        at = Message.objects.get(pk=message.pk).created_at
        (hit,) = self.find("kyoto TEMPLES")
        self.assertEqual(hit.title, "Travel")
        self.assertEqual(hit.date, f"{at:%Y-%m-%d %H:%M}")
        self.assertEqual(hit.snippet, "Which temples are there in Kyoto?")
        self.assertEqual(hit.address, f"/conversations/{where.pk}/?at={message.pk}")

    def test_answers_are_found_and_what_was_thought_is_not(self):
        where = making.conversation(self.alice)
        answer = making.reply(making.say(where, self.alice), "Kinkaku-ji")
        Part.objects.create(message=answer, index=1, kind=Part.Kind.REASONING, text="Ryoan-ji")
        Part.objects.create(message=answer, index=2, kind=Part.Kind.TOOL_CALL, text="Ginkaku-ji")
        self.assertEqual(len(self.find("kinkaku")), 1)
        self.assertEqual(self.find("ryoan"), [])
        self.assertEqual(self.find("ginkaku"), [])

    def test_all_words_must_occur_in_the_text_or_the_title_above_it(self):
        self.said(self.alice, "Temples and gardens", "Kyoto")
        self.assertEqual(self.titles("temples gardens"), ["Kyoto"])
        self.assertEqual(self.titles("temples kyoto"), ["Kyoto"])
        self.assertEqual(self.titles("KYOTO"), ["Kyoto"])
        self.assertEqual(self.titles("temples nara"), [])

    def test_letters_beyond_ascii_match_in_any_case(self):
        self.said(self.alice, "ÄPFEL und ЯБЛОКИ", "Früchte")
        for query in ("äpfel", "Äpfel", "яблоки", "FRÜCHTE", "äpfel früchte"):
            self.assertEqual(self.titles(query), ["Früchte"], query)

    def test_signs_of_patterns_mean_themselves(self):
        self.said(self.alice, "100% of ä.b_c")
        for query in ("100%", "b_c", "ä.b"):
            self.assertEqual(len(self.find(query)), 1, query)
        for query in ("1%f", "b%c", "äxb", "b.c", ".*ä", "ä("):
            self.assertEqual(self.find(query), [], query)

    def test_one_finds_what_one_may_read_and_nothing_else(self):
        own = self.said(self.alice, "kyoto", "Own")
        shared = self.said(self.bob, "kyoto", "Shared")
        making.share(shared, self.alice)
        self.said(self.bob, "kyoto", "Team", team=making.team(self.alice, self.bob))
        self.said(self.charlie, "kyoto", "Charlie's")
        self.said(self.alice, "kyoto", "Deleted", deleted_at=timezone.now())
        self.assertEqual(set(self.titles("kyoto")), {"Own", "Shared", "Team"})
        self.assertEqual(self.titles("kyoto", self.charlie), ["Charlie's"])
        self.assertNotIn("Own", self.titles("kyoto", conversation=own.pk))

    def test_who_is_gone_finds_nothing(self):
        self.said(self.alice, "kyoto")
        self.alice.is_active = False
        self.alice.save(update_fields=["is_active"])
        self.assertEqual(self.find("kyoto"), [])

    def test_the_newest_message_of_each_conversation_stands_for_it_newest_first(self):
        for title, days in (("Old", 9), ("New", 1), ("Middle", 5)):
            where = making.conversation(self.alice, title=title)
            first = older(making.say(where, self.alice, f"kyoto early {title}"), days + 1)
            older(making.say(where, self.alice, f"kyoto late {title}", first), days)
        hits = self.find("kyoto")
        self.assertEqual([hit.title for hit in hits], ["New", "Middle", "Old"])
        self.assertEqual(hits[0].snippet, "kyoto late New")

    def test_there_are_ten_at_most_and_never_more_queries(self):
        for number in range(MOST_HITS + 5):
            self.said(self.alice, "kyoto " * 20, f"Number {number}")
        with self.assertNumQueries(3):
            self.assertEqual(len(self.find("kyoto")), MOST_HITS)
        with self.assertNumQueries(2):
            self.assertEqual(self.find("nara"), [])

    def test_the_date_is_the_askers(self):
        where = making.conversation(self.alice)
        message = making.say(where, self.alice, "kyoto")
        at = timezone.datetime(2026, 3, 1, 20, 0, tzinfo=timezone.get_fixed_timezone(0))
        Message.objects.filter(pk=message.pk).update(created_at=at)
        (hit,) = find(["kyoto"], Asker(self.alice.pk, "Asia/Tokyo"))
        self.assertEqual(hit.date, "2026-03-02 05:00")

    def test_a_search_without_words_or_with_very_many_is_refused(self):
        for query in (" ", "\0", " ".join(f"w{n}" for n in range(9))):
            with self.assertRaises(ToolError):
                words_of(query)

    async def test_the_model_is_told_in_text(self):
        asker = Asker(self.alice.pk, "UTC")
        self.assertEqual(
            await Search().call("search_conversations", {"query": "kyoto"}, asker),
            "Nothing was found.",
        )

    def test_the_model_is_told_of_each_hit_with_its_number(self):
        where = self.said(self.alice, "In Kyoto", "")
        call = async_to_sync(Search().call)
        told = call("search_conversations", {"query": "kyoto"}, Asker(self.alice.pk, "UTC"))
        self.assertRegex(told, r"^1\. Untitled \(\d{4}-\d\d-\d\d \d\d:\d\d\)\n")
        self.assertIn(f"/conversations/{where.pk}/?at=", told)
        self.assertTrue(told.endswith("\nIn Kyoto"))


class ApartTests(CommittingTestCase):
    def test_a_search_does_not_hold_the_thread_that_others_save_by(self):
        asker = Asker(making.person().pk, "UTC")
        threads = []

        def noted(words, asker):
            threads.append(threading.get_ident())
            return find(words, asker)

        async def ask():
            # It lives on, so that no later thread can have its number.
            threads.append(await sync_to_async(threading.get_ident)())
            await Search().call("search_conversations", {"query": "kyoto"}, asker)

        # A loop of its own, with nothing of the test's context, as a server has it.
        with mock.patch("conversations.tools.search.find", noted):
            server = threading.Thread(target=lambda: asyncio.run(ask()))
            server.start()
            server.join()
        saving, searching = threads
        self.assertNotEqual(searching, saving)


class SnippetTests(SimpleTestCase):
    def test_it_is_what_stands_around_the_first_word_found(self):
        text = "a " * 500 + "Kyoto\n\nin spring" + " z" * 500
        shown = snippet(text, ["spring", "kyoto"])
        self.assertIn("Kyoto in spring", shown)
        self.assertLess(len(shown), 250)
        self.assertTrue(shown.startswith("…") and shown.endswith("…"))

    def test_without_a_word_it_is_how_the_text_begins(self):
        self.assertEqual(snippet("Good day", ["kyoto"]), "Good day")
