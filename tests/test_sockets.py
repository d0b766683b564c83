"""The socket as a browser meets it: the real routes, session and access checks."""

import asyncio
import json
import logging
import re
from unittest import mock

from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client, TestCase
from django.utils import timezone

from chatsite.asgi import application
from conversations import consumers, process, turns
from conversations.engine.frames import Frame, Gone
from conversations.models import Conversation, Membership, State, User
from conversations.models.base import new_id
from conversations.views.reading import recheck
from tests import making
from tests.playing import ended, in_db, until

ORIGIN = (b"origin", b"http://localhost")
QUIET = 0.05


class SocketTestCase(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice, cls.bob, cls.charlie = making.people()
        making.preset("Small")
        cls.conversation = making.conversation(cls.alice)
        cls.team = making.team(readers=(cls.bob,))
        Conversation.objects.update(team=cls.team)
        question = making.say(cls.conversation, cls.alice)
        cls.reply = making.reply(question, "", State.RUNNING)

    async def opened(self, user, path=None, *, origin=ORIGIN, runs=False):
        """A socket that has been accepted; the process that serves it is the test's own."""
        if process.current is None:
            process.current = process.Process(serves=True, runs=runs)
            process.current.hub.open()
            if runs:
                process.current.engine.open()
        headers = [origin] if origin else []
        if user is not None:
            headers.append((b"cookie", await in_db(self.cookie)(user)))
        path = path or f"/ws/conversations/{self.conversation.pk}/"
        socket = WebsocketCommunicator(application, path, headers=headers)
        socket.accepted, _protocol = await socket.connect(timeout=10)
        return socket

    def cookie(self, user):
        client = Client()
        client.force_login(user)
        self.session = client.session
        name = settings.SESSION_COOKIE_NAME
        return f"{name}={client.cookies[name].value}".encode()

    async def code(self, socket):
        """How the socket was closed; that nothing was said before is part of it."""
        message = await socket.receive_output(10)
        self.assertEqual(message["type"], "websocket.close", message)
        return message["code"]

    def write(self, text, offset=0):
        process.current.bus.publish(
            Frame(self.conversation.pk, self.reply.pk, 0, "answer", offset, text)
        )

    async def hears(self, socket):
        return await socket.receive_from(10)


class JoiningTests(SocketTestCase):
    async def test_the_owner_and_a_reader_of_the_team_hear_what_is_written(self):
        sockets = [await self.opened(user) for user in (self.alice, self.bob)]
        self.write("Once upon")
        heard = [await self.hears(socket) for socket in sockets]
        self.assertIn("Once upon", heard[0])
        self.assertEqual(heard[0], heard[1])

    async def test_a_stranger_is_closed_without_a_word(self):
        socket = await self.opened(self.charlie)
        self.assertEqual(await self.code(socket), 4404)
        self.write("secret")
        self.assertTrue(await socket.receive_nothing(QUIET))

    async def test_so_is_who_is_signed_out_or_suspended(self):
        self.assertEqual(await self.code(await self.opened(None)), 4404)
        await in_db(User.objects.filter(pk=self.alice.pk).update)(is_active=False)
        self.assertEqual(await self.code(await self.opened(self.alice)), 4404)

    async def test_absent_and_deleted_conversations_are_closed_alike(self):
        socket = await self.opened(self.alice, f"/ws/conversations/{new_id()}/")
        self.assertEqual(await self.code(socket), 4404)
        await in_db(Conversation.objects.update)(deleted_at=timezone.now())
        self.assertEqual(await self.code(await self.opened(self.alice)), 4404)

    async def test_any_other_address_is_closed_quietly(self):
        for path in ("/ws/", "/ws/conversations/1/", "/elsewhere"):
            socket = await self.opened(self.alice, path)
            self.assertEqual(await self.code(socket), 4404)

    async def test_another_site_s_page_is_not_let_in(self):
        for origin in ((b"origin", b"https://evil.example"), None):
            socket = await self.opened(self.alice, origin=origin)
            self.assertFalse(socket.accepted)

    async def test_a_process_that_does_not_serve_says_try_again(self):
        with mock.patch.object(consumers.ConversationSocket, "_hub", return_value=None):
            self.assertEqual(await self.code(await self.opened(self.alice)), 1013)

    async def test_one_person_has_so_many_sockets_and_gets_a_place_back(self):
        with self.settings(SOCKETS_PER_PERSON=2):
            first, second = [await self.opened(self.alice) for _ in range(2)]
            self.assertEqual(await self.code(await self.opened(self.alice)), 1013)
            await first.disconnect()
            third = await self.opened(self.alice)
            self.assertTrue(await third.receive_nothing(QUIET))
            for socket in (second, third):
                await socket.disconnect()
        self.assertEqual(consumers.open_sockets, {})

    async def test_who_leaves_is_forgotten(self):
        socket = await self.opened(self.alice)
        self.assertEqual(len(process.current.hub.rooms), 1)
        await socket.disconnect()
        self.assertEqual(process.current.hub.rooms, {})

    async def test_a_fault_closes_with_1013_and_is_not_counted_for_ever(self):
        socket = await self.opened(self.alice)
        hub = process.current.hub
        with (
            mock.patch.object(hub, "catch_up", side_effect=OSError("the disk is full")),
            self.assertLogs("conversations.consumers", "ERROR"),
        ):
            await socket.send_to(text_data=json.dumps({"have": {}}))
            self.assertEqual(await self.code(socket), 1013)
        await socket.disconnect()
        await until(lambda: not consumers.open_sockets and not hub.rooms)

    async def test_even_one_that_nobody_expected(self):
        socket = await self.opened(self.alice)
        with mock.patch.object(consumers, "decode", side_effect=RuntimeError("odd")):
            await socket.send_to(text_data="{}")
            await until(lambda: not consumers.open_sockets and not process.current.hub.rooms)
        with self.assertRaisesMessage(RuntimeError, "odd"):
            await socket.wait()

    async def test_a_heartbeat_shows_that_the_line_is_alive(self):
        with mock.patch.object(consumers, "HEARTBEAT_SECONDS", 0.02):
            socket = await self.opened(self.alice)
            self.assertEqual([await self.hears(socket) for _ in range(2)], ["<!--hb-->"] * 2)


class SayingTests(SocketTestCase):
    async def test_a_page_that_tells_what_it_has_gets_the_rest(self):
        alice = await self.opened(self.alice)
        self.write("one\n\n")
        await self.hears(alice)
        bob = await self.opened(self.bob)
        await bob.send_to(json.dumps({"have": {str(self.reply.pk): {}}, "after": 2}))
        self.assertIn("one", await self.hears(bob))

    async def test_what_has_ended_is_sent_whole(self):
        talk = await in_db(making.talk)(self.alice)
        answer = await in_db(talk.messages.order_by("-sequence").first)()
        socket = await self.opened(self.alice, f"/ws/conversations/{talk.pk}/")
        await socket.send_to(json.dumps({"have": {str(answer.pk): {"0": 1}}}))
        self.assertIn("Answer 0", await self.hears(socket))

    async def test_messages_of_another_conversation_are_not_told(self):
        secret = await in_db(making.talk)(self.charlie)
        ids = await in_db(list)(secret.messages.values_list("pk", flat=True))
        socket = await self.opened(self.alice)
        await socket.send_to(json.dumps({"have": {str(pk): {} for pk in ids}, "after": 0}))
        heard = "".join([await self.hears(socket)])
        while not await socket.receive_nothing(QUIET):
            heard += await self.hears(socket)
        self.assertNotIn("Answer 0", heard)
        self.assertNotIn("Question 0", heard)

    async def test_acknowledging_keeps_a_page_from_being_slow(self):
        socket = await self.opened(self.alice)
        (viewer,) = process.current.hub.rooms[self.conversation.pk].viewers
        await socket.send_to('{"have": {}, "after": 99}')
        await until(lambda: viewer.acknowledges)
        self.write("one")
        number = int(re.match(r"<!--(\d+)", await self.hears(socket))[1])
        self.assertGreater(viewer._bytes, 0)
        await socket.send_to(json.dumps({"ack": number}))
        await until(lambda: viewer._bytes == 0)

    async def test_three_mistakes_in_a_row_close_with_1008(self):
        nonsense = [
            "{", "[]", "1", "null", '"x"', '{"have": 1}', '{"other": 1}', '{"ack": 1.5}',
            '{"ack": NaN}', '{"have": {"x": {}}}', '{"have": {"' + "[" * 5000, "[" * 60_000,
            '{"ack": ' + "9" * 5000 + "}", '{"have": {}, "after": "x"}',
        ]  # fmt: skip
        for said in nonsense:
            socket = await self.opened(self.alice)
            for _ in range(3):
                await socket.send_to(said)
                self.assertEqual(await self.hears(socket), "<!--error invalid-->", said[:20])
            self.assertEqual(await self.code(socket), 1008, said[:20])
            await socket.disconnect()

    async def test_bytes_are_a_mistake_too(self):
        socket = await self.opened(self.alice)
        await socket.send_to(bytes_data=b"\xff\xfe{}")
        self.assertEqual(await self.hears(socket), "<!--error invalid-->")

    async def test_a_good_word_makes_up_for_two_mistakes(self):
        socket = await self.opened(self.alice)
        for _ in range(3):
            for said in ("{", "{", '{"ack": 1}'):
                await socket.send_to(said)
        for _ in range(6):
            self.assertEqual(await self.hears(socket), "<!--error invalid-->")
        self.assertTrue(await socket.receive_nothing(QUIET))

    async def test_more_than_64_kib_is_closed_with_1009(self):
        for said in ({"text_data": " " * 65_537}, {"bytes_data": b" " * 65_537},
                     {"text_data": "ü" * 40_000}):  # fmt: skip
            socket = await self.opened(self.alice)
            await socket.send_to(**said)
            self.assertEqual(await self.code(socket), 1009)
            await socket.disconnect()


class LosingAccessTests(SocketTestCase):
    async def closed_after(self, user, act):
        socket = await self.opened(user)
        await recheck(process.current.hub)
        self.assertTrue(await socket.receive_nothing(QUIET))
        await in_db(act)()
        await recheck(process.current.hub)
        self.assertEqual(await self.code(socket), 4404)

    async def test_signing_out_closes_it(self):
        await self.closed_after(self.alice, lambda: self.session.flush())

    async def test_a_suspension_closes_it(self):
        people = User.objects.filter(pk=self.bob.pk)
        await self.closed_after(self.bob, lambda: people.update(is_active=False))

    async def test_leaving_the_team_closes_it(self):
        await self.closed_after(self.bob, lambda: Membership.objects.all().delete())

    async def test_a_deletion_closes_it_at_once(self):
        socket = await self.opened(self.bob)
        await in_db(Conversation.objects.update)(deleted_at=timezone.now())
        process.current.bus.publish(Gone(self.conversation.pk))
        self.assertEqual(await self.code(socket), 4404)

    async def test_others_stay(self):
        alice, bob = await self.opened(self.alice), await self.opened(self.bob)
        await in_db(Membership.objects.all().delete)()
        await recheck(process.current.hub)
        self.assertEqual(await self.code(bob), 4404)
        self.write("Once")
        self.assertIn("Once", await self.hears(alice))

    async def test_it_is_looked_at_often_enough(self):
        """So many seconds lie between two looks; the promise is five."""
        here = process.Process(serves=True, runs=False)
        with mock.patch.object(here, "_every") as every:
            here._watch(here.hub)
        self.addCleanup(here.hub.close)
        (seconds,) = [
            call.args[0]
            for call in every.call_args_list
            if getattr(call.args[1], "func", None) is recheck
        ]
        self.assertLess(seconds, 5)


class WholeWayTests(SocketTestCase):
    async def test_a_sent_message_is_answered_over_the_socket_and_stored(self):
        talk = await in_db(making.conversation)(self.alice)
        socket = await self.opened(self.alice, f"/ws/conversations/{talk.pk}/", runs=True)
        turn = await in_db(turns.send)(
            author=self.alice, client_id="1", conversation_id=talk.pk, text="hello, fast", preset="",
            claim=process.new_claim(),
        )  # fmt: skip
        await in_db(process.begin)(turn)
        key, heard = f"m-{turn.replies[0].pk.hex}", ""
        while f'id="{key}-state"' not in heard:
            heard += await self.hears(socket)
        done = await ended(turn.completion)
        self.assertEqual(done.state, State.DONE)
        self.assertIn('data-state="done"', heard)
        await process.current.close()

    async def test_a_fault_in_a_consumer_reaches_the_log(self):
        """Daphne logs what an application raises; nobody has switched its logger off."""
        from daphne.server import Server

        logger = logging.getLogger("daphne.server")
        self.assertFalse(logger.disabled)
        with mock.patch.object(consumers, "may_watch", side_effect=ZeroDivisionError):
            socket = WebsocketCommunicator(application, "/ws/", headers=[ORIGIN])
            socket.scope["path"] = f"/ws/conversations/{self.conversation.pk}/"
            socket.scope["headers"].append((b"cookie", await in_db(self.cookie)(self.alice)))
            process.current = process.Process(serves=True, runs=False)
            with self.assertRaises(ZeroDivisionError):
                await socket.connect(0.5)
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(ZeroDivisionError("in a consumer"))
        server = Server(application, endpoints=["tcp:port=0"])
        connection = mock.Mock()
        server.connections = {connection: {"application_instance": failed}}
        with mock.patch("daphne.server.reactor"), self.assertLogs(logger, "ERROR") as logged:
            server.application_checker()
        self.assertIn("in a consumer", logged.output[0])
