"""Trying a preset out beside its form: the answer streams as plain text, can be stopped, says what it cost."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.site import PASSWORD, Person, answer_to, until

ADA = """
from conversations.models import User
User.objects.create_superuser("lovelace", "lovelace@example.com", "{password}")
"""


@pytest.fixture(scope="module")
def lovelace(site):
    site.command("shell", "-c", ADA.format(password=PASSWORD))
    return Person(site, "lovelace")


@pytest.fixture
def page(browsing, lovelace, site):
    """The form of a new preset."""
    page = browsing(lovelace).new_page()
    page.goto(f"{site.url}/admin/conversations/preset/add/")
    page.select_option("#id_language_model", label="stand-in (Stand-in)")
    return page


def asks(page, text):
    page.get_by_label("Question").fill(text)
    page.get_by_role("button", name="Ask").click()


def answer(page):
    return page.locator("[data-answer]")


def figures(page):
    return page.locator("[data-figures]")


def test_what_the_form_says_now_answers_and_nothing_is_saved(page, stand_in):
    page.locator("#id_system_text").fill("Be kind to {name}.")
    page.locator("#id_temperature").fill("0.3")
    asks(page, "Whole [[tokens=12]]")
    expect(answer(page)).to_have_text(answer_to("Whole [[tokens=12]]"))
    expect(figures(page)).to_have_text(
        re.compile(r"\d+ tokens read, 12 written · costs \$0\.0\d+ · first word after \d+ ms")
    )
    body = stand_in.asked("Whole")[0]["body"]
    assert body["messages"][0] == {"role": "system", "content": "Be kind to lovelace."}
    assert body["temperature"] == 0.3
    page.goto(page.url.replace("add/", ""))
    expect(page.get_by_text("Be kind")).to_have_count(0)


def test_the_answer_grows_and_is_text_whatever_it_looks_like(page, stand_in):
    asks(page, "Grow [[tokens=80 text=markdown hold=grow]]")
    expect(answer(page)).to_contain_text("**strong words**")
    expect(page.get_by_role("button", name="Ask")).to_be_disabled()
    assert answer(page).evaluate("one => one.children.length") == 0
    stand_in.release("grow")
    expect(figures(page)).to_contain_text("80 written")
    expect(page.get_by_role("button", name="Ask")).to_be_enabled()


def test_stop_ends_it_at_the_provider_and_the_next_one_may_begin(page, stand_in):
    asks(page, "Stop me [[tokens=50 hold=never-mind]]")
    expect(answer(page)).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(figures(page)).to_contain_text("Stopped")
    until(lambda: stand_in.asked("Stop me")[0]["closed_early"])
    until_free(page)
    expect(answer(page)).to_have_text(answer_to("Again [[tokens=5]]"))


def until_free(page):
    """The place is given back a moment after the stop."""
    asks(page, "Again [[tokens=5]]")
    for _time in range(20):
        if page.locator("[data-trouble]").is_hidden():
            return
        page.wait_for_timeout(250)
        asks(page, "Again [[tokens=5]]")


def test_one_at_a_time(page, browsing, lovelace, site, stand_in):
    asks(page, "First [[tokens=20 hold=first-one]]")
    expect(answer(page)).to_be_visible()
    other = browsing(lovelace).new_page()
    other.goto(page.url)
    other.select_option("#id_language_model", label="stand-in (Stand-in)")
    asks(other, "Second")
    expect(other.locator("[data-trouble]")).to_contain_text("already")
    stand_in.release("first-one")
    expect(figures(page)).to_contain_text("20 written")


def test_what_goes_wrong_is_said_in_our_words(page):
    asks(page, "Try [[status=401 says=sk-secret]]")
    expect(page.locator("[data-trouble]")).to_contain_text("did not accept the site's key")
    expect(page.locator("[data-trouble]")).not_to_contain_text("sk-secret")


def test_a_form_that_does_not_fit_is_marked_instead(page):
    page.locator("#id_temperature").fill("7")
    asks(page, "Anything")
    expect(page.locator("[data-trouble]")).to_contain_text("Mend")
    expect(page.locator("#id_temperature_refused")).to_contain_text("0 to 2")
    expect(page.locator("#id_temperature")).to_have_attribute("aria-invalid", "true")


def test_a_fallback_answers_where_the_first_model_fails(page):
    page.get_by_role("button", name="Add a fallback").press("Enter")
    page.keyboard.type("stand-in-small")
    expect(page.locator("#id_fallbacks select").last).to_have_value(re.compile(".+"))
    asks(page, "Fall [[tokens=6 status=400 fails=1]]")
    expect(page.locator("[data-model]")).to_have_text("stand-in-small answers")
    expect(figures(page)).to_contain_text("6 written")
