"""Keys with a recognisable text, looked for everywhere that anybody could read.

The text looks like no key, so that nothing but care keeps it away.
"""

import asyncio
import base64
import contextlib
import copy
import io
import json
import logging
import pickle
import re
import threading
import zipfile
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock
from urllib.parse import quote

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from django.contrib import admin
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test import TestCase, override_settings
from django.urls import NoReverseMatch, URLPattern, get_resolver, reverse
from django.utils import timezone

from conversations import connections
from conversations.engine.breaker import Breakers
from conversations.engine.frames import Bus
from conversations.engine.surroundings import Surroundings
from conversations.engine.tasks import Engine
from conversations.engine.writer import Pace
from conversations.models import Alert, AuditEntry, Call, Completion, Provider, State, User
from conversations.oversight import delivering, noticing
from conversations.process import Adapters, adapter_of, endpoint_of
from conversations.providers.errors import Unauthorized
from conversations.rendering import RENDERER_VERSION, render_part
from conversations.tools.base import Toolbox
from tests import making
from tests.committing import CommittingTestCase
from tests.playing import Watching, ended, in_db

NEW, OLD = "canaryalphaofthemine1111", "canarybetaofthemine2222"
TYPED, SIGNS = "canarygammaofthemine3333", "canarydeltaofthemine4444"
SIGNS_IN = "canaryepsilonofthemine5555"
CANARIES = [name[:-4] for name in (NEW, OLD, TYPED, SIGNS, SIGNS_IN)]
ENCODED = [base64.b64encode(name.encode()).decode()[:16] for name in (NEW, OLD, TYPED, SIGNS)]
SECRETS = override_settings(
    ALERT_SECRET=SIGNS,
    ALERT_MAIL=["ada@example.com"],
    SOCIALACCOUNT_PROVIDERS={"openid_connect": {"APPS": [{"client_id": "x", "secret": SIGNS_IN}]}},
)


def heard_in(*texts):
    """The canaries that sing in any of these."""
    whole = "\n".join(
        text.decode(errors="replace") if isinstance(text, bytes) else str(text) for text in texts
    )
    return [name for name in [*CANARIES, *ENCODED] if name in whole]


class Echo(BaseHTTPRequestHandler):
    """A provider that repeats the key in everything that it says."""

    def do_GET(self):
        if self.path.endswith("/models"):
            self.answer(200, json.dumps({"data": [{"id": "small"}]}))

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers.get("authorization", "")
        said = f"Sorry, {key} and {key.removeprefix('Bearer ')} won't do. {quote(key)}"
        as_json = json.dumps({"error": {"message": said, "code": said}})
        match asked["messages"][-1]["content"]:
            case "as text":
                self.answer(500, said)
            case "in the stream":
                self.answer(200, f"data: {as_json}\n\n", "text/event-stream")
            case "half":
                begun = json.dumps({"choices": [{"index": 0, "delta": {"content": "Once"}}]})
                whole = f"data: {begun}\n\ndata: {as_json}\n\n"
                self.answer(200, whole, "text/event-stream")
            case _:
                self.answer(401, as_json)

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body.encode())))
        self.send_header("x-request-id", "req-1")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def echoing():
    """`with echoing() as url`: such a provider."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def listening():
    """Every line that is logged meanwhile, down to the smallest, with its traceback."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logging.Formatter("%(message)s %(args)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def keyed(url="http://127.0.0.1:9/v1", **fields):
    """A provider with two canaries."""
    given = {"key": NEW, "old_key": OLD, "old_key_until": timezone.now() + timedelta(hours=1)}
    made = making.provider("Mine", kind="openai_compatible", base_url=url, **given | fields)
    made.refresh_from_db()
    return made


def addresses(patterns, prefix=""):
    """The names of all addresses of the site, with the names of what they take."""
    for one in patterns:
        if isinstance(one, URLPattern):
            if one.name:
                yield prefix + one.name, list(one.pattern.converters)
        else:
            space = f"{one.namespace}:" if one.namespace else ""
            yield from addresses(one.url_patterns, prefix + space)


@SECRETS
class PageTests(TestCase):
    """An administrator looks at everything there is."""

    @classmethod
    def setUpTestData(cls):
        cls.ada = User.objects.create_superuser("ada", "ada@example.com", "word")
        cls.provider = keyed()
        cls.model = making.model("small", price=("1", "2"), at=cls.provider)
        cls.preset = making.preset("Small", cls.model)
        cls.talk = making.talk(cls.ada)
        cls.reply = cls.talk.messages.order_by("sequence").last()
        noticing.refuses_new_key(cls.provider, refusal())
        AuditEntry.objects.create(action="provider.added", subject_id=str(cls.provider.pk))

    def setUp(self):
        self.client.force_login(self.ada)
        self.client.raise_request_exception = False

    def arguments(self, name, takes):
        """Values for what an address takes; None: nothing that fits is known."""
        known = {
            "pk": self.talk.pk,
            "message_pk": self.reply.pk,
            "token": "nothing",
            "app_label": "conversations",
            "object_id": self.of_list(name),
            "user_pk": self.ada.pk,
            "content_type_id": 1,
        }
        return {one: known[one] for one in takes} if set(takes) <= set(known) else None

    def of_list(self, name):
        """The row that an address of the administration is about."""
        for model in admin.site._registry:
            start = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
            if name.startswith(start):
                row = model._default_manager.first()
                return row.pk if row is not None else "0"
        return "0"

    def looked_at(self):
        """Name, status and everything of each answer."""
        for name, takes in sorted(dict(found()).items()):
            arguments = self.arguments(name, takes)
            if arguments is None or name in ("admin:logout", "account_logout"):
                continue
            with contextlib.suppress(NoReverseMatch):
                response = self.client.get(reverse(name, kwargs=arguments))
                body = whole(response)
                yield name, response.status_code, f"{response.headers}".encode() + body

    def test_no_page_and_no_export_shows_a_key(self):
        with listening() as lines:
            seen = {name: (status, body) for name, status, body in self.looked_at()}
        singing = {name: heard for name, (_s, body) in seen.items() if (heard := heard_in(body))}
        self.assertEqual(singing, {})
        self.assertEqual([name for name, (status, _body) in seen.items() if status >= 500], [])
        shown = {name for name, (status, _body) in seen.items() if status == 200}
        must = {
            "home", "conversation", "message-details", "admin:index",
            "admin:conversations_provider_changelist", "admin:conversations_provider_change",
            "admin:conversations_provider_delete", "admin:conversations_provider_rotate_key",
            "admin:conversations_provider_test_connection", "admin:conversations_provider_csv",
            "admin:conversations_provider_sync_models", "admin:conversations_languagemodel_change",
        }  # fmt: skip
        self.assertEqual(must - shown, set())
        self.assertIn(b"2222", seen["admin:conversations_provider_change"][1])
        self.assertEqual(heard_in(lines.getvalue()), [])

    def test_a_copy_of_all_that_is_kept_of_a_person_holds_no_key(self):
        User.objects.filter(pk=self.ada.pk).update(may_read=True)
        bob = making.person("bob")
        making.talk(bob)
        change = reverse("admin:conversations_user_change", args=[bob.pk])
        answer = self.client.post(change.replace("change/", "export/"))
        with zipfile.ZipFile(io.BytesIO(whole(answer))) as copied:
            files = {name: copied.read(name) for name in copied.namelist()}
        self.assertIn(b"Answer 0", b"".join(files.values()))
        self.assertEqual(heard_in(*files.values()), [])

    def test_a_form_that_is_refused_does_not_say_the_key_again(self):
        add = reverse("admin:conversations_provider_add")
        change = reverse("admin:conversations_provider_change", args=[self.provider.pk])
        rotate = change.replace("change/", "rotate/")
        forms = [
            (add, {"kind": "deepinfra", "new_key": TYPED, "name": ""}),
            (add, {"kind": "odd", "new_key": TYPED}),
            (change, {"new_key": TYPED, "name": ""}),
            (rotate, {"key": TYPED, "overlap": "odd"}),
            (rotate, {"key": TYPED, "overlap": "24"}),
            (rotate, {"key": f"{TYPED} {TYPED}", "overlap": "24"}),
        ]
        for address, form in forms:
            page = self.client.post(address, form)
            self.assertEqual((page.status_code, heard_in(page.content)), (200, []), address)

    def test_an_exception_shows_no_key_whether_debugging_or_not(self):
        rotate = reverse("admin:conversations_provider_change", args=[self.provider.pk])
        rotate = rotate.replace("change/", "rotate/")
        for debugging in (True, False):
            with (
                self.settings(DEBUG=debugging),
                listening() as lines,
                mock.patch("conversations.connections.adapter_for", side_effect=RuntimeError("Oh")),
            ):
                page = self.client.post(rotate, {"key": TYPED, "overlap": "24"})
            self.assertEqual((page.status_code, heard_in(page.content)), (500, []), debugging)
            self.assertIn("RuntimeError", lines.getvalue())
            self.assertEqual(heard_in(lines.getvalue()), [])


def whole(response):
    """The body, also of one that comes in pieces."""
    if not response.streaming:
        return response.content
    if not response.is_async:
        return b"".join(response.streaming_content)

    async def pieces():
        return b"".join([piece async for piece in response.streaming_content])

    return async_to_sync(pieces)()


def found():
    return addresses(get_resolver().url_patterns)


def refusal():
    return Unauthorized(f"no {NEW}", status=401, secrets=[NEW])


@SECRETS
class ValueTests(TestCase):
    """What programs write: reprs, formats, pickles, dumps."""

    def test_nothing_shows_itself(self):
        provider = keyed()
        endpoint, adapter = endpoint_of(provider), adapter_of(provider)
        for one in (provider, provider.key, endpoint, adapter, adapter.new, vars(provider)):
            logged = logging.makeLogRecord({"msg": "%s %r", "args": (one, one)}).getMessage()
            self.assertEqual(heard_in(repr(one), f"{one} {one!r:>9}", logged), [], type(one))

    def test_pickles_hold_what_the_database_holds_and_open_again(self):
        provider = keyed()
        pickled = pickle.dumps((provider, provider.key, Provider.objects.filter(key__gt="").query))
        self.assertEqual(heard_in(pickled), [])
        again = pickle.loads(pickled)[0]
        self.assertEqual((again.key.reveal(), again.old_key.reveal()), (NEW, OLD))
        self.assertEqual(copy.deepcopy(provider).key.reveal(), NEW)

    def test_dumps_hold_tokens(self):
        keyed()
        dump = io.StringIO()
        call_command("dumpdata", "conversations", stdout=dump)
        self.assertIn("Mine", dump.getvalue())
        self.assertEqual(heard_in(dump.getvalue()), [])
        (row,) = json.loads(dump.getvalue())[:1]
        self.assertTrue(row)

    def test_commands_print_none(self):
        with echoing() as url:
            keyed(url)
            printed, logged = io.StringIO(), None
            with listening() as lines, contextlib.suppress(Exception):
                call_command("provider", "check", "Mine", stdout=printed, stderr=printed)
            logged = lines.getvalue()
        call_command("rotate_keys", stdout=printed)
        self.assertIn("Mine" if "Mine" in printed.getvalue() else "Key", printed.getvalue())
        self.assertEqual(heard_in(printed.getvalue(), logged), [])

    def test_a_connection_that_fails_says_what_is_wrong_without_the_key(self):
        with echoing() as url:
            provider = keyed(url)
            with listening() as lines:
                steps = connections.check(provider)
                tried = connections.check_key(provider, TYPED)
        self.assertEqual(steps[-1].name, "Key")
        self.assertIn("[key]", steps[-1].found)
        self.assertEqual(heard_in(steps, tried.steps, repr(tried), lines.getvalue()), [])


@SECRETS
class CallTests(CommittingTestCase):
    """A call to a provider that repeats the key, from the page to the database's file."""

    async def test_a_failing_call_leaves_no_trace_of_the_keys(self):
        with echoing() as url, listening() as lines:
            alice, told = await in_db(self.prepare)(url)
            for text in ("please", "as text", "in the stream", "half"):
                events, completion = await self.ask(alice, text)
                self.assertEqual(completion.state, State.FAILED, text)
                self.assertEqual(heard_in(*map(repr, events)), [], text)
                told += events
        self.assertGreater(len(told), 4)
        self.assertEqual(heard_in(lines.getvalue()), [])
        self.assertTrue(await in_db(self.details)())
        self.assertEqual(heard_in(*await in_db(self.rows)()), [])
        await delivering.tell_waiting()
        self.assertEqual({sent.subject for sent in mail.outbox}, {"[Parley] key refused: Mine"})
        self.assertEqual(heard_in(*(sent.message().as_string() for sent in mail.outbox)), [])
        self.assertEqual(heard_in(*await in_db(self.files)()), [])

    def prepare(self, url):
        alice = making.person()
        making.preset("Small", making.model("small", price=("1", "2"), at=keyed(url)))
        return alice, []

    async def ask(self, alice, text):
        """Everything that is told of one turn, and how it ended."""
        later = []

        def write(work, *about):
            later.append(asyncio.ensure_future(database_sync_to_async(work)(*about)))

        turn = await in_db(making.asked)(alice, text)
        heard, bus = noticing.Noticing(write), Bus()
        adapters = Adapters(heard)
        loop = asyncio.get_running_loop()
        around = Surroundings(
            bus, Pace(loop), adapters, render_part, RENDERER_VERSION, Toolbox([]),
            breakers=Breakers(rests=heard.rests), called=heard.called,
        )  # fmt: skip
        seen, engine = Watching(bus, turn.conversation.pk), Engine(around)
        engine.open()
        engine.start(turn.completion.pk)
        completion = await ended(turn.completion)
        await engine.close()
        await adapters.aclose()
        await asyncio.gather(*later)
        return seen.events, completion

    def details(self):
        return [text for text in Call.objects.values_list("error_detail", flat=True) if text]

    def rows(self):
        """What all tables say of what happened."""
        kept = (Call, Completion, Alert, AuditEntry)
        return [repr(list(model.objects.values())) for model in kept]

    def files(self):
        """The database as it lies there: its file, or every text in its tables."""
        name = str(connection.settings_dict["NAME"])
        if connection.vendor == "sqlite":
            return [read(name), read(f"{name}-wal")]
        with connection.cursor() as cursor:
            cursor.execute("SELECT p::text FROM conversations_provider p")
            rows = [row[0] for row in cursor.fetchall()]
        self.assertTrue(any(re.search("gAAAA", row) for row in rows))
        return rows


def read(name):
    try:
        with open(name, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
