"""The administrator's way from a provider's listing to a preset, in a browser."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.chat import Chat
from tests.browser.site import PASSWORD, Person

ADA = """
from conversations.models import User
User.objects.create_superuser("ada", "ada@example.com", "{password}")
"""
SEED = str(2**63 - 1)


@pytest.fixture(scope="module")
def ada(site):
    site.command("shell", "-c", ADA.format(password=PASSWORD))
    return Person(site, "ada")


@pytest.fixture
def page(browsing, ada):
    return browsing(ada).new_page()


@pytest.fixture(scope="module", autouse=True)
def providers(site, stand_in):
    """One whose models are few, and one of another kind at the same stand-in."""
    url = f"{stand_in.url}/v1"
    site.command("provider", "add", "Few", "--kind", "openai_compatible", "--base-url", url)
    site.command("provider", "add", "Cloud", "--kind", "cloudflare", "--option", "account_id=a1")
    site.command("provider", "add", "Deep", "--kind", "deepinfra", "--base-url", url)


def opens_provider(page, site, name):
    page.goto(f"{site.url}/admin/conversations/provider/")
    page.get_by_role("link", name=name, exact=True).click()


def opens_preset(page, site, model):
    page.goto(f"{site.url}/admin/conversations/preset/add/")
    page.select_option("#id_language_model", label=model)


def test_a_connection_is_tested_step_by_step(page, site):
    opens_provider(page, site, "Few")
    page.get_by_role("link", name="Test connection").click()
    page.get_by_role("button", name="Test the connection").click()
    steps = page.locator(".parley-steps > li")
    expect(steps).to_have_count(4)
    expect(page.locator(".is-failed")).to_have_count(0)
    expect(steps.last).to_contain_text("answers, its first token after")


def test_listed_models_are_offered_as_far_as_they_are_ticked(page, site):
    opens_provider(page, site, "Few")
    page.get_by_role("link", name="Sync models").click()
    page.get_by_label("stand-in-small").check()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("A preset to talk to: stand-in-small")).to_be_visible()
    page.get_by_role("link", name="Sync models").click()
    expect(page.locator("#new-models tbody tr")).to_have_count(1)


def test_the_form_shows_what_the_chosen_model_takes(page, site):
    opens_preset(page, site, "Qwen/Qwen2.5-7B-Instruct (Deep)")
    expect(page.locator("#id_min_p")).to_be_visible()
    expect(page.locator("#id_lora")).to_be_hidden()
    expect(page.locator("#id_temperature_helptext")).to_contain_text("0 to 2; default 1")
    page.select_option("#id_language_model", label="@cf/qwen/qwen2.5-coder-32b-instruct (Cloud)")
    expect(page.locator("#id_min_p")).to_be_hidden()
    expect(page.locator("#id_lora")).to_be_visible()
    expect(page.locator("#id_temperature_helptext")).to_contain_text("0 to 5; default 0.6")
    forms = page.locator("#id_response_format option:not([hidden])")
    expect(forms).to_have_text(["Leave it to the provider", "json_object", "json_schema"])


def test_a_value_that_the_new_model_does_not_take_stays_in_sight(page, site):
    opens_preset(page, site, "Qwen/Qwen2.5-7B-Instruct (Deep)")
    page.locator("#id_min_p").fill("0.1")
    page.select_option("#id_language_model", label="@cf/qwen/qwen2.5-coder-32b-instruct (Cloud)")
    expect(page.locator("#id_min_p")).to_be_visible()
    expect(page.locator("#id_min_p_helptext")).to_contain_text("doesn't take it")
    page.locator("#id_name").press_sequentially("Wrong")
    page.locator("[name=_save]").click()
    expect(page.locator(".errorlist")).to_contain_text("Min p: this model doesn't take it.")
    expect(page.locator("#id_min_p")).to_have_value("0.1")


def test_a_large_seed_goes_exactly_from_the_form_to_the_provider_and_to_the_details(
    page, site, stand_in
):
    opens_preset(page, site, "Qwen/Qwen2.5-7B-Instruct (Deep)")
    page.locator("#id_name").press_sequentially("Seeded")
    expect(page.locator("#id_slug")).to_have_value("seeded")
    page.locator("#id_seed").fill(SEED)
    page.locator("[name=_save]").click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    chat = Chat(page, site.url).begins("Sow [[tokens=4]]", "seeded")
    chat.is_done()
    assert json.dumps(stand_in.asked("Sow")[0]["body"]["seed"]) == SEED
    chat.does("details")
    expect(page.locator("#details")).to_contain_text(f"seed {SEED}")


def test_what_would_be_refused_is_said_at_its_field_while_one_writes(page, site):
    opens_preset(page, site, "Qwen/Qwen2.5-7B-Instruct (Deep)")
    page.locator("#id_temperature").fill("9")
    refused = page.locator("#id_temperature_refused")
    expect(refused).to_contain_text("Qwen/Qwen2.5-7B-Instruct: Temperature: 9 is out of bounds")
    expect(page.locator("[data-check-status]")).to_contain_text("Temperature: 9")
    page.locator("#id_temperature").fill("1")
    expect(refused).to_have_count(0)
    expect(page.locator("[data-check-status]")).to_have_text("Everything fits now.")
    expect(page.locator("#id_name + .errorlist")).to_have_count(0)


def test_fallbacks_are_ordered_by_keyboard_and_saved_so(page, site):
    opens_preset(page, site, "stand-in (Stand-in)")
    page.locator("#id_name").press_sequentially("Ordered")
    rows = page.locator("#id_fallbacks li select")
    for label in ("stand-in-small (Stand-in)", "Qwen/Qwen2.5-7B-Instruct (Deep)"):
        page.get_by_role("button", name="Add a fallback").press("Enter")
        expect(rows.last).to_be_focused()
        rows.last.select_option(label=label)
    page.get_by_role("button", name="Earlier").last.press("Enter")
    expect(page.get_by_role("button", name="Later").first).to_be_focused()
    page.get_by_role("button", name="Add a fallback").press("Enter")
    page.get_by_role("button", name="Remove").last.press("Enter")
    expect(rows).to_have_count(2)
    page.locator("[name=_continue]").click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    chosen = [row.evaluate("one => one.selectedOptions[0].text") for row in rows.all()]
    assert chosen == ["Qwen/Qwen2.5-7B-Instruct (Deep)", "stand-in-small (Stand-in)"]


def test_versions_are_listed_and_restored(page, site):
    opens_preset(page, site, "stand-in (Stand-in)")
    page.locator("#id_name").press_sequentially("Versioned")
    page.locator("#id_system_text").fill("Be brief.")
    page.locator("[name=_continue]").click()
    page.locator("#id_system_text").fill("Be long.")
    page.locator("[name=_continue]").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    page.get_by_role("link", name="Versions").click()
    expect(page.locator(".parley-versions > li")).to_have_count(2)
    expect(page.locator(".parley-lines del")).to_contain_text("Be brief.")
    expect(page.locator(".parley-lines ins")).to_contain_text("Be long.")
    page.get_by_role("button", name="Restore this version").click()
    expect(page.get_by_text("Version 1 is back, as version 3.")).to_be_visible()
    page.get_by_role("link", name="Back to the preset").click()
    expect(page.locator("#id_system_text")).to_have_value("Be brief.")
