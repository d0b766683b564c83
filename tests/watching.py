"""A hub with viewers whose sockets note what they are sent, and a reader that tells what it is given."""

import asyncio
from uuid import uuid4

from django.test import SimpleTestCase

from conversations.engine.frames import (
    Bus,
    Frame,
    Introduced,
    Settled,
)
from conversations.live import Hub, Viewer
from conversations.rendering import render


class Socket:
    """Notes what it is sent, and how it is closed."""

    def __init__(self):
        self.sent, self.code, self.checks = [], None, 0

    async def say(self, text):
        self.sent.append(text)

    async def close(self, code):
        self.code = code

    async def check(self):
        self.checks += 1

    @property
    def patches(self):
        """What was sent, without the headers."""
        return [text.partition("-->")[2] for text in self.sent]


class Reader:
    """Answers from what a test has put here."""

    def __init__(self):
        self.snapshots, self.stored, self.newer, self.asked = {}, {}, {}, []

    async def running(self, conversation):
        await asyncio.sleep(0)
        return list(self.snapshots.values())

    async def snapshot(self, message):
        self.asked.append(message)
        return self.snapshots.get(message)

    async def articles(self, conversation, messages):
        return {pk: self.stored[pk] for pk in messages if pk in self.stored}

    async def after(self, conversation, sequence):
        return self.newer


class HubTestCase(SimpleTestCase):
    def setUp(self):
        self.conversation, self.message, self.reader = uuid4(), uuid4(), Reader()
        self.key = f"m-{self.message.hex}"
        self.text = ""

    def begin(self):
        """A hub in the test's loop."""
        self.bus = Bus()
        self.hub = Hub(self.bus, self.reader)
        self.hub.open()

    async def viewer(self):
        if not hasattr(self, "hub"):
            self.begin()
        viewer = Viewer(uuid4(), "session", Socket())
        await self.hub.join(self.conversation, viewer)
        return viewer

    def write(self, text, *, part=0, kind="answer", offset=None):
        """The engine publishes the next piece of the message."""
        offset = len(self.text) if offset is None else offset
        self.text = self.text[:offset] + text
        self.bus.publish(Frame(self.conversation, self.message, part, kind, offset, text))

    def introduce(self, *messages):
        html = "".join(f'<article id="m-{pk.hex}"></article>' for pk in messages)
        self.bus.publish(Introduced(self.conversation, list(messages), html))

    def settle(self, html=None, **facts):
        html = {0: render(self.text, f"{self.key}-0")} if html is None else html
        self.bus.publish(
            Settled(self.conversation, self.message, "done", {"state": "done"} | facts, html)
        )
