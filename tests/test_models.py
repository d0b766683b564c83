"""Who may see what, and what rows themselves promise."""

import json
from datetime import timedelta

import pytest
from django.core import serializers
from django.db import connection
from django.test import TestCase
from django.utils import timezone

from conversations.models import (
    Attachment,
    Completion,
    Conversation,
    LedgerEntry,
    Message,
    OneTimeLink,
    Preset,
    PresetModel,
    Provider,
    Role,
    State,
)
from conversations.models.base import is_uuid, new_id
from conversations.models.providers import dollars
from conversations.models.secret_field import Secret
from tests import making

KEY = "sk-very-secret-key-4711"


class AccessTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice, cls.bob, cls.charlie = making.people()
        cls.conversation = making.talk(cls.alice)

    def rights(self, user):
        """`r`, `w`, `m`: what `user` may do with the conversation, asked in every way there is."""
        here = Conversation.objects.filter(pk=self.conversation.pk)
        found = {
            "r": here.visible_to(user).exists(),
            "w": here.writable_by(user).exists(),
            "m": here.managed_by(user).exists(),
        }
        messages = Message.objects.filter(conversation=self.conversation)
        completions = Completion.objects.filter(conversation=self.conversation)
        self.assertEqual(messages.visible_to(user).exists(), found["r"])
        self.assertEqual(messages.writable_by(user).exists(), found["w"])
        self.assertEqual(completions.visible_to(user).exists(), found["r"])
        return "".join(right for right, has in found.items() if has)

    def test_the_owner_reads_writes_and_manages(self):
        self.assertEqual(self.rights(self.alice), "rwm")

    def test_a_stranger_may_nothing(self):
        self.assertEqual(self.rights(self.charlie), "")

    def test_staff_may_nothing_by_being_staff(self):
        self.charlie.is_staff = self.charlie.is_superuser = True
        self.charlie.save()
        self.assertEqual(self.rights(self.charlie), "")

    def test_an_editor_of_the_team_reads_and_writes(self):
        Conversation.objects.update(team=making.team(self.bob))
        self.assertEqual(self.rights(self.bob), "rw")

    def test_a_reader_of_the_team_reads(self):
        Conversation.objects.update(team=making.team(readers=(self.bob,)))
        self.assertEqual(self.rights(self.bob), "r")

    def test_another_team_gives_nothing(self):
        Conversation.objects.update(team=making.team(self.bob))
        making.team(self.charlie)
        self.assertEqual(self.rights(self.charlie), "")

    def test_who_it_is_shared_with_has_the_role_that_was_given(self):
        access = making.share(self.conversation, self.bob)
        self.assertEqual(self.rights(self.bob), "r")
        access.role = Role.EDITOR
        access.save()
        self.assertEqual(self.rights(self.bob), "rw")

    def test_the_stronger_of_two_ways_counts_once(self):
        Conversation.objects.update(team=making.team(readers=(self.bob,)))
        making.share(self.conversation, self.bob, Role.EDITOR)
        self.assertEqual(self.rights(self.bob), "rw")
        self.assertEqual(Conversation.objects.visible_to(self.bob).count(), 1)

    def test_whoever_leaves_the_team_loses_it_at_once(self):
        team = making.team(self.bob)
        Conversation.objects.update(team=team)
        team.members.clear()
        self.assertEqual(self.rights(self.bob), "")

    def test_a_deleted_conversation_is_gone_for_everybody(self):
        making.share(self.conversation, self.bob, Role.EDITOR)
        Conversation.objects.update(deleted_at=timezone.now())
        self.assertEqual([self.rights(user) for user in (self.alice, self.bob)], ["", ""])

    def test_only_the_owner_restores_and_only_for_a_while(self):
        rows = Conversation.objects
        rows.update(deleted_at=timezone.now())
        self.assertEqual(rows.restorable_by(self.alice).count(), 1)
        self.assertEqual(rows.restorable_by(self.bob).count(), 0)
        rows.update(deleted_at=timezone.now() - timedelta(minutes=5))
        self.assertEqual(rows.restorable_by(self.alice).count(), 0)

    def test_a_draft_s_file_is_its_owner_s_and_a_message_s_file_its_readers(self):
        message = self.conversation.messages.first()
        draft = Attachment.objects.create(owner=self.bob, name="a", size_bytes=1)
        sent = Attachment.objects.create(owner=self.alice, message=message, name="b", size_bytes=1)
        seen = {user: set(Attachment.objects.visible_to(user)) for user in (self.alice, self.bob)}
        self.assertEqual(seen, {self.alice: {sent}, self.bob: {draft}})

    def test_the_list_leaves_out_what_is_archived_and_begins_with_the_newest(self):
        old = making.conversation(self.alice, active_at=timezone.now() - timedelta(days=1))
        making.conversation(self.alice, archived_at=timezone.now())
        listed = Conversation.objects.visible_to(self.alice).listed()
        self.assertEqual(list(listed), [self.conversation, old])


class PresetTests(TestCase):
    def setUp(self):
        self.alice = making.person()
        self.preset = making.preset("Small", making.model("one"), making.model("two"))

    def offered(self):
        return list(Preset.objects.visible_to(self.alice))

    def test_one_with_a_fallback_is_offered_once(self):
        self.assertEqual(self.offered(), [self.preset])

    def test_it_is_found_by_slug_and_by_id(self):
        for name in ("small", str(self.preset.pk)):
            chosen = PresetModel.objects.chosen_by(self.alice, name)
            self.assertEqual(chosen.version.preset, self.preset)

    def test_it_is_not_offered_when_switched_off(self):
        Preset.objects.update(enabled=False)
        self.assertEqual(self.offered(), [])

    def test_it_is_not_offered_when_its_provider_is_switched_off(self):
        Provider.objects.update(enabled=False)
        self.assertEqual(self.offered(), [])

    def test_it_is_not_offered_when_its_first_model_is_withdrawn(self):
        self.preset.version.language_models.filter(name="two").update(withdrawn=True)
        self.assertEqual(self.offered(), [self.preset])
        self.preset.version.language_models.filter(name="one").update(withdrawn=True)
        self.assertEqual(self.offered(), [])


class PriceTests(TestCase):
    def test_the_price_in_force_is_the_newest_that_has_begun(self):
        now = timezone.now()
        model = making.model()
        old = making.set_price(model, "1", "2", valid_from=now - timedelta(days=9))
        new = making.set_price(model, "3", "4", valid_from=now - timedelta(days=1))
        making.set_price(model, "5", "6", valid_from=now + timedelta(days=1))
        self.assertEqual(model.price_at(), new)
        self.assertEqual(model.price_at(now - timedelta(days=5)), old)
        self.assertIsNone(model.price_at(now - timedelta(days=10)))

    def test_a_price_says_what_it_is_in_dollars(self):
        price = making.set_price(making.model(), "0.06", "100")
        self.assertEqual(str(price), "$0.06 in / $100 out per million")


@pytest.mark.parametrize(
    ("nanos", "shown"),
    [
        (0, "0.00"),
        (1, "0.0000000010"),
        (26_800, "0.000027"),
        (4_200_000, "0.0042"),
        (123_000_000, "0.12"),
        (995_000_000, "1.00"),
        (1_234_567_890, "1.23"),
        (12_000_000_000_000, "12000.00"),
        (-4_200_000, "-0.0042"),
    ],
)
def test_an_amount_shows_two_digits_that_count(nanos, shown):
    assert dollars(nanos) == shown


class SecretTests(TestCase):
    def setUp(self):
        self.provider = making.provider("Somewhere", key=KEY)

    def test_it_is_encrypted_where_it_is_stored(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT key FROM conversations_provider")
            (stored,) = cursor.fetchone()
        self.assertNotIn("secret", stored)
        self.assertEqual(Provider.objects.get().key.reveal(), KEY)

    def test_it_does_not_show_itself(self):
        key = Provider.objects.get().key
        shown = [
            repr(key),
            str(key),
            f"{key}",
            f"{key:>40}",
            str.format("{}", key),
            "%s" % key,  # noqa: UP031
            f"{[key]}",
        ]
        self.assertFalse([text for text in shown if "secret" in text or "4711" in text])

    def test_at_most_its_last_four_characters_are_hinted_at(self):
        self.assertEqual(Provider.objects.get().key.hint, "…4711")
        self.assertEqual(Secret("short").hint, "…")

    def test_a_dump_holds_no_readable_key_and_loads_again(self):
        dump = serializers.serialize("json", Provider.objects.all())
        self.assertNotIn("secret", dump)
        token = json.loads(dump)[0]["fields"]["key"]
        self.assertTrue(token.startswith("gAAAA"))

    def test_saving_again_keeps_it(self):
        Provider.objects.get().save()
        self.assertEqual(Provider.objects.get().key.reveal(), KEY)

    def test_with_the_wrong_key_it_is_unreadable_and_saving_does_not_destroy_it(self):
        with self.settings(ENCRYPTION_KEYS="A" * 43 + "="):
            provider = Provider.objects.get()
            self.assertEqual(provider.key.reveal(), "")
            provider.save()
        self.assertEqual(Provider.objects.get().key.reveal(), KEY)


class LinkTests(TestCase):
    def test_it_works_once(self):
        token = OneTimeLink.objects.issue(OneTimeLink.SETUP)
        self.assertIsNotNone(OneTimeLink.objects.use(OneTimeLink.SETUP, token))
        self.assertIsNone(OneTimeLink.objects.use(OneTimeLink.SETUP, token))

    def test_of_two_that_found_it_good_one_gets_it(self):
        token = OneTimeLink.objects.issue(OneTimeLink.SETUP)
        found = OneTimeLink.objects.valid(OneTimeLink.SETUP, token)
        OneTimeLink.objects.use(OneTimeLink.SETUP, token)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(OneTimeLink.objects), "valid", lambda *_: found)
            self.assertIsNone(OneTimeLink.objects.use(OneTimeLink.SETUP, token))

    def test_it_opens_only_what_it_was_made_for(self):
        token = OneTimeLink.objects.issue(OneTimeLink.INVITE)
        self.assertIsNone(OneTimeLink.objects.use(OneTimeLink.SETUP, token))
        self.assertIsNotNone(OneTimeLink.objects.valid(OneTimeLink.INVITE, token))

    def test_it_ends(self):
        token = OneTimeLink.objects.issue(OneTimeLink.SETUP, minutes=-1)
        self.assertIsNone(OneTimeLink.objects.valid(OneTimeLink.SETUP, token))

    def test_of_one_person_s_sign_in_links_the_newest_is_good(self):
        alice, bob = making.person("alice"), making.person("bob")
        tokens = [
            OneTimeLink.objects.issue(OneTimeLink.LOGIN, user) for user in (alice, bob, alice)
        ]
        good = [OneTimeLink.objects.valid(OneTimeLink.LOGIN, token) for token in tokens]
        self.assertEqual([link and link.user for link in good], [None, bob, alice])

    def test_links_for_nobody_in_particular_stand_beside_each_other(self):
        tokens = [OneTimeLink.objects.issue(OneTimeLink.INVITE) for _ in range(2)]
        self.assertIsNotNone(OneTimeLink.objects.valid(OneTimeLink.INVITE, tokens[0]))

    def test_the_database_does_not_know_the_token(self):
        token = OneTimeLink.objects.issue(OneTimeLink.SETUP)
        self.assertNotIn(token, json.dumps(OneTimeLink.objects.values_list("token_hash")[0]))


class OneRowTests(TestCase):
    def test_initials_come_from_the_name_or_the_user_name(self):
        named = making.person("alice", first_name="Alice", last_name="Liddell")
        unnamed = making.person("bob.the_builder", first_name="")
        self.assertEqual([named.initials, unnamed.initials], ["AL", "BT"])

    def test_keys_are_in_the_order_of_their_making(self):
        keys = [new_id() for _ in range(500)]
        self.assertEqual(keys, sorted(keys))

    def test_a_uuid_is_told_from_a_slug(self):
        self.assertEqual([is_uuid(str(new_id())), is_uuid("small")], [True, False])

    def test_an_empty_month_costs_nothing(self):
        self.assertEqual(LedgerEntry.objects.total_nanos(), 0)

    def test_facts_leave_out_what_is_not_known(self):
        alice = making.person()
        failed = making.reply(making.say(making.conversation(alice), alice), state=State.FAILED)
        run = failed.completion_id.hex
        self.assertEqual(failed.completion.facts(), {"state": "failed", "run": run})
        done = Completion(
            state=State.DONE,
            completion_tokens=90,
            generation_ms=1500,
            first_token_ms=240,
            cost_nanos=0,
            stopped_by=alice,
        )
        self.assertEqual(
            done.facts(),
            {
                "state": "done",
                "run": done.pk.hex,
                "stopped-by": "Alice",
                "tokens": "90",
                "cost": "0.00",
                "first": "0.2",
                "speed": "60",
            },
        )

    def test_facts_tell_what_was_left_out_and_what_the_model_could_still_read(self):
        done = Completion(
            state=State.DONE,
            left_out=12,
            window_tokens=8000,
            prompt_tokens=6500,
            completion_tokens=500,
        )
        facts = done.facts()
        told = {name: facts[name] for name in ("left-out", "window", "room")}
        self.assertEqual(told, {"left-out": "12", "window": "8000", "room": "1000"})
        done.completion_tokens = 5000
        self.assertEqual(done.facts()["room"], "0")
        done.prompt_tokens = None
        self.assertNotIn("room", done.facts())
