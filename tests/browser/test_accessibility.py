"""axe finds nothing on our pages, light and dark.

The administration's pages come from a package, whose markup is not ours: they are left out.
"""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.chat import Chat
from tests.browser.site import DEMO, Site, held

SCHEMES = ("light", "dark")
OUTSIDE = ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nowhere/")
INSIDE = (
    "/", "/archived/", "/accounts/password/change/", "/accounts/email/", "/accounts/logout/",
    "/accounts/security/", "/accounts/2fa/totp/activate/", "/accounts/2fa/webauthn/add/",
)  # fmt: skip


@pytest.fixture(params=SCHEMES)
def scheme(request):
    return request.param


@pytest.fixture
def window(browsing, scheme):
    return lambda person=None: browsing(person, color_scheme=scheme)


@pytest.fixture
def chat(window, alice, site):
    return Chat(window(alice).new_page(), site.url)


def is_flawless(page):
    """axe, whose script comes from its package and is put in past the policy by the browser."""
    found = Axe().run(page).response["violations"]
    told = [
        {
            "rule": one["id"],
            "nodes": [n["html"][:160] + n["failureSummary"] for n in one["nodes"][:3]],
        }
        for one in found
    ]
    assert not told, json.dumps(told, indent=1)


def test_before_signing_in(window, site, watch):
    watch.allow("status of 404")
    page = window().new_page()
    for path in OUTSIDE:
        page.goto(f"{site.url}{path}")
        is_flawless(page)


def test_inside(window, site, alice):
    alice.post(f"/conversations/{alice.has('fast short', DEMO).conversation}/archive/")
    page = window(alice).new_page()
    for path in INSIDE:
        page.goto(f"{site.url}{path}")
        is_flawless(page)


def test_a_form_with_mistakes(window, site, alice):
    page = window(alice).new_page()
    page.goto(f"{site.url}/accounts/password/change/")
    for field in page.locator("input[type=password]").all():
        field.fill("x")
    page.locator("main button[type=submit]").first.click()
    expect(page.locator(".errorlist").first).to_be_visible()
    is_flawless(page)


def test_a_conversation_with_everything_in_it(chat, alice):
    turn = alice.has("fast long think", DEMO)
    chat.opens(turn.conversation)
    chat.reply.locator("details summary").first.click()
    is_flawless(chat.page)


def test_while_a_reply_is_being_written(chat, stand_in):
    question, name = held(tokens=80, text="markdown")
    chat.begins(question)
    expect(chat.answer).to_contain_text("second point")
    is_flawless(chat.page)
    stand_in.release(name)
    chat.is_done()


def test_while_the_first_token_is_awaited(chat):
    chat.begins("Wait [[first=60000]]")
    expect(chat.reply.locator(".waiting")).to_be_visible()
    is_flawless(chat.page)
    chat.stop.click()
    chat.is_done("stopped")
    is_flawless(chat.page)


def test_a_failed_reply(chat):
    chat.begins("Try [[status=401]]")
    chat.is_done("failed")
    is_flawless(chat.page)


def test_menus_dialogs_and_forms_that_are_open(chat, alice):
    chat.opens(alice.has("Say it [[tokens=20 finish=length]]").conversation)
    page = chat.page
    for opener in (".preset-button", ".person", ".room-end .icon-button"):
        page.locator(opener).click()
        is_flawless(page)
        page.keyboard.press("Escape")
    chat.does("details")
    expect(page.locator("#details")).to_be_visible()
    is_flawless(page)
    page.keyboard.press("Escape")
    chat.does("edit", chat.said.last)
    is_flawless(page)
    page.get_by_role("button", name="Cancel").click()
    chat.title.click()
    is_flawless(page)
    page.keyboard.press("Escape")
    chat.box.fill("x" * 100_001)
    expect(chat.problem).to_be_visible()
    is_flawless(page)


def test_a_drawer_that_is_open(browsing, alice, site, scheme):
    window = browsing(alice, color_scheme=scheme, viewport={"width": 390, "height": 760})
    chat = Chat(window.new_page(), site.url).opens()
    chat.page.get_by_role("button", name="Show the conversations").click()
    expect(chat.page.locator("#sidebar")).to_be_visible()
    is_flawless(chat.page)


@pytest.fixture(scope="module")
def set_up_page(tmp_path_factory, chromium):
    """The address of a set-up that nobody has used."""
    fresh = Site(tmp_path_factory.mktemp("unused"))
    yield fresh.web.says(r"first administrator.*: (http\S+)")
    fresh.web.end()


def test_the_set_up_page(window, set_up_page):
    page = window().new_page()
    page.goto(set_up_page)
    is_flawless(page)
