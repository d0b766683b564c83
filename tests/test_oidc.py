"""Sign-in by OpenID Connect: a real site, configured from the environment, and a real issuer."""

import json
import re
import sqlite3
from contextlib import closing

import httpx
import pytest
from django.test import TestCase, override_settings

from conversations.models import AuditEntry, Membership, OneTimeLink, Team, User
from tests import making
from tests.browser.site import PASSWORD, Site
from tests.issuer import CLIENT, SECRET, Issuer
from tests.test_second_factor import ACTIVATE, code_of

START = "/accounts/oidc/sso/login/?process=login"
PEOPLE = f"""
from conversations.models import Team, User
for name, fields in {{
    "alice": {{}}, "bob": {{}}, "carol": {{"is_active": False}}, "ada": {{"is_superuser": True}},
    "walter": {{}},
}}.items():
    User.objects.create_user(name, name + "@example.com", "{PASSWORD}", **fields)
Team.objects.create(name="Readers", external_group="staff")
Team.objects.create(name="Own")
"""


@pytest.fixture(scope="module")
def issuer():
    with Issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def site(issuer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("oidc")
    secret = folder / "client-secret"
    secret.write_text(SECRET + "\n")
    site = Site(
        folder,
        PARLEY_OIDC_ISSUER=f"{issuer.url}/",
        PARLEY_OIDC_CLIENT_ID=CLIENT,
        PARLEY_OIDC_CLIENT_SECRET_FILE=str(secret),
        PARLEY_OIDC_NAME="Example ID",
        PARLEY_OIDC_ADMIN_GROUP="operators",
        PARLEY_OIDC_VIA="https://login.example.org/somewhere",
    )
    site.command("shell", "--no-imports", "-c", PEOPLE)
    yield site
    site.web.end()


class Visitor:
    """A browser without eyes: it keeps cookies and follows only where it is told to."""

    def __init__(self, site, issuer):
        self.site, self.issuer = site, issuer
        self.http = httpx.Client(base_url=site.url, trust_env=False, timeout=30)
        self.http.get("/accounts/login/")

    def post(self, path, **values):
        headers = {"X-CSRFToken": self.http.cookies["parley_csrf"], "Referer": self.site.url}
        return self.http.post(path, data=values, headers=headers)

    def leaves(self, start=START):
        """To the issuer; returns where it sends the browser back to."""
        gone = self.post(start)
        assert gone.status_code == 302, gone.text
        return httpx.get(gone.headers["location"], trust_env=False).headers["location"]

    def signs_in(self, start=START):
        """All the way, and what is answered in the end."""
        return self.http.get(self.leaves(start))

    @property
    def is_signed_in(self):
        return self.http.get("/", headers={"accept": "application/json"}).status_code == 200

    @property
    def name(self):
        """How the page calls whoever is signed in."""
        return re.search(r'class="initials"[^>]*>.*?<b>(.*?)</b>', self.http.get("/").text, re.S)[1]


@pytest.fixture
def visitor(site, issuer):
    issuer.knows("nobody")
    return Visitor(site, issuer)


@pytest.fixture
def ask(site):
    """Looks into the site's database."""

    def ask(sql, *values):
        with closing(sqlite3.connect(site.folder / "parley.sqlite3")) as database:
            return database.execute(sql, values).fetchall()

    return ask


def teams_of(ask, name):
    rows = ask(
        "select t.name from conversations_team t join conversations_membership m on m.team_id = t.id"
        " join conversations_user u on u.id = m.user_id where u.username = ?", name,
    )  # fmt: skip
    return {row[0] for row in rows}


def test_the_button_leads_to_the_issuer_with_state_nonce_and_pkce(visitor, issuer):
    page = visitor.http.get("/accounts/login/")
    assert "Sign in with Example ID" in page.text
    allowed = f"form-action 'self' {issuer.url} https://login.example.org;"
    assert allowed in page.headers["content-security-policy"] + ";"
    visitor.leaves()
    asked = issuer.asked[-1]
    assert asked["client_id"] == CLIENT
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["nonce"]) >= 30
    assert len(asked["state"]) >= 16


def test_a_get_asks_first(visitor, issuer):
    before = len(issuer.asked)
    page = visitor.http.get(START)
    assert page.status_code == 200
    assert "Sign in with Example ID?" in page.text
    assert len(issuer.asked) == before


def test_somebody_unknown_comes_in_and_joins_the_teams_of_their_groups(visitor, issuer, ask):
    issuer.knows(
        "dora-1", email="dora@example.com", email_verified=True, preferred_username="dora",
        name="Dora Diamant", groups=["staff", "others"],
    )  # fmt: skip
    done = visitor.signs_in()
    assert (done.status_code, done.headers["location"]) == (302, "/")
    assert visitor.name == "Dora Diamant"
    assert teams_of(ask, "dora") == {"Readers"}
    main = ask(
        "select t.name from conversations_user u join conversations_team t on t.id = u.main_team_id"
        " where u.username = 'dora'"
    )
    assert main == [("Readers",)]
    noted = dict(
        ask("select action, detail from conversations_auditentry where actor_name = 'Dora Diamant'")
    )
    assert json.loads(noted["person.registered"]) == {"by": "Example ID"}
    assert json.loads(noted["person.groups"]) == {"joined": ["Readers"], "left": []}


def test_the_next_time_they_are_the_same_person_and_leave_what_they_left(visitor, issuer, ask):
    issuer.knows("emil-1", preferred_username="emil", groups=["staff"])
    visitor.signs_in()
    assert teams_of(ask, "emil") == {"Readers"}
    issuer.knows("emil-1", preferred_username="somebody", groups=[])
    again = Visitor(visitor.site, issuer)
    again.signs_in()
    assert again.name == "emil"
    assert teams_of(ask, "emil") == set()
    assert ask("select main_team_id from conversations_user where username = 'emil'") == [(None,)]


def test_what_the_issuer_tells_is_not_kept_but_for_the_name(visitor, issuer, ask):
    issuer.knows("gina-1", preferred_username="gina", groups=["staff"], address={"street": "Here"})
    visitor.signs_in()
    kept = ask("select extra_data from socialaccount_socialaccount where uid = 'gina-1'")[0][0]
    assert json.loads(kept) == {"preferred_username": "gina", "granted": []}
    assert ask("select count(*) from socialaccount_socialtoken") == [(0,)]


def test_a_verified_address_finds_the_account_that_is_here_already(visitor, issuer, ask):
    issuer.knows("alice-1", email="Alice@example.com", email_verified=True)
    visitor.signs_in()
    assert visitor.name == "alice"
    count = ask("select count(*) from conversations_user where lower(email) = 'alice@example.com'")
    assert count == [(1,)]
    noted = ask(
        "select actor_name from conversations_auditentry where action = 'single_sign_on.linked'"
    )
    assert ("alice",) in noted


@pytest.mark.parametrize("verified", [False, None, "false", 0])
def test_an_address_that_is_not_verified_takes_nothing_over(visitor, issuer, ask, verified):
    issuer.knows("mallory-1", email="bob@example.com", email_verified=verified)
    page = visitor.signs_in()
    assert page.status_code == 403
    assert "Somebody here has your address already" in page.text
    assert not visitor.is_signed_in
    assert ask("select count(*) from socialaccount_socialaccount where uid = 'mallory-1'") == [(0,)]


def test_that_the_address_in_the_token_is_verified_says_nothing_of_another(visitor, issuer):
    issuer.knows("mallory-2", email="bob@example.com")
    assert visitor.signs_in().status_code == 403


def test_whoever_is_suspended_does_not_come_in(visitor, issuer, ask):
    issuer.knows("carol-1", email="carol@example.com", email_verified=True, groups=["staff"])
    visitor.signs_in()
    assert not visitor.is_signed_in
    assert teams_of(ask, "carol") == set()


def test_an_administrators_password_stays(visitor, issuer):
    issuer.knows("ada-1", email="ada@example.com", email_verified=True)
    visitor.signs_in()
    assert visitor.name == "ada"
    other = Visitor(visitor.site, issuer)
    other.post("/accounts/login/", login="ada", password=PASSWORD)
    assert other.is_signed_in


def test_of_an_account_that_nobody_confirmed_the_password_goes(visitor, issuer):
    issuer.knows("walter-1", email="walter@example.com", email_verified=True)
    visitor.signs_in()
    assert visitor.name == "walter"
    other = Visitor(visitor.site, issuer)
    other.post("/accounts/login/", login="walter", password=PASSWORD)
    assert not other.is_signed_in


CLAIMED = """
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from conversations.models import User
person = User.objects.create_user("{name}", "{main}", "{password}", **{fields})
EmailAddress.objects.create(user=person, email="{claimed}", primary={primary}, verified=False)
EmailAddress.objects.create(user=person, email="{name}-later@example.com", verified=False)
Authenticator.objects.create(user=person, type="webauthn", data={{"name": "x", "credential": {{}}}})
SocialAccount.objects.create(
    user=person, provider="sso", uid="{name}-own", extra_data={{"granted": ["people"]}}
)
"""


def claims(site, name, claimed, *, main="", **fields):
    """Somebody says that this address is theirs; it is their only one if no other is given."""
    site.command(
        "shell", "--no-imports", "-c",
        CLAIMED.format(
            name=name, main=main or claimed, claimed=claimed, primary=not main,
            password=PASSWORD, fields=fields,
        ),
    )  # fmt: skip


def left_of(ask, name):
    """Factors, other sign-ins and addresses that an account has, and whether it has a password."""
    return ask(
        "select (select count(*) from mfa_authenticator where user_id = u.id),"
        " (select group_concat(uid) from socialaccount_socialaccount where user_id = u.id),"
        " (select group_concat(email || verified) from account_emailaddress where user_id = u.id),"
        " substr(password, 1, 1) <> '!' from conversations_user u where username = ?", name,
    )[0]  # fmt: skip


def test_who_merely_waits_to_confirm_an_address_is_not_whose_it_is(site, visitor, issuer, ask):
    claims(site, "mal", "boss@example.com", main="mal@example.com")
    issuer.knows("boss-1", email="boss@example.com", email_verified=True, preferred_username="boss")
    assert visitor.signs_in().headers["location"] == "/"
    assert visitor.name == "boss"
    factors, accounts, addresses, password = left_of(ask, "mal")
    assert (factors, accounts, password) == (1, "mal-own", 1)
    assert addresses == "mal-later@example.com0"


def test_of_an_account_made_with_somebody_elses_address_every_way_in_goes(
    site, visitor, issuer, ask
):
    claims(site, "eve", "victim@example.com", may_people=True)
    issuer.knows("victim-1", email="Victim@example.com", email_verified=True)
    visitor.signs_in()
    assert visitor.name == "eve"
    assert left_of(ask, "eve") == (0, "victim-1", "victim@example.com1", 0)
    assert ask("select may_people from conversations_user where username = 'eve'") == [(0,)]
    issuer.knows("eve-own", preferred_username="eve2")
    other = Visitor(site, issuer)
    other.signs_in()
    assert other.name == "eve2"


def test_a_confirmed_address_is_found_and_everything_stays(site, visitor, issuer, ask):
    claims(site, "rosa", "rosa@example.com")
    site.command(
        "shell", "--no-imports", "-c",
        "from allauth.account.models import EmailAddress;"
        "EmailAddress.objects.filter(email='rosa@example.com').update(verified=True)",
    )  # fmt: skip
    issuer.knows("rosa-1", email="rosa@example.com", email_verified=True)
    again = visitor.signs_in()
    assert again.headers["location"] == "/accounts/2fa/authenticate/"
    factors, accounts, _addresses, password = left_of(ask, "rosa")
    assert (factors, accounts, password) == (1, "rosa-own,rosa-1", 1)


def test_the_administrators_group_gives_capabilities_and_takes_back_what_it_gave(
    visitor, issuer, ask
):
    def capabilities():
        names = "may_people, may_providers, may_spend, may_read, is_staff"
        return ask(f"select {names} from conversations_user where username = 'otto'")[0]

    issuer.knows("otto-1", preferred_username="otto", groups=["operators"])
    visitor.signs_in()
    assert capabilities() == (1, 1, 1, 0, 1)
    Visitor(visitor.site, issuer).signs_in()
    assert capabilities() == (1, 1, 1, 0, 1)
    issuer.knows("otto-1", preferred_username="otto")
    Visitor(visitor.site, issuer).signs_in()
    assert capabilities() == (0, 0, 0, 0, 0)
    noted = ask(
        "select count(*) from conversations_auditentry where action = 'person.capabilities'"
        " and actor_name = 'otto'"
    )
    assert noted == [(2,)]


@pytest.mark.parametrize(
    "mischief",
    ["nonce", "signature", "audience", "expired", "issuer", "unsigned", "shared", "sub", "token"],
)
def test_a_token_that_does_not_fit_lets_nobody_in(visitor, issuer, ask, mischief):
    issuer.knows(f"bad-{mischief}", mischief, email="bob@example.com", email_verified=True)
    page = visitor.signs_in()
    assert page.status_code in (401, 403)
    assert "You couldn’t be signed in" in page.text
    assert not visitor.is_signed_in
    assert ask("select count(*) from socialaccount_socialaccount where uid like 'bad-%'") == [(0,)]


def test_a_state_of_another_browser_or_none_is_refused(visitor, issuer):
    issuer.knows("fritz-1", preferred_username="fritz")
    back = visitor.leaves()
    stranger = Visitor(visitor.site, issuer)
    for address in (back, back.replace("state=", "state=x"), back.split("state=")[0] + "code=1"):
        page = stranger.http.get(address)
        assert page.status_code == 401
        assert "You couldn’t be signed in" in page.text
    assert not stranger.is_signed_in
    visitor.http.get(back)
    assert visitor.is_signed_in


def test_an_answer_works_once(visitor, issuer):
    issuer.knows("hans-1", preferred_username="hans")
    back = visitor.leaves()
    visitor.http.get(back)
    visitor.post("/accounts/logout/")
    assert visitor.http.get(back).status_code == 401
    assert not visitor.is_signed_in


def test_a_code_with_another_verifier_is_refused(visitor, issuer):
    issuer.knows("ida-1", preferred_username="ida")
    back = visitor.leaves()
    code = re.search(r"code=([\w-]+)", back)[1]
    issuer.codes[code]["code_challenge"] = "of-somebody-else"
    assert visitor.http.get(back).status_code == 401
    assert not visitor.is_signed_in


@pytest.mark.parametrize("mischief", ["away", "name"])
def test_an_issuer_that_is_away_or_calls_itself_otherwise_ends_on_our_page(
    visitor, issuer, mischief
):
    issuer.knows("x", mischief)
    page = visitor.post(START)
    assert page.status_code == 401
    assert "You couldn’t be signed in" in page.text


def test_who_cancels_there_reads_so_here(visitor, issuer):
    issuer.knows("x", "cancel")
    done = visitor.signs_in()
    assert "You cancelled it there" in visitor.http.get(done.headers["location"]).text


def test_somebody_links_it_to_the_account_that_they_have(visitor, issuer, ask):
    visitor.post("/accounts/login/", login="bob", password=PASSWORD)
    assert "Link Example ID" in visitor.http.get("/accounts/security/").text
    issuer.knows("bob-at-home", email="other@example.com", email_verified=False)
    done = visitor.signs_in("/accounts/oidc/sso/login/?process=connect")
    assert done.headers["location"] == "/accounts/security/"
    page = visitor.http.get("/accounts/security/").text
    assert "Unlink" in page
    again = Visitor(visitor.site, issuer)
    again.signs_in()
    assert again.name == "bob"
    number = re.search(r'name="account" value="(\d+)"', page)[1]
    assert visitor.post("/accounts/3rdparty/", account=number).status_code == 302
    assert ask("select count(*) from socialaccount_socialaccount where uid = 'bob-at-home'") == [
        (0,)
    ]


def test_what_the_groups_gave_goes_when_it_is_unlinked(site, visitor, issuer, ask):
    site.command(
        "shell", "--no-imports", "-c",
        "from conversations.models import User;"
        f"User.objects.create_user('paul', 'paul@example.com', '{PASSWORD}', may_spend=True)",
    )  # fmt: skip
    visitor.post("/accounts/login/", login="paul", password=PASSWORD)
    issuer.knows("paul-1", groups=["operators", "staff"])
    visitor.signs_in("/accounts/oidc/sso/login/?process=connect")
    again = Visitor(site, issuer)
    again.signs_in()
    held = (
        "select may_people, may_providers, may_spend from conversations_user where username='paul'"
    )
    assert ask(held) == [(1, 1, 1)]
    assert teams_of(ask, "paul") == {"Readers"}
    number = ask("select id from socialaccount_socialaccount where uid = 'paul-1'")[0][0]
    assert again.post("/accounts/3rdparty/", account=str(number)).status_code == 302
    assert ask(held) == [(0, 0, 1)]
    assert teams_of(ask, "paul") == set()
    noted = ask(
        "select action from conversations_auditentry where actor_name = 'paul' order by id desc"
    )
    assert noted[0] == ("person.capabilities",)


def test_whoever_has_no_other_way_in_keeps_it(visitor, issuer, ask):
    issuer.knows("lena-1", preferred_username="lena")
    visitor.signs_in()
    number = ask("select id from socialaccount_socialaccount where uid = 'lena-1'")[0][0]
    page = visitor.post("/accounts/3rdparty/", account=str(number))
    assert "no password set up" in page.text
    assert 'class="wordmark"' in page.text
    assert ask("select count(*) from socialaccount_socialaccount where uid = 'lena-1'") == [(1,)]


def test_a_second_factor_is_asked_for_here_too_and_groups_count_after_it(visitor, issuer, ask):
    issuer.knows("karl-1", preferred_username="karl")
    visitor.signs_in()
    key = re.search(r'class="key">(\w+)<', visitor.http.get(ACTIVATE).text)[1]
    done = visitor.post(ACTIVATE, code=code_of(key))
    assert done.headers["location"] == "/accounts/2fa/recovery-codes/"
    issuer.knows("karl-1", preferred_username="karl", groups=["staff"])
    again = Visitor(visitor.site, issuer)
    assert again.signs_in().headers["location"] == "/accounts/2fa/authenticate/"
    assert not again.is_signed_in
    assert teams_of(ask, "karl") == set()
    again.post("/accounts/2fa/authenticate/", code=code_of(key, 1))
    again.post("/accounts/2fa/trust/", action="skip")
    assert again.is_signed_in
    assert teams_of(ask, "karl") == {"Readers"}


def test_the_sign_in_from_the_page_asked_for_leads_back_to_it(visitor, issuer):
    issuer.knows("jan-1", preferred_username="jan")
    done = visitor.signs_in(f"{START}&next=/archived/")
    assert done.headers["location"] == "/archived/"
    issuer.knows("jan-1", preferred_username="jan")
    again = Visitor(visitor.site, issuer)
    done = again.signs_in(f"{START}&next=https://evil.example/")
    assert done.headers["location"] == "/"


@pytest.mark.parametrize(
    "path", ["/accounts/oidc/other/login/", "/accounts/oidc/other/login/callback/"]
)
def test_another_issuer_is_not_there(visitor, path):
    assert visitor.http.get(path).status_code == 404


@pytest.fixture(scope="module")
def strict(issuer, tmp_path_factory):
    """A site that lets in by single sign-on alone, and only whom it knows."""
    site = Site(
        tmp_path_factory.mktemp("only"),
        PARLEY_OIDC_ISSUER=issuer.url,
        PARLEY_OIDC_CLIENT_ID=CLIENT,
        PARLEY_OIDC_CLIENT_SECRET=SECRET,
        PARLEY_OIDC_ONLY="true",
        PARLEY_OIDC_REGISTRATION="false",
    )
    site.command("shell", "--no-imports", "-c", PEOPLE)
    yield site
    site.web.end()


def test_where_it_is_the_only_way_passwords_and_passkeys_are_not_looked_at(strict, issuer):
    visitor = Visitor(strict, issuer)
    page = visitor.http.get("/accounts/login/").text
    assert 'name="password"' not in page
    assert "passkey" not in page
    refused = visitor.post("/accounts/login/", login="alice", password=PASSWORD)
    assert "Sign in with single sign-on." in refused.text
    assert not visitor.is_signed_in
    assert visitor.http.get("/accounts/2fa/webauthn/login/").status_code == 404


def test_where_newcomers_are_not_wanted_they_are_told_so(strict, issuer):
    issuer.knows("new-1", email="new@example.com", email_verified=True)
    visitor = Visitor(strict, issuer)
    page = visitor.signs_in()
    assert page.status_code == 403
    assert "You have no account here yet" in page.text
    assert not visitor.is_signed_in
    issuer.knows("alice-9", email="alice@example.com", email_verified=True)
    visitor.signs_in()
    assert visitor.is_signed_in


class DoorTests(TestCase):
    """Other doors, where single sign-on is the only way in."""

    @override_settings(OIDC_ONLY=True, REGISTRATION="open")
    def test_nobody_registers_with_a_password(self):
        page = self.client.get("/accounts/signup/")
        self.assertContains(page, "Registration is closed")
        form = {"email": "dora@example.com", "username": "dora"}
        self.client.post("/accounts/signup/", form | {"password1": PASSWORD, "password2": PASSWORD})
        self.assertFalse(User.objects.exists())

    @override_settings(OIDC_ONLY=True)
    def test_a_link_from_the_shell_still_lets_in(self):
        token = OneTimeLink.objects.issue(OneTimeLink.LOGIN, making.person("alice"))
        self.client.get(f"/login/{token}/")
        self.assertEqual(self.client.get("/").status_code, 200)


class GroupTests(TestCase):
    """What groups stand for, without the way to the issuer."""

    def setUp(self):
        self.alice = making.person("alice")
        self.red = Team.objects.create(name="Red", external_group="red")
        self.blue = Team.objects.create(name="Blue", external_group="blue")
        self.own = Team.objects.create(name="Own")

    def follow(self, *groups):
        from conversations.people.single_sign_on.groups import follow

        follow(self.alice, groups)
        self.alice.refresh_from_db()
        return {team.name for team in self.alice.teams.all()}

    def test_teams_without_a_group_are_nobody_elses_affair(self):
        Membership.objects.create(team=self.own, user=self.alice)
        self.assertEqual(self.follow("red"), {"Own", "Red"})
        self.assertEqual(self.follow(), {"Own"})
        self.assertEqual(self.follow(""), {"Own"})

    def test_a_role_that_an_administrator_gave_stays(self):
        Membership.objects.create(team=self.red, user=self.alice, role="reader")
        self.follow("red", "blue")
        self.assertEqual(Membership.objects.get(team=self.red).role, "reader")

    def test_the_main_team_goes_with_the_membership_and_is_the_only_one(self):
        self.follow("red")
        self.assertEqual(self.alice.main_team, self.red)
        self.follow("red", "blue")
        self.assertEqual(self.alice.main_team, self.red)
        self.follow("blue")
        self.assertEqual(self.alice.main_team, self.blue)
        self.follow()
        self.assertIsNone(self.alice.main_team)

    def test_nothing_is_noted_where_nothing_changes(self):
        self.follow("red")
        self.follow("red")
        self.assertEqual(AuditEntry.objects.filter(action="person.groups").count(), 1)

    @override_settings(OIDC_ADMIN_GROUP="operators")
    def test_what_was_given_by_hand_stays(self):
        from conversations.people.single_sign_on.groups import follow_administrators

        self.alice.may_spend = self.alice.may_read = True
        self.alice.save()
        granted = follow_administrators(self.alice, ["operators"], [])
        self.assertEqual(set(granted), {"people", "providers"})
        self.assertEqual(follow_administrators(self.alice, [], granted), [])
        self.alice.refresh_from_db()
        self.assertEqual(self.alice.capabilities, ["spend", "read"])
