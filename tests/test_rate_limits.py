"""Whoever guesses is slowed down: passwords, codes, whatever page they are posted to."""

import time
from unittest import mock

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.core.cache import cache
from django.test import Client, SimpleTestCase, TestCase
from django.urls import reverse

from tests import making
from tests.making import PASSWORD
from tests.test_second_factor import code_of

LOGIN, STEP = reverse("account_login"), reverse("mfa_authenticate")
SENTENCE = "Too many wrong tries. Wait five minutes, then try again."
FORWARDED = "HTTP_X_FORWARDED_FOR"


class LimitTestCase(TestCase):
    def setUp(self):
        self.alice = making.person("alice")
        making.person("bob")

    def sign_in(self, login="alice", password="wrong", path=LOGIN, client=None, **where):
        return (client or self.client).post(
            path, {"login": login, "password": password}, follow=True, **where
        )

    def is_signed_in(self, client=None):
        return "_auth_user_id" in (client or self.client).session


class PasswordTests(LimitTestCase):
    def test_the_sixth_wrong_try_is_refused_and_so_is_the_right_one_after_it(self):
        for _try in range(5):
            self.assertContains(self.sign_in(), "not correct")
        self.assertContains(self.sign_in(), SENTENCE)
        self.assertContains(self.sign_in(password=PASSWORD), SENTENCE)
        self.assertFalse(self.is_signed_in())

    def test_five_minutes_later_it_goes_on(self):
        for _try in range(6):
            self.sign_in()
        later = mock.Mock(return_value=time.time() + 301)
        with mock.patch("allauth.core.internal.ratelimit.time.time", later):
            self.sign_in(password=PASSWORD)
        self.assertTrue(self.is_signed_in())

    def test_another_name_is_not_held_up_by_it(self):
        for _try in range(6):
            self.sign_in()
        self.sign_in("bob", PASSWORD)
        self.assertTrue(self.is_signed_in())

    def test_however_the_name_is_spelled(self):
        for spelling in ("alice", "Alice", "ALICE", " alice", "aLice"):
            self.sign_in(spelling)
        self.assertContains(self.sign_in("alicE", PASSWORD), SENTENCE)

    def test_whatever_host_and_port_are_asked_for(self):
        for number in range(5):
            self.sign_in(HTTP_HOST=f"localhost:{number + 1}")
        self.assertContains(self.sign_in(password=PASSWORD, HTTP_HOST="127.0.0.1"), SENTENCE)

    def test_the_administration_s_page_is_the_same_door(self):
        for _try in range(5):
            self.sign_in(path="/admin/login/?next=/admin/")
        page = self.client.get("/admin/login/?next=/admin/", follow=True)
        self.assertEqual(page.redirect_chain[-1][0], f"{LOGIN}?next=/admin/")
        posted = self.client.post(
            "/admin/login/", {"username": "alice", "password": PASSWORD}, follow=True
        )
        self.assertFalse(self.is_signed_in())
        self.assertEqual(posted.request["PATH_INFO"], LOGIN)
        for _try in range(5):
            self.sign_in()
        self.assertContains(self.sign_in(password=PASSWORD), SENTENCE)

    def test_many_names_from_one_address_are_slowed_down_and_other_addresses_are_not(self):
        for number in range(10):
            self.sign_in(f"nobody{number}", REMOTE_ADDR="203.0.113.7")
        self.assertContains(self.sign_in("bob", PASSWORD, REMOTE_ADDR="203.0.113.7"), SENTENCE)
        self.sign_in("bob", PASSWORD, REMOTE_ADDR="203.0.113.8")
        self.assertTrue(self.is_signed_in())

    def test_the_address_is_the_one_that_our_proxy_saw(self):
        def seen(last, claimed=""):
            return {FORWARDED: f"{claimed}{last}", "REMOTE_ADDR": "10.0.0.1"}

        with self.settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
            for number in range(10):
                self.sign_in(f"nobody{number}", **seen("203.0.113.7", f"198.51.100.{number}, "))
            refused = self.sign_in("bob", PASSWORD, **seen("203.0.113.7", "192.0.2.1, "))
            self.assertContains(refused, SENTENCE)
            self.sign_in("bob", PASSWORD, **seen("203.0.113.8"))
        self.assertTrue(self.is_signed_in())

    def test_without_a_proxy_nobody_chooses_their_address(self):
        for number in range(10):
            self.sign_in(f"nobody{number}", **{FORWARDED: f"198.51.100.{number}"})
        self.assertContains(self.sign_in("bob", PASSWORD, **{FORWARDED: "192.0.2.9"}), SENTENCE)

    def test_a_flood_is_answered_with_429_and_when_to_come_back(self):
        with self.settings(ACCOUNT_RATE_LIMITS={"login": "3/m/ip"}):
            for _try in range(3):
                self.sign_in()
            answer = self.sign_in()
            self.assertEqual((answer.status_code, answer["Retry-After"]), (429, "60"))
            self.assertContains(answer, "Wait a minute", status_code=429)
            told = self.sign_in(HTTP_ACCEPT="application/json")
            self.assertEqual((told.status_code, told.json()["error"]), (429, "too_many"))

    def test_resetting_passwords_is_limited_too(self):
        reset = reverse("account_reset_password")
        answers = [self.client.post(reset, {"email": "alice@example.com"}) for _ in range(6)]
        self.assertEqual(answers[0].status_code, 302)
        self.assertNotEqual(answers[-1].status_code, 302)


class CodeTests(LimitTestCase):
    def setUp(self):
        super().setUp()
        self.secret = generate_totp_secret()
        TOTP.activate(self.alice, self.secret)

    def test_the_sixth_wrong_code_is_refused_and_so_is_the_right_one_after_it(self):
        self.sign_in(password=PASSWORD)
        for _try in range(5):
            self.assertContains(self.client.post(STEP, {"code": "000000"}), "not correct")
        self.assertContains(self.client.post(STEP, {"code": code_of(self.secret)}), SENTENCE)
        self.assertFalse(self.is_signed_in())

    def test_beginning_anew_elsewhere_does_not_help(self):
        for _try in range(5):
            client = Client()
            self.sign_in(password=PASSWORD, client=client)
            client.post(STEP, {"code": "000000"})
        client = Client()
        self.sign_in(password=PASSWORD, client=client)
        self.assertContains(client.post(STEP, {"code": code_of(self.secret)}), SENTENCE)

    def test_proving_oneself_again_is_limited_like_that(self):
        self.client.force_login(self.alice)
        address = reverse("mfa_reauthenticate")
        answers = [self.client.post(address, {"code": "000000"}) for _try in range(6)]
        self.assertContains(answers[-1], SENTENCE)

    def test_passkeys_are_limited_by_address(self):
        address = reverse("mfa_login_webauthn")
        answers = [self.client.post(address, {"credential": "{}"}) for _try in range(11)]
        self.assertEqual([answers[0].status_code, answers[-1].status_code], [302, 429])
        self.assertIn("Retry-After", answers[-1].headers)


class StoreTests(SimpleTestCase):
    def test_one_process_counts_in_memory_and_others_cannot_crowd_the_counts_out(self):
        self.assertGreaterEqual(settings.CACHES["default"]["OPTIONS"]["MAX_ENTRIES"], 10_000)
        cache.set("count", 1)
        for number in range(1_000):
            cache.set(f"other-{number}", 1)
        self.assertEqual(cache.get("count"), 1)
