"""My usage and statements in a browser: from the menu, by keyboard, on a phone, on paper."""

import pytest
from playwright.sync_api import expect

from tests.browser.chat import Chat
from tests.browser.site import PASSWORD, STAND_IN, Person
from tests.browser.test_accessibility import is_flawless

CLARA = """
from conversations.models import User
User.objects.create_superuser("clara", "clara@example.com", "{password}")
"""
# A charge of the month before this one, in the ledger as the engine would book it.
LAST_MONTH = """
from datetime import timedelta
from django.utils import timezone
from conversations.spending import ledger
from conversations.models import LedgerEntry, User
from conversations.models.base import new_id
clara = User.objects.get(username="clara")
day = timezone.localtime().replace(day=1) - timedelta(days=3)
ledger.post([LedgerEntry(
    at=day, call_id=new_id(), completion_id=new_id(), conversation_id=new_id(), user_id=clara.pk,
    user_name=clara.display_name, provider_name="Stand-in", model_name="stand-in",
    preset_name="Stand-in", prompt_tokens=1000, completion_tokens=100, usage_source="provider",
    cost_nanos=1234567890, cost_source="price",
)])
print(f"{day:%Y-%m} {clara.pk}")
"""


@pytest.fixture(scope="module")
def clara(site):
    """An administrator."""
    site.command("shell", "-c", CLARA.format(password=PASSWORD))
    return Person(site, "clara")


@pytest.fixture(scope="module")
def booked(site, clara):
    """The month before this one and who spent in it."""
    return site.command("shell", "--no-imports", "-c", LAST_MONTH)[-1].split()


def narrow(page):
    """Whether nothing reaches beyond the window's side."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_a_reply_cost_is_found_from_the_menu(browsing, site, alice):
    alice.has("How do bridges carry load? [[tokens=40]]", STAND_IN)
    page = browsing(alice).new_page()
    chat = Chat(page, site.url).opens()
    page.locator(".person").click()
    page.get_by_role("menuitem", name="My usage").click()
    expect(chat.page).to_have_title("My usage · Parley")
    expect(page.locator(".figures dd").first).to_contain_text("$")
    expect(page.locator(".plot-bars rect").first).to_be_attached()
    row = page.get_by_role("row", name="How do bridges carry load?")
    row.get_by_role("link").click()
    expect(page.locator("#messages")).to_contain_text("How do bridges carry load?")


def test_periods_and_the_table_of_days_work_by_keyboard(browsing, site, alice):
    page = browsing(alice).new_page()
    page.goto(f"{site.url}/usage/")
    link = page.get_by_role("link", name="7 days")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator('.spans a[aria-current="page"]')).to_have_text("7 days")
    page.locator("summary", has_text="The days as a table").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".usage-table tbody tr")).to_have_count(1)


def test_a_limit_of_ones_own_refuses_the_next_message(browsing, site, names):
    bob = Person(site, next(names))
    page = browsing(bob).new_page()
    page.goto(f"{site.url}/usage/")
    expect(page.get_by_text("Nothing was used")).to_be_visible()
    page.get_by_label("A day").fill("0")
    page.get_by_role("button", name="Keep these limits").click()
    expect(page.get_by_role("status")).to_contain_text("Your own limits are changed")
    expect(page.locator(".budgets")).to_contain_text("Your own limit")
    refused = bob.post("/conversations/", text="Hello", preset=STAND_IN, client_id="one")
    assert refused.status_code == 402, refused.text
    page.get_by_label("A day").fill("")
    page.get_by_role("button", name="Keep these limits").click()
    expect(page.locator(".budgets")).to_have_count(0)
    assert bob.post("/conversations/", text="Hello", preset=STAND_IN, client_id="two").is_success


def test_a_file_of_the_entries_is_handed_over(browsing, site, alice):
    page = browsing(alice).new_page()
    page.goto(f"{site.url}/usage/")
    with page.expect_download() as handed:
        page.get_by_role("link", name="Every entry as CSV").click()
    text = handed.value.path().read_text(encoding="utf-8-sig")
    assert handed.value.suggested_filename.startswith("usage-")
    assert text.startswith('"Day","Time","Kind",')
    assert "stand-in" in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wrong_with_the_pages(browsing, site, alice, clara, booked, scheme):
    month, person = booked
    page = browsing(alice, color_scheme=scheme).new_page()
    for path in ("/usage/", "/usage/?period=12"):
        page.goto(f"{site.url}{path}")
        page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true })")
        is_flawless(page)
    page = browsing(clara, color_scheme=scheme).new_page()
    page.goto(f"{site.url}/admin/statements/{month}/person/{person}/")
    is_flawless(page)


def test_it_fits_a_phone(browsing, site, alice, clara, booked):
    month, person = booked
    view = {"width": 360, "height": 760}
    page = browsing(alice, viewport=view).new_page()
    page.goto(f"{site.url}/usage/")
    assert narrow(page)
    page = browsing(clara, viewport=view).new_page()
    for path in (
        "/admin/retention/",
        "/admin/statements/",
        f"/admin/statements/{month}/",
        f"/admin/statements/{month}/person/{person}/",
    ):
        page.goto(f"{site.url}{path}")
        assert narrow(page), path


def test_a_statement_is_reached_from_the_administration_and_printed(browsing, site, clara, booked):
    page = browsing(clara).new_page()
    page.goto(f"{site.url}/admin/statements/")
    page.locator(".parley-table tbody tr").first.get_by_role("link").first.click()
    page.get_by_role("link", name="clara", exact=True).click()
    expect(page.locator(".sheet-body")).to_contain_text("1.234567890 dollars")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator(".sheet-head")).to_be_hidden()
    paper = "getComputedStyle(document.documentElement).colorScheme"
    assert page.evaluate(paper) == "light"
    assert len(page.pdf()) > 1_000
