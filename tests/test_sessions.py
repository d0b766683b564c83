"""Where people are signed in: what is listed, and that closing it really ends it."""

from datetime import timedelta

from allauth.account import app_settings
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client, SimpleTestCase, TestCase
from django.urls import reverse
from django.utils import timezone

from conversations import process
from conversations.models import AuditEntry, OneTimeLink, User
from conversations.people import sessions
from conversations.views.reading import recheck
from tests import making
from tests.making import PASSWORD
from tests.playing import in_db
from tests.test_sockets import SocketTestCase

LOGIN, SECURITY = reverse("account_login"), reverse("security")
NEW = "another quiet word"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


class SessionsTestCase(TestCase):
    def setUp(self):
        self.alice, self.bob = making.person("alice"), making.person("bob")
        self.here = self.signed_in("alice", FIREFOX)
        self.there = self.signed_in("alice", IPHONE, REMOTE_ADDR="203.0.113.7")

    def signed_in(self, name, agent=FIREFOX, **where):
        client = Client(headers={"user-agent": agent}, **where)
        client.post(LOGIN, {"login": name, "password": PASSWORD})
        return client

    def is_in(self, client):
        return client.get("/", headers={"accept": "application/json"}).status_code == 200

    def row(self, client):
        return UserSession.objects.get(session_key=client.session.session_key)


class ListingTests(SessionsTestCase):
    def test_each_is_there_with_its_device_and_address_and_this_one_is_marked(self):
        page = self.here.get(SECURITY)
        for text in ("Firefox on Linux", "Safari on iPhone", "203.0.113.7", "Close all others"):
            self.assertContains(page, text)
        self.assertContains(page, "This one", count=1)
        self.assertContains(page, reverse("session-close", args=[self.row(self.there).pk]))
        self.assertNotContains(page, reverse("session-close", args=[self.row(self.here).pk]))

    def test_others_see_nothing_of_them(self):
        self.assertNotContains(self.signed_in("bob").get(SECURITY), "203.0.113.7")

    def test_whoever_came_by_a_link_is_listed_too(self):
        link = OneTimeLink.objects.issue(OneTimeLink.LOGIN, self.alice)
        Client(headers={"user-agent": "curl/8.5"}, REMOTE_ADDR="198.51.100.4").get(
            reverse("login-link", args=[link])
        )
        self.assertContains(self.here.get(SECURITY), "198.51.100.4")

    def test_signing_out_takes_it_off(self):
        self.there.post(reverse("account_logout"))
        self.assertNotContains(self.here.get(SECURITY), "203.0.113.7")

    def test_a_page_that_was_looked_at_counts_as_seen_once_it_is_stored(self):
        sessions.forget()
        ago = timezone.now() - timedelta(days=2)
        UserSession.objects.update(last_seen_at=ago)
        self.there.get("/")
        self.assertEqual(self.row(self.there).last_seen_at, ago)
        sessions.store_seen()
        self.assertGreater(self.row(self.there).last_seen_at, ago)
        self.assertEqual(self.row(self.here).last_seen_at, ago)

    def test_a_session_from_before_there_was_a_list_gets_its_place(self):
        row = self.row(self.there)
        row.delete()
        self.there.get("/")
        sessions.store_seen()
        self.assertEqual(self.row(self.there).ip, row.ip)

    def test_what_ended_meanwhile_stays_ended(self):
        self.there.get("/")
        key = self.there.session.session_key
        self.row(self.there).end()
        sessions.store_seen()
        self.assertFalse(UserSession.objects.filter(session_key=key).exists())

    def test_the_next_look_at_a_page_costs_no_query_more(self):
        self.here.get("/archived/")
        with self.assertNumQueries(2):  # the person, the archive
            self.here.get("/archived/")


class ClosingTests(SessionsTestCase):
    def test_one_is_closed_for_good(self):
        key = self.there.session.session_key
        self.assertTrue(self.is_in(self.there))
        answer = self.here.post(reverse("session-close", args=[self.row(self.there).pk]))
        self.assertEqual((answer.status_code, answer["Location"]), (303, SECURITY))
        self.assertFalse(self.is_in(self.there))
        self.assertTrue(self.is_in(self.here))
        self.assertIsNone(cache.get(f"django.contrib.sessions.cached_db{key}"))

    def test_all_others_are(self):
        third = self.signed_in("alice")
        bob = self.signed_in("bob")
        self.here.post(reverse("sessions-close"))
        self.assertEqual(
            [self.is_in(client) for client in (self.here, self.there, third, bob)],
            [True, False, False, True],
        )

    def test_this_one_signs_out(self):
        answer = self.here.post(reverse("session-close", args=[self.row(self.here).pk]))
        self.assertRedirects(answer, LOGIN)
        self.assertFalse(self.is_in(self.here))

    def test_nobody_closes_those_of_others_and_a_get_closes_none(self):
        bob = self.signed_in("bob")
        address = reverse("session-close", args=[self.row(self.there).pk])
        self.assertEqual(bob.post(address).status_code, 404)
        self.assertEqual(self.here.get(address).status_code, 405)
        self.assertEqual(self.here.get(reverse("sessions-close")).status_code, 405)
        self.assertTrue(self.is_in(self.there))

    def test_it_takes_a_token(self):
        strict = Client(enforce_csrf_checks=True)
        strict.cookies[settings.SESSION_COOKIE_NAME] = self.here.session.session_key
        self.assertEqual(strict.post(reverse("sessions-close")).status_code, 403)
        self.assertTrue(self.is_in(self.there))

    def test_an_administrator_closes_all_of_somebody(self):
        self.assertEqual(len(sessions.sessions_of(self.alice)), 2)
        self.assertEqual(sessions.close_sessions(self.alice), 2)
        self.assertFalse(self.is_in(self.here) or self.is_in(self.there))

    def test_a_new_password_leaves_the_others_signed_out(self):
        form = {
            "oldpassword": PASSWORD,
            "password1": "another quiet word",
            "password2": "another quiet word",
        }
        self.here.post(reverse("account_change_password"), form)
        self.assertTrue(self.is_in(self.here))
        self.assertFalse(self.is_in(self.there))
        self.assertEqual(len(sessions.sessions_of(self.alice)), 1)


class AdministratorTests(SessionsTestCase):
    def setUp(self):
        super().setUp()
        self.ada = making.person("ada", may_people=True)
        self.address = f"/admin/conversations/user/{self.alice.pk}/sessions/"
        self.client.force_login(self.ada)

    def test_they_see_where_somebody_is_signed_in_and_close_one(self):
        page = self.client.get(self.address)
        self.assertContains(page, "Safari on iPhone")
        self.assertContains(page, "203.0.113.7")
        self.client.post(self.address, {"session": self.row(self.there).pk})
        self.assertFalse(self.is_in(self.there))
        self.assertTrue(self.is_in(self.here))

    def test_all_of_them_and_it_is_noted(self):
        self.assertRedirects(self.client.post(self.address), self.address)
        self.assertFalse(self.is_in(self.here) or self.is_in(self.there))
        noted = AuditEntry.objects.get(action="sessions.closed")
        self.assertEqual((noted.actor_id, noted.detail), (self.ada.pk, {"sessions": 2}))
        self.assertContains(self.client.get(self.address), "Nowhere.")

    def test_a_session_of_another_or_nonsense_closes_nothing(self):
        bob = self.signed_in("bob")
        for session in (self.row(bob).pk, "x", "-1", "9" * 40, 0):
            self.client.post(self.address, {"session": session})
        self.assertTrue(self.is_in(bob) and self.is_in(self.here) and self.is_in(self.there))
        self.assertFalse(AuditEntry.objects.filter(action="sessions.closed").exists())

    def test_others_may_not(self):
        self.assertEqual(self.here.get(self.address).status_code, 404)
        spender = making.person("carl", may_spend=True)
        self.client.force_login(spender)
        self.assertIn(self.client.get(self.address).status_code, (302, 403, 404))
        self.assertIn(self.client.post(self.address).status_code, (302, 403, 404))
        self.assertTrue(self.is_in(self.there))

    def test_whoever_holds_more_is_neither_seen_nor_closed_by_who_holds_less(self):
        User.objects.filter(pk=self.alice.pk).update(is_superuser=True, is_staff=True)
        page = self.client.get(self.address, follow=True)
        self.assertNotContains(page, "203.0.113.7")
        self.client.post(self.address)
        self.assertTrue(self.is_in(self.here))


class SocketTests(SocketTestCase):
    async def test_closing_a_session_closes_its_sockets(self):
        first = await self.opened(self.alice)
        key = self.session.session_key
        second = await self.opened(self.alice)
        await in_db(UserSession.objects.create)(session_key=key, user=self.alice, ip="127.0.0.1")
        row = await in_db(UserSession.objects.get)(session_key=key)
        await recheck(process.current.hub)
        self.assertTrue(await first.receive_nothing(0.05))
        await in_db(row.end)()
        await recheck(process.current.hub)
        self.assertEqual(await self.code(first), 4404)
        self.assertTrue(await second.receive_nothing(0.05))
        await second.disconnect()

    async def test_of_a_session_that_has_run_out_too(self):
        first = await self.opened(self.alice)
        past = timezone.now() - timedelta(seconds=1)
        await in_db(Session.objects.filter(pk=self.session.session_key).update)(expire_date=past)
        await recheck(process.current.hub)
        self.assertEqual(await self.code(first), 4404)

    async def test_a_new_password_closes_all_others(self):
        first = await self.opened(self.alice)
        change = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}

        def changes():
            here = Client()
            here.post(LOGIN, {"login": "alice", "password": PASSWORD})
            here.post(reverse("account_change_password"), change)
            return here.get("/", headers={"accept": "application/json"}).status_code

        self.assertEqual(await in_db(changes)(), 200)
        await recheck(process.current.hub)
        self.assertEqual(await self.code(first), 4404)

    async def test_so_does_one_that_was_set_by_mail(self):
        first = await self.opened(self.alice)

        def resets():
            stranger = Client()
            key = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(self.alice)
            where = [self.alice.pk.hex, key]
            path = stranger.get(reverse("account_reset_password_from_key", args=where)).url
            return stranger.post(path, {"password1": NEW, "password2": NEW}).status_code

        self.assertEqual(await in_db(resets)(), 302)
        await recheck(process.current.hub)
        self.assertEqual(await self.code(first), 4404)


class DeviceTests(SimpleTestCase):
    def test_browsers_say_what_they_are(self):
        webkit = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
        for agent, device in (
            (FIREFOX, "Firefox on Linux"),
            (IPHONE, "Safari on iPhone"),
            (
                f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Safari/537.36",
                "Chrome on Windows",
            ),
            (f"Mozilla/5.0 (Windows NT 10.0) {webkit} Safari/537.36 Edg/140.0", "Edge on Windows"),
            (f"Mozilla/5.0 (Linux; Android 15) {webkit} Mobile Safari/537.36", "Chrome on Android"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Version/18 Safari/605", "Safari on Mac"),
            ("curl/8.5.0", "curl"),
            ("", "Unknown device"),
            ("<script>", "Unknown device"),
        ):
            self.assertEqual(sessions.device_of(agent), device)
