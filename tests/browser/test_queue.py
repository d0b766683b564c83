"""More calls than a provider may get at once: who waits sees their place, and can stop."""

import pytest
from playwright.sync_api import expect

from tests.browser.site import answer_to, held

ONE = "one-at-a-time"
FURNISH = """
from conversations.models import Provider
Provider.objects.filter(name="Single").update(concurrency=1)
"""


@pytest.fixture(scope="module", autouse=True)
def single(site, stand_in):
    """A provider that takes one call at a time."""
    site.command(
        *("provider", "add", "Single", "--kind", "openai_compatible"),
        *("--base-url", f"{stand_in.url}/v1", "--model", ONE),
    )
    site.command("shell", "-c", FURNISH)


def test_who_waits_sees_their_place_and_then_the_answer(chat, tab, stand_in):
    first, name = held(tokens=10)
    chat.begins(first, ONE)
    expect(chat.answer).to_contain_text(answer_to(first).split()[0])
    second = tab().begins("And I? [[tokens=6]]", ONE)
    third = tab().begins("And I, too? [[tokens=6]]", ONE)
    expect(second.reply.locator(".waiting")).to_contain_text("number 1 in the queue")
    expect(third.reply.locator(".waiting")).to_contain_text("number 2 in the queue")
    second.stop.click()
    second.is_done("stopped")
    expect(third.reply.locator(".waiting")).to_contain_text("number 1 in the queue")
    stand_in.release(name)
    chat.has_answer(first)
    third.has_answer("And I, too? [[tokens=6]]")
