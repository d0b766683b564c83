"""The contract for programs, limits, and the little posts that keep order."""

import json
import time
from datetime import timedelta
from unittest import mock

from django.db import OperationalError
from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from conversations.models import Completion, Conversation, Message, Part, Preset, State
from conversations.models.base import new_id
from tests import making


class PostingTestCase(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice, cls.bob, _charlie = making.people()
        cls.preset = making.preset("Small")
        cls.conversation = making.talk(cls.alice)
        cls.question, cls.answer = cls.conversation.messages.order_by("sequence")

    def setUp(self):
        self.client.force_login(self.alice)

    def post(self, name, message=None, /, **posted):
        """As a program: status and JSON."""
        ids = [] if name == "conversation-create" else [self.conversation.pk]
        ids += [message.pk] if message else []
        response = self.client.post(
            reverse(name, args=ids), {"client_id": new_id().hex} | posted,
            headers={"accept": "application/json"},
        )  # fmt: skip
        self.headers = response.headers
        return response.status_code, json.loads(response.content or b"null")


class ContractTests(PostingTestCase):
    def test_a_new_conversation_is_201_with_its_ids(self):
        status, body = self.post("conversation-create", text="Hi", preset="small")
        self.assertEqual((status, set(body)), (201, {"conversation", "message", "replies"}))
        reply = Message.objects.get(pk=body["replies"][0])
        self.assertEqual(str(reply.parent_id), body["message"])
        self.assertEqual(str(reply.conversation_id), body["conversation"])

    def test_a_repetition_is_200_with_the_same_ids(self):
        for name in ("conversation-create", "message-create"):
            first = self.post(name, text="Hi", client_id="one" + name)
            again = self.post(name, text="Hi", client_id="one" + name)
            self.assertEqual((first[0], again[0], first[1]), (201, 200, again[1]))

    def test_all_that_make_a_turn_answer_alike(self):
        for name, message in (
            ("message-create", None), ("message-edit", self.question),
            ("message-retry", self.answer), ("message-continue", self.answer),
        ):  # fmt: skip
            status, body = self.post(name, message, text="Hi")
            self.assertEqual((status, body["conversation"]), (201, str(self.conversation.pk)), name)
            self.assertEqual(len(body["replies"]), 1)
            self.assertIsNotNone(body["message"])

    def test_a_stop_is_200_with_the_replies_that_end(self):
        _status, turn = self.post("message-create", text="Hi")
        reply = Message.objects.get(pk=turn["replies"][0])
        for _ in range(2):
            self.assertEqual(self.post("message-stop", reply), (200, turn))
        self.assertEqual(Completion.objects.get(pk=reply.completion_id).state, State.STOPPED)

    def test_trouble_has_a_code_and_a_sentence(self):
        cases = [
            ("message-create", None, {"text": " "}, 400, "empty"),
            ("message-create", None, {"text": "x" * 100_001}, 400, "too_long"),
            ("message-create", None, {"text": "Hi", "preset": "no-such"}, 400, "preset"),
            ("message-create", None, {"text": "Hi", "preset": "a\x00b"}, 400, "preset"),
            ("message-create", None, {"text": "Hi", "client_id": ""}, 400, "invalid"),
            ("message-create", None, {"text": "Hi", "client_id": "a\x00b"}, 400, "invalid"),
            ("message-create", None, {"text": "Hi", "parent": "x"}, 400, "invalid"),
            ("message-create", None, {"text": "Hi", "parent": str(new_id())}, 404, "not_found"),
            ("message-create", None, {"text": "Hi", "parent": self.question.pk}, 409, "answered"),
            ("message-edit", self.answer, {"text": "Hi"}, 400, "invalid"),
            ("message-continue", self.question, {}, 400, "invalid"),
            ("message-stop", self.question, {}, 400, "invalid"),
        ]
        for name, message, posted, status, code in cases:
            with self.subTest(name, **{key: str(value)[:20] for key, value in posted.items()}):
                found = self.post(name, message, **posted)
                self.assertEqual((found[0], found[1]["error"]), (status, code))
                self.assertTrue(found[1]["detail"])
        self.assertEqual(Message.objects.count(), 2)

    def test_a_branch_may_answer_what_has_been_answered(self):
        status, body = self.post("message-create", text="Hi", parent=self.question.pk, branch="1")
        self.assertEqual(status, 201)
        self.assertEqual(Message.objects.get(pk=body["message"]).parent, self.question)

    def test_too_many_sends_in_a_minute_say_when_to_come_back(self):
        minute = mock.patch("time.time", return_value=time.time() // 60 * 60 + 15)
        with self.settings(SENDS_PER_MINUTE=2), minute:
            statuses = [self.post("message-create", text="Hi")[0] for _ in range(3)]
            self.assertEqual(statuses, [201, 201, 429])
            self.assertEqual(self.headers["Retry-After"], "45")
            self.client.force_login(self.bob)
            self.assertEqual(self.post("conversation-create", text="Hi")[0], 201)

    def test_while_the_database_is_gone_it_is_503(self):
        with mock.patch("conversations.turns.send", side_effect=OperationalError):
            self.assertEqual(self.post("message-create", text="Hi")[0], 503)

    def test_also_when_it_is_gone_before_we_know_who_asks(self):
        with mock.patch("django.contrib.auth.get_user", side_effect=OperationalError):
            status, body = self.post("message-create", text="Hi")
            page = self.client.get(reverse("home"))
        self.assertEqual((status, body["error"], page.status_code), (503, "unavailable", 503))

    def test_without_a_preset_there_is_nobody_to_talk_to(self):
        Preset.objects.update(enabled=False)
        self.assertEqual(self.post("conversation-create", text="Hi")[1]["error"], "preset")


class MessageTests(PostingTestCase):
    def message(self, message):
        address = reverse("message", args=[self.conversation.pk, message.pk])
        return self.client.get(address, headers={"accept": "application/json"}).json()

    def test_a_finished_reply_tells_usage_and_cost(self):
        Completion.objects.update(
            prompt_tokens=12, completion_tokens=34, usage_source="provider",
            cost_nanos=26_800, cost_source="price", finish_reason="stop",
        )  # fmt: skip
        Part.objects.create(message=self.answer, index=1, kind="reasoning", text="Hm")
        self.assertEqual(
            self.message(self.answer),
            {
                "id": str(self.answer.pk), "state": "done", "text": "Answer 0", "reasoning": "Hm",
                "finish_reason": "stop", "error": None,
                "usage": {"prompt_tokens": 12, "completion_tokens": 34, "source": "provider"},
                "cost": {"usd": "0.0000268", "source": "price"},
            },
        )  # fmt: skip

    def test_what_is_not_known_is_null(self):
        queued = making.asked(self.alice, conversation_id=self.conversation.pk).replies[0]
        found = self.message(queued)
        self.assertEqual((found["state"], found["text"]), ("queued", ""))
        self.assertEqual(
            [found[key] for key in ("usage", "cost", "error", "finish_reason")], [None] * 4
        )

    def test_a_person_s_message_is_its_text(self):
        found = self.message(self.question)
        self.assertEqual((found["state"], found["text"]), ("done", "Question 0"))

    def test_costs_have_all_their_digits(self):
        for nanos, usd in ((0, "0"), (1, "0.000000001"), (1_500_000_000, "1.5")):
            Completion.objects.update(cost_nanos=nanos, cost_source="price")
            self.assertEqual(self.message(self.answer)["cost"]["usd"], usd)

    def test_for_a_page_it_is_its_article(self):
        address = reverse("message", args=[self.conversation.pk, self.answer.pk])
        self.assertContains(self.client.get(address), f'id="m-{self.answer.pk.hex}"')


class KeepingTests(PostingTestCase):
    def test_a_new_name_counts_up_the_version(self):
        status, body = self.post("conversation-rename", title="  Bees \n and  flowers ", version=1)
        self.assertEqual((status, body), (200, {"title": "Bees and flowers", "version": 2}))
        self.conversation.refresh_from_db()
        self.assertTrue(self.conversation.title_is_chosen)

    def test_a_stale_version_is_409_with_the_present_title(self):
        self.post("conversation-rename", title="First", version=1)
        status, body = self.post("conversation-rename", title="Second", version=1)
        self.assertEqual((status, body), (409, {"error": "renamed", "detail": "First"}))

    def test_a_name_has_1_to_200_characters(self):
        for title in ("", "  ", "\x00", "x" * 201):
            self.assertEqual(self.post("conversation-rename", title=title)[0], 400)
        self.assertEqual(self.post("conversation-rename", title="x" * 200)[0], 200)

    def test_archiving_puts_it_away_and_back(self):
        listed = Conversation.objects.visible_to(self.alice).listed()
        self.assertEqual(self.post("conversation-archive")[0], 204)
        self.assertFalse(listed.exists())
        self.assertContains(self.client.get(reverse("archived")), "A talk")
        self.assertEqual(self.post("conversation-unarchive")[0], 204)
        self.assertTrue(listed.exists())

    def test_a_deletion_can_be_taken_back_for_a_while(self):
        self.assertEqual(self.post("conversation-delete")[0], 204)
        self.assertEqual(self.post("conversation-delete")[0], 404)
        self.assertEqual(self.post("conversation-restore")[0], 204)
        self.assertEqual(self.post("conversation-restore")[0], 404)
        Conversation.objects.update(deleted_at=timezone.now() - timedelta(minutes=2))
        self.assertEqual(self.post("conversation-restore")[0], 404)

    def test_a_deletion_stops_what_is_written(self):
        turn = making.asked(self.alice, conversation_id=self.conversation.pk, claim=new_id())
        self.post("conversation-delete")
        self.assertIsNotNone(Completion.objects.get(pk=turn.completion.pk).stop_requested_at)

    def test_without_a_script_one_goes_on_to_a_page_of_this_site_only(self):
        address = reverse("conversation-archive", args=[self.conversation.pk])
        for wanted, shown in (
            ("/archived/", "/archived/"), ("https://evil.example/", "/"), ("//evil.example", "/"),
            ("javascript:alert(1)", "/"),
        ):  # fmt: skip
            response = self.client.post(address, {"next": wanted})
            self.assertEqual((response.status_code, response.headers["Location"]), (303, shown))


class HtmxTests(PostingTestCase):
    def post(self, name, message=None, /, **posted):
        """As the page's script."""
        ids = [] if name == "conversation-create" else [self.conversation.pk]
        ids += [message.pk] if message else []
        return self.client.post(
            reverse(name, args=ids), {"client_id": new_id().hex} | posted,
            headers={"hx-request": "true", "hx-target": "main"},
        )  # fmt: skip

    def test_a_send_is_answered_with_the_new_turn_s_articles(self):
        response = self.post("message-create", text="<b>Hi</b>")
        self.assertEqual(response.status_code, 201)
        self.assertEqual(response.content.decode().count("<article "), 2)
        self.assertContains(response, "&lt;b&gt;Hi", status_code=201)

    def test_a_new_conversation_is_answered_with_its_room_and_address(self):
        response = self.post("conversation-create", text="Hi")
        newest = Conversation.objects.order_by("-pk")[0]
        self.assertEqual(response.headers["HX-Push-Url"], reverse("conversation", args=[newest.pk]))
        self.assertContains(response, 'id="messages"', status_code=201)
        self.assertNotContains(response, "<html", status_code=201)

    def test_a_branch_is_answered_with_its_path(self):
        response = self.post("message-edit", self.question, text="Better")
        self.assertContains(response, "Better", status_code=201)
        self.assertNotContains(response, "Answer 0", status_code=201)

    def test_trouble_is_a_plain_sentence_with_its_code(self):
        response = self.post("message-create", text="Hi", parent=self.question.pk)
        self.assertEqual((response.status_code, response.headers["X-Problem"]), (409, "answered"))
        self.assertTrue(response.headers["Content-Type"].startswith("text/plain"))
