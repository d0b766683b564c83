"""Second factors and single sign-on in a real browser, whose policy of content is never offended."""

import re
import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import expect

from tests.browser.chat import Chat
from tests.browser.site import PASSWORD, Person, Site, until
from tests.issuer import CLIENT, SECRET, Issuer

REFUSE = """trouble => {
    navigator.credentials.create = () => Promise.reject(new DOMException("", trouble));
}"""
REQUIRE = """
from conversations.models import SiteSettings
SiteSettings.objects.update_or_create(pk=1, defaults={"mfa_required": "everyone"})
"""


@pytest.fixture(scope="module")
def issuer():
    with Issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def site(stand_in, issuer, tmp_path_factory):
    """A site with single sign-on; passkeys want a name where others have 127.0.0.1."""
    site = Site(
        tmp_path_factory.mktemp("factors"),
        PARLEY_OIDC_ISSUER=issuer.url,
        PARLEY_OIDC_CLIENT_ID=CLIENT,
        PARLEY_OIDC_CLIENT_SECRET=SECRET,
    )
    site.furnish(stand_in, people=8)
    site.url = site.url.replace("127.0.0.1", "localhost")
    yield site
    site.web.end()


@pytest.fixture
def page(browsing):
    """A browser whose device has a fingerprint reader, and somebody who holds a finger on it."""
    page = browsing(viewport={"width": 1280, "height": 900}).new_page()
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
        "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    return page


def sign_in(page, site, name):
    page.goto(f"{site.url}/accounts/login/")
    page.get_by_label("E-mail or username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def is_in(page, site):
    Chat(page, site.url).is_ready()


def begin_anew(page):
    page.context.clear_cookies()


def app_with_key_of(page):
    """An app that was told the key on the page: what it shows now, or so many half minutes later."""
    page.get_by_text("Enter the key by hand").click()
    key = page.locator(".key").inner_text()
    return lambda later=0: format_hotp_value(hotp_value(key, int(time.time()) // 30 + later))


def test_an_app_is_set_up_and_asked_for(page, site):
    sign_in(page, site, "user1")
    is_in(page, site)
    page.locator(".person").click()
    page.get_by_role("menuitem", name="Security").click()
    page.get_by_role("link", name="Set up an app").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    assert page.get_by_role("img", name="QR code").evaluate("i => i.naturalWidth") > 0
    code = app_with_key_of(page)
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("This code is not correct")).to_be_visible()
    page.get_by_label("Code").fill(code())
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    recovery = page.locator(".codes code").first.inner_text()
    begin_anew(page)
    sign_in(page, site, "user1")
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    page.get_by_label("Code").fill(code(1))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Not now").click()
    is_in(page, site)
    begin_anew(page)
    sign_in(page, site, "user1")
    page.get_by_label("Code").fill(recovery)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Trust this browser").click()
    is_in(page, site)


def test_a_passkey_is_added_renamed_signed_in_with_and_removed(page, site):
    sign_in(page, site, "user2")
    is_in(page, site)
    page.goto(f"{site.url}/accounts/security/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("My laptop")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name=re.compile("^Rename.*My laptop")).click()
    page.get_by_label("Name").fill("The laptop")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The laptop", exact=True)).to_be_visible()
    begin_anew(page)
    page.goto(f"{site.url}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    is_in(page, site)
    begin_anew(page)
    sign_in(page, site, "user2")
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("button", name="Not now").click()
    is_in(page, site)
    page.goto(f"{site.url}/accounts/security/")
    page.get_by_role("link", name=re.compile("^Remove.*The laptop")).click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("The laptop", exact=True)).to_have_count(0)
    begin_anew(page)
    sign_in(page, site, "user2")
    is_in(page, site)


def test_a_passkey_that_does_not_come_about_is_told_in_a_sentence(page, site):
    sign_in(page, site, "user3")
    is_in(page, site)
    page.goto(f"{site.url}/accounts/2fa/webauthn/add/")
    for trouble, said in (("NotAllowedError", "cancelled"), ("InvalidStateError", "already")):
        page.evaluate(REFUSE, trouble)
        page.get_by_role("button", name="Add it").click()
        expect(page.get_by_role("alert")).to_contain_text(said)


def test_where_there_is_no_name_passkeys_say_so(page, site):
    page.goto(f"{site.url.replace('localhost', '127.0.0.1')}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("https and a host name")


def test_single_sign_on_goes_through_the_policy_of_form_actions(page, site, issuer):
    issuer.knows("dora-1", preferred_username="dora", name="Dora Diamant")
    page.goto(f"{site.url}/accounts/login/")
    page.get_by_role("button", name="Sign in with single sign-on").click()
    is_in(page, site)
    expect(page.locator(".person")).to_contain_text("Dora Diamant")
    page.goto(f"{site.url}/accounts/security/")
    expect(page.get_by_role("button", name="Unlink")).to_be_visible()


def test_closing_a_session_closes_its_pages(browsing, page, site):
    person = Person(site, "user5")
    turn = person.has("fast short", "demo")
    other = Chat(browsing(person).new_page(), site.url)
    other.opens(turn.conversation).is_connected()
    sign_in(page, site, "user5")
    is_in(page, site)
    page.goto(f"{site.url}/accounts/security/")
    page.get_by_role("button", name="Close all others").click()
    expect(page.get_by_text("Nowhere else.")).to_be_visible()
    expect(other.page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=6_000)
    assert person.http.get("/", headers={"accept": "application/json"}).status_code == 403


def test_where_it_is_required_it_is_set_up_before_anything_else(page, site):
    site.command("shell", "--no-imports", "-c", REQUIRE)
    person = Person(site, "user6")
    until(lambda: person.http.get("/").status_code == 302, seconds=10)
    sign_in(page, site, "user6")
    expect(page.get_by_text("This site requires a second factor.")).to_be_visible()
    page.goto(f"{site.url}/")
    expect(page).to_have_url(re.compile(r"/accounts/security/$"))
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_role("button", name="Add it").click()
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Conversations").click()
    is_in(page, site)
