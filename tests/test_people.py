"""Signing in, registering, passwords, and the doors that open once."""

import re

from allauth.account.models import EmailAddress
from django.core import mail
from django.test import TestCase, override_settings
from django.urls import reverse

from conversations.models import OneTimeLink, User
from tests import making
from tests.making import PASSWORD

LOGIN, SIGNUP, RESET = (
    reverse(f"account_{name}") for name in ("login", "signup", "reset_password")
)
ADDRESS = reverse("account_email")
NEW = {
    "email": "dora@example.com", "username": "dora", "password1": PASSWORD, "password2": PASSWORD,
}  # fmt: skip


class PeopleTestCase(TestCase):
    def is_signed_in(self, client=None):
        return "_auth_user_id" in (client or self.client).session


class SigningInTests(PeopleTestCase):
    def setUp(self):
        self.alice = making.person("alice")

    def sign_in(self, login, password=PASSWORD):
        return self.client.post(LOGIN, {"login": login, "password": password})

    def test_by_name_or_address_in_any_case(self):
        for login in ("alice", "Alice", "alice@example.com", "ALICE@Example.com"):
            self.client.logout()
            response = self.sign_in(login)
            self.assertTrue(self.is_signed_in(), login)
            self.assertRedirects(response, "/", fetch_redirect_response=False)

    def test_a_wrong_password_and_an_unknown_name_are_answered_alike(self):
        wrong, unknown = self.sign_in("alice", "wrong"), self.sign_in("nobody", "wrong")
        self.assertFalse(self.is_signed_in())
        self.assertEqual(wrong.status_code, unknown.status_code)
        self.assertEqual(
            wrong.context["form"].non_field_errors(), unknown.context["form"].non_field_errors()
        )

    def test_whoever_is_suspended_does_not_get_in(self):
        User.objects.update(is_active=False)
        self.sign_in("alice")
        self.assertFalse(self.is_signed_in())

    def test_many_wrong_tries_are_slowed_down(self):
        answers = [self.sign_in("alice", "wrong") for _ in range(8)]
        self.sign_in("alice")
        self.assertFalse(self.is_signed_in())
        self.assertNotEqual(answers[0].content, answers[-1].content)

    def test_the_administration_signs_in_through_the_same_page(self):
        response = self.client.get("/admin/login/?next=/admin/")
        self.assertRedirects(response, f"{LOGIN}?next=/admin/", fetch_redirect_response=False)

    def test_signing_out_takes_a_post(self):
        self.client.force_login(self.alice)
        self.client.get(reverse("account_logout"))
        self.assertTrue(self.is_signed_in())
        self.client.post(reverse("account_logout"))
        self.assertFalse(self.is_signed_in())


class RegisteringTests(PeopleTestCase):
    def register(self, **fields):
        return self.client.post(SIGNUP, NEW | fields)

    def test_it_is_closed_unless_opened(self):
        self.assertNotContains(self.client.get(SIGNUP), 'name="password1"')
        self.register()
        self.assertFalse(User.objects.exists())

    @override_settings(REGISTRATION="open")
    def test_open_to_everybody(self):
        self.register()
        self.assertEqual(User.objects.get().username, "dora")
        self.assertFalse(User.objects.get().is_staff)

    @override_settings(REGISTRATION="open", REGISTRATION_DOMAINS=["example.com"])
    def test_open_to_some_domains(self):
        for email in ("dora@evil.com", "dora@example.com.evil.com", "dora@sub.example.com"):
            self.register(email=email)
        self.assertFalse(User.objects.exists())
        self.register(email="dora@EXAMPLE.com")
        self.assertTrue(User.objects.exists())

    @override_settings(REGISTRATION="open")
    def test_an_address_belongs_to_one_person_whatever_its_case(self):
        making.person("alice")
        self.register(email="ALICE@example.com")
        self.assertEqual(User.objects.count(), 1)

    @override_settings(REGISTRATION="open")
    def test_nobody_becomes_an_administrator_by_a_field_more(self):
        self.register(is_staff="1", is_superuser="1")
        self.assertFalse(User.objects.get().is_superuser)

    @override_settings(REGISTRATION="invite")
    def test_an_invitation_lets_one_person_in(self):
        self.register()
        self.assertFalse(User.objects.exists())
        token = OneTimeLink.objects.issue(OneTimeLink.INVITE)
        self.client.get(reverse("invitation", args=[token]))
        second = self.client_class()
        second.get(reverse("invitation", args=[token]))
        self.register()
        self.assertEqual(User.objects.count(), 1)
        second.post(SIGNUP, NEW | {"email": "emil@example.com", "username": "emil"})
        self.assertEqual(User.objects.count(), 1)
        self.assertEqual(
            self.client_class().get(reverse("invitation", args=[token])).status_code, 404
        )

    @override_settings(REGISTRATION="invite")
    def test_a_mistake_in_the_form_does_not_spend_it(self):
        token = OneTimeLink.objects.issue(OneTimeLink.INVITE)
        self.client.get(reverse("invitation", args=[token]))
        self.register(password2="something else")
        self.register()
        self.assertTrue(User.objects.exists())


class PasswordTests(PeopleTestCase):
    def setUp(self):
        making.person("alice")

    def test_known_and_unknown_addresses_get_the_same_answer(self):
        answers = [
            self.client.post(RESET, {"email": f"{name}@example.com"})
            for name in ("alice", "nobody")
        ]
        self.assertEqual({answer.status_code for answer in answers}, {302})
        self.assertEqual(answers[0].headers["Location"], answers[1].headers["Location"])
        self.assertEqual(len(mail.outbox), 2)

    def test_a_link_by_mail_sets_a_new_one_once(self):
        self.client.post(RESET, {"email": "Alice@example.com"})
        path = re.search(r"http://testserver(/\S+)", mail.outbox[0].body)[1]
        form = self.client.get(path, follow=True)
        address = form.redirect_chain[-1][0]
        done = self.client.post(
            address,
            {"password1": "another quiet word", "password2": "another quiet word"},
            follow=True,
        )
        self.assertContains(done, "You have a new password")
        self.assertTrue(User.objects.get().check_password("another quiet word"))
        again = self.client_class().get(path, follow=True)
        self.assertNotContains(again, 'name="password1"')

    @override_settings(REGISTRATION_DOMAINS=["elsewhere.com"])
    def test_who_is_registered_already_can_reset_it_whatever_domains_may_register(self):
        self.client.post(RESET, {"email": "alice@example.com"})
        self.assertEqual(len(mail.outbox), 1)


@override_settings(MAIL_IS_SENT=True)
class AddressTests(PeopleTestCase):
    """Changing one's own address."""

    def setUp(self):
        self.alice = making.person("alice")
        self.client.post(LOGIN, {"login": "alice", "password": PASSWORD})

    def change(self, email="other@example.com", deed="action_add"):
        page = self.client.post(ADDRESS, {"email": email, deed: ""}, follow=True)
        self.alice.refresh_from_db()
        return page

    def test_the_present_one_stays_until_the_new_one_is_confirmed(self):
        page = self.change()
        self.assertContains(page, "waits to be confirmed")
        self.assertEqual(self.alice.email, "alice@example.com")
        path = re.search(r"http://testserver(/\S+)", mail.outbox[-1].body)[1]
        self.client.post(path)
        self.alice.refresh_from_db()
        self.assertEqual(self.alice.email, "other@example.com")

    def test_a_second_thought_takes_the_place_of_the_first(self):
        self.change()
        self.change("third@example.com")
        self.assertEqual(EmailAddress.objects.filter(email="other@example.com").count(), 0)
        self.change("third@example.com", "action_remove")
        self.assertEqual(self.alice.email, "alice@example.com")

    def test_nobody_is_left_without_one(self):
        self.client.get(ADDRESS)
        self.change("alice@example.com", "action_remove")
        self.assertEqual(self.alice.email, "alice@example.com")

    @override_settings(MAIL_IS_SENT=False)
    def test_where_no_mail_is_sent_it_says_who_changes_it(self):
        page = self.client.get(ADDRESS)
        self.assertContains(page, "alice@example.com")
        self.assertContains(page, "An administrator can change your address")
        self.assertNotContains(page, "Change the address")
        self.assertContains(self.change(), "An administrator can change your address")
        self.assertEqual(self.alice.email, "alice@example.com")
        self.assertFalse(EmailAddress.objects.filter(email="other@example.com").exists())


class SetupTests(PeopleTestCase):
    """The first administrator, by the link that the start prints."""

    def setUp(self):
        self.token = OneTimeLink.objects.issue(OneTimeLink.SETUP)
        self.address = reverse("setup", args=[self.token])

    def set_up(self, client=None, **fields):
        return (client or self.client).post(self.address, NEW | fields)

    def test_it_makes_an_administrator_and_signs_them_in_once(self):
        page = self.client.get(self.address)
        for field in ("username", "email", "new-password"):
            self.assertContains(page, f'autocomplete="{field}"')
        self.assertRedirects(self.set_up(), "/", fetch_redirect_response=False)
        user = User.objects.get()
        self.assertTrue(user.is_superuser and user.is_staff)
        self.assertTrue(self.is_signed_in())
        address = EmailAddress.objects.get()
        self.assertEqual(
            (address.email, address.verified, address.primary), (user.email, True, True)
        )
        User.objects.all().delete()
        self.assertEqual(self.client_class().get(self.address).status_code, 404)

    def test_looking_does_not_spend_it_nor_does_a_mistake(self):
        self.client.get(self.address)
        self.assertEqual(self.set_up(password2="else").status_code, 200)
        self.set_up()
        self.assertTrue(User.objects.exists())

    def test_it_is_refused_when_somebody_administers_already(self):
        making.person("root", is_superuser=True)
        self.assertEqual(self.client.get(self.address).status_code, 404)
        self.assertEqual(self.set_up().status_code, 404)
        self.assertEqual(User.objects.count(), 1)

    def test_a_weak_password_is_refused(self):
        self.set_up(password1="12345678", password2="12345678")
        self.assertFalse(User.objects.exists())

    def test_another_link_does_not_open_it(self):
        login = OneTimeLink.objects.issue(OneTimeLink.LOGIN, making.person())
        self.assertEqual(self.client.get(reverse("setup", args=[login])).status_code, 404)


class LoginLinkTests(PeopleTestCase):
    def setUp(self):
        self.alice = making.person("alice")
        token = OneTimeLink.objects.issue(OneTimeLink.LOGIN, self.alice)
        self.address = reverse("login-link", args=[token])

    def test_it_signs_in_once(self):
        self.assertRedirects(self.client.get(self.address), "/", fetch_redirect_response=False)
        self.assertTrue(self.is_signed_in())
        other = self.client_class()
        self.assertEqual(other.get(self.address).status_code, 404)
        self.assertFalse(self.is_signed_in(other))

    def test_it_does_not_let_a_suspended_person_in(self):
        User.objects.update(is_active=False)
        self.assertEqual(self.client.get(self.address).status_code, 404)
        self.assertFalse(self.is_signed_in())
