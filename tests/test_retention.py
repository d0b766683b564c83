"""Retention: what is due goes, in steps that can be repeated; everything else stays."""

import threading
from datetime import timedelta
from io import StringIO
from unittest import mock

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import TestCase
from django.utils import timezone

from conversations.models import (
    Attachment,
    AuditEntry,
    AuditPruning,
    Completion,
    Conversation,
    LedgerEntry,
    Message,
    SiteSettings,
    State,
)
from conversations.oversight import retention, retention_rules
from conversations.oversight.auditing import record
from tests import making
from tests.committing import CommittingTestCase
from tests.test_usage import charge


def keep(**days):
    return SiteSettings.objects.update_or_create(pk=1, defaults=days)[0]


def ago(days):
    return timezone.now() - timedelta(days=days)


def due():
    return {row.what: row.count for row in retention.preview() if row.count}


def attach(message, owner, days=0, text=b"text"):
    made = Attachment(owner=owner, message=message, name="a.txt", media_type="text/plain")
    made.size_bytes = len(text)
    made.file.save("a.txt", ContentFile(text), save=False)
    made.save()
    Attachment.objects.filter(pk=made.pk).update(created_at=ago(days))
    return made


def entry(days):
    made = record("test.done")
    with transaction.atomic(), connection.cursor() as cursor:
        # Only to make it old: entries can't be changed.
        AuditPruning.objects.create()
        AuditEntry.objects.filter(pk=made.pk).delete()
        AuditPruning.objects.all().delete()
        made.at = ago(days)
        AuditEntry.objects.bulk_create([made])
        del cursor
    return made


class RetentionTestCase(TestCase):
    def setUp(self):
        self.alice, self.bob, _charlie = making.people()

    def talk(self, days, **fields):
        made = making.talk(self.alice, **fields)
        Conversation.objects.filter(pk=made.pk).update(active_at=ago(days))
        return made

    def left(self):
        return set(Conversation.objects.values_list("pk", flat=True))


class WhatIsDueTests(RetentionTestCase):
    def test_nothing_goes_without_a_period(self):
        self.talk(4_000)
        entry(4_000)
        self.assertEqual(due(), {})
        self.assertEqual(retention.apply(100).total, 0)
        self.assertEqual(Conversation.objects.count(), 1)

    def test_private_and_shared_conversations_have_periods_of_their_own(self):
        private, young = self.talk(31), self.talk(29)
        of_team = self.talk(31, team=making.team(self.alice))
        shared = self.talk(31)
        making.share(shared, self.bob)
        keep(keep_conversations=30)
        self.assertEqual(due(), {"conversations": 1})
        retention.apply(100)
        self.assertEqual(self.left(), {young.pk, of_team.pk, shared.pk})
        self.assertFalse(Message.objects.filter(conversation=private).exists())
        keep(keep_conversations=None, keep_shared=30)
        self.assertEqual(due(), {"shared": 2})
        retention.apply(100)
        self.assertEqual(self.left(), {young.pk})

    def test_that_an_administrator_opens_it_shares_nothing(self):
        opened = self.talk(31)
        making.share(opened, self.bob)
        opened.accesses.update(until=timezone.now() + timedelta(minutes=1), reason="A complaint")
        keep(keep_conversations=30)
        self.assertEqual(due(), {"conversations": 1})

    def test_deleted_ones_stay_for_their_period(self):
        old, young = (making.talk(self.alice, deleted_at=ago(days)) for days in (8, 6))
        keep(keep_deleted=7, keep_conversations=1)
        self.assertEqual(due(), {"deleted": 1})
        retention.apply(100)
        self.assertEqual(self.left(), {young.pk})
        self.assertNotIn(old.pk, self.left())

    def test_what_is_being_answered_stays_whatever_its_age(self):
        for state in (State.QUEUED, State.RUNNING):
            busy = making.conversation(self.alice)
            making.reply(making.say(busy, self.alice), state=state)
            attach(busy.messages.first(), self.alice, days=90)
            Conversation.objects.filter(pk=busy.pk).update(active_at=ago(90))
        gone = making.conversation(self.alice, deleted_at=ago(90))
        making.reply(making.say(gone, self.alice), state=State.RUNNING)
        keep(keep_conversations=1, keep_deleted=1, keep_files=1)
        self.assertEqual(due(), {})
        self.assertEqual(retention.apply(100).total, 0)
        self.assertEqual(Conversation.objects.count(), 3)
        Completion.objects.update(state=State.DONE, finished_at=timezone.now(), claim=None)
        self.assertEqual(due(), {"conversations": 2, "deleted": 1, "files": 2})

    def test_the_oldest_is_told(self):
        self.talk(40), self.talk(50)
        keep(keep_conversations=30)
        first = retention.preview()[0]
        self.assertEqual((first.count, first.days), (2, 30))
        self.assertEqual(first.oldest.date(), ago(50).date())

    def test_a_period_beyond_the_calendar_keeps_everything(self):
        self.talk(40)
        keep(keep_conversations=2_000_000_000)
        self.assertEqual(due(), {})


class RemovingTests(RetentionTestCase):
    def test_the_preview_is_exactly_what_goes(self):
        self.talk(40), self.talk(40, deleted_at=ago(40)), self.talk(1)
        attach(making.say(self.talk(1), self.alice), self.alice, days=40)
        entry(40)
        keep(keep_conversations=30, keep_deleted=30, keep_files=30, keep_audit=30)
        told = due()
        self.assertEqual(dict(retention.apply(100).counts), told)
        self.assertEqual(due(), {})

    def test_it_goes_on_where_it_was_interrupted(self):
        for _ in range(5):
            self.talk(40)
        keep(keep_conversations=30)
        first = retention.apply(2)
        self.assertEqual((first.total, first.is_complete), (2, False))
        second = retention.apply(100)
        self.assertEqual((second.total, second.is_complete), (3, True))
        third = retention.apply(100)
        self.assertEqual((third.total, third.is_complete), (0, True))

    def test_without_time_nothing_goes_and_it_is_not_done(self):
        self.talk(40)
        keep(keep_conversations=30)
        done = retention.apply(100, seconds=-1)
        self.assertEqual((done.total, done.is_complete), (0, False))

    def test_a_limit_that_is_just_enough_is_complete(self):
        self.talk(40)
        keep(keep_conversations=30)
        self.assertTrue(retention.apply(1).is_complete)

    def test_what_becomes_active_meanwhile_stays(self):
        talk = self.talk(40)
        site = keep(keep_conversations=30)
        rows = retention_rules.BY_NAME["conversations"].due(site)
        Conversation.objects.update(active_at=timezone.now())
        self.assertFalse(retention_rules._remove_conversation(rows, talk.pk))
        self.assertEqual(self.left(), {talk.pk})

    def test_files_go_with_what_is_stored_of_them(self):
        message = making.say(self.talk(1), self.alice)
        old, young = attach(message, self.alice, days=40), attach(message, self.alice, days=1)
        keep(keep_files=30)
        retention.apply(100)
        self.assertEqual([*Attachment.objects.all()], [young])
        self.assertFalse(default_storage.exists(old.file.name))
        self.assertTrue(default_storage.exists(young.file.name))
        young.file.delete(save=False)

    def test_a_conversation_takes_its_files_along(self):
        talk = self.talk(40)
        file = attach(talk.messages.first(), self.alice)
        keep(keep_conversations=30)
        retention.apply(100)
        self.assertFalse(Attachment.objects.exists())
        self.assertFalse(default_storage.exists(file.file.name))

    def test_a_file_that_is_gone_already_is_no_obstacle(self):
        file = attach(making.say(self.talk(1), self.alice), self.alice, days=40)
        default_storage.delete(file.file.name)
        keep(keep_files=30)
        self.assertEqual(retention.apply(100).total, 1)

    def test_a_file_that_cannot_be_removed_keeps_its_row_for_the_next_time(self):
        talk = self.talk(40)
        file = attach(talk.messages.first(), self.alice, days=40)
        keep(keep_files=30, keep_conversations=30)
        with (
            mock.patch("django.core.files.storage.FileSystemStorage.delete", side_effect=OSError),
            self.assertLogs("conversations.oversight.retention_rules", "ERROR"),
        ):
            self.assertEqual(retention.apply(100).total, 0)
        self.assertEqual(Attachment.objects.get(), file)
        self.assertEqual(retention.apply(100).total, 1)

    def stuck(self, talks):
        """These can't be removed."""
        real = retention_rules._remove_conversation
        keys = {talk.pk for talk in talks}
        return mock.patch.object(
            retention_rules,
            "_remove_conversation",
            lambda rows, pk: pk not in keys and real(rows, pk),
        )

    def test_what_cannot_go_keeps_nothing_else_back(self):
        talks = sorted((self.talk(40) for _number in range(12)), key=lambda talk: talk.pk)
        keep(keep_conversations=30)
        with self.stuck(talks[:6]):
            self.assertTrue(retention.apply(200).is_complete)
        self.assertEqual(self.left(), {talk.pk for talk in talks[:6]})

    def test_nor_where_deleted_ones_have_no_period(self):
        talks = sorted((self.talk(1) for _number in range(7)), key=lambda talk: talk.pk)
        Conversation.objects.update(deleted_at=ago(1))
        with self.stuck(talks[:6]):
            retention.retain_a_little()
        self.assertEqual(self.left(), {talk.pk for talk in talks[:6]})

    def test_where_nothing_can_go_it_ends(self):
        talks = [self.talk(40) for _number in range(30)]
        keep(keep_conversations=30)
        with self.stuck(talks):
            self.assertTrue(retention.apply(200).is_complete)
        self.assertEqual(len(self.left()), 30)

    def test_old_entries_of_the_audit_log_go_and_nothing_else_may_remove_them(self):
        entry(40), entry(40)
        young = entry(1)
        keep(keep_audit=30)
        retention.apply(100)
        noted = AuditEntry.objects.get(action="retention.applied")
        self.assertEqual({row.pk for row in AuditEntry.objects.all()}, {young.pk, noted.pk})
        self.assertFalse(AuditPruning.objects.exists())
        with self.assertRaises(DatabaseError), transaction.atomic():
            AuditEntry.objects.filter(pk=young.pk).delete()

    def test_what_went_is_noted_in_numbers_only(self):
        self.talk(40, title="Very private")
        keep(keep_conversations=30)
        retention.apply(100)
        noted = AuditEntry.objects.get(action="retention.applied")
        self.assertEqual(noted.detail, {"conversations": 1})
        self.assertNotIn("private", str(vars(noted)))

    def test_the_ledger_is_never_touched(self):
        talk = self.talk(40)
        charge(self.alice, 5, conversation_id=talk.pk, at=ago(4_000))
        keep(keep_conversations=1, keep_shared=1, keep_deleted=1, keep_files=1, keep_audit=1)
        retention.apply(100)
        self.assertEqual(LedgerEntry.objects.get().conversation_id, talk.pk)
        self.assertEqual(self.left(), set())


class KeeperTests(RetentionTestCase):
    def test_without_a_period_deleted_ones_go_when_nobody_can_take_them_back(self):
        gone = making.talk(self.alice, deleted_at=timezone.now() - timedelta(minutes=2))
        fresh = making.talk(self.alice, deleted_at=timezone.now())
        retention.retain_a_little()
        self.assertEqual(self.left(), {fresh.pk})
        self.assertNotIn(gone.pk, self.left())
        self.assertFalse(AuditEntry.objects.filter(action="retention.applied").exists())

    def test_where_their_period_was_taken_away_that_counts_from_tomorrow(self):
        making.talk(self.alice, deleted_at=ago(30))
        keep(keep_deleted=None)
        noted = record("sitesettings.changed", detail={"keep_deleted": [365, None]})
        retention.retain_a_little()
        self.assertEqual(len(self.left()), 1)
        later = timezone.now() + timedelta(days=1, minutes=1)
        with mock.patch("django.utils.timezone.now", return_value=later):
            retention.retain_a_little()
        self.assertEqual(self.left(), set())
        self.assertTrue(noted)

    def test_with_a_period_they_wait(self):
        making.talk(self.alice, deleted_at=ago(2))
        keep(keep_deleted=7)
        retention.retain_a_little()
        self.assertEqual(Conversation.objects.count(), 1)

    def test_it_works_once_a_day_and_in_portions(self):
        for _ in range(3):
            self.talk(40)
        keep(keep_conversations=30)
        with mock.patch.object(retention, "PORTION", 2):
            retention.retain_a_little()
            self.assertEqual(Conversation.objects.count(), 1)
            self.assertIsNone(SiteSettings.current().retained_at)
            retention.retain_a_little()
        self.assertEqual(Conversation.objects.count(), 0)
        self.assertIsNotNone(SiteSettings.current().retained_at)
        self.talk(40)
        retention.retain_a_little()
        self.assertEqual(Conversation.objects.count(), 1)
        SiteSettings.objects.update(retained_at=ago(1.01))
        retention.retain_a_little()
        self.assertEqual(Conversation.objects.count(), 0)


class CommandTests(RetentionTestCase):
    def retain(self, *arguments):
        told = StringIO()
        call_command("retain", *arguments, stdout=told)
        return told.getvalue()

    def test_a_dry_run_tells_and_removes_nothing(self):
        self.talk(40)
        keep(keep_conversations=30)
        self.assertIn(": 1, the oldest of ", self.retain("--dry-run"))
        self.assertEqual(Conversation.objects.count(), 1)

    def test_it_removes_all_that_is_due(self):
        for _ in range(3):
            self.talk(40)
        keep(keep_conversations=30)
        with mock.patch("conversations.management.commands.retain.AT_ONCE", 2):
            self.assertIn("Removed: 3.", self.retain())
        self.assertIn("Removed: 0.", self.retain())


class TwiceAtOnceTests(CommittingTestCase):
    def test_two_jobs_at_once_remove_everything_exactly_once(self):
        alice = making.person()
        for _ in range(12):
            making.talk(alice)
        Conversation.objects.update(active_at=ago(40))
        keep(keep_conversations=30)
        done, begin = [], threading.Barrier(2)

        def job():
            begin.wait()
            try:
                done.append(retention.apply(100).total)
            finally:
                connection.close()

        jobs = [threading.Thread(target=job) for _ in range(2)]
        for one in jobs:
            one.start()
        for one in jobs:
            one.join(30)
        self.assertEqual(sum(done), 12)
        self.assertEqual(Conversation.objects.count(), 0)
