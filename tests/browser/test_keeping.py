"""Renaming, putting away, deleting and taking back."""

import re
import uuid

import pytest
from playwright.sync_api import expect

QUESTION = "Keep this [[tokens=4]]"


@pytest.fixture
def talk(chat, alice):
    """A tab with a finished conversation of its own name."""
    chat.opens(alice.has(f"{uuid.uuid4().hex[:6]} {QUESTION}").conversation).is_connected()
    return chat


def row_of(chat, conversation=""):
    return chat.page.locator(f'.side-row[data-id="{conversation or chat.conversation}"]')


def from_head(chat, deed):
    chat.page.get_by_role("button", name="More").click()
    chat.page.locator(f"#room-menu [data-do={deed}]").click()


def from_row(chat, deed, conversation=""):
    row = row_of(chat, conversation)
    row.hover()
    row.locator("[popovertarget=row-menu]").click()
    chat.page.locator(f"#row-menu [data-do=row-{deed}]").click()


def rename(chat, title):
    field = chat.page.get_by_role("textbox", name="Title")
    field.fill(title)
    field.press("Enter")


def test_a_click_on_the_title_renames(talk):
    talk.title.click()
    rename(talk, "Harbour lights")
    for one in (talk.title, row_of(talk).locator(".side-title")):
        expect(one).to_have_text("Harbour lights")
    expect(talk.page).to_have_title("Harbour lights · Parley")
    talk.reloads()
    expect(talk.title).to_have_text("Harbour lights")


def test_a_row_of_the_list_renames_and_another_tab_follows(talk, tab):
    other = tab().opens(talk.conversation).is_connected()
    from_row(talk, "rename")
    rename(talk, "Seven gardeners")
    for one in (talk, other):
        expect(one.title).to_have_text("Seven gardeners")
        expect(row_of(one).locator(".side-title")).to_have_text("Seven gardeners")


def test_escape_leaves_the_title_as_it_was(talk):
    before = talk.title.inner_text()
    from_head(talk, "rename")
    field = talk.page.get_by_role("textbox", name="Title")
    field.fill("Never")
    field.press("Escape")
    expect(talk.title).to_have_text(before)
    talk.reloads()
    expect(talk.title).to_have_text(before)


def test_who_renames_a_stale_title_is_told_the_present_one(talk, alice, watch):
    watch.allow("status of 409")
    talk.page.route_web_socket("**/ws/**", lambda socket: None)
    talk.reloads()
    alice.post(f"/conversations/{talk.conversation}/rename/", title="The present title")
    talk.title.click()
    rename(talk, "Too late")
    expect(talk.toast).to_contain_text("Somebody renamed it meanwhile.")
    expect(talk.title).to_have_text("The present title")


def test_archiving_hides_it_and_it_comes_back_from_the_archive(talk, site):
    pk, title = talk.conversation, talk.title.inner_text()
    from_head(talk, "archive")
    expect(talk.toast).to_contain_text("Archived.")
    expect(row_of(talk, pk)).to_have_count(0)
    expect(talk.page).to_have_url(f"{site.url}/")
    talk.reloads()
    expect(row_of(talk, pk)).to_have_count(0)
    talk.page.goto(f"{site.url}/archived/")
    talk.page.get_by_role("button", name=re.compile(f"Bring back.*{title[:6]}")).click()
    expect(talk.page.get_by_role("link", name=title)).to_have_count(0)
    talk.opens(pk)
    expect(row_of(talk, pk)).to_be_visible()


def test_archiving_can_be_undone_at_once(talk):
    pk = talk.conversation
    from_row(talk, "archive")
    talk.toast.get_by_role("button", name="Undo").click()
    expect(row_of(talk, pk)).to_be_visible()
    expect(talk.title).to_be_visible()


def test_an_archived_conversation_says_so_and_can_be_brought_back(talk, alice):
    alice.post(f"/conversations/{talk.conversation}/archive/")
    talk.reloads()
    expect(talk.page.get_by_text("This conversation is archived.")).to_be_visible()
    talk.page.get_by_role("button", name="Bring it back").click()
    talk.is_ready()
    expect(talk.page.get_by_text("This conversation is archived.")).to_have_count(0)
    expect(row_of(talk)).to_be_visible()


def test_a_deletion_can_be_undone(talk):
    pk = talk.conversation
    from_head(talk, "delete")
    expect(row_of(talk, pk)).to_have_count(0)
    talk.toast.get_by_role("button", name="Undo").click()
    expect(row_of(talk, pk)).to_be_visible()
    talk.shows(said=1, replies=1)
    talk.reloads()
    talk.shows(said=1, replies=1)


def test_a_deletion_that_stands_takes_the_page_away_everywhere(talk, tab, site, watch):
    pk = talk.conversation
    other = tab().opens(pk).is_connected()
    from_row(talk, "delete")
    expect(talk.toast).to_have_count(1)
    expect(talk.toast).to_contain_text("Deleted.")
    talk.toast.get_by_role("button", name="Close").click()
    expect(talk.toast).to_have_count(0)
    watch.allow("status of 404")
    expect(other.page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    assert talk.page.goto(f"{site.url}/conversations/{pk}/").status == 404


def test_another_row_can_be_deleted_while_this_one_stays(talk, alice):
    pk = alice.has("Somewhere else [[tokens=3]]").conversation
    talk.reloads()
    here = talk.conversation
    from_row(talk, "delete", pk)
    expect(row_of(talk, pk)).to_have_count(0)
    assert talk.conversation == here
