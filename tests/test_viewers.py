"""Who doesn't read is let go, and the others go on."""

import asyncio
from unittest import mock
from uuid import uuid4

from conversations.engine.frames import (
    Shown,
)
from conversations.live import Viewer, viewers
from tests.playing import until
from tests.watching import HubTestCase, Socket


class SlowViewerTests(HubTestCase):
    async def slow(self, seconds=0.0, size=10):
        """Alice acknowledges nothing for a while; Bob does. Returns both after a last frame."""
        alice, bob = await self.viewer(), await self.viewer()
        alice.acknowledges = bob.acknowledges = True
        self.introduce(self.message)
        for number in range(3):
            self.write(f"\n\n{number}" + "x" * size)
            await asyncio.sleep(0.01)
            bob.acknowledge(self.hub.rooms[self.conversation].sequence)
        now = self.hub._loop.time() + seconds
        with mock.patch.object(self.hub, "_loop", mock.Mock(time=lambda: now)):
            self.write(" end")
            await asyncio.sleep(0.02)
        return alice, bob

    async def test_too_many_unacknowledged_bytes_close_with_1013_and_others_go_on(self):
        alice, bob = await self.slow(2, size=viewers.MOST_UNACKNOWLEDGED_BYTES // 3)
        self.assertEqual((alice.socket.code, bob.socket.code), (1013, None))
        self.assertIn(" end", bob.socket.sent[-1])
        count = len(alice.socket.sent)
        self.write(" more")
        await asyncio.sleep(0.02)
        self.assertEqual(len(alice.socket.sent), count)

    async def test_as_much_within_a_moment_is_no_slowness(self):
        alice, _bob = await self.slow(size=viewers.MOST_UNACKNOWLEDGED_BYTES // 3)
        self.assertIsNone(alice.socket.code)

    async def test_two_mebibytes_are_too_many_at_once(self):
        viewer = Viewer(uuid4(), "session", Socket())
        viewer.acknowledges = True
        viewer.note(1, viewers.MOST_BURST_BYTES, now=5.0)
        self.assertFalse(viewer.is_slow(5.0))
        viewer.note(2, 1, now=5.0)
        self.assertTrue(viewer.is_slow(5.0))

    async def test_ten_seconds_without_a_word_close_with_1013(self):
        alice, bob = await self.slow(seconds=viewers.MOST_UNACKNOWLEDGED_SECONDS + 1)
        self.assertEqual((alice.socket.code, bob.socket.code), (1013, None))

    async def test_nine_are_fine(self):
        alice, _bob = await self.slow(seconds=viewers.MOST_UNACKNOWLEDGED_SECONDS - 1)
        self.assertIsNone(alice.socket.code)

    async def test_a_socket_that_breaks_harms_nobody_else(self):
        alice, bob = await self.viewer(), await self.viewer()
        alice.socket.say = mock.AsyncMock(side_effect=ConnectionError)
        self.bus.publish(Shown(self.conversation, "one"))
        self.bus.publish(Shown(self.conversation, "two"))
        await until(lambda: len(bob.socket.sent) == 2)
        self.assertEqual(alice.socket.say.await_count, 1)

    async def test_no_frame_is_larger_than_256_kib(self):
        alice = await self.viewer()
        self.introduce(self.message)
        self.write("🐝" * 200_000)
        await until(lambda: len(alice.socket.sent) == 2)
        self.assertLess(max(len(text.encode()) for text in alice.socket.sent), 256 * 1024)
        self.assertIn(
            f'hx-get="/conversations/{self.conversation}/messages/{self.message}/"',
            alice.socket.sent[-1],
        )
