"""An administrator's way with a provider: choosing the kind, testing, a new key, prices."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from tests.browser.chat import Chat
from tests.browser.site import PASSWORD, Person, Site, until

MAKE = f"""
from conversations.models import User
User.objects.create_superuser("ada", "ada@example.com", "{PASSWORD}")
"""


class Hook(BaseHTTPRequestHandler):
    """Takes what the site posts about alerts."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.posted.append((self.headers["X-Parley-Signature"], json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def hook():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.posted = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def site(stand_in, hook, tmp_path_factory):
    """A site of its own, for what is switched here would be missed elsewhere."""
    site = Site(
        tmp_path_factory.mktemp("providers"),
        PARLEY_ALERT_WEBHOOK=f"http://127.0.0.1:{hook.server_port}/",
        PARLEY_ALERT_SECRET="a-secret-of-twenty-characters",
    )
    site.command("shell", "--no-imports", "-c", MAKE)
    yield site
    site.web.end()


@pytest.fixture(scope="module")
def ada(site):
    return Person(site, "ada")


@pytest.fixture
def page(browsing, ada):
    return browsing(ada, viewport={"width": 1280, "height": 900}).new_page()


@pytest.fixture
def house(page, site, stand_in):
    """The provider's page, whatever the tests before did."""
    page.goto(f"{site.url}/admin/conversations/provider/")
    link = page.get_by_role("link", name="House models", exact=True)
    if not link.count():
        page.goto(f"{site.url}/admin/conversations/provider/add/")
        page.get_by_role("link", name="OpenAI-compatible server").click()
        page.get_by_label("Name").fill("House models")
        page.get_by_label("Base URL").fill(f"{stand_in.url}/v1")
        page.locator("[name=new_key]").fill("house-secret-key-1234")
        page.get_by_label("Add models").fill("house-model")
        page.get_by_role("button", name="Save", exact=True).click()
        return page
    link.click()
    return page


def test_after_adding_the_page_leads_to_the_test(house):
    expect(house.get_by_text("What comes next")).to_be_visible()
    expect(house.locator(".parley-facts")).to_contain_text("…1234")
    house.get_by_role("link", name="Test the connection").click()
    house.get_by_role("button", name="Test the connection").click()
    expect(house.locator(".parley-steps .is-passed")).to_have_count(4)


def test_what_few_need_is_folded_away(house):
    expect(house.get_by_label("Seconds of silence in between")).to_be_hidden()
    house.get_by_text("More", exact=True).click()
    expect(house.get_by_label("Seconds of silence in between")).to_be_visible()


def test_a_new_key_is_tested_stored_and_the_overlap_ended(house):
    house.get_by_role("link", name="Rotate", exact=True).click()
    until = house.get_by_label("Until")
    expect(until).to_be_hidden()
    house.get_by_label("The key before").select_option("chosen")
    expect(until).to_be_visible()
    house.get_by_label("The key before").select_option("24")
    house.get_by_label("New key").fill("house-secret-key-9876")
    house.get_by_role("button", name="Test and store").click()
    expect(house.locator(".parley-facts")).to_contain_text("…9876")
    expect(house.locator(".parley-facts")).to_contain_text("…1234")
    expect(house.get_by_text("secret-key")).to_have_count(0)
    house.get_by_role("link", name="Rotate", exact=True).click()
    house.get_by_role("button", name="End the overlap now").click()
    expect(house.get_by_text("Only the new one is used")).to_be_visible()
    expect(house.locator(".parley-facts")).not_to_contain_text("…1234")


def test_a_price_is_added_planned_and_removed(house):
    house.locator(".parley-facts").get_by_role("link", name="1", exact=True).click()
    house.get_by_role("link", name="house-model").click()
    add_price(house, "0.07", "0.16")
    expect(house.get_by_text("counts now")).to_be_visible()
    house.get_by_text("Add a price").click()
    house.get_by_label("Counts from").fill("2099-01-01T00:00")
    add_price(house, "0.09", "0.2")
    expect(house.locator(".parley-prices tbody tr")).to_have_count(2)
    house.get_by_role("button", name="Remove").click()
    expect(house.get_by_text("planned price is removed")).to_be_visible()
    expect(house.locator(".parley-prices tbody tr")).to_have_count(1)


def add_price(page, read, written):
    page.get_by_label("Tokens read, $ per million", exact=False).first.fill(read)
    page.get_by_label("Tokens written, $ per million").fill(written)
    page.get_by_role("button", name="Add the price").click()


@pytest.mark.parametrize("width", [390, 1024])
def test_no_page_is_wider_than_the_window(browsing, ada, site, house, width):
    narrow = browsing(ada, viewport={"width": width, "height": 800}).new_page()
    change = house.url.split("?")[0]
    for address in (
        f"{site.url}/admin/conversations/provider/add/", change,
        change.replace("change/", "rotate/"), change.replace("change/", "delete/"),
    ):  # fmt: skip
        narrow.goto(address)
        assert narrow.evaluate("document.documentElement.scrollWidth") <= width, address


def test_a_refused_key_is_an_alert_until_it_works_again(house, site, ada, browsing, hook):
    chat = Chat(browsing(ada).new_page(), site.url)
    chat.begins("Try [[status=401]]", "house-model")
    chat.is_done("failed")
    until(lambda: hook.posted, 30)
    ((signature, told),) = hook.posted
    assert signature.startswith("t=")
    assert (told["kind"], told["about"]) == ("key_refused", "House models")
    house.reload()
    expect(house.get_by_text("did not accept the site's key")).to_be_visible()
    chat.begins("Now [[tokens=3]]", "house-model")
    chat.is_done()

    def is_over():
        house.reload()
        return not house.get_by_text("did not accept").count()

    until(is_over)
    assert len(hook.posted) == 1


def test_switching_off_says_what_goes(house):
    house.get_by_label("In use").uncheck(force=True)
    house.get_by_role("button", name="Save", exact=True).click()
    expect(house.get_by_text("1 preset isn’t offered any more: house-model")).to_be_visible()
