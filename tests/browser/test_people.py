"""A person comes by invitation, is suspended while a reply is written, and comes back."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.chat import Chat
from tests.browser.site import PASSWORD, Person, held

GIVE = """
from conversations.models import User
person = User.objects.get(username="{name}")
{what}
person.save()
"""
# How long an open page of somebody who is suspended may stay; a busy machine takes a little more.
CLOSES_SECONDS = 5


@pytest.fixture(scope="module")
def keeper(site, names):
    """An administrator of people, and of nothing else."""
    name = next(names)
    site.command(
        "shell", "--no-imports", "-c", GIVE.format(name=name, what="person.may_people = True")
    )
    return Person(site, name)


def list_of_people(page, site, name):
    page.goto(f"{site.url}/admin/conversations/user/?q={name}")
    return page.locator("#result_list tbody tr")


def do(page, deed):
    """Ask for it on the person's page, and confirm it on the deed's own."""
    page.get_by_role("link", name=deed, exact=True).first.click()
    page.get_by_role("button", name=deed, exact=True).click()


def test_invited_registered_suspended_while_reading_and_reinstated(
    browsing, site, keeper, stand_in, watch
):
    admin = browsing(keeper).new_page()
    admin.goto(f"{site.url}/admin/conversations/onetimelink/")
    admin.goto(f"{site.url}/admin/conversations/onetimelink/add/")
    admin.get_by_role("button", name="Invite").click()
    link = admin.get_by_role("textbox", name="Link").input_value()
    admin.goto(f"{site.url}/admin/conversations/onetimelink/")
    expect(admin.get_by_text("Whoever has the link")).to_be_visible()
    assert link.rstrip("/").rpartition("/")[2] not in admin.content()

    window = browsing()
    dora = window.new_page()
    dora.goto(link)
    dora.get_by_label("Email").fill("dora@example.com")
    dora.get_by_label("Username").fill("dora")
    dora.get_by_label("Password", exact=True).fill(PASSWORD)
    dora.get_by_label("Password (again)").fill(PASSWORD)
    dora.get_by_role("button", name="Make the account").click()
    Chat(dora, site.url).is_ready()
    rows = list_of_people(admin, site, "dora")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(re.compile("active", re.I))

    question, hold = held()
    chat = Chat(dora, site.url).begins(question)
    expect(chat.answer).to_be_visible()
    chat.is_connected()
    conversation = chat.conversation
    rows.locator("a").first.click()
    watch.allow("status of 403", "status of 404", "WebSocket")
    do(admin, "Suspend")
    expect(admin.get_by_text("suspended and signed out everywhere")).to_be_visible()
    began = time.monotonic()
    expect(dora.get_by_role("heading", name="Sign in")).to_be_visible()
    assert time.monotonic() - began < CLOSES_SECONDS
    stand_in.release(hold)
    dora.goto(f"{site.url}/conversations/{conversation}/")
    expect(dora.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(dora)
    expect(dora.get_by_role("heading", name="Your account is suspended")).to_be_visible()

    do(admin, "Reinstate")
    dora.goto(site.url)
    sign_in(dora)
    back = Chat(dora, site.url).is_ready()
    expect(back.rows).to_have_count(1)
    back.opens(conversation)
    back.is_done("stopped")


def sign_in(page):
    page.get_by_label("E-mail or username").fill("dora")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_an_administrator_opens_a_conversation_and_only_reads_it(
    browsing, site, alice, names, watch
):
    name = next(names)
    site.command(
        "shell", "--no-imports", "-c", GIVE.format(name=name, what="person.may_read = True")
    )
    turn = alice.has("Between us [[tokens=8]]")
    page = browsing(Person(site, name)).new_page()
    page.goto(f"{site.url}/admin/conversations/conversation/{turn.conversation}/change/")
    expect(page.get_by_text("Between us")).to_have_count(0)
    page.get_by_label("Reason").fill("A complaint of somebody else")
    page.get_by_role("button", name="Open for reading").click()
    chat = Chat(page, site.url).is_ready().is_connected()
    expect(page.get_by_text("You read this as an administrator until")).to_be_visible()
    expect(chat.box).to_have_count(0)
    expect(chat.rows).to_have_count(0)
    chat.reply.hover()
    for deed in ("try-again", "edit"):
        for button in page.locator(f".actions [data-do={deed}]").all():
            expect(button).to_be_hidden()
    expect(chat.reply.locator(".actions [data-do=copy]")).to_be_visible()
    own = browsing(alice).new_page()
    Chat(own, site.url).opens(turn.conversation)
    expect(own.get_by_text("opened this conversation as an administrator")).to_be_visible()
