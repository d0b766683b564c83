"""Reading somebody else's conversation as an administrator: a reason, an hour, on record."""

from datetime import timedelta
from unittest import mock

from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from conversations.models import Access, AuditEntry, Conversation, Message, Role
from conversations.models.base import new_id
from conversations.people import opening
from conversations.problems import Invalid, NotFound
from conversations.tools.base import Asker
from conversations.tools.search import find
from conversations.views.reading import _standing, may_watch
from conversations.views.sidebar import sidebar_list
from tests import making

WHY = "A complaint"


class ReadingTestCase(TestCase):
    def setUp(self):
        self.reader = making.person("reader", may_read=True)
        self.alice = making.person("alice")
        self.where = making.talk(self.alice, title="Between us")
        self.page = reverse("conversation", args=[self.where.pk])
        self.form = reverse("admin:conversations_conversation_change", args=[self.where.pk])
        self.client.force_login(self.reader)

    def open(self, reason=WHY):
        return self.client.post(self.form, {"reason": reason})

    def ends(self):
        Access.objects.update(until=timezone.now() - timedelta(seconds=1))

    def can_read(self, person):
        return Conversation.objects.visible_to(person).filter(pk=self.where.pk).exists()


class OpeningTests(ReadingTestCase):
    def test_with_a_reason_it_opens_for_an_hour_and_leads_there(self):
        self.assertEqual(self.client.get(self.page).status_code, 404)
        self.assertRedirects(self.open(), self.page)
        access = Access.objects.get()
        left = access.until - timezone.now()
        self.assertTrue(timedelta(minutes=59) < left <= timedelta(hours=1))
        self.assertEqual((access.role, access.reason), (Role.READER, WHY))

    def test_each_use_is_noted_with_owner_and_reason_and_without_a_title(self):
        self.open()
        self.open("Again")
        first, second = AuditEntry.objects.order_by("pk")
        self.assertEqual(first.action, "conversation.opened")
        self.assertEqual(first.detail, {"owner": "Alice", "reason": WHY})
        self.assertEqual((first.actor_name, first.subject_id), ("Reader", str(self.where.pk)))
        self.assertEqual(second.detail["reason"], "Again")
        self.assertNotIn("Between", str(list(AuditEntry.objects.values())))
        self.assertEqual(Access.objects.count(), 1)

    def test_without_a_reason_it_stays_closed(self):
        for reason in ("", "  ", "x", "y" * 201):
            with self.subTest(reason=reason):
                self.assertEqual(self.open(reason).status_code, 200)
        self.assertFalse(Access.objects.exists() or AuditEntry.objects.exists())

    def test_the_capability_is_asked_for_each_time(self):
        for person in (
            making.person("root", is_superuser=True),
            making.person("keeper", may_people=True, may_spend=True, may_providers=True),
            self.alice,
        ):
            with self.assertRaises(NotFound):
                opening.open_for_reading(person, self.where, WHY)
            self.client.force_login(person)
            self.assertIn(self.open().status_code, (403, 404))
        self.assertFalse(Access.objects.exists())

    def test_a_reason_is_checked_by_the_verb_too(self):
        with self.assertRaises(Invalid):
            opening.open_for_reading(self.reader, self.where, " ")

    def test_ones_own_and_a_teams_are_read_without_a_record(self):
        own = making.conversation(self.reader)
        theirs = making.conversation(self.alice, team=making.team(self.alice, self.reader))
        for where in (own, theirs):
            self.assertIsNone(opening.open_for_reading(self.reader, where, WHY))
        self.assertFalse(Access.objects.exists() or AuditEntry.objects.exists())

    def test_a_deleted_one_is_not_there(self):
        Conversation.objects.update(deleted_at=timezone.now())
        self.assertEqual(self.open().status_code, 404)
        with self.assertRaises(NotFound):
            self.where.refresh_from_db()
            opening.open_for_reading(self.reader, self.where, WHY)


class ListTests(ReadingTestCase):
    def test_neither_list_nor_page_shows_a_title_or_a_word(self):
        listed = reverse("admin:conversations_conversation_changelist")
        for address in (listed, self.form):
            self.says_nothing(self.client.get(address).content.decode())

    async def test_nor_does_the_file(self):
        await self.async_client.aforce_login(self.reader)
        answer = await self.async_client.get(reverse("admin:conversations_conversation_csv"))
        self.says_nothing("".join([piece.decode() async for piece in answer.streaming_content]))

    def says_nothing(self, text):
        self.assertNotIn("Between us", text)
        self.assertNotIn("Question 0", text)
        self.assertIn("Alice", text)

    def test_titles_are_not_searched(self):
        listed = reverse("admin:conversations_conversation_changelist")
        page = self.client.get(listed, {"q": "Between"})
        self.assertEqual(len(page.context["cl"].result_list), 0)
        page = self.client.get(listed, {"q": "alice"})
        self.assertEqual(len(page.context["cl"].result_list), 1)

    def test_an_absent_one_is_404(self):
        absent = reverse("admin:conversations_conversation_change", args=[new_id()])
        self.assertEqual(self.client.get(absent).status_code, 404)


class WhileItLastsTests(ReadingTestCase):
    def setUp(self):
        super().setUp()
        self.open()
        self.reply = Message.objects.get(role="assistant")

    def test_the_page_is_read_only_and_says_until_when(self):
        until = timezone.localtime(Access.objects.get().until)
        page = self.client.get(self.page)
        self.assertContains(
            page, f"You read this as an administrator until {until:%H:%M}. It is logged."
        )
        self.assertNotContains(page, 'id="composer"')
        self.assertContains(page, "data-reads-only")

    def test_nothing_can_be_written(self):
        args = [self.where.pk]
        message = [*args, self.reply.pk]
        said = {"text": "Hello", "client_id": "c1", "title": "Mine", "version": "1"}
        for address in (
            reverse("message-create", args=args),
            reverse("message-retry", args=message),
            reverse("message-edit", args=message),
            reverse("message-continue", args=message),
            reverse("message-stop", args=message),
            reverse("conversation-rename", args=args),
            reverse("conversation-archive", args=args),
            reverse("conversation-delete", args=args),
        ):
            with self.subTest(address):
                self.assertEqual(self.client.post(address, said).status_code, 404)
        self.assertEqual(Message.objects.count(), 2)

    def test_not_even_by_a_row_that_says_editor(self):
        Access.objects.update(role=Role.EDITOR)
        self.assertTrue(Conversation.objects.writable_by(self.reader).exists())
        self.ends()
        self.assertFalse(Conversation.objects.writable_by(self.reader).exists())

    def test_it_is_in_none_of_their_lists_or_searches(self):
        self.assertEqual(sidebar_list(self.reader)["groups"], [])
        asker = Asker(user=self.reader.pk, zone="UTC")
        self.assertEqual(find(["question"], asker), [])
        self.assertEqual(len(find(["question"], Asker(user=self.alice.pk, zone="UTC"))), 1)

    def test_an_hour_later_page_and_socket_are_closed(self):
        viewer = mock.Mock(person=self.reader.pk)
        pair = (self.where.pk, self.reader.pk)
        self.assertTrue(may_watch(viewer, self.where.pk))
        self.assertIn(pair, _standing({pair}, set())[0])
        self.ends()
        self.assertFalse(may_watch(viewer, self.where.pk))
        self.assertNotIn(pair, _standing({pair}, set())[0])
        self.assertEqual(self.client.get(self.page).status_code, 404)

    def test_the_owner_is_told_who_opened_it_and_not_why(self):
        self.client.force_login(self.alice)
        page = self.client.get(self.page)
        self.assertContains(page, "Reader opened this conversation as an administrator")
        self.assertNotContains(page, WHY)
        self.assertContains(page, 'id="composer"')

    def test_and_still_a_while_after_it_has_ended(self):
        self.client.force_login(self.alice)
        self.ends()
        self.assertContains(self.client.get(self.page), "Reader opened this conversation")
        Access.objects.update(until=timezone.now() - timedelta(days=31))
        self.assertNotContains(self.client.get(self.page), "Reader opened this conversation")

    def test_sharing_it_is_something_else(self):
        bob = making.person("bob")
        making.share(self.where, bob)
        self.assertTrue(self.can_read(bob))
        self.client.force_login(bob)
        page = self.client.get(self.page)
        self.assertContains(page, "You can read this conversation.")
        self.assertNotContains(page, "as an administrator")
        self.assertEqual(len(sidebar_list(bob)["groups"]), 1)
