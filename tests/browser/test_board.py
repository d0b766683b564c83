"""The board and the ledger in a browser: plots are drawn, figures lead to their rows, nothing overflows."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.site import PASSWORD, Person, Site

NAME = "user-board"
MAKE = f"""
from datetime import timedelta
from django.utils import timezone
from conversations.spending import ledger
from conversations.oversight.alerting import raise_alert
from conversations.models import LedgerEntry, User
from conversations.models.base import new_id
ada = User.objects.get(username={NAME!r})
ada.is_superuser = True
ada.save()
now = timezone.now()
ledger.post([
    LedgerEntry(
        at=now - timedelta(days=day), call_id=new_id(), completion_id=new_id(),
        conversation_id=new_id(), user_id=ada.pk, user_name="Ada Board", provider_id=new_id(),
        provider_name="Provider", model_name="model", preset_name="Preset", prompt_tokens=10,
        completion_tokens=5, usage_source="provider", cost_nanos=(day + 1) * 10**9,
        cost_source="price",
    )
    for day in range(5)
])
raise_alert("provider_failing", "board-test", "The failing one", "12 of 20 calls failed.")
"""
PEOPLE = f"""
from django.contrib.auth.hashers import make_password
from conversations.models import User
User.objects.create_user({NAME!r}, "board@example.com", {{password!r}})
"""
INK = "() => document.querySelector('.chart') && Chart.getChart(document.querySelector('.chart')).data.datasets[0].data.length"


@pytest.fixture(scope="module")
def site(chromium, tmp_path_factory):
    """A site of its own: what other tests spend would be on the board."""
    site = Site(tmp_path_factory.mktemp("board"))
    yield site
    site.web.end()


@pytest.fixture(scope="module")
def ada(site):
    """An administrator on a site where something was spent."""
    site.command("shell", "--no-imports", "-c", PEOPLE.format(password=PASSWORD))
    site.command("shell", "--no-imports", "-c", MAKE)
    return Person(site, NAME)


@pytest.fixture
def board(browsing, site, ada):
    """The board at a width, in light or dark."""

    def opened(width=1280, scheme="light", path=""):
        size = {"width": width, "height": 900}
        page = browsing(ada, viewport=size, color_scheme=scheme).new_page()
        page.goto(f"{site.url}/admin/{path}")
        return page

    return opened


def test_plots_are_drawn_and_a_figure_leads_to_its_rows(board):
    page = board(path="?period=7days")
    page.wait_for_function(INK)
    assert page.evaluate(INK) == 7
    spent = page.locator(".parley-figures div", has_text="Spend in the period").get_by_role("link")
    expect(spent).to_have_text("$15.00")
    spent.click()
    expect(page.locator(".parley-figures")).to_contain_text("$15.00")
    expect(page.locator("#result_list tbody tr")).to_have_count(5)


def test_a_row_leads_to_its_entries_and_the_filter_says_so(board):
    page = board(path="?period=7days")
    page.locator("#person").get_by_role("link", name="Ada Board").click()
    expect(page.locator(".parley-figures")).to_contain_text("$15.00")
    page.locator("#changelist a", has_text="Filters").first.click()
    expect(page.get_by_label("Person", exact=True)).to_have_value(page.url.split("person=")[1])


def test_filters_and_the_persons_menu_open_by_keyboard(board):
    page = board(path="conversations/ledgerentry/?period=7days")
    page.get_by_role("button", name="Filters").press("Enter")
    kind = page.get_by_label("Kind", exact=True)
    expect(kind).to_be_visible()
    kind.select_option("correction")
    page.get_by_role("button", name="Apply Filters").press("Enter")
    expect(page.get_by_text("Nothing here fits the search and the filters.")).to_be_visible()
    page.locator("#nav-sidebar-inner [role=button]", has_text="board@example.com").press(" ")
    expect(page.get_by_text("Log out")).to_be_visible()


def test_the_table_is_downloaded_as_it_is_shown(board):
    page = board(path="?period=7days")
    with page.expect_download() as started:
        page.locator("#person .parley-csv").click()
    text = started.value.path().read_text(encoding="utf-8-sig")
    assert '"Ada Board",15.000000000,5,50,25,0' in text.replace('"15.000000000"', "15.000000000")


def test_an_alert_is_closed_with_its_button(board):
    page = board()
    row = page.locator(".parley-open li").filter(has_text="The failing one")
    row.get_by_role("button", name="Close").click()
    expect(page.get_by_text("Closed: The failing one")).to_be_visible()
    expect(row).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_no_page_is_wider_than_its_window(board, width):
    for path in (
        "",
        "conversations/ledgerentry/",
        "conversations/auditentry/",
        "conversations/alert/",
    ):
        page = board(width, path=path)
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, path


def test_the_appearance_is_that_of_the_site_and_goes_back_to_it(board, site):
    page = board(scheme="light")
    html = page.locator("html")
    expect(html).not_to_have_class("dark")
    page.evaluate("localStorage.setItem('parley:theme', 'dark')")
    page.goto(f"{site.url}/admin/conversations/alert/")
    expect(html).to_have_class("dark")
    page.evaluate("window.dispatchEvent(new KeyboardEvent('keydown', {key: 'e', ctrlKey: true}))")
    expect(html).to_have_class("light")
    assert json.loads(page.evaluate("localStorage.getItem('adminTheme')")) == "light"
    page.goto(site.url)
    expect(html).to_have_attribute("data-theme", "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_board_itself_has_nothing_that_axe_finds(board, scheme):
    page = board(scheme=scheme, path="?period=7days")
    page.wait_for_function(INK)
    found = Axe().run(page, context=".parley-board").response["violations"]
    told = [(one["id"], [node["target"] for node in one["nodes"]]) for one in found]
    assert told == []
