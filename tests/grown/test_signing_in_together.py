"""Signing in with two web processes: what one counts, closes or requires holds in the other."""

import secrets
from urllib.parse import urlsplit

import httpx
import pytest

from tests.browser.site import PASSWORD, Person, Site, until
from tests.grown.needs import needs

pytestmark = pytest.mark.grown

# A number of its own, so that nothing meets what other programs keep there.
REDIS_NUMBER = 8
REQUIRE = """
from conversations.models import SiteSettings
SiteSettings.objects.update_or_create(pk=1, defaults={"mfa_required": "everyone"})
"""
JSON = {"accept": "application/json"}


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    store = urlsplit(needs("TEST_REDIS_URL"))._replace(path=f"/{REDIS_NUMBER}").geturl()
    first = Site(folder, REDIS_URL=store)
    first.command(
        "create_demo_data", "--users", "3", "--conversations", "0", "--password", PASSWORD
    )
    second = Site(folder, REDIS_URL=store)
    yield first, second
    for site in (first, second):
        site.web.end()


def at(site, person):
    """The same browser, led to another process."""
    return httpx.Client(base_url=site.url, cookies=dict(person.http.cookies), trust_env=False)


def test_wrong_tries_are_counted_together(sites):
    # A name of its own: counts of an earlier run may still stand in the store.
    name = f"nobody-{secrets.token_hex(6)}"
    answers = []
    for number in range(6):
        with httpx.Client(base_url=sites[number % 2].url, trust_env=False) as http:
            http.get("/accounts/login/")
            token = {"X-CSRFToken": http.cookies["parley_csrf"], "Referer": str(http.base_url)}
            form = {"login": name, "password": "wrong"}
            answers.append(http.post("/accounts/login/", data=form, headers=token).text)
    assert "Too many wrong tries" not in answers[4]
    assert "Too many wrong tries" in answers[5]


def test_a_session_that_one_closes_is_closed_in_the_other(sites):
    here, there = Person(sites[0], "user1"), Person(sites[0], "user1")
    elsewhere = at(sites[1], there)
    assert elsewhere.get("/", headers=JSON).status_code == 200
    here.post("/accounts/security/sessions/close/", "text/html")
    assert elsewhere.get("/", headers=JSON).status_code == 403
    assert here.http.get("/", headers=JSON).status_code == 200


def test_what_is_required_reaches_both_within_five_seconds(sites):
    person = Person(sites[0], "user2")
    clients = [at(site, person) for site in sites]
    assert [client.get("/", headers=JSON).status_code for client in clients] == [200, 200]
    sites[0].command("shell", "--no-imports", "-c", REQUIRE)
    until(lambda: {c.get("/", headers=JSON).status_code for c in clients} == {403}, seconds=6)
