"""The administrator's first hour, from the set-up link to the board, with the first colleague in it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chat import Chat
from tests.browser.site import PASSWORD, Site

QUESTION = "Good day [[tokens=40]]"


@pytest.fixture
def site(stand_in, tmp_path):
    site = Site(tmp_path / "first-hour")
    yield site
    site.web.end()


@pytest.fixture
def ada(browsing):
    return browsing(viewport={"width": 1280, "height": 900}).new_page()


@pytest.fixture
def bob(browsing):
    return browsing().new_page()


@pytest.mark.timeout(240)
def test_the_first_hour(site, stand_in, ada, bob, watch):
    sets_up(ada, site)
    adds_a_provider(ada, site, stand_in)
    checks_the_connection(ada)
    prices_the_model(ada, site)
    changes_the_preset(ada, site)
    link = invites(ada, site)
    comes_by(bob, link)
    sets_a_budget(ada, site, "0.012")
    talks(bob, site)
    watch.allow("status of 402")
    watch.allow("Status Error Code 402")
    reads_why_not_and_asks_for_more(bob, site)
    approves(ada, site)
    talks(bob, site)
    finds_every_cent_on_the_board(ada, site)


def menu(page, name):
    """By the administration's own navigation, in which an icon stands before the name."""
    page.get_by_role("link").filter(has_text=re.compile(rf"{name}\s*$")).first.click()


def sets_up(page, site):
    page.goto(site.web.says(r"first administrator.*: (http\S+)"))
    page.get_by_label("Username").fill("ada")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    page.get_by_label("Password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    Chat(page, site.url).is_ready()
    page.locator(".person").click()
    page.get_by_role("menuitem", name="Administration").click()
    expect(page.get_by_role("heading", name="First steps")).to_be_visible()


def adds_a_provider(page, site, stand_in):
    menu(page, "Providers")
    page.goto(f"{site.url}/admin/conversations/provider/add/")
    page.get_by_role("link", name="OpenAI-compatible server").click()
    page.get_by_label("Name").fill("House models")
    page.get_by_label("Base URL").fill(f"{stand_in.url}/v1")
    page.locator("[name=new_key]").fill("a-key-that-nobody-reads-4321")
    page.get_by_label("Add models").fill("house-model")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Presets to talk to: house-model")).to_be_visible()
    expect(page.get_by_text("nobody-reads")).to_have_count(0)


def checks_the_connection(page):
    page.get_by_role("link", name="Test the connection").click()
    page.get_by_role("button", name="Test the connection").click()
    expect(page.locator(".parley-steps .is-passed")).to_have_count(4)


def prices_the_model(page, site):
    menu(page, "Models")
    page.get_by_role("link", name="house-model").click()
    page.get_by_label("Tokens read, $ per million", exact=False).first.fill("1")
    page.get_by_label("Tokens written, $ per million").fill("100")
    page.get_by_role("button", name="Add the price").click()
    expect(page.get_by_text("counts now")).to_be_visible()


def changes_the_preset(page, site):
    menu(page, "Presets")
    page.get_by_role("link", name="house-model").first.click()
    page.get_by_label("Instructions").fill("You help {name}. Today is {date}.")
    page.get_by_label("Longest answer").fill("60")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()


def invites(page, site):
    menu(page, "Invitations")
    page.goto(f"{site.url}/admin/conversations/onetimelink/add/")
    page.get_by_role("button", name="Invite").click()
    return page.get_by_role("textbox", name="Link").input_value()


def comes_by(page, link):
    page.goto(link)
    page.get_by_label("Email").fill("bob@example.com")
    page.get_by_label("Username").fill("bob")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password (again)").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()


def sets_a_budget(page, site, dollars):
    menu(page, "Budgets")
    page.goto(f"{site.url}/admin/conversations/budget/add/")
    page.get_by_label("Counts").select_option("each_person")
    page.get_by_label("Amount").fill(dollars)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list")).to_contain_text("Each person")
    expect(page.locator("#result_list")).to_contain_text(f"${dollars}")


def talks(page, site):
    chat = Chat(page, site.url)
    chat.begins(QUESTION, "house-model")
    chat.has_answer(QUESTION)


def reads_why_not_and_asks_for_more(page, site):
    """Four thousand nanodollars were spent for each of forty tokens: too little is left for sixty."""
    chat = Chat(page, site.url).opens()
    chat.takes("house-model")
    page.locator("#text").fill("And another one [[tokens=40]]")
    expect(page.locator("#composer-budget")).to_contain_text("Each person, a month")
    chat.says("And another one [[tokens=40]]")
    problem = page.locator("[data-problem]")
    expect(problem).to_contain_text("has $0.0")
    expect(page.locator("#text")).to_have_value("And another one [[tokens=40]]")
    problem.get_by_role("link", name="My usage").click()
    page.get_by_text("Ask for more").click()
    page.locator("details.ask [name=amount]").fill("0.05")
    page.locator("details.ask [name=reason]").fill("A long report")
    page.get_by_role("button", name="Send the request").click()
    expect(page.get_by_role("button", name="Take it back")).to_be_visible()


def approves(page, site):
    page.goto(f"{site.url}/admin/")
    page.get_by_role("link", name=re.compile("asks for more|Requests|request")).first.click()
    page.get_by_role("link", name="bob").first.click()
    expect(page.locator(".parley-facts")).to_contain_text("A long report")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved. It counts from now on.")).to_be_visible()


def finds_every_cent_on_the_board(page, site):
    page.goto(f"{site.url}/admin/")
    expect(page.get_by_role("heading", name="First steps")).to_have_count(0)
    spent = page.locator("main, #content").get_by_text(re.compile(r"^\$0\.00[89]")).first
    expect(spent).to_be_visible()
    page.get_by_role("link", name="bob").first.click()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    (line,) = site.command("check_ledger")
    assert line.startswith("The ledger agrees: 3 entries")
