"""Who gets which answer at which address: one table for all of them."""

from django.conf import settings
from django.test import TestCase, override_settings
from django.urls import get_resolver, reverse

from conversations.models import (
    Access,
    Completion,
    Conversation,
    LedgerEntry,
    Message,
    OneTimeLink,
    Part,
    Role,
    State,
    User,
)
from conversations.models.base import new_id
from tests import making

PEOPLE = ("anonymous", "stranger", "reader", "editor", "owner")
IN, NO = 302, 404  # on to the sign-in page; nothing here

# Name of the address, method, and the status for each of PEOPLE.
TABLE = [
    ("home", "GET", (IN, 200, 200, 200, 200)),
    ("sidebar", "GET", (IN, 200, 200, 200, 200)),
    ("archived", "GET", (IN, 200, 200, 200, 200)),
    ("presets", "GET", (IN, 200, 200, 200, 200)),
    ("preset-new", "GET", (IN, 200, 200, 200, 200)),
    ("preset-create", "POST", (IN, 400, 400, 400, 400)),  # without a name
    ("preset-check", "POST", (IN, 200, 200, 200, 200)),
    ("preset-edit", "GET", (IN, NO, NO, NO, NO)),  # nobody's
    ("preset-delete", "GET", (IN, NO, NO, NO, NO)),
    ("conversation-create", "POST", (IN, 303, 303, 303, 303)),
    ("conversation", "GET", (IN, NO, 200, 200, 200)),
    ("message", "GET", (IN, NO, 200, 200, 200)),
    ("message-details", "GET", (IN, NO, 200, 200, 200)),
    ("message-create", "POST", (IN, NO, NO, 303, 303)),
    ("message-stop", "POST", (IN, NO, NO, 303, 303)),
    ("message-retry", "POST", (IN, NO, NO, 303, 303)),
    ("message-continue", "POST", (IN, NO, NO, 303, 303)),
    ("message-edit", "POST", (IN, NO, NO, 400, 303)),
    ("conversation-rename", "POST", (IN, NO, NO, NO, 303)),
    ("conversation-archive", "POST", (IN, NO, NO, NO, 303)),
    ("conversation-unarchive", "POST", (IN, NO, NO, NO, 303)),
    ("conversation-delete", "POST", (IN, NO, NO, NO, 303)),
    ("conversation-restore", "POST", (IN, NO, NO, NO, NO)),  # it isn't deleted
    ("setup", "GET", (NO, NO, NO, NO, NO)),  # a token that never was
    ("login-link", "GET", (NO, NO, NO, NO, NO)),
    ("invitation", "GET", (NO, NO, NO, NO, NO)),
    ("account-waiting", "GET", (200, 200, 200, 200, 200)),
    ("own-data", "GET", (IN, 200, 200, 200, 200)),
    ("own-data-file", "POST", (IN, 200, 200, 200, 200)),
    ("cost", "GET", (IN, 400, 400, 400, 400)),  # of nothing
    ("usage", "GET", (IN, 200, 200, 200, 200)),
    ("usage-entries", "GET", (IN, 200, 200, 200, 200)),
    ("usage-limits", "POST", (IN, 303, 303, 303, 303)),
    ("usage-requests", "POST", (IN, NO, NO, NO, NO)),  # of no budget
    ("usage-withdraw", "POST", (IN, NO, NO, NO, NO)),  # nobody's
    ("security", "GET", (IN, 200, 200, 200, 200)),
    ("session-close", "POST", (IN, NO, NO, NO, NO)),  # nobody's
    ("sessions-close", "POST", (IN, 303, 303, 303, 303)),
    ("healthz", "GET", (200, 200, 200, 200, 200)),
    ("readyz", "GET", (200, 200, 200, 200, 200)),
    ("metrics", "GET", (200, 200, 200, 200, 200)),  # the test client is on this machine
]
POSTED = {"text": "Hello", "title": "A new name"}


class TableTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.people = {name: making.person(name) for name in PEOPLE[1:]}
        making.preset("Small")
        cls.conversation = making.talk(cls.people["owner"])
        cls.question, cls.answer = cls.conversation.messages.order_by("sequence")
        making.share(cls.conversation, cls.people["reader"])
        making.share(cls.conversation, cls.people["editor"], Role.EDITOR)

    def address(self, name, pk=None, message_pk=None):
        """An address in the conversation, or with other ids."""
        asked = self.question if name == "message-edit" else self.answer
        kwargs = {}
        if name.startswith("message") or name in {"conversation", *self.managing()}:
            kwargs["pk"] = pk or self.conversation.pk
        if name.startswith("message") and name != "message-create":
            kwargs["message_pk"] = message_pk or asked.pk
        if name in {"preset-edit", "preset-delete"}:
            kwargs["pk"] = new_id()
        if name == "usage-withdraw":
            kwargs["pk"] = new_id()
        if name == "session-close":
            kwargs["pk"] = 0
        if name in {"setup", "login-link", "invitation"}:
            kwargs["token"] = "never-was"
        return reverse(name, kwargs=kwargs)

    @staticmethod
    def managing():
        return {name for name, _m, _s in TABLE if name.startswith("conversation-")} - {
            "conversation-create"
        }

    def ask(self, address, method, **headers):
        if method == "GET":
            return self.client.get(address, headers=headers)
        return self.client.post(address, POSTED | {"client_id": new_id().hex}, headers=headers)

    def sign_in(self, name):
        self.client.logout()
        if name != "anonymous":
            self.client.force_login(self.people[name])

    def test_everybody_gets_what_the_table_says(self):
        for who, place in zip(PEOPLE, range(5), strict=True):
            for name, method, statuses in TABLE:
                with self.subTest(name, who=who):
                    self.sign_in(who)
                    response = self.ask(self.address(name), method)
                    self.assertEqual(response.status_code, statuses[place])
                    if statuses[place] == IN:
                        self.assertIn(reverse(settings.LOGIN_URL), response.headers["Location"])
                    Conversation.objects.update(deleted_at=None, archived_at=None)

    def test_every_address_of_ours_has_a_row_in_the_table(self):
        patterns = get_resolver().url_patterns
        names = {pattern.name for pattern in patterns if getattr(pattern, "name", None)}
        self.assertEqual(names - {name for name, _m, _s in TABLE}, set())

    def test_programs_that_are_signed_out_are_told_so(self):
        for name, method, statuses in TABLE:
            if statuses[0] == IN:
                response = self.ask(self.address(name), method, accept="application/json")
                self.assertEqual(
                    (response.status_code, response.json()["error"]), (403, "signed_out")
                )

    def test_the_other_method_is_refused_and_a_get_changes_nothing(self):
        self.sign_in("owner")
        before = self.everything()
        for name, method, _statuses in TABLE:
            with self.subTest(name):
                if method == "GET":
                    self.assertIn(self.client.get(self.address(name)).status_code, (200, 400, NO))
                    self.assertIn(self.client.post(self.address(name)).status_code, (405, NO))
                else:
                    self.assertEqual(self.client.get(self.address(name)).status_code, 405)
        self.assertEqual(self.everything(), before)

    def everything(self):
        models = (Conversation, Message, Part, Completion, Access, LedgerEntry, OneTimeLink, User)
        rows = [list(model.objects.order_by("pk").values()) for model in models]
        for row in rows[-1]:
            row.pop("last_login")
        return rows

    def test_absent_and_hidden_are_answered_alike(self):
        for name, method, statuses in TABLE:
            if (
                statuses[1] != NO
                or "token" in name
                or name in {"setup", "login-link", "invitation"}
            ):
                continue
            for headers in ({}, {"accept": "application/json"}, {"hx-request": "true"}):
                with self.subTest(name, headers=headers):
                    self.sign_in("stranger")
                    hidden = self.ask(self.address(name), method, **headers)
                    absent = self.ask(self.address(name, new_id(), new_id()), method, **headers)
                    self.assertEqual((hidden.status_code, absent.status_code), (NO, NO))
                    self.assertEqual(self.plain(hidden), self.plain(absent))
                    self.assertEqual(set(hidden.headers) - {"Vary"}, set(absent.headers) - {"Vary"})

    @staticmethod
    def plain(response):
        """The body without what differs in every answer."""
        import re

        return re.sub(r"csrf\w*[^>]*>|nonce-\S+", "", response.content.decode())

    def test_two_ids_of_one_address_have_to_fit_together(self):
        self.sign_in("owner")
        elsewhere = making.talk(self.people["owner"])
        for name, method, _statuses in TABLE:
            if (name.startswith("message-") and name != "message-create") or name == "message":
                response = self.ask(self.address(name, pk=elsewhere.pk), method)
                self.assertEqual(response.status_code, NO, name)

    @override_settings(MIDDLEWARE=settings.MIDDLEWARE)
    def test_what_changes_something_needs_a_token(self):
        client = self.client_class(enforce_csrf_checks=True)
        client.force_login(self.people["owner"])
        before = self.everything()
        for name, method, _statuses in TABLE:
            if method == "POST":
                response = client.post(self.address(name), POSTED | {"client_id": new_id().hex})
                self.assertEqual(response.status_code, 403, name)
        self.assertEqual(self.everything(), before)

    def test_what_can_not_be_an_address_is_not_found(self):
        self.sign_in("owner")
        for path in ("/conversations/1/", "/conversations/" + "x" * 5000 + "/", "/nowhere", "/%00"):
            self.assertEqual(self.client.get(path).status_code, NO)

    def test_a_deleted_conversation_is_gone_for_its_owner_too(self):
        self.sign_in("owner")
        self.ask(self.address("conversation-delete"), "POST")
        for name, method, _statuses in TABLE:
            if name.startswith("message") or name in {"conversation", "conversation-rename"}:
                self.assertEqual(self.ask(self.address(name), method).status_code, NO, name)

    def test_states_of_replies_are_as_the_posts_left_them(self):
        self.sign_in("owner")
        self.ask(self.address("message-create"), "POST")
        newest = Completion.objects.order_by("-created_at")[0]
        self.assertEqual(newest.state, State.QUEUED)
