"""A site from its first start: set-up link, provider and preset in the administration, titles."""

import pytest
from playwright.sync_api import expect

from tests.browser.chat import Chat
from tests.browser.site import PASSWORD, Person, Site, answer_to

NAME = "ada"


@pytest.fixture(scope="module")
def site(stand_in, tmp_path_factory):
    """A fresh site that nobody administers."""
    site = Site(tmp_path_factory.mktemp("fresh"))
    yield site
    site.web.end()


@pytest.fixture(scope="module")
def link(site):
    return site.web.says(r"first administrator.*: (http\S+)")


@pytest.fixture(scope="module")
def ada(site, link):
    """The first administrator, for tests that begin with one."""
    if site.command("shell", "--no-imports", "-c", HAS_ONE) == ["no"]:
        pytest.fail("The set-up test has to come first.")
    return Person(site, NAME)


HAS_ONE = """
from conversations.models import User
print("yes" if User.objects.filter(is_superuser=True).exists() else "no")
"""


def test_the_set_up_link_makes_the_first_administrator_once(browsing, site, link, watch):
    page = browsing().new_page()
    page.goto(link)
    page.get_by_label("Username").fill(NAME)
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    page.get_by_label("Password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    chat = Chat(page, site.url).is_ready()
    chat.says("fast short")
    chat.is_done()
    page.locator(".person").click()
    expect(page.get_by_role("menuitem", name="Administration")).to_be_visible()
    watch.allow("status of 404")
    stranger = browsing().new_page()
    assert stranger.goto(link).status == 404


def test_the_administrator_adds_a_provider_with_a_preset_and_talks_to_it(
    browsing, site, ada, stand_in
):
    page = browsing(ada).new_page()
    page.goto(f"{site.url}/admin/conversations/provider/add/")
    page.get_by_role("link", name="OpenAI-compatible server").click()
    page.locator("[name=name]").fill("House models")
    page.locator("[name=base_url]").fill(f"{stand_in.url}/v1")
    page.locator("[name=new_key]").fill("secret-key-1234")
    page.locator("[name=new_models]").fill("house-model")
    page.locator("[name=_save]").click()
    expect(page.get_by_text("Presets to talk to: house-model")).to_be_visible()
    expect(page.get_by_text("secret-key")).to_have_count(0)
    chat = Chat(page, site.url)
    chat.begins("Good day [[tokens=8]]", "house-model")
    chat.has_answer("Good day [[tokens=8]]")
    asked = stand_in.asked("Good day")[0]
    assert asked["headers"]["authorization"] == "Bearer secret-key-1234"
    assert asked["body"]["model"] == "house-model"


def test_an_administrator_reads_the_providers_own_words(browsing, site, ada):
    chat = Chat(browsing(ada).new_page(), site.url)
    chat.begins("Try [[status=401]]", "house-model")
    chat.is_done("failed")
    chat.does("details")
    expect(chat.page.locator("#details")).to_contain_text("The stand-in was told to answer 401")
    expect(chat.page.locator("#details")).to_contain_text("req-stand-in")


def test_a_preset_that_writes_titles_names_the_conversation_after_the_first_exchange(
    browsing, site, ada
):
    page = browsing(ada).new_page()
    page.goto(f"{site.url}/admin/conversations/preset/add/")
    page.locator("[name=name]").fill("Titles")
    page.locator("[name=slug]").fill("titles")
    page.locator("[name=language_model]").select_option(index=2)
    page.locator("[name=writes_titles]").check()
    page.locator("[name=_save]").click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    chat = Chat(page, site.url)
    question = "Name this [[tokens=5 seed=7]]"
    chat.begins(question, "house-model")
    chat.has_answer(question)
    title = answer_to(question)
    expect(chat.title).to_have_text(title)
    expect(chat.rows.first).to_contain_text(title)
    expect(chat.page).to_have_title(f"{title} · Parley")
    chat.says("More [[tokens=3 seed=2]]")
    chat.has_answer("More [[tokens=3 seed=2]]")
    expect(chat.title).to_have_text(title)


def test_a_title_of_ones_own_is_not_overwritten(browsing, site, ada, stand_in):
    chat = Chat(browsing(ada).new_page(), site.url)
    question = "Keep mine [[tokens=10 hold=mine]]"
    chat.begins(question, "house-model")
    expect(chat.answer).to_be_visible()
    chat.title.click()
    field = chat.page.get_by_role("textbox", name="Title")
    field.fill("My own title")
    field.press("Enter")
    expect(chat.title).to_have_text("My own title")
    stand_in.release("mine")
    chat.has_answer(question)
    chat.reloads()
    expect(chat.title).to_have_text("My own title")
