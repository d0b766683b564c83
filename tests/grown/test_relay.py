"""Two processes tied by a real Redis: what one tells reaches the other, once."""

import asyncio
from contextlib import asynccontextmanager
from unittest import mock
from uuid import uuid4

import pytest
from channels.layers import get_channel_layer
from django.test import SimpleTestCase

from conversations.engine.frames import Bus, Frame, Gone, Introduced, Settled, Shown
from conversations.engine.relay import Relay
from tests.grown.needs import needs
from tests.playing import until


class Side:
    """One process: its bus, what it heard, and the orders that reached it."""

    def __init__(self):
        self.bus, self.heard, self.orders = Bus(), [], []
        self.relay = Relay(
            self.bus, lambda what, completion: self.orders.append((what, completion))
        )

    async def watch(self, conversation):
        self.bus.subscribe(conversation, self.heard.append)
        await asyncio.sleep(0.2)


@pytest.mark.grown
class RelayTests(SimpleTestCase):
    def setUp(self):
        layer = {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                "hosts": [{"address": needs("TEST_REDIS_URL"), "socket_timeout": None}],
                "prefix": f"test-{uuid4().hex}",
            },
        }
        self.enterContext(self.settings(CHANNEL_LAYERS={"default": layer}))
        self.conversation = uuid4()

    @asynccontextmanager
    async def sides(self, *, engines=(True, True)):
        made = [Side() for _ in engines]
        for side, runs in zip(made, engines, strict=True):
            side.relay.open(runs_completions=runs)
            await until(lambda side=side: side.relay._channel)
        try:
            yield made
        finally:
            for side in made:
                await side.relay.close()
            await get_channel_layer().flush()

    def frame(self, text, offset=0):
        return Frame(self.conversation, uuid4(), 0, "answer", offset, text)

    async def test_events_reach_the_other_process_once_and_in_order(self):
        async with self.sides() as (web, worker):
            await web.watch(self.conversation)
            await worker.watch(self.conversation)
            events = [self.frame(f"{number} 🐝") for number in range(200)]
            for event in events:
                worker.bus.publish(event)
            await until(lambda: len(web.heard) == 200)
            await asyncio.sleep(0.1)
            self.assertEqual(web.heard, events)
            self.assertEqual(worker.heard, events)

    async def test_every_kind_of_event_arrives_as_it_was(self):
        message = uuid4()
        events = [
            Introduced(self.conversation, [message], "<article></article>"),
            self.frame("Once"),
            Settled(self.conversation, message, "done", {"state": "done"}, {0: "<p>Once</p>"}),
            Shown(self.conversation, "<h1>Title</h1>"),
            Gone(self.conversation),
        ]
        async with self.sides() as (web, worker):
            await web.watch(self.conversation)
            for event in events:
                worker.bus.publish(event)
            await until(lambda: len(web.heard) == len(events))
            self.assertEqual(web.heard, events)

    async def test_what_is_told_at_one_time_goes_as_one_message(self):
        async with self.sides() as (web, worker):
            await web.watch(self.conversation)
            sent = mock.AsyncMock(wraps=worker.relay.layer.group_send)
            with mock.patch.object(worker.relay.layer, "group_send", sent):
                for number in range(50):
                    worker.bus.publish(self.frame(str(number)))
                await until(lambda: len(web.heard) == 50)
            self.assertEqual(sent.await_count, 1)

    async def test_what_nobody_watches_is_not_received(self):
        async with self.sides() as (web, worker):
            await web.watch(self.conversation)
            worker.bus.publish(Gone(uuid4()))
            worker.bus.publish(self.frame("Once"))
            await until(lambda: web.heard)
            self.assertEqual([type(event) for event in web.heard], [Frame])

    async def test_who_stops_watching_hears_no_more(self):
        async with self.sides() as (web, worker):
            await web.watch(self.conversation)
            web.bus.unsubscribe(self.conversation, web.heard.append)
            await asyncio.sleep(0.2)
            worker.bus.publish(self.frame("Once"))
            await asyncio.sleep(0.2)
            self.assertEqual(web.heard, [])

    async def test_orders_reach_the_processes_that_run_completions(self):
        completion = uuid4()
        async with self.sides(engines=(False, True)) as (web, worker):
            await web.relay.order("stop", completion)
            await web.relay.order("start", completion)
            await until(lambda: len(worker.orders) == 2)
            self.assertEqual(worker.orders, [("stop", completion), ("start", completion)])
            self.assertEqual(web.orders, [])

    async def test_a_layer_out_of_reach_is_logged_and_harms_nothing(self):
        async with self.sides() as (web, worker):
            gone = mock.AsyncMock(side_effect=ConnectionError)
            with (
                mock.patch.object(worker.relay.layer, "group_send", gone),
                self.assertLogs("conversations.engine", "WARNING"),
            ):
                worker.bus.publish(self.frame("lost"))
                await until(lambda: gone.await_count)
                await asyncio.sleep(0.05)
            await web.watch(self.conversation)
            worker.bus.publish(self.frame("Once"))
            await until(lambda: web.heard)
            self.assertEqual(web.heard[0].text, "Once")
