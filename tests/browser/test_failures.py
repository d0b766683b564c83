"""Replies that fail say why in a sentence, and can be tried again."""

import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.site import Person, answer_to

WORDS = {
    "status=401": "The provider refused the key. An administrator has to look at it.",
    "status=500": "The provider had a fault of its own.",
    "status=402": "The account at the provider is used up.",
    "status=404": "The provider doesn’t know this model any more.",
    "html=yes": "The provider’s answer couldn’t be read.",
}


@pytest.mark.parametrize("directive", WORDS)
def test_a_refusal_is_told_in_a_sentence(chat, directive):
    chat.begins(f"Try {uuid.uuid4()} [[{directive}]]")
    chat.is_done("failed")
    expect(chat.notice).to_contain_text(WORDS[directive])
    expect(chat.notice.get_by_role("button", name="Try again")).to_be_visible()
    expect(chat.notice.get_by_role("button", name="Continue")).to_have_count(0)
    chat.reloads()
    expect(chat.notice).to_contain_text(WORDS[directive])


def test_trying_again_works_once_the_provider_does(chat):
    question = f"Try {uuid.uuid4()} [[tokens=8 status=401 fails=1]]"
    chat.begins(question)
    chat.is_done("failed")
    chat.tries_again(button=chat.notice.get_by_role("button", name="Try again"))
    chat.has_answer(question)
    chat.shows(said=1, replies=1)
    expect(chat.reply.locator(".branches [data-count]")).to_have_text("2/2")


def test_a_fault_before_the_first_token_that_passes_is_not_shown(chat, stand_in):
    mark = str(uuid.uuid4())
    question = f"Try {mark} [[tokens=8 status=500 fails=1]]"
    chat.begins(question)
    chat.has_answer(question)
    expect(chat.notice).to_have_count(0)
    assert len(stand_in.asked(mark)) == 2


def test_a_fault_midway_keeps_the_text_and_says_what_failed(chat):
    question = "Try [[tokens=10 error=500]]"
    chat.begins(question)
    chat.is_done("failed")
    chat.has_text(answer_to(question))
    expect(chat.notice).to_contain_text("The provider had a fault of its own.")
    expect(chat.notice.get_by_role("button", name="Try again")).to_be_visible()
    chat.notice.get_by_role("button", name="Continue").click()
    chat.is_done("failed")


def test_an_answer_that_breaks_off_keeps_its_text_and_blames_no_restart(chat):
    question = "Try [[tokens=20 cut=10]]"
    chat.begins(question)
    chat.is_done("interrupted")
    chat.has_text(answer_to(question))
    expect(chat.notice).to_contain_text("broke off. The text so far is kept.")
    expect(chat.notice.get_by_role("button", name="Continue")).to_be_visible()


def test_a_provider_that_hangs_past_its_deadline_is_given_up(browsing, site, stand_in, chat):
    site.command(
        *("provider", "add", "Impatient", "--kind", "openai_compatible"),
        *("--base-url", f"{stand_in.url}/v1", "--model", "hurried=1/1"),
    )
    lower_the_deadline(browsing, site)
    chat.begins("Try [[hang=30]]", "hurried")
    chat.is_done("failed")
    expect(chat.notice).to_contain_text("The provider took too long to answer.")
    chat.tries_again("stand-in", button=chat.notice.get_by_role("button", name="Try again"))
    chat.stop.click()
    chat.is_done("stopped")


def lower_the_deadline(browsing, site):
    """As an administrator does it, by the provider's page."""
    site.env["DJANGO_SUPERUSER_PASSWORD"] = "a-long-and-odd-password"
    site.command(
        *("createsuperuser", "--noinput"), *("--username", "root", "--email", "root@example.com")
    )
    page = browsing(Person(site, "root", "a-long-and-odd-password")).new_page()
    page.goto(f"{site.url}/admin/conversations/provider/")
    page.get_by_role("link", name="Impatient").click()
    page.get_by_text("More", exact=True).click()
    page.locator("[name=first_byte_seconds]").fill("0.5")
    page.locator("[name=_save]").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
