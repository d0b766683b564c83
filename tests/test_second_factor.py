"""Second factors: setting them up, signing in with them, and where the site requires them."""

import time
from unittest import mock

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
)
from cryptography.fernet import Fernet
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client, TestCase, override_settings
from django.urls import reverse

from conversations import process
from conversations.models import AuditEntry, OneTimeLink, SiteSettings
from conversations.people import second_factor
from conversations.people.signing_in import encrypt_anew, remove_second_factors
from conversations.views.reading import recheck
from tests import making
from tests.making import PASSWORD
from tests.playing import in_db
from tests.test_sockets import SocketTestCase

LOGIN, STEP, SECURITY = (
    reverse(name) for name in ("account_login", "mfa_authenticate", "security")
)
ACTIVATE = reverse("mfa_activate_totp")
JSON = {"accept": "application/json"}


def code_of(secret, periods=0):
    """What the app shows now, or so many half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + periods))


def give_app(person):
    """The person has an authenticator app; returns its secret."""
    secret = generate_totp_secret()
    TOTP.activate(person, secret)
    return secret


def require(of):
    """What an administrator sets, told as other processes hear it."""
    SiteSettings.objects.update_or_create(pk=1, defaults={"mfa_required": of})


class FactorTestCase(TestCase):
    def setUp(self):
        self.alice = making.person("alice")

    def is_signed_in(self):
        return "_auth_user_id" in self.client.session

    def give_password(self, name="alice"):
        return self.client.post(LOGIN, {"login": name, "password": PASSWORD})

    def give_code(self, code):
        return self.client.post(STEP, {"code": code})

    def skip_trust(self):
        return self.client.post(reverse("mfa_trust"), {"action": "skip"})


class SettingUpTests(FactorTestCase):
    def setUp(self):
        super().setUp()
        self.give_password()

    def activate(self, code=None):
        secret = self.client.get(ACTIVATE).context["form"].secret
        given = code_of(secret) if code is None else code
        with self.captureOnCommitCallbacks(execute=True):
            return self.client.post(ACTIVATE, {"code": given})

    def test_an_app_is_shown_as_a_picture_and_turned_on_by_its_code(self):
        page = self.client.get(ACTIVATE)
        self.assertContains(page, 'src="data:image/svg+xml;base64,')
        self.assertContains(page, page.context["form"].secret)
        self.assertRedirects(self.activate(), reverse("mfa_view_recovery_codes"))
        self.assertTrue(second_factor.has_factor(self.alice))
        page = self.client.get(SECURITY)
        self.assertContains(page, "10 codes are left")
        self.assertContains(page, reverse("mfa_deactivate_totp"))

    def test_a_wrong_code_turns_nothing_on(self):
        self.assertContains(self.activate("000000"), "not correct")
        self.assertFalse(Authenticator.objects.exists())

    def test_the_secrets_are_encrypted_in_the_database(self):
        secret = self.client.get(ACTIVATE).context["form"].secret
        self.activate()
        stored = str(list(Authenticator.objects.values_list("data", flat=True)))
        self.assertNotIn(secret, stored)
        self.assertEqual(stored.count("gAAAA"), 2)

    def test_it_is_noted_when_one_comes_and_goes(self):
        self.activate()
        self.client.post(reverse("mfa_deactivate_totp"))
        noted = AuditEntry.objects.filter(action__startswith="second_factor.")
        told = {(one.action, one.detail["kind"]) for one in noted}
        deeds, kinds = ("second_factor.added", "second_factor.removed"), ("totp", "recovery_codes")
        self.assertEqual(told, {(deed, kind) for deed in deeds for kind in kinds})
        self.assertEqual({one.actor_id for one in noted}, {self.alice.pk})
        self.assertFalse(second_factor.has_factor(self.alice))

    def test_a_session_of_long_ago_has_to_prove_itself_again(self):
        session = self.client.session
        for record in session["account_authentication_methods"]:
            record["at"] -= 3600
        session.save()
        response = self.client.get(ACTIVATE)
        self.assertRedirects(
            response, f"{reverse('account_reauthenticate')}?next={ACTIVATE}",
            fetch_redirect_response=False,
        )  # fmt: skip
        self.assertContains(self.client.get(response.url), "Confirm that it is you")
        done = self.client.post(response.url, {"password": PASSWORD, "next": ACTIVATE})
        self.assertRedirects(done, ACTIVATE)

    def test_nobody_renames_or_removes_a_passkey_of_another(self):
        bob = making.person("bob")
        passkey = Authenticator.objects.create(
            user=bob, type="webauthn", data={"name": "Bob's", "credential": {}}
        )
        for name in ("mfa_edit_webauthn", "mfa_remove_webauthn"):
            address = reverse(name, args=[passkey.pk])
            self.assertEqual(self.client.get(address).status_code, 404)
            self.assertEqual(self.client.post(address, {"name": "Mine"}).status_code, 404)
        self.assertTrue(Authenticator.objects.filter(pk=passkey.pk).exists())

    def test_every_page_of_it_is_ours_and_without_inline_scripts(self):
        self.activate()
        for name in (
            "security", "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_add_webauthn",
            "mfa_generate_recovery_codes", "mfa_reauthenticate", "account_reauthenticate",
        ):  # fmt: skip
            page = self.client.get(reverse(name))
            self.assertContains(page, 'class="wordmark"', msg_prefix=name)
            self.assertNotContains(page, "data-allauth-onload", msg_prefix=name)
            self.assertNotIn("unsafe", page.headers["Content-Security-Policy"])


class SigningInTests(FactorTestCase):
    def setUp(self):
        super().setUp()
        self.secret = give_app(self.alice)
        codes = RecoveryCodes.activate(self.alice)
        self.codes = codes.get_unused_codes()

    def test_the_password_alone_lets_nobody_in(self):
        self.assertRedirects(self.give_password(), STEP)
        self.assertFalse(self.is_signed_in())
        self.assertEqual(self.client.get("/", headers=JSON).status_code, 403)

    def test_the_code_is_the_second_step(self):
        self.give_password()
        self.assertContains(self.give_code("123"), "not correct")
        self.assertRedirects(self.give_code(code_of(self.secret)), reverse("mfa_trust"))
        self.assertFalse(self.is_signed_in())
        self.assertRedirects(self.skip_trust(), "/", fetch_redirect_response=False)
        self.assertTrue(self.is_signed_in())

    def test_it_is_noted_how_somebody_came_in(self):
        self.give_password()
        self.assertFalse(AuditEntry.objects.filter(action="person.signed_in").exists())
        self.give_code(code_of(self.secret))
        self.skip_trust()
        noted = AuditEntry.objects.get(action="person.signed_in")
        self.assertEqual(noted.detail, {"by": ["password", "mfa"]})
        self.assertEqual((noted.actor_id, noted.address), (self.alice.pk, "127.0.0.1"))
        link = OneTimeLink.objects.issue(OneTimeLink.LOGIN, self.alice)
        Client().get(reverse("login-link", args=[link]))
        noted = AuditEntry.objects.filter(action="person.signed_in").first()
        self.assertEqual(noted.detail, {"by": ["link"]})

    def test_a_code_works_once(self):
        code = code_of(self.secret)
        for works in (True, False):
            self.client.logout()
            self.give_password()
            self.give_code(code)
            self.skip_trust()
            self.assertEqual(self.is_signed_in(), works)

    def test_nor_does_it_work_again_while_its_neighbours_count(self):
        code, now = code_of(self.secret), time.time()
        self.give_password()
        self.give_code(code)
        # What the package remembers of it is gone by then.
        self.assertTrue(cache.delete(f"allauth.mfa.totp.used?user={self.alice.pk}&code={code}"))
        with mock.patch("allauth.mfa.totp.internal.auth.time.time", return_value=now + 31):
            for spelling in (code, f"{code[:3]} {code[3:]}"):
                self.client.logout()
                self.give_password()
                self.assertContains(self.give_code(spelling), "was used already")

    def test_a_recovery_code_works_once_too(self):
        for works in (True, False):
            self.client.logout()
            self.give_password()
            self.give_code(self.codes[3])
            self.skip_trust()
            self.assertEqual(self.is_signed_in(), works)
        self.client.force_login(self.alice)
        self.assertContains(self.client.get(SECURITY), "9 codes are left")

    def test_a_trusted_browser_is_asked_no_more_and_another_is(self):
        self.give_password()
        self.give_code(code_of(self.secret))
        self.client.post(reverse("mfa_trust"), {"action": "trust"})
        trusted = self.client.cookies["mfa_trusted"].value
        self.client.post(reverse("account_logout"))
        self.give_password()
        self.assertTrue(self.is_signed_in())
        self.client.post(reverse("account_logout"))
        self.client.cookies.clear()
        self.give_password()
        self.assertFalse(self.is_signed_in())
        self.client.cookies["mfa_trusted"] = trusted[:-2] + "xx"
        self.give_password()
        self.assertFalse(self.is_signed_in())

    def test_who_lost_it_gets_in_again_after_an_administrator_took_it_away(self):
        admin = making.person("ada", is_superuser=True)
        request = self.client.get(LOGIN).wsgi_request
        request.user = admin
        self.assertEqual(remove_second_factors(self.alice, request), 2)
        self.give_password()
        self.assertTrue(self.is_signed_in())
        noted = AuditEntry.objects.get(action="second_factor.reset")
        self.assertEqual((noted.actor_id, noted.subject_id), (admin.pk, str(self.alice.pk)))


class KeysTests(FactorTestCase):
    def test_the_newest_key_encrypts_and_an_unknown_one_opens_nothing(self):
        old, new = (Fernet.generate_key().decode() for _ in range(2))
        with self.settings(ENCRYPTION_KEYS=old):
            secret = give_app(self.alice)
        with self.settings(ENCRYPTION_KEYS=f"{new},{old}"):
            self.assertEqual(encrypt_anew(), (1, []))
        app = Authenticator.objects.get()
        with self.settings(ENCRYPTION_KEYS=new):
            self.assertTrue(app.wrap().validate_code(code_of(secret)))
        with self.settings(ENCRYPTION_KEYS=old):
            with self.assertLogs("conversations.people.signing_in", "ERROR"):
                self.assertFalse(app.wrap().validate_code(code_of(secret, 1)))
            self.assertEqual(encrypt_anew(), (0, ["alice"]))


class RequiredTests(FactorTestCase):
    def setUp(self):
        super().setUp()
        self.ada = making.person("ada", is_superuser=True)

    def test_nobody_is_asked_where_nothing_is_required(self):
        self.give_password()
        self.assertEqual(self.client.get("/").status_code, 200)

    def test_whoever_has_none_is_led_to_set_one_up_and_nowhere_else(self):
        require("everyone")
        self.give_password()
        for path in ("/", "/archived/", reverse("account_email"), "/admin/", "/sidebar/"):
            self.assertRedirects(self.client.get(path), SECURITY, msg_prefix=path)
        self.assertContains(self.client.get(SECURITY), "This site requires a second factor")
        for name in ("mfa_activate_totp", "mfa_add_webauthn"):
            self.assertEqual(self.client.get(reverse(name)).status_code, 200, name)
        self.assertEqual(self.client.get("/healthz").status_code, 200)
        self.client.post(reverse("account_logout"))
        self.assertFalse(self.is_signed_in())

    def test_programs_and_the_pages_script_get_a_sentence(self):
        require("everyone")
        self.give_password()
        for method, path in (("get", "/"), ("post", "/conversations/")):
            answer = getattr(self.client, method)(path, headers=JSON)
            self.assertEqual((answer.status_code, answer.json()["error"]), (403, "second_factor"))
            self.assertIn("second factor", answer.json()["detail"])
        answer = self.client.get("/", headers={"hx-request": "true"})
        self.assertEqual((answer.status_code, answer["HX-Redirect"]), (403, SECURITY))

    def test_with_one_set_up_everything_is_open(self):
        require("everyone")
        self.give_password()
        self.client.get("/")
        secret = self.client.get(ACTIVATE).context["form"].secret
        self.client.post(ACTIVATE, {"code": code_of(secret)})
        self.assertEqual(self.client.get("/").status_code, 200)

    def test_recovery_codes_alone_are_none(self):
        require("everyone")
        RecoveryCodes.activate(self.alice)
        self.give_password()
        self.assertRedirects(self.client.get("/"), SECURITY)

    def test_taking_the_last_away_closes_everything_at_once(self):
        require("everyone")
        give_app(self.alice)
        self.client.force_login(self.alice)
        self.assertEqual(self.client.get("/").status_code, 200)
        Authenticator.objects.filter(user=self.alice).delete()
        self.assertRedirects(self.client.get("/"), SECURITY)

    def test_of_administrators_alone(self):
        require("administrators")
        self.give_password()
        self.assertEqual(self.client.get("/").status_code, 200)
        self.client.logout()
        self.give_password("ada")
        self.assertRedirects(self.client.get("/"), SECURITY)
        self.assertRedirects(self.client.get("/admin/"), SECURITY)
        answer = self.client.get("/admin/conversations/user/", headers=JSON)
        self.assertEqual(answer.status_code, 403)

    def test_one_time_links_lead_there_too(self):
        require("everyone")
        link = OneTimeLink.objects.issue(OneTimeLink.LOGIN, self.alice)
        self.client.get(reverse("login-link", args=[link]))
        self.assertTrue(self.is_signed_in())
        self.assertRedirects(self.client.get("/"), SECURITY)
        # A link proves nothing: whoever found it adds no factor of their own.
        self.assertRedirects(
            self.client.get(ACTIVATE), f"{reverse('account_reauthenticate')}?next={ACTIVATE}"
        )

    def test_the_set_up_of_a_site_works_whatever_it_requires(self):
        require("everyone")
        self.ada.delete()
        token = OneTimeLink.objects.issue(OneTimeLink.SETUP)
        address = reverse("setup", args=[token])
        self.assertEqual(self.client.get(address).status_code, 200)
        form = {"username": "eve", "email": "eve@example.com"}
        self.client.post(address, form | {"password1": PASSWORD, "password2": PASSWORD})
        self.assertTrue(self.is_signed_in())
        self.assertRedirects(self.client.get("/"), SECURITY)
        self.assertEqual(self.client.get(ACTIVATE).status_code, 200)

    def test_who_has_just_registered_needs_no_second_word(self):
        require("everyone")
        form = {"username": "eve", "email": "eve@example.com"}
        with override_settings(REGISTRATION="open"):
            self.client.post(
                reverse("account_signup"), form | {"password1": PASSWORD, "password2": PASSWORD}
            )
        self.assertTrue(self.is_signed_in())
        self.assertEqual(self.client.get(ACTIVATE).status_code, 200)


class CostTests(FactorTestCase):
    def queries_of_home(self):
        with self.assertNumQueries(AnyNumber()) as counted:
            self.client.get("/")
        return len(counted)

    def test_a_site_without_the_policy_asks_nothing_more(self):
        self.client.force_login(self.alice)
        self.client.get("/")
        held = self.queries_of_home()
        second_factor.policy.forget()
        self.assertEqual(self.queries_of_home(), held + 1)
        self.assertEqual(self.queries_of_home(), held)

    def test_with_it_one_query_in_a_while_and_the_person_s(self):
        self.client.force_login(self.alice)
        self.client.get("/")
        held = self.queries_of_home()
        give_app(self.alice)
        require("everyone")
        self.client.get("/")
        self.assertLessEqual(self.queries_of_home(), held + 1)


class TroubleTests(FactorTestCase):
    def away(self):
        return mock.patch(
            "django.db.backends.utils.CursorWrapper.execute", side_effect=OperationalError
        )

    def test_while_the_database_is_away_what_was_required_stays_so(self):
        require("everyone")
        self.assertEqual(second_factor.policy.required(), "everyone")
        second_factor.policy.forget()
        with self.away():
            self.assertEqual(second_factor.policy.required(), "everyone")
            self.assertEqual(self.client.get("/healthz").status_code, 200)

    def test_a_page_then_says_that_it_can_t_answer(self):
        require("everyone")
        self.client.force_login(self.alice)
        with self.away():
            answer = self.client.get("/", headers=JSON)
        self.assertEqual((answer.status_code, answer.json()["error"]), (503, "unavailable"))


class AnyNumber(int):
    """Equal to every number."""

    def __eq__(self, _other):
        return True

    __hash__ = int.__hash__


class SocketsTests(SocketTestCase):
    async def test_a_socket_is_refused_and_an_open_one_closed(self):
        socket = await self.opened(self.alice)
        await recheck(process.current.hub)
        self.assertTrue(await socket.receive_nothing(0.05))
        await in_db(require)("everyone")
        await recheck(process.current.hub)
        self.assertEqual(await self.code(socket), 4404)
        self.assertEqual(await self.code(await self.opened(self.alice)), 4404)
        await in_db(give_app)(self.alice)
        again = await self.opened(self.alice)
        self.assertTrue(await again.receive_nothing(0.05))
        await again.disconnect()
