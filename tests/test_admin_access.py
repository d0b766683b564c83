"""Every address below /admin/, asked for by everybody: what isn't for them gives nothing away."""

from itertools import pairwise
from urllib.parse import quote

from django.contrib import admin
from django.db.models import UUIDField
from django.test import TestCase
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from conversations.admin.base import ParleyAdmin
from conversations.models import Capability, OneTimeLink, User
from conversations.models.base import new_id
from tests import making

# What each list asks for. A list that isn't here fails the test: say who may open it.
PEOPLE, PROVIDERS, SPEND, READ = Capability.values
LISTS = {
    "user": PEOPLE, "team": PEOPLE, "onetimelink": PEOPLE, "sitesettings": PEOPLE,
    "provider": PROVIDERS, "languagemodel": PROVIDERS, "preset": PROVIDERS,
    "ledgerentry": SPEND, "budget": SPEND, "budgetrequest": SPEND,
    "conversation": READ,
}  # fmt: skip
# Whom a list lets in beside those of its capability: each to their own fields.
SHARED = {"sitesettings": (SPEND,)}
NUMBERS = {"int": "1", "str": "x", "slug": "x", "path": "x"}
SECRETS = ("Alice", "alice@example.com", "A talk", "Private talk")


def patterns(resolver, prefix=""):
    """(route, name) of every address below a resolver."""
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.name or ""


def admin_routes():
    return [found for found in patterns(get_resolver()) if found[0].startswith("admin/")]


def ids():
    """A real row's key for each list, so that an address leads somewhere."""
    found = {}
    for model, its_admin in admin.site._registry.items():
        row = model._default_manager.order_by("pk").first()
        absent = str(new_id()) if isinstance(model._meta.pk, UUIDField) else "1"
        found[its_admin.opts.model_name] = str(row.pk) if row else absent
    return found


def address(route, rows):
    """The route with its holes filled; rows of the list that it belongs to."""
    parts = route.replace("^", "").replace("$", "").split("/")
    model = next((m for a, m in pairwise(parts) if a == "conversations" and m in rows), "")
    filled = []
    for part in parts:
        if part.startswith("<"):
            kind = part[1:-1].partition(":")[0]
            is_row = model and kind in ("path", "uuid", "str")
            filled.append(rows[model] if is_row else NUMBERS.get(kind, str(new_id())))
        else:
            filled.append(part)
    return "/" + "/".join(filled)


class AddressTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice = making.person("alice")
        cls.gone = making.person("gone", is_superuser=True)
        making.preset(enabled=True)
        making.team(cls.alice)
        making.talk(cls.alice, title="Private talk")
        OneTimeLink.objects.issue(OneTimeLink.INVITE, email="alice2@example.com")
        cls.who = {
            name: making.person(f"has-{name}", **{f"may_{name}": True})
            for name in Capability.values
        }
        cls.rows = ids()
        cls.rows["user"] = str(cls.alice.pk)

    def asked(self, client):
        """Each address by GET and by POST: (address, name, answer)."""
        for route, name in admin_routes():
            where = address(route, self.rows)
            if name == "logout":  # it would end what is tried here
                continue
            for method in (client.get, client.post):
                yield f"{method.__name__} {where}", name, method(where)

    def client_of(self, person):
        client = self.client_class()
        if person is not None:
            client.force_login(person)
        return client

    def assert_gives_nothing(self, where, answer):
        text = answer.content.decode() if not answer.streaming else "a stream"
        for secret in SECRETS:
            self.assertNotIn(secret, text.replace(quote(where), ""), where)
        self.assertNotIn("nav-sidebar", text, where)

    def test_there_are_addresses_of_every_list_and_of_each_deed(self):
        routes = {route for route, _name in admin_routes()}
        self.assertGreater(len(routes), 60)
        for deed in ("suspend", "reset", "export", "anonymise", "remove"):
            self.assertTrue(any(f"/{deed}" in route for route in routes), deed)

    def test_a_stranger_is_asked_to_sign_in_and_nothing_else(self):
        for where, _name, answer in self.asked(self.client_of(None)):
            with self.subTest(where):
                self.assertEqual(answer.status_code, 302)
                self.assertIn("login", answer.headers["Location"])
                self.assert_gives_nothing(where, answer)

    def test_a_suspended_administrator_is_a_stranger(self):
        client = self.client_of(self.gone)
        User.objects.filter(pk=self.gone.pk).update(is_active=False)
        for where, _name, answer in self.asked(client):
            with self.subTest(where):
                self.assertEqual(answer.status_code, 302)
                self.assertIn("login", answer.headers["Location"])
                self.assert_gives_nothing(where, answer)

    def test_to_a_member_the_administration_does_not_exist(self):
        nowhere = None
        for where, _name, answer in self.asked(self.client_of(making.person("member"))):
            with self.subTest(where):
                if where.endswith("/admin/login/"):  # leads on, since they are signed in
                    continue
                self.assertEqual(answer.status_code, 404)
                nowhere = nowhere or answer.content
                self.assertEqual(answer.content, nowhere)
                self.assert_gives_nothing(where, answer)

    def test_an_administrator_opens_only_the_lists_of_their_capability(self):
        for capability, person in self.who.items():
            client = self.client_of(person)
            for where, _name, answer in self.asked(client):
                allowed = self.allowed(where)
                if allowed is None or capability in allowed:
                    continue
                with self.subTest(capability=capability, where=where):
                    self.assert_gives_nothing(where, answer)
                    leads_to = answer.headers.get("Location", "")
                    if leads_to == "/admin/":  # from a row that isn't there to the board
                        continue
                    if leads_to:  # an old address leads to its new one
                        answer = client.get(leads_to)
                        self.assert_gives_nothing(where, answer)
                    self.assertIn(answer.status_code, (403, 404, 405))

    def test_nonsense_in_an_address_is_not_there_and_never_a_fault(self):
        everything = {f"may_{name}": True for name in Capability.values}
        client = self.client_of(making.person("root", is_superuser=True, **everything))
        client.raise_request_exception = False
        self.rows = dict.fromkeys(self.rows, "nonsense")
        for where, _name, answer in self.asked(client):
            with self.subTest(where):
                self.assertLess(answer.status_code, 500)

    def allowed(self, where):
        """The capabilities that open an address; None: any, of what belongs to no list."""
        parts = where.split("/")
        model = parts[3] if len(parts) > 4 and parts[2] == "conversations" else ""
        found = [a for m, a in admin.site._registry.items() if m._meta.model_name == model]
        if not found:
            return None
        shared = SHARED.get(model, ())
        return {found[0].capability, *found[0].view_capabilities, *shared}


class GuardTests(TestCase):
    def test_every_list_is_ours_and_asks_for_the_capability_that_we_say(self):
        for model, its_admin in admin.site._registry.items():
            with self.subTest(model=model._meta.label):
                self.assertIsInstance(its_admin, ParleyAdmin)
                if model._meta.model_name in LISTS:
                    self.assertEqual(its_admin.capability, LISTS[model._meta.model_name])

    def test_lists_of_packages_and_django_s_permissions_are_not_there(self):
        labels = {model._meta.app_label for model in admin.site._registry}
        self.assertEqual(labels, {"conversations"})
        fields = {
            field for _name, options in self.person_admin().fieldsets for field in options["fields"]
        }
        self.assertFalse(fields & {"user_permissions", "groups", "password", "is_staff"})

    def person_admin(self):
        return next(a for m, a in admin.site._registry.items() if m._meta.model_name == "user")

    def test_every_deed_on_a_page_asks_for_a_permission(self):
        """The package serves a deed without `permissions` to every administrator."""
        for its_admin in admin.site._registry.values():
            names = [
                *its_admin._extract_action_names(its_admin.actions_list),
                *its_admin._extract_action_names(its_admin.actions_detail),
                *its_admin._extract_action_names(its_admin.actions_row),
            ]
            for name in names:
                with self.subTest(list=its_admin.opts.model_name, deed=name):
                    self.assertTrue(getattr(getattr(its_admin, name), "allowed_permissions", None))

    def test_an_administrator_changes_their_password_where_everybody_does(self):
        self.client.force_login(making.person("root", is_superuser=True))
        answer = self.client.get(reverse("admin:password_change"))
        self.assertRedirects(
            answer, reverse("account_change_password"), fetch_redirect_response=False
        )

    def test_suspension_counts_at_the_next_request(self):
        root = making.person("root", is_superuser=True)
        self.client.force_login(root)
        self.assertEqual(self.client.get("/admin/").status_code, 200)
        type(root).objects.update(is_active=False)
        self.assertEqual(self.client.get("/admin/").status_code, 302)
