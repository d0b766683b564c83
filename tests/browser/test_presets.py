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
