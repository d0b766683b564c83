"""Presets of one's own in a browser: made from the chooser, talked to, removed; phone and keyboard."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.chat import Chat
from tests.browser.site import STAND_IN, Person


@pytest.fixture
def person(site, names):
    return Person(site, next(names))


def makes(page, site, name, model="stand-in (Stand-in)"):
    page.goto(f"{site.url}/presets/new/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Model", exact=True).select_option(label=model)


def is_flawless(page):
    found = Axe().run(page).response["violations"]
    assert not found, json.dumps([(one["id"], one["nodes"][0]["html"][:200]) for one in found])


def test_one_is_made_from_the_chooser_and_talked_to(browsing, person, site, stand_in):
    page = browsing(person).new_page()
    chat = Chat(page, site.url).opens()
    page.locator(".preset-button").click()
    page.get_by_role("menuitem", name="Make a preset of your own").click()
    page.get_by_label("Name", exact=True).fill("Haiku")
    page.get_by_role("radio", name="bot").check(force=True)
    page.get_by_label("Model", exact=True).select_option(label="stand-in (Stand-in)")
    page.get_by_label("Instructions").fill("Three lines, no more.")
    page.get_by_role("button", name="Make the preset").click()
    expect(page.get_by_text("Haiku is yours")).to_be_visible()
    chat.opens()
    page.locator(".preset-button").click()
    page.get_by_role("menuitemradio", name="Haiku Yours").click()
    expect(page.locator("[data-preset-name]")).to_have_text("Haiku")
    expect(page.locator("#preset-menu [aria-checked=true]")).to_have_count(1)
    chat.says("Autumn [[tokens=4]]")
    chat.has_answer("Autumn [[tokens=4]]")
    said = stand_in.asked("Autumn")[0]["body"]["messages"][0]
    assert said == {"role": "system", "content": "Three lines, no more."}
    chat.does("details")
    page.locator("#details summary", has_text="Show them").click()
    expect(page.locator("#details")).to_contain_text("Three lines, no more.")


def test_removing_it_asks_and_the_conversation_stays(browsing, person, site):
    page = browsing(person).new_page()
    makes(page, site, "Short-lived")
    page.get_by_role("button", name="Make the preset").click()
    chat = Chat(page, site.url).opens()
    page.locator(".preset-button").click()
    page.get_by_role("menuitemradio", name="Short-lived").click()
    chat.says("Stay [[tokens=4]]")
    chat.has_answer("Stay [[tokens=4]]")
    conversation = chat.conversation
    page.goto(f"{site.url}/presets/")
    page.get_by_role("link", name=re.compile("Remove.*Short-lived")).click()
    page.get_by_role("button", name="Remove the preset").click()
    expect(page.get_by_text("You have none yet.")).to_be_visible()
    chat.opens(conversation)
    chat.has_answer("Stay [[tokens=4]]")
    expect(page.get_by_text("This preset isn’t offered to you any more.")).to_be_visible()
    chat.takes(STAND_IN)
    chat.says("Go on [[tokens=3]]")
    chat.has_answer("Go on [[tokens=3]]")


def test_what_does_not_fit_is_said_while_one_writes(browsing, person, site, watch):
    watch.allow("status of 400")
    page = browsing(person).new_page()
    makes(page, site, "Hot")
    page.locator(".preset-parameters > summary").click()
    page.get_by_label("Temperature").fill("7")
    expect(page.locator("#id_temperature_refused")).to_contain_text("0 to 2")
    page.get_by_role("button", name="Make the preset").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing is saved yet")
    expect(page.get_by_label("Temperature")).to_have_value("7")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_flawless_and_fit_a_phone(browsing, person, site, scheme):
    page = browsing(person, color_scheme=scheme, viewport={"width": 360, "height": 740}).new_page()
    makes(page, site, f"Phone {scheme}")
    page.get_by_role("button", name="Add a fallback").press("Enter")
    page.locator("#id_fallbacks select").last.select_option(label="stand-in-small (Stand-in)")
    page.locator(".preset-parameters > summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    is_flawless(page)
    page.get_by_role("button", name="Make the preset").click()
    expect(page.get_by_text("is yours")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    is_flawless(page)
    page.get_by_role("link", name="Remove").first.click()
    is_flawless(page)
