"""Tools and JSON answers in the page: what was called and found is seen, folded, and stays."""

import pytest
from playwright.sync_api import expect

from tests.browser.site import STAND_IN

TOOLS, JSON = "with-tools", "json"
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
FURNISH = f"""
from conversations.models import LanguageModel, Preset
from conversations.presets.offering import new_version
model = LanguageModel.objects.get(name="{STAND_IN}")
for slug, parameters in {{
    "{TOOLS}": {{"tools": ["calculate", "date_and_time"]}},
    "{JSON}": {{"response_format": "json_schema", "json_schema": {SCHEMA}}},
}}.items():
    new_version(Preset.objects.create(slug=slug, name=slug.title()), [model], parameters=parameters)
"""
CALCULATE = 'How much? [[tokens=6 tool=calculate args={"expression":"0.1+0.2"}]]'
MISFIT = 'Who? [[text=json:{"name":"Ada","age":"36"} then={"name":"Ada","age":36}]]'


@pytest.fixture(scope="module", autouse=True)
def presets(site):
    """A preset with tools, and one whose answers have to be JSON."""
    site.command("shell", "-c", FURNISH)


def test_a_call_is_shown_folded_with_arguments_and_result(chat):
    chat.begins(CALCULATE, TOOLS)
    chat.is_done()
    call = chat.reply.locator("details.part--tool_call")
    expect(call).to_have_count(1)
    expect(call.locator("summary")).to_contain_text("Calculation done")
    expect(call).not_to_have_attribute("open", "")
    call.locator("summary").click()
    expect(call).to_contain_text('"0.1+0.2"', use_inner_text=True)
    expect(call.locator('[data-piece="result"]')).to_contain_text("0.3")
    expect(chat.reply.locator(".part")).to_have_count(3)
    shown = call.inner_text()
    chat.reloads()
    call.locator("summary").click()
    assert call.inner_text() == shown


def test_arguments_that_cannot_be_read_are_shown_and_not_run(chat):
    chat.begins('Broken [[tokens=3 tool=calculate args={"expr]]', TOOLS)
    chat.is_done()
    call = chat.reply.locator("details.part--tool_call")
    expect(call.locator("summary")).to_contain_text("not run")
    call.locator("summary").click()
    expect(call).to_contain_text('{"expr')


def test_a_json_answer_that_does_not_fit_is_told_and_repaired_once(chat):
    chat.begins(MISFIT, JSON)
    chat.is_done()
    expect(chat.notice).to_contain_text("at $.age")
    expect(chat.reply.locator("[data-fault]")).to_contain_text("36")
    chat.reloads()
    expect(chat.notice).to_contain_text("at $.age")
    chat.notice.get_by_role("button", name="Have it repaired").click()
    expect(chat.reply.locator(".branches [data-count]")).to_have_text("2/2")
    chat.is_done()
    expect(chat.reply.locator(".figures")).to_contain_text("valid JSON")
    expect(chat.notice).to_have_count(0)


def test_a_repair_that_fails_offers_no_other(chat):
    chat.begins(MISFIT.replace('"age":36}', '"age":null}'), JSON)
    chat.is_done()
    chat.notice.get_by_role("button", name="Have it repaired").click()
    expect(chat.reply.locator(".branches [data-count]")).to_have_text("2/2")
    chat.is_done()
    expect(chat.notice).to_contain_text("at $.age")
    expect(chat.notice.get_by_role("button", name="Have it repaired")).to_have_count(0)


def test_json_is_a_tree_and_a_text(chat):
    chat.begins('Who? [[text=json:{"name":"Ada","age":36,"likes":["tea"]} delay=20]]', JSON)
    expect(chat.answer.locator("code")).to_contain_text('"name')
    chat.is_done()
    tree, text = chat.answer.locator(".json-tree"), chat.answer.locator("pre")
    expect(tree).to_be_visible()
    expect(text).to_be_hidden()
    chat.answer.get_by_role("button", name="Text").click()
    expect(tree).to_be_hidden()
    expect(text).to_contain_text('"likes": [')
    chat.answer.get_by_role("button", name="Tree").click()
    expect(tree).to_be_visible()
