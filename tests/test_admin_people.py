"""The administrator's pages about people, as an administrator meets them."""

import io
import re
import zipfile
from datetime import timedelta
from unittest import mock

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.db import connection
from django.test import TestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversations.models import (
    Access,
    AuditEntry,
    Conversation,
    DailySum,
    Membership,
    OneTimeLink,
    Role,
    Team,
    User,
)
from conversations.people import standing
from tests import making
from tests.making import PASSWORD

LIST = reverse("admin:conversations_user_changelist")
INVITE = reverse("admin:conversations_onetimelink_add")
INVITATIONS = reverse("admin:conversations_onetimelink_changelist")
MAILED = override_settings(
    MAIL_IS_SENT=True, EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"
)


class AdminTestCase(TestCase):
    def setUp(self):
        self.root = making.person("root", is_superuser=True)
        self.keeper = making.person("keeper", may_people=True)
        self.alice, self.bob, self.charlie = making.people()
        self.client.force_login(self.keeper)

    def page_of(self, person, deed="change"):
        return reverse(f"admin:conversations_user_{deed}", args=[person.pk])

    def told(self, answer):
        return [str(message) for message in answer.context["messages"]]

    def fields(self, person, **changed):
        """A person's form as it stands, with what is changed."""
        stood = {"username": person.username, "first_name": person.first_name, "last_name": ""}
        return stood | {"email": person.email, "main_team": ""} | changed


class ListTests(AdminTestCase):
    def names(self, query):
        rows = self.client.get(LIST, query).context["cl"].result_list
        return sorted(person.username for person in rows)

    def test_it_is_filtered_by_state_capability_and_team(self):
        User.objects.filter(pk=self.alice.pk).update(is_active=False, suspended_at=timezone.now())
        User.objects.filter(pk=self.bob.pk).update(is_active=False, approved_at=None)
        former = making.person("former", anonymised_at=timezone.now(), is_active=False)
        team = making.team(self.charlie)
        for query, names in (
            ({"standing": "suspended"}, ["alice"]),
            ({"standing": "waiting"}, ["bob"]),
            ({"standing": "active"}, ["charlie", "keeper", "root"]),
            ({"standing": "former"}, [former.username]),
            ({"standing": "nonsense"}, ["alice", "bob", "charlie", "former", "keeper", "root"]),
            ({"may": "people"}, ["keeper", "root"]),
            ({"may": "read"}, []),
            ({"may": "superuser"}, ["root"]),
            ({"team": str(team.pk)}, ["charlie"]),
            ({"q": "ALICE@"}, ["alice"]),
        ):
            with self.subTest(query):
                self.assertEqual(self.names(query), names)

    def test_the_month_s_spend_is_there_and_the_queries_do_not_grow(self):
        today = timezone.localdate()
        for day, nanos in (
            (today, 1_500_000_000),
            (today.replace(day=1) - timedelta(days=1), 9 * 10**9),
        ):
            DailySum.objects.create(
                of="person", subject_id=self.alice.pk, day=day, cost_nanos=nanos
            )
        with CaptureQueriesContext(connection) as few:
            self.assertContains(self.client.get(LIST), "$1.50")
        for number in range(20):
            making.team(making.person(f"more{number}"))
        with CaptureQueriesContext(connection) as many:
            self.client.get(LIST)
        self.assertEqual(len(many), len(few))

    def test_nobody_is_added_or_deleted_by_the_package_s_own_pages(self):
        self.assertEqual(self.client.get(reverse("admin:conversations_user_add")).status_code, 403)
        address = self.page_of(self.alice).replace("change", "delete")
        self.assertEqual(self.client.post(address, {"post": "yes"}).status_code, 403)


class FormTests(AdminTestCase):
    def save(self, person, **changed):
        return self.client.post(self.page_of(person), self.fields(person, **changed), follow=True)

    def test_a_name_changes_and_the_log_has_both(self):
        self.save(self.alice, first_name="Alicia")
        entry = AuditEntry.objects.get()
        self.assertEqual(
            (entry.action, entry.detail), ("person.changed", {"first_name": ["Alice", "Alicia"]})
        )

    def test_a_changed_address_counts_as_confirmed_and_the_old_one_signs_nobody_in(self):
        EmailAddress.objects.create(
            user=self.alice, email=self.alice.email, verified=True, primary=True
        )
        self.save(self.alice, email="new@example.com")
        address = EmailAddress.objects.get(user=self.alice)
        self.assertEqual((address.email, address.verified), ("new@example.com", True))
        login = {"login": "alice@example.com", "password": PASSWORD}
        stranger = self.client_class()
        stranger.post(reverse("account_login"), login)
        self.assertNotIn("_auth_user_id", stranger.session)
        stranger.post(reverse("account_login"), login | {"login": "new@example.com"})
        self.assertIn("_auth_user_id", stranger.session)

    def changing_meanwhile(self, **meanwhile):
        """Post a new name while somebody else changes something else."""
        real = standing.check_capabilities

        def check(*given):
            User.objects.filter(pk=self.alice.pk).update(**meanwhile)
            return real(*given)

        with mock.patch.object(standing, "check_capabilities", check):
            self.client.post(self.page_of(self.alice), self.fields(self.alice, first_name="Alicia"))
        self.alice.refresh_from_db()
        self.assertEqual(self.alice.first_name, "Alicia")

    def test_what_another_did_meanwhile_stays(self):
        self.changing_meanwhile(is_active=False, suspended_at=timezone.now(), password="!gone")
        self.assertFalse(self.alice.is_active)
        self.assertEqual(self.alice.password, "!gone")
        self.assertTrue(self.alice.suspended_at)
        noted = AuditEntry.objects.get(action="person.changed")
        self.assertEqual(noted.detail, {"first_name": ["Alice", "Alicia"]})

    def test_who_was_given_more_meanwhile_is_not_changed_by_who_has_less(self):
        real = standing.check_capabilities

        def check(*given):
            real(*given)
            User.objects.filter(pk=self.alice.pk).update(may_spend=True, is_staff=True)

        with mock.patch.object(standing, "check_capabilities", check):
            form = self.fields(self.alice, first_name="Alicia")
            self.assertEqual(self.client.post(self.page_of(self.alice), form).status_code, 403)
        self.alice.refresh_from_db()
        self.assertEqual(self.alice.first_name, "Alice")

    def test_a_capability_that_another_gave_meanwhile_stays(self):
        self.client.force_login(self.root)
        self.changing_meanwhile(may_spend=True, is_staff=True)
        self.assertTrue(self.alice.may_spend and self.alice.is_staff)

    def test_an_address_of_somebody_else_is_refused(self):
        page = self.save(self.alice, email="BOB@example.com")
        self.assertTrue(page.context["adminform"].form.errors)
        self.assertEqual(User.objects.get(pk=self.alice.pk).email, "alice@example.com")

    def test_what_the_administrator_does_not_hold_can_not_be_posted(self):
        given = {"may_people": "on", "may_spend": "on", "may_read": "on", "is_superuser": "on"}
        self.save(self.alice, **given)
        self.alice.refresh_from_db()
        self.assertEqual(self.alice.capabilities, ["people"])
        self.assertFalse(self.alice.is_superuser or self.alice.may_read)
        entry = AuditEntry.objects.get()
        self.assertEqual(entry.detail, {"capabilities": [[], ["people"]]})

    def test_a_superuser_gives_everything(self):
        self.client.force_login(self.root)
        self.save(self.alice, may_read="on", is_superuser="on")
        self.alice.refresh_from_db()
        self.assertTrue(self.alice.is_superuser and self.alice.may_read)

    def test_the_last_superuser_is_told_why_not(self):
        self.client.force_login(self.root)
        page = self.save(self.root)
        self.assertContains(page, "last active superuser")
        self.assertTrue(User.objects.get(pk=self.root.pk).is_superuser)

    def test_who_holds_more_is_shown_but_not_changed(self):
        page = self.client.get(self.page_of(self.root))
        self.assertNotContains(page, 'name="username"')
        self.assertEqual(self.save(self.root, first_name="X").status_code, 403)

    def test_only_what_can_be_done_is_offered(self):
        page = self.client.get(self.page_of(self.alice))
        self.assertContains(page, self.page_of(self.alice, "suspend"))
        self.assertNotContains(page, self.page_of(self.alice, "remove"))
        self.assertNotContains(page, self.page_of(self.alice, "approve"))


class AddressTests(AdminTestCase):
    def save(self, **changed):
        return self.client.post(self.page_of(self.alice), self.fields(self.alice, **changed))

    def test_one_that_somebody_else_has_is_a_sentence(self):
        EmailAddress.objects.create(user=self.bob, email="shared@example.com", verified=True)
        for email in ("Shared@example.com", "BOB@example.com"):
            self.assertContains(self.save(email=email), "has this address")
        self.alice.refresh_from_db()
        self.assertEqual(self.alice.email, "alice@example.com")

    def test_who_only_claims_it_has_it_no_more(self):
        EmailAddress.objects.create(user=self.bob, email="shared@example.com", verified=False)
        self.assertEqual(self.save(email="shared@example.com").status_code, 302)
        address = EmailAddress.objects.get()
        self.assertEqual((address.user, address.verified), (self.alice, True))

    def test_spend_counts_for_a_team_of_theirs_alone(self):
        team = making.team(self.bob)
        self.assertContains(self.save(main_team=team.pk), "no member of this team")
        Membership.objects.create(team=team, user=self.alice)
        self.assertEqual(self.save(main_team=team.pk).status_code, 302)
        self.alice.refresh_from_db()
        self.assertEqual(self.alice.main_team, team)


class DeedTests(AdminTestCase):
    def do(self, person, deed, **values):
        return self.client.post(self.page_of(person, deed), values, follow=True)

    def test_looking_changes_nothing(self):
        for deed in ("approve", "suspend", "reinstate", "reset", "export", "anonymise", "remove"):
            with self.subTest(deed):
                self.assertEqual(self.client.get(self.page_of(self.alice, deed)).status_code, 200)
        self.alice.refresh_from_db()
        self.assertTrue(self.alice.is_active and self.alice.has_usable_password())
        self.assertFalse(AuditEntry.objects.exists())

    def test_suspended_and_reinstated(self):
        self.assertIn("suspended", self.told(self.do(self.alice, "suspend"))[0])
        self.assertFalse(User.objects.get(pk=self.alice.pk).is_active)
        self.do(self.alice, "reinstate")
        self.assertTrue(User.objects.get(pk=self.alice.pk).is_active)
        self.assertEqual(AuditEntry.objects.first().address, "127.0.0.1")

    def test_what_is_not_possible_is_a_sentence(self):
        for person, deed in (
            (self.keeper, "suspend"),
            (self.alice, "reinstate"),
            (self.root, "reset"),
        ):
            told = self.told(self.do(person, deed))
            self.assertTrue(told and told[0].endswith("."), told)

    def test_a_person_who_is_not_there_is_404(self):
        for pk in ("nonsense", "01890000-0000-7000-8000-000000000000"):
            address = reverse("admin:conversations_user_suspend", args=[pk])
            self.assertEqual(self.client.post(address).status_code, 404)

    def test_a_reset_without_mail_shows_a_link_that_works_once(self):
        page = self.do(self.alice, "reset")
        link = re.search(r'value="(http://testserver/login/[^"]+)"', page.content.decode())[1]
        self.assertIn("no-store", page.headers["Cache-Control"])
        self.assertNotIn("sent a mail", page.content.decode())
        stranger = self.client_class()
        stranger.get(link)
        form = stranger.post(link, follow=True)
        self.assertContains(form, 'name="password1"')
        self.assertNotIn("_auth_user_id", stranger.session)
        self.assertEqual(self.client_class().get(link).status_code, 404)

    @MAILED
    def test_a_reset_with_mail_shows_nothing_and_the_mail_has_the_way(self):
        page = self.do(self.alice, "reset")
        self.assertNotContains(page, "/login/")
        self.assertEqual(mail.outbox[0].to, ["alice@example.com"])
        path = re.search(r"http://testserver(/accounts/password/reset/\S+)", mail.outbox[0].body)[1]
        form = self.client_class().get(path, follow=True)
        self.assertContains(form, 'name="password1"')

    @MAILED
    def test_who_is_approved_gets_a_mail(self):
        User.objects.filter(pk=self.alice.pk).update(is_active=False, approved_at=None)
        self.do(self.alice, "approve")
        self.assertIn("let you in", mail.outbox[0].body)
        self.assertTrue(User.objects.get(pk=self.alice.pk).is_active)

    def test_anonymising_and_deleting_ask_for_the_export_first(self):
        making.talk(self.alice)
        self.do(self.alice, "suspend")
        for deed in ("anonymise", "remove"):
            page = self.client.get(self.page_of(self.alice, deed))
            self.assertContains(page, "1 conversation that nobody else has is deleted")
            self.assertContains(page, self.page_of(self.alice, "export"))
            self.assertContains(page, "The ledger keeps its copy of the name")
            self.do(self.alice, deed)
            self.assertTrue(User.objects.filter(username="alice").exists())
        answer = self.do(self.alice, "remove", copied="1")
        self.assertRedirects(answer, LIST)
        self.assertFalse(User.objects.filter(pk=self.alice.pk).exists())
        self.assertFalse(Conversation.objects.exists())


class SecondFactorTests(AdminTestCase):
    def add(self, person):
        Authenticator.objects.create(
            user=person, type=Authenticator.Type.TOTP, data={"secret": "x"}
        )

    def test_it_is_removed_for_somebody_who_has_lost_it(self):
        address = self.page_of(self.alice, "second_factor")
        self.assertNotContains(self.client.get(self.page_of(self.alice)), address)
        self.add(self.alice)
        self.add(self.bob)
        self.assertContains(self.client.get(self.page_of(self.alice)), address)
        self.client.get(address)
        self.assertEqual(Authenticator.objects.count(), 2)
        self.client.post(address)
        self.assertEqual(Authenticator.objects.get().user, self.bob)
        self.assertEqual(AuditEntry.objects.get().action, "second_factor.reset")

    def test_not_ones_own(self):
        self.add(self.keeper)
        self.client.post(self.page_of(self.keeper, "second_factor"))
        self.assertTrue(Authenticator.objects.exists())

    def test_not_of_somebody_who_holds_more(self):
        self.add(self.root)
        self.client.post(self.page_of(self.root, "second_factor"))
        self.assertTrue(Authenticator.objects.exists())


class ExportTests(AdminTestCase):
    async def export(self, by):
        await self.async_client.aforce_login(by)
        answer = await self.async_client.post(self.page_of(self.alice, "export"))
        pieces = [piece async for piece in answer.streaming_content]
        return answer, zipfile.ZipFile(io.BytesIO(b"".join(pieces)))

    def setUp(self):
        super().setUp()
        self.where = making.talk(self.alice)

    async def test_who_may_not_read_conversations_gets_none(self):
        answer, archive = await self.export(self.keeper)
        self.assertEqual(answer.headers["Content-Type"], "application/zip")
        self.assertRegex(
            answer.headers["Content-Disposition"], r'attachment; filename="alice-[\d-]+\.zip"'
        )
        self.assertEqual(sorted(archive.namelist()), ["profile.json", "usage.json"])
        entry = await AuditEntry.objects.aget()
        self.assertEqual(
            (entry.action, entry.detail), ("person.exported", {"conversations": False})
        )

    async def test_who_may_gets_all_of_it_and_it_is_noted(self):
        reader = await self.made_reader()
        _answer, archive = await self.export(reader)
        self.assertIn(f"conversations/{self.where.pk}.md", archive.namelist())
        entry = await AuditEntry.objects.aget()
        self.assertEqual(entry.detail, {"conversations": True})
        self.assertNotIn("A talk", str(entry.detail) + entry.subject_name)

    async def made_reader(self):
        from channels.db import database_sync_to_async

        return await database_sync_to_async(making.person)("reader", may_people=True, may_read=True)


class InvitationTests(AdminTestCase):
    def invite(self, **fields):
        return self.client.post(INVITE, {"email": "", "team": "", "days": "7"} | fields)

    def test_the_link_is_shown_once_and_only_its_hash_is_stored(self):
        page = self.invite()
        link = re.search(r'value="(http://testserver/invitation/[^"]+)"', page.content.decode())[1]
        self.assertIn("no-store", page.headers["Cache-Control"])
        token = link.rstrip("/").rpartition("/")[2]
        self.assertNotContains(self.client.get(INVITATIONS), token)
        self.assertNotIn(token, str(OneTimeLink.objects.values()))
        self.assertEqual(self.client_class().get(link).status_code, 302)

    @MAILED
    def test_with_an_address_it_is_mailed_and_not_shown(self):
        answer = self.invite(email="dora@example.com")
        self.assertRedirects(answer, INVITATIONS)
        self.assertEqual(mail.outbox[0].to, ["dora@example.com"])
        self.assertRegex(mail.outbox[0].body, r"http://testserver/invitation/\S+")
        self.assertContains(self.client.get(INVITATIONS), "dora@example.com")

    @override_settings(MAIL_IS_SENT=True, EMAIL_BACKEND="nowhere.Backend")
    def test_where_the_mail_fails_the_link_is_shown(self):
        with self.settings(
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", EMAIL_PORT=1
        ):
            self.assertContains(self.invite(email="dora@example.com"), "/invitation/")

    def test_nonsense_is_told_at_the_field(self):
        for wrong in (
            {"email": "no address"},
            {"days": "0"},
            {"days": "x"},
            {"team": "x"},
            {"email": "alice@example.com"},
        ):
            with self.subTest(wrong):
                page = self.invite(**wrong)
                self.assertTrue(page.context["form"].errors)
        self.assertFalse(OneTimeLink.objects.exists())

    def test_open_ones_are_listed_and_can_be_withdrawn(self):
        self.invite()
        link = OneTimeLink.objects.get()
        OneTimeLink.objects.issue(OneTimeLink.LOGIN, self.alice)
        OneTimeLink.objects.issue(OneTimeLink.INVITE, minutes=-1, email="late@example.com")
        page = self.client.get(INVITATIONS)
        self.assertEqual([row.pk for row in page.context["cl"].result_list], [link.pk])
        self.assertContains(page, "Keeper")
        address = reverse("admin:conversations_onetimelink_withdraw", args=[link.pk])
        self.assertEqual(self.client.get(address).status_code, 200)
        self.assertTrue(OneTimeLink.objects.filter(pk=link.pk).exists())
        self.client.post(address)
        self.assertFalse(OneTimeLink.objects.filter(pk=link.pk).exists())
        self.assertEqual(self.client.post(address).status_code, 404)

    def test_a_link_to_sign_in_is_no_invitation(self):
        OneTimeLink.objects.issue(OneTimeLink.LOGIN, self.alice)
        pk = OneTimeLink.objects.get().pk
        address = reverse("admin:conversations_onetimelink_withdraw", args=[pk])
        self.assertEqual(self.client.post(address).status_code, 404)
        self.assertTrue(OneTimeLink.objects.exists())


class TeamTests(AdminTestCase):
    def setUp(self):
        super().setUp()
        self.team = making.team(self.alice)
        self.place = Membership.objects.get()

    def save(self, *places, **changed):
        values = {"name": "Team", "external_group": ""} | changed
        values |= {
            "membership_set-TOTAL_FORMS": str(len(places)),
            "membership_set-INITIAL_FORMS": "1",
        }
        for number, place in enumerate(places):
            values |= {f"membership_set-{number}-{key}": value for key, value in place.items()}
        address = reverse("admin:conversations_team_change", args=[self.team.pk])
        return self.client.post(address, values)

    def row(self, user, role=Role.EDITOR, **more):
        return {"id": "", "team": str(self.team.pk), "user": str(user.pk), "role": role} | more

    def present(self, **more):
        return self.row(self.alice, **{"id": str(self.place.pk)} | more)

    def test_members_come_and_go_and_each_is_noted(self):
        self.save(self.present(role=Role.READER), self.row(self.bob), external_group="eng")
        self.assertEqual(self.team.members.count(), 2)
        self.save(self.present(DELETE="on"), external_group="eng")
        self.assertEqual(list(self.team.members.all()), [self.bob])
        actions = sorted(AuditEntry.objects.values_list("action", flat=True))
        self.assertEqual(
            actions,
            ["team.changed", "team.member_added", "team.member_changed", "team.member_removed"],
        )
        self.assertEqual(Team.objects.get().external_group, "eng")

    def test_spend_counts_for_a_team_only_while_one_is_a_member(self):
        other = making.team(self.alice)
        User.objects.filter(pk=self.alice.pk).update(main_team=self.team)
        self.save(self.present(role=Role.READER))
        self.assertEqual(User.objects.get(pk=self.alice.pk).main_team, self.team)
        self.save(self.present(DELETE="on"))
        self.assertEqual(User.objects.get(pk=self.alice.pk).main_team, other)

    def test_the_group_of_a_team_with_conversations_is_chosen_by_who_may_read_them(self):
        making.talk(self.alice, team=self.team)
        page = self.save(self.present(), external_group="eng")
        self.assertContains(page, "Members read the team’s conversations")
        self.assertEqual(self.save(self.present(), name="Red").status_code, 302)
        self.client.force_login(self.root)
        self.save(self.present(), external_group="eng")
        self.assertEqual(Team.objects.get().external_group, "eng")

    def test_nobody_joins_by_themselves_to_read_along(self):
        page = self.save(self.present(), self.row(self.keeper))
        self.assertContains(page, "Ask another administrator to add you")
        self.assertEqual(self.team.members.count(), 1)
        self.client.force_login(self.root)
        self.save(self.present(), self.row(self.root))
        self.assertEqual(self.team.members.count(), 2)

    def test_who_leaves_a_team_reads_its_conversations_no_more(self):
        where = making.conversation(self.bob, team=self.team)
        self.assertTrue(Conversation.objects.visible_to(self.alice).filter(pk=where.pk).exists())
        self.save(self.present(DELETE="on"))
        self.assertFalse(Conversation.objects.visible_to(self.alice).filter(pk=where.pk).exists())
        self.assertFalse(Access.objects.exists())
