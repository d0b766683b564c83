"""What administrators do with people: who may do it, and what becomes of the person."""

import io
import json
import zipfile
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TestCase, override_settings
from django.urls import reverse
from django.utils import timezone

from conversations.models import (
    Access,
    Alert,
    AuditEntry,
    Budget,
    BudgetRequest,
    Completion,
    Conversation,
    LedgerEntry,
    Membership,
    Message,
    OneTimeLink,
    Part,
    Reservation,
    Role,
    State,
    User,
)
from conversations.models.people import Standing
from conversations.people import inviting, leaving, opening, person_copy
from conversations.people import standing as people
from conversations.problems import Conflict, Invalid, NotFound
from tests import making
from tests.making import PASSWORD
from tests.test_second_factor import give_app

SIGNUP = reverse("account_signup")
NEW = {
    "email": "dora@example.com", "username": "dora", "password1": PASSWORD, "password2": PASSWORD,
}  # fmt: skip


class PeopleTestCase(TestCase):
    def setUp(self):
        self.root = making.person("root", is_superuser=True)
        self.keeper = making.person("keeper", may_people=True)
        self.alice, self.bob, self.charlie = making.people()

    def refused(self, verb, *args, kind=Invalid, **kwargs):
        with self.assertRaises(kind) as caught:
            verb(*args, **kwargs)
        return str(caught.exception.detail)

    def last_deed(self):
        return AuditEntry.objects.latest("pk")

    def signed_in(self, person):
        client = self.client_class()
        client.force_login(person)
        return client

    def may_enter(self, client):
        return client.get("/").status_code == 200


class SuspendingTests(PeopleTestCase):
    def test_all_sessions_end_in_database_and_cache_and_others_stay(self):
        first, second, other = map(self.signed_in, (self.alice, self.alice, self.bob))
        self.assertTrue(self.may_enter(first) and self.may_enter(second))
        people.suspend(self.keeper, self.alice)
        self.assertEqual(Session.objects.count(), 1)
        people.reinstate(self.keeper, self.alice)
        self.assertFalse(self.may_enter(first) or self.may_enter(second))
        self.assertTrue(self.may_enter(other))

    def test_running_replies_are_to_be_stopped_and_queued_ones_are(self):
        where = making.conversation(self.alice)
        question = making.say(where, self.alice)
        running = making.reply(question, "Once", State.RUNNING)
        queued = making.reply(making.say(where, self.alice, parent=running), "", State.QUEUED)
        other = making.reply(making.say(making.conversation(self.bob), self.bob), "", State.RUNNING)
        told = people.suspend(self.keeper, self.alice)
        self.assertEqual(told, [running.completion_id])
        running.completion.refresh_from_db()
        self.assertEqual(running.completion.stopped_by, self.keeper)
        self.assertEqual(Completion.objects.get(pk=queued.completion_id).state, State.STOPPED)
        self.assertIsNone(Completion.objects.get(pk=other.completion_id).stop_requested_at)

    def test_invitations_and_sign_in_links_of_theirs_are_good_for_nothing(self):
        inviter = making.person("inviter", may_people=True)
        inviting.invite(inviter)
        OneTimeLink.objects.issue(OneTimeLink.LOGIN, inviter)
        kept = inviting.invite(self.keeper)
        people.suspend(self.root, inviter)
        self.assertEqual(OneTimeLink.objects.count(), 1)
        self.assertIsNotNone(OneTimeLink.objects.valid(OneTimeLink.INVITE, kept))

    def test_it_is_noted_by_whom_and_where_from(self):
        people.suspend(self.keeper, self.alice)
        deed = self.last_deed()
        self.assertEqual((deed.action, deed.actor_name), ("person.suspended", "Keeper"))
        self.assertEqual((deed.subject_id, deed.subject_name), (str(self.alice.pk), "Alice"))

    def test_nobody_suspends_themselves(self):
        self.assertIn("That is you", self.refused(people.suspend, self.root, self.root))
        self.assertTrue(User.objects.get(pk=self.root.pk).is_active)

    def test_twice_is_told(self):
        people.suspend(self.keeper, self.alice)
        self.refused(people.suspend, self.keeper, self.alice, kind=Conflict)

    def test_the_last_active_superuser_stays(self):
        second = making.person("second", is_superuser=True)
        people.suspend(self.root, second)
        # As if both had looked at the same moment: the row says that root is the last one.
        second.is_active = True
        self.assertIn("last", self.refused(people.suspend, second, self.root))


class RoleTests(PeopleTestCase):
    def test_members_and_suspended_administrators_do_nothing(self):
        gone = making.person("gone", may_people=True, is_active=False)
        for by in (self.alice, gone, making.person("spender", may_spend=True)):
            for verb in (people.suspend, people.reset, people.approve, leaving.delete):
                self.refused(verb, by, self.bob)
            self.refused(inviting.invite, by)
            self.refused(people.set_capabilities, by, self.bob, ["people"])

    def test_who_holds_more_is_out_of_reach(self):
        for other in (
            self.root,
            making.person("spender", may_spend=True),
            making.person("reader", may_read=True),
        ):
            for verb in (people.suspend, people.reset, leaving.anonymise):
                self.assertIn("capability", self.refused(verb, self.keeper, other))

    def test_nobody_gives_or_takes_what_they_do_not_have(self):
        for chosen in (["spend"], ["providers", "people"], ["read"], ["superuser"]):
            self.refused(people.set_capabilities, self.keeper, self.alice, chosen)
        people.set_capabilities(self.keeper, self.alice, ["people"])
        self.assertTrue(User.objects.get(pk=self.alice.pk).may_people)
        self.assertTrue(User.objects.get(pk=self.alice.pk).is_staff)

    def test_a_superuser_gives_reading_and_all_else(self):
        people.set_capabilities(self.root, self.alice, ["read", "spend"])
        deed = self.last_deed()
        self.assertEqual(deed.detail, {"capabilities": [[], ["read", "spend"]]})
        self.alice.refresh_from_db()
        self.assertEqual(self.alice.capabilities, ["spend", "read"])

    def test_the_last_superuser_is_not_demoted_not_even_by_themselves(self):
        self.assertIn("last", self.refused(people.set_capabilities, self.root, self.root, []))
        making.person("second", is_superuser=True)
        people.set_capabilities(self.root, self.root, ["people"])
        self.assertFalse(User.objects.get(pk=self.root.pk).is_superuser)

    def test_with_the_capability_goes_what_was_opened_by_it(self):
        reader = making.person("reader", may_read=True)
        where = making.conversation(self.alice)
        until = timezone.now() + timedelta(hours=1)
        Access.objects.create(conversation=where, user=reader, until=until)
        making.share(making.conversation(self.bob), reader)
        people.set_capabilities(self.root, reader, [])
        self.assertFalse(Conversation.objects.visible_to(reader).filter(pk=where.pk).exists())
        self.assertEqual(Conversation.objects.visible_to(reader).count(), 1)

    def test_the_owner_is_told_of_an_opening_whatever_becomes_of_the_reader(self):
        reader = making.person("reader", may_read=True)
        where = making.talk(self.alice)
        opening.open_for_reading(reader, where, "a complaint")
        people.set_capabilities(self.root, reader, [])
        [told] = opening.told_to_owner(where)
        self.assertEqual(told.user, reader)
        self.assertIsNone(opening.reading_of(reader, where))
        ended = told.until
        people.suspend(self.root, reader)
        leaving.anonymise(self.root, User.objects.get(pk=reader.pk))
        [told] = opening.told_to_owner(where)
        self.assertEqual((told.user.display_name, told.until), ("Former member", ended))

    def test_nothing_changed_is_nothing_noted(self):
        people.set_capabilities(self.root, self.keeper, ["people"])
        self.assertFalse(AuditEntry.objects.exists())


class ResettingTests(PeopleTestCase):
    def test_the_password_and_all_sessions_end_and_the_link_leads_to_a_new_one_once(self):
        client = self.signed_in(self.alice)
        token = people.reset(self.keeper, self.alice)
        self.assertFalse(self.may_enter(client))
        self.alice.refresh_from_db()
        self.assertFalse(self.alice.has_usable_password())
        address = reverse("login-link", args=[token])
        new = self.client_class()
        for _look in range(2):
            self.assertContains(new.get(address), "Choose a new password")
        form = new.post(address, follow=True)
        self.assertFalse(self.may_enter(new))
        chosen = {"password1": "another quiet word", "password2": "another quiet word"}
        new.post(form.redirect_chain[-1][0], chosen)
        self.alice.refresh_from_db()
        self.assertTrue(self.alice.check_password("another quiet word"))
        self.assertFalse(self.may_enter(new))
        self.assertEqual(self.client_class().get(address).status_code, 404)
        self.assertEqual(self.client_class().post(address).status_code, 404)

    def test_it_goes_by_no_second_factor(self):
        give_app(self.alice)
        address = reverse("login-link", args=[people.reset(self.keeper, self.alice)])
        new = self.client_class()
        form = new.post(address, follow=True)
        chosen = {"password1": "another quiet word", "password2": "another quiet word"}
        new.post(form.redirect_chain[-1][0], chosen)
        answer = new.post(
            reverse("account_login"), {"login": "alice", "password": "another quiet word"}
        )
        self.assertRedirects(answer, reverse("mfa_authenticate"))
        self.assertFalse(self.may_enter(new))

    def test_whoever_is_suspended_meanwhile_is_not_let_on(self):
        token = people.reset(self.keeper, self.alice)
        User.objects.filter(pk=self.alice.pk).update(is_active=False)
        address = reverse("login-link", args=[token])
        self.assertEqual(self.client_class().post(address).status_code, 404)

    def test_only_the_hash_is_stored(self):
        token = people.reset(self.keeper, self.alice)
        self.assertNotIn(token, json.dumps(list(OneTimeLink.objects.values()), default=str))
        self.assertNotIn(token, json.dumps(list(AuditEntry.objects.values()), default=str))

    def test_whoever_is_suspended_gets_none(self):
        people.suspend(self.keeper, self.alice)
        self.refused(people.reset, self.keeper, self.alice)


class InvitingTests(PeopleTestCase):
    def come(self, token, **fields):
        client = self.client_class()
        client.get(reverse("invitation", args=[token]))
        self.page = client.get(SIGNUP)
        self.answer = client.post(SIGNUP, NEW | fields)
        return User.objects.filter(username=fields.get("username", "dora")).first()

    def test_it_lets_one_in_while_registration_is_closed(self):
        token = inviting.invite(self.keeper)
        self.assertIsNotNone(self.come(token))
        self.assertIsNone(self.come(token, username="emil", email="emil@example.com"))
        deed = AuditEntry.objects.get(action="person.registered")
        self.assertEqual(deed.detail, {"invited_by": "Keeper"})

    def test_one_with_an_address_is_for_that_address(self):
        token = inviting.invite(self.keeper, "Dora@Example.com")
        person = self.come(token, email="mallory@example.com")
        self.assertContains(self.page, "dora@example.com")
        self.assertEqual(person.email, "dora@example.com")
        self.assertTrue(EmailAddress.objects.get(user=person).verified)
        self.assertFalse(User.objects.filter(email="mallory@example.com").exists())

    @override_settings(REGISTRATION_DOMAINS=["elsewhere.com"])
    def test_a_named_address_may_be_of_any_domain_and_others_not(self):
        self.assertIsNone(self.come(inviting.invite(self.keeper)))
        self.assertIsNotNone(self.come(inviting.invite(self.keeper, "dora@example.com")))

    def test_who_comes_joins_the_team(self):
        team = making.team(self.alice)
        person = self.come(inviting.invite(self.keeper, team=team))
        self.assertEqual((list(person.teams.all()), person.main_team), ([team], team))

    def test_into_a_team_with_conversations_only_who_may_read_them_invites(self):
        team = making.team(self.bob)
        making.talk(self.bob, team=team)
        self.assertIn("Members read", self.refused(inviting.invite, self.keeper, team=team))
        self.assertFalse(OneTimeLink.objects.exists())
        reader = making.person("reader", may_people=True, may_read=True)
        for by in (self.root, reader, None):
            self.assertTrue(inviting.invite(by, team=team))

    @override_settings(REGISTRATION="open", REGISTRATION_APPROVAL=True)
    def test_the_invited_need_no_approval_and_others_do(self):
        invited = self.come(inviting.invite(self.keeper))
        self.assertEqual(invited.standing, Standing.ACTIVE)
        self.client.post(SIGNUP, NEW | {"username": "emil", "email": "emil@example.com"})
        self.assertEqual(User.objects.get(username="emil").standing, Standing.WAITING)

    def test_it_expires_and_can_be_withdrawn(self):
        token = inviting.invite(self.keeper)
        OneTimeLink.objects.update(expires_at=timezone.now())
        self.assertIsNone(self.come(token))
        token = inviting.invite(self.keeper, "dora@example.com")
        inviting.withdraw(self.keeper, OneTimeLink.objects.latest("created_at"))
        self.assertIsNone(self.come(token))
        self.assertEqual(self.last_deed().action, "invitation.withdrawn")
        self.assertEqual(self.last_deed().subject_name, "dora@example.com")

    def test_a_used_one_can_not_be_withdrawn(self):
        link = OneTimeLink.objects.valid(OneTimeLink.INVITE, inviting.invite(self.keeper))
        link_again = OneTimeLink.objects.get(pk=link.pk)
        inviting.withdraw(self.keeper, link)
        self.refused(inviting.withdraw, self.keeper, link_again, kind=NotFound)

    def test_a_second_one_for_an_address_takes_the_place_of_the_first(self):
        first = inviting.invite(self.keeper, "dora@example.com")
        inviting.invite(self.keeper, "dora@example.com")
        self.assertIsNone(OneTimeLink.objects.valid(OneTimeLink.INVITE, first))

    def test_the_operator_invites_at_a_shell(self):
        team = making.team(self.alice)
        out = io.StringIO()
        options = {"email": "dora@example.com", "team": "team", "base": "http://here/"}
        call_command("invite", stdout=out, **options)
        self.assertRegex(out.getvalue(), r"^http://here/invitation/[\w-]+/\n$")
        token = out.getvalue().strip().rstrip("/").rpartition("/")[2]
        self.assertEqual(list(self.come(token).teams.all()), [team])
        for wrong in ({"team": "nobody"}, {"days": 0}, {"email": "alice@example.com"}):
            with self.assertRaises(CommandError):
                call_command("invite", stdout=out, **wrong)

    def test_nonsense_is_refused(self):
        for wrong in ({"days": 0}, {"days": 400}, {"email": "ALICE@example.com"}):
            self.refused(inviting.invite, self.keeper, **wrong)

    def test_only_the_hash_is_stored(self):
        token = inviting.invite(self.keeper, "dora@example.com")
        self.assertNotIn(token, json.dumps(list(OneTimeLink.objects.values()), default=str))


@override_settings(REGISTRATION="open", REGISTRATION_APPROVAL=True)
class ApprovalTests(PeopleTestCase):
    def register(self):
        return self.client.post(SIGNUP, NEW, follow=True)

    def test_who_registers_waits_is_told_so_and_is_not_signed_in(self):
        page = self.register()
        self.assertContains(page, "An administrator lets you in")
        self.assertNotIn("_auth_user_id", self.client.session)
        self.assertEqual(User.objects.get(username="dora").standing, Standing.WAITING)
        again = self.client.post(
            reverse("account_login"), {"login": "dora", "password": PASSWORD}, follow=True
        )
        self.assertContains(again, "An administrator lets you in")

    def test_administrators_are_alerted_until_somebody_approves(self):
        self.register()
        alert = Alert.objects.get()
        self.assertEqual((alert.kind, alert.subject_name), (Alert.Kind.PERSON_WAITING, "dora"))
        dora = User.objects.get(username="dora")
        people.approve(self.keeper, dora)
        alert.refresh_from_db()
        self.assertEqual(alert.closed_by, "Keeper")
        self.assertTrue(self.client.login(username="dora", password=PASSWORD))
        self.refused(people.approve, self.keeper, dora, kind=Conflict)

    def test_who_is_refused_is_deleted_and_the_alert_with_them(self):
        self.register()
        leaving.delete(self.keeper, User.objects.get(username="dora"))
        self.assertFalse(User.objects.filter(username="dora").exists())
        self.assertIsNotNone(Alert.objects.get().closed_at)

    def test_a_suspended_person_is_told_that_instead(self):
        people.suspend(self.keeper, self.alice)
        page = self.client.post(
            reverse("account_login"), {"login": "alice", "password": PASSWORD}, follow=True
        )
        self.assertContains(page, "Your account is suspended")

    def test_reinstating_does_not_approve(self):
        self.register()
        dora = User.objects.get(username="dora")
        self.refused(people.reinstate, self.keeper, dora, kind=Conflict)

    def test_no_mail_goes_out_where_none_is_sent(self):
        self.register()
        self.assertEqual([m for m in mail.outbox if "let you in" in m.body], [])


class LeavingTests(PeopleTestCase):
    def setUp(self):
        super().setUp()
        self.team = making.team(self.alice, self.bob, readers=(self.charlie,))
        self.private = making.talk(self.alice)
        self.shared = making.talk(self.alice, team=self.team)
        self.elsewhere = making.conversation(self.bob, team=self.team)
        self.said = making.say(self.elsewhere, self.alice, "I was here")
        LedgerEntry.objects.create(
            call_id=self.private.pk, completion_id=self.private.pk, conversation_id=self.private.pk,
            user_id=self.alice.pk, user_name="Alice", provider_name="Here", model_name="small",
            preset_name="Small", usage_source="provider", cost_nanos=5, cost_source="price",
        )  # fmt: skip

    def leaves(self, verb):
        people.suspend(self.keeper, self.alice)
        verb(self.keeper, self.alice)

    def test_somebody_active_is_suspended_first(self):
        for verb in (leaving.anonymise, leaving.delete):
            self.assertIn("Suspend", self.refused(verb, self.keeper, self.alice, kind=Conflict))
        self.assertTrue(Conversation.objects.filter(pk=self.private.pk).exists())

    def test_nothing_goes_while_a_reply_is_written(self):
        making.reply(making.say(self.elsewhere, self.alice), "", State.RUNNING)
        people.suspend(self.keeper, self.alice)
        for verb in (leaving.anonymise, leaving.delete):
            self.refused(verb, self.keeper, self.alice, kind=Conflict)

    def test_both_delete_what_is_private_and_hand_over_what_is_shared(self):
        for verb in (leaving.anonymise, leaving.delete):
            with self.subTest(verb=verb.__name__):
                self.leaves(verb)
                self.assertFalse(Conversation.objects.filter(pk=self.private.pk).exists())
                self.shared.refresh_from_db()
                self.assertEqual((self.shared.owner, self.shared.team), (self.bob, self.team))
                self.assertEqual(Message.objects.filter(conversation=self.shared).count(), 2)
            if verb is leaving.anonymise:
                self.alice = making.person("alice2")
                Membership.objects.create(team=self.team, user=self.alice)
                self.private = making.talk(self.alice)
                self.shared = making.talk(self.alice, team=self.team)

    def test_what_they_said_elsewhere_stays_without_their_name(self):
        for verb, row_stays in ((leaving.anonymise, True), (leaving.delete, False)):
            with self.subTest(verb=verb.__name__):
                if not row_stays:
                    self.alice = making.person("alice3", first_name="Alix")
                    self.said = making.say(self.elsewhere, self.alice, "Me too", self.said)
                self.leaves(verb)
                page = self.signed_in(self.bob).get(
                    reverse("conversation", args=[self.elsewhere.pk])
                )
                self.assertContains(page, "I was here")
                self.assertContains(page, "Former member")
                self.assertNotContains(page, "Alice")
                self.assertNotContains(page, "Alix")
                self.assertEqual(User.objects.filter(pk=self.alice.pk).exists(), row_stays)

    def test_nothing_of_an_anonymised_person_is_left_but_the_ledger(self):
        EmailAddress.objects.create(user=self.alice, email=self.alice.email, primary=True)
        making.share(making.conversation(self.charlie), self.alice)
        client = self.signed_in(self.alice)
        self.leaves(leaving.anonymise)
        self.alice.refresh_from_db()
        row = json.dumps(User.objects.filter(pk=self.alice.pk).values()[0], default=str).lower()
        self.assertNotIn("alice", row)
        self.assertFalse(self.alice.has_usable_password())
        for rows in (Membership, Access, EmailAddress):
            self.assertFalse(rows.objects.filter(user=self.alice).exists())
        self.assertFalse(self.may_enter(client))
        self.assertFalse(self.client.login(username="alice", password=PASSWORD))
        self.assertEqual(LedgerEntry.objects.get().user_name, "Alice")
        self.assertEqual(self.last_deed().subject_name, "Alice")
        for verb in (people.reinstate, leaving.anonymise, people.reset):
            self.refused(verb, self.keeper, self.alice, kind=Conflict)

    def test_no_alert_and_no_preset_says_their_name(self):
        each = Budget.objects.create(scope="each_person", period="month", amount_nanos=1)
        asked = BudgetRequest.objects.create(budget=each, person=self.alice, asked_nanos=5)
        for kind, subject, name in (
            ("person_waiting", str(self.alice.pk), "Alice"),
            ("budget_used", f"{each.pk.hex} 2026-01-01 {self.alice.pk.hex}", "Alice, month"),
            ("budget_request", asked.pk.hex, "Alice"),
            ("budget_used", f"{each.pk.hex} 2026-01-01 {self.bob.pk.hex}", "Bob, month"),
        ):
            Alert.objects.create(kind=kind, subject=subject, subject_name=name, closed_by="Alice")
        preset = making.preset("Named")
        preset.versions.update(made_by_name="Alice")
        self.leaves(leaving.anonymise)
        names = set(Alert.objects.values_list("subject_name", "closed_by"))
        self.assertEqual(names, {("Former member", ""), ("Bob, month", "")})
        self.assertEqual(preset.versions.get().made_by_name, "")
        self.assertIsNotNone(Alert.objects.get(kind="budget_request").closed_at)

    def test_what_was_approved_of_a_budget_that_others_have_too_stays(self):
        site = Budget.objects.create(scope="site", period="month", amount_nanos=1)
        BudgetRequest.objects.create(budget=site, person=self.alice, asked_nanos=5)
        granted = BudgetRequest.objects.create(
            budget=site, person=self.alice, asked_nanos=5, granted_nanos=5, state="approved",
            ends_at=timezone.now() + timedelta(days=1), decided_at=timezone.now(),
        )  # fmt: skip
        self.leaves(leaving.anonymise)
        self.assertEqual(BudgetRequest.objects.get(), granted)

    def test_rows_that_single_sign_on_left_hold_nobody_back(self):
        with connection.cursor() as cursor:
            kind = User._meta.pk.db_type(connection)
            cursor.execute(
                "CREATE TABLE socialaccount_socialaccount (id integer PRIMARY KEY, user_id"
                f" {kind} REFERENCES conversations_user (id) DEFERRABLE INITIALLY DEFERRED)"
            )
            for number, person in enumerate((self.alice, self.bob)):
                pk = User._meta.pk.get_db_prep_value(person.pk, connection)
                cursor.execute(
                    "INSERT INTO socialaccount_socialaccount VALUES (%s, %s)", [number, pk]
                )
            self.leaves(leaving.delete)
            connection.check_constraints()
            cursor.execute("SELECT id FROM socialaccount_socialaccount")
            self.assertEqual(cursor.fetchall(), [(1,)])

    def test_a_name_that_is_free_again_can_be_taken(self):
        self.leaves(leaving.anonymise)
        making.person("alice")

    def test_an_editor_inherits_before_a_reader_and_the_suspended_last(self):
        other = making.conversation(self.alice)
        making.share(other, self.charlie)
        making.share(other, self.bob, Role.EDITOR)
        self.assertEqual(leaving.heirs_of(self.alice)[other.pk], self.bob.pk)
        people.suspend(self.keeper, self.bob)
        self.assertEqual(leaving.heirs_of(self.alice)[other.pk], self.charlie.pk)
        self.assertEqual(leaving.heirs_of(self.alice)[self.shared.pk], self.charlie.pk)
        people.suspend(self.keeper, self.charlie)
        self.assertEqual(leaving.heirs_of(self.alice)[self.shared.pk], self.bob.pk)
        User.objects.filter(pk=self.bob.pk).update(approved_at=None)
        self.assertEqual(leaving.heirs_of(self.alice)[self.shared.pk], self.charlie.pk)

    def test_an_administrator_who_opened_it_inherits_nothing(self):
        until = timezone.now() + timedelta(hours=1)
        Access.objects.create(conversation=self.private, user=self.bob, until=until)
        self.assertEqual(leaving.belongings(self.alice), leaving.Belongings(alone=1, shared=1))

    def test_running_out_of_heirs_a_team_s_conversation_goes(self):
        Membership.objects.exclude(user=self.alice).delete()
        self.leaves(leaving.delete)
        self.assertFalse(Conversation.objects.filter(pk=self.shared.pk).exists())
        self.assertFalse(Reservation.objects.exists())


class OwnDataTests(PeopleTestCase):
    async def take(self, person):
        await self.async_client.aforce_login(person)
        answer = await self.async_client.post(reverse("own-data-file"))
        if answer.status_code != 200:
            return answer, None
        pieces = [piece async for piece in answer.streaming_content]
        return answer, zipfile.ZipFile(io.BytesIO(b"".join(pieces)))

    async def test_everybody_has_a_copy_of_their_own_once_a_minute(self):
        answer, archive = await self.take(self.alice)
        self.assertEqual(json.loads(archive.read("profile.json"))["username"], "alice")
        self.assertRegex(answer.headers["Content-Disposition"], r'filename="alice-[\d-]+\.zip"')
        again, _none = await self.take(self.alice)
        self.assertEqual(again.status_code, 429)
        _answer, archive = await self.take(self.bob)
        self.assertEqual(json.loads(archive.read("profile.json"))["username"], "bob")

    def test_it_takes_a_post_and_a_person(self):
        self.assertEqual(self.client.post(reverse("own-data-file")).status_code, 302)
        page = self.signed_in(self.alice).get(reverse("own-data"))
        self.assertContains(page, "Your data")
        self.assertFalse(AuditEntry.objects.exists())


class CopyTests(PeopleTestCase):
    def copy(self, **options):
        pieces = list(person_copy.copy_of(self.alice, **options))
        return zipfile.ZipFile(io.BytesIO(b"".join(pieces))), pieces

    def test_every_branch_is_in_the_json_and_the_newest_in_the_markdown(self):
        team = making.team(self.alice)
        where = making.conversation(self.alice, title="Ürsprünge")
        question = making.say(where, self.alice, "Which?")
        making.reply(question, "This one")
        making.reply(question, "That one")
        making.talk(self.bob, title="Not hers")
        archive, _pieces = self.copy()
        self.assertIsNone(archive.testzip())
        names = sorted(archive.namelist())
        self.assertEqual(
            names,
            sorted(
                ["profile.json", "usage.json"]
                + [f"conversations/{where.pk}.{ending}" for ending in ("json", "md")]
            ),
        )
        profile = json.loads(archive.read("profile.json"))
        self.assertEqual(profile["email"], "alice@example.com")
        self.assertEqual(profile["memberships"], [{"team": team.name, "role": "editor"}])
        told = json.loads(archive.read(f"conversations/{where.pk}.json"))
        texts = [part["text"] for message in told["messages"] for part in message["parts"]]
        self.assertEqual(texts, ["Which?", "This one", "That one"])
        self.assertEqual(told["messages"][2]["parent"], str(question.pk))
        text = archive.read(f"conversations/{where.pk}.md").decode()
        self.assertIn("# Ürsprünge", text)
        self.assertIn("That one", text)
        self.assertNotIn("This one", text)
        self.assertNotIn("password", archive.read("profile.json").decode())

    def test_without_conversations_nothing_of_them_is_in_it(self):
        making.talk(self.alice)
        archive, pieces = self.copy(conversations=False)
        self.assertEqual(sorted(archive.namelist()), ["profile.json", "usage.json"])
        self.assertNotIn(b"A talk", b"".join(pieces))

    def test_it_is_sent_piece_by_piece(self):
        for number in range(3):
            where = making.conversation(self.alice, title=f"{number}")
            making.say(where, self.alice, "x" * 10)
        Part.objects.update(text="long " * 50_000)
        _archive, pieces = self.copy()
        self.assertGreater(len([piece for piece in pieces if piece]), 6)

    def test_what_is_deleted_meanwhile_is_left_out(self):
        making.talk(self.alice)
        kept = making.talk(self.alice)
        pieces = person_copy.copy_of(self.alice)
        first = next(pieces)
        Conversation.objects.filter(owner=self.alice).exclude(pk=kept.pk).delete()
        whole = zipfile.ZipFile(io.BytesIO(first + b"".join(pieces)))
        self.assertIsNone(whole.testzip())
        names = [name for name in whole.namelist() if name.startswith("conversations/")]
        self.assertEqual(
            sorted(names), [f"conversations/{kept.pk}.{end}" for end in ("json", "md")]
        )

    def test_nobody_at_all_has_valid_json(self):
        archive, _pieces = self.copy()
        self.assertEqual(json.loads(archive.read("usage.json")), [])
