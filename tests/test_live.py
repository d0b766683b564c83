"""The hub: frames in, patches out, the same bytes for everyone who watches."""

import asyncio
from unittest import mock
from uuid import uuid4

from django.test import SimpleTestCase

from conversations.engine.frames import (
    Bus,
    Expected,
    Frame,
    Gone,
    Introduced,
    Settled,
    Shown,
)
from conversations.live import Hub, Snapshot, Viewer, viewers
from conversations.rendering import render
from tests.playing import until


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


class WatchingTests(HubTestCase):
    async def test_frames_become_patches_with_a_number_and_the_steps_after_them(self):
        alice = await self.viewer()
        self.introduce(self.message)
        self.write("Once upon\n\n")
        self.write("a time")
        await until(lambda: len(alice.socket.sent) == 3)
        introduced, first, second = alice.socket.sent
        self.assertRegex(introduced, r'^<!--1--><div hx-swap-oob="beforeend:#messages"><article')
        self.assertTrue(first.startswith(f"<!--2 {self.key} 0 "), first)
        self.assertIn("Once upon", first)
        self.assertIn("a time", second)
        self.assertNotIn("Once upon", second)

    async def test_what_is_told_before_an_expected_message_is_shown_comes_after_it(self):
        alice = await self.viewer()
        self.bus.publish(Expected(self.conversation, [self.message]))
        self.write("Once upon")
        self.settle()
        self.assertEqual(alice.socket.sent, [])
        self.introduce(self.message)
        await until(lambda: len(alice.socket.sent) == 3)
        introduced, text, end = alice.socket.patches
        self.assertIn("<article", introduced)
        self.assertIn("Once upon", text)
        self.assertIn('data-state="done"', end)
        self.assertEqual(self.hub.rooms[self.conversation].copies, {})

    async def test_ten_viewers_get_the_very_same_strings(self):
        viewers = [await self.viewer() for _ in range(10)]
        self.introduce(self.message)
        for word in ("Once ", "upon ", "a time"):
            self.write(word)
        await until(lambda: all(len(viewer.socket.sent) == 4 for viewer in viewers))
        first = viewers[0].socket.sent
        for viewer in viewers[1:]:
            self.assertTrue(all(a is b for a, b in zip(first, viewer.socket.sent, strict=True)))

    async def test_a_piece_that_comes_again_is_not_shown_again(self):
        alice = await self.viewer()
        self.introduce(self.message)
        self.write("Once upon")
        self.write("Once", offset=0)
        self.write(" upon a time", offset=4)
        await until(lambda: len(alice.socket.sent) == 3)
        copy = self.hub.rooms[self.conversation].copies[self.message]
        self.assertEqual(copy.lengths, [len("Once upon a time")])

    async def test_a_gap_is_closed_from_what_is_stored(self):
        alice = await self.viewer()
        self.introduce(self.message)
        self.write("Once")
        self.text = "Once upon a"
        self.reader.snapshots[self.message] = Snapshot(self.message, [(0, "answer", "Once upon a")])
        self.write(" time")
        self.write(" long ago")
        await until(lambda: "time long ago" in "".join(alice.socket.sent[-1:]))
        self.assertIn(f'hx-swap-oob="innerHTML:#{self.key}-body"', alice.socket.sent[-1])
        self.assertIn("Once upon a time long ago", alice.socket.sent[-1])
        self.assertEqual(self.reader.asked, [self.message])

    async def test_a_message_nobody_announced_is_read_and_shown_first(self):
        alice = await self.viewer()
        self.reader.stored[self.message] = f'<article id="{self.key}"></article>'
        self.reader.snapshots[self.message] = Snapshot(self.message, [(0, "answer", "Once")])
        self.text = "Once"
        self.write(" upon")
        await until(lambda: len(alice.socket.sent) == 2)
        article, body = alice.socket.patches
        self.assertEqual(
            article,
            f'<div hx-swap-oob="beforeend:#messages"><article id="{self.key}"></article></div>',
        )
        self.assertIn("Once upon", body)

    async def test_frames_that_come_while_a_room_is_filled_are_not_lost(self):
        self.begin()
        self.reader.snapshots[self.message] = Snapshot(self.message, [(0, "answer", "Once")])
        joining = asyncio.create_task(self.viewer())
        await asyncio.sleep(0)
        self.text = "Once"
        self.write(" upon")
        alice = await joining
        await until(lambda: alice.socket.sent)
        copy = self.hub.rooms[self.conversation].copies[self.message]
        self.assertEqual(copy.lengths, [9])

    async def test_a_room_that_was_left_while_it_was_filled_tells_the_next_one_nothing(self):
        self.begin()
        await self.viewer_who_leaves_at_once()
        bob = await self.viewer()
        await asyncio.sleep(0.05)
        self.assertEqual(bob.socket.sent, [])

    async def viewer_who_leaves_at_once(self):
        viewer, held = Viewer(uuid4(), "session", Socket()), asyncio.Event()

        async def running(conversation):
            await held.wait()
            return []

        with mock.patch.object(self.reader, "running", side_effect=running):
            joining = asyncio.create_task(self.hub.join(self.conversation, viewer))
            await asyncio.sleep(0.01)
            self.introduce(self.message)
            self.hub.leave(self.conversation, viewer)
            held.set()
            await joining

    async def test_where_nobody_watches_nothing_is_kept(self):
        alice = await self.viewer()
        self.hub.leave(self.conversation, alice)
        self.write("Once")
        self.assertEqual(self.hub.rooms, {})
        self.assertFalse(self.bus.is_watched(self.conversation))
        self.hub.leave(self.conversation, alice)

    async def test_what_is_shown_goes_to_everyone_as_it_is(self):
        alice = await self.viewer()
        self.bus.publish(Shown(self.conversation, "<h1>New title</h1>"))
        await until(lambda: alice.socket.sent)
        self.assertEqual(alice.socket.patches, ["<h1>New title</h1>"])

    async def test_when_it_is_gone_everyone_is_checked(self):
        alice = await self.viewer()
        self.bus.publish(Gone(self.conversation))
        await until(lambda: alice.socket.checks)
        self.assertEqual(alice.socket.sent, [])


class EndingTests(HubTestCase):
    async def test_the_end_closes_what_is_open_and_tells_the_state(self):
        alice = await self.viewer()
        self.introduce(self.message)
        self.write("Once upon\n\na time")
        self.settle(tokens="4")
        await until(lambda: len(alice.socket.sent) == 3)
        last = alice.socket.patches[-1]
        self.assertIn(
            f'<i hidden id="{self.key}-state" hx-swap-oob="true" data-state="done" data-tokens="4">',
            last,
        )
        self.assertNotIn("Once upon", last)
        self.assertEqual(self.hub.rooms[self.conversation].copies, {})

    async def test_where_the_final_rendering_differs_the_whole_part_is_sent_once(self):
        alice = await self.viewer()
        self.introduce(self.message)
        self.write("See [the note].\n\n[the note]: https://example.com\n")
        self.settle()
        await until(lambda: len(alice.socket.sent) == 3)
        self.assertIn("https://example.com", alice.socket.patches[-1])
        self.assertIn(f'id="{self.key}-0"', alice.socket.patches[-1])

    async def test_one_that_nobody_knew_is_shown_from_its_row(self):
        alice = await self.viewer()
        self.reader.stored[self.message] = f'<article id="{self.key}">all</article>'
        self.settle({0: "<p>all</p>"})
        await until(lambda: alice.socket.sent)
        self.assertEqual(
            alice.socket.patches, [f'<article hx-swap-oob="true" id="{self.key}">all</article>']
        )

    async def test_facts_are_escaped(self):
        alice = await self.viewer()
        self.settle({}, **{"stopped-by": '"><script>'})
        await until(lambda: alice.socket.sent)
        self.assertNotIn("<script>", alice.socket.sent[-1])


class CatchingUpTests(HubTestCase):
    """A page says how many steps of each part it shows, and gets the rest."""

    async def catch_up(self, viewer, have, after=99):
        await asyncio.sleep(0.02)
        viewer.socket.sent.clear()
        await self.hub.catch_up(self.conversation, viewer, have, after)
        await asyncio.sleep(0.05)
        return viewer.socket.patches

    async def test_a_late_page_gets_exactly_what_it_lacks(self):
        alice, bob = await self.viewer(), await self.viewer()
        self.introduce(self.message)
        self.write("one\n\n")
        self.write("two\n\n")
        steps = self.hub.rooms[self.conversation].copies[self.message].count(0)
        self.write("three\n\n")
        self.write("fo")
        await asyncio.sleep(0.05)
        (patch,) = await self.catch_up(bob, {self.message: {"0": steps}})
        self.assertIn("three", patch)
        self.assertIn("fo", patch)
        self.assertNotIn("two", patch)
        self.assertIsNone(alice.socket.code)

    async def test_a_page_without_the_part_gets_all_of_it(self):
        bob = await self.viewer()
        self.introduce(self.message)
        self.write("one\n\ntwo")
        (patch,) = await self.catch_up(bob, {self.message: {}})
        self.assertIn("one", patch)
        self.assertIn("two", patch)

    async def test_a_page_that_claims_more_than_there_is_gets_the_part_anew(self):
        bob = await self.viewer()
        self.introduce(self.message)
        self.write("one")
        for count in (7, 10**30):
            (patch,) = await self.catch_up(bob, {self.message: {"0": count}})
            self.assertIn(f'id="{self.key}-0"', patch)
        (patch,) = await self.catch_up(bob, {self.message: {"0": -5}})
        self.assertIn("one", patch)

    async def test_a_message_that_has_ended_is_replaced_whole(self):
        bob = await self.viewer()
        self.reader.stored[self.message] = f'<article id="{self.key}">all</article>'
        (patch,) = await self.catch_up(bob, {self.message: {"0": 1}})
        self.assertEqual(patch, f'<article hx-swap-oob="true" id="{self.key}">all</article>')

    async def test_messages_that_the_page_has_not_heard_of_are_added(self):
        bob = await self.viewer()
        self.reader.newer = {self.message: f'<article id="{self.key}"></article>'}
        self.introduce(self.message)
        self.write("one")
        await asyncio.sleep(0.05)
        added, body = await self.catch_up(bob, {}, after=3)
        self.assertTrue(added.startswith('<div hx-swap-oob="beforeend:#messages"><article'))
        self.assertIn("one", body)

    async def test_what_ends_while_it_is_read_for_a_page_is_read_again(self):
        bob = await self.viewer()
        self.introduce(self.message)
        running = f'<article id="{self.key}">running</article>'
        done = f'<article id="{self.key}">done</article>'

        async def slowly(conversation, messages):
            read, self.reader.stored = self.reader.stored, {self.message: done}
            self.write("all")
            self.settle()
            await asyncio.sleep(0.01)
            return read

        self.reader.stored = {self.message: running}
        with mock.patch.object(self.reader, "articles", side_effect=slowly):
            patches = await self.catch_up(bob, {self.message: {}})
        self.assertIn("done", patches[-1])

    async def test_what_nobody_told_of_is_read_again_for_a_page_that_waits(self):
        bob = await self.viewer()
        self.introduce(self.message)
        room = self.hub.rooms[self.conversation]
        self.reader.stored = {self.message: f'<article id="{self.key}">done</article>'}

        async def after(conversation, sequence):
            await self.hub._replace(room, self.message)
            return {self.message: f'<article id="{self.key}">running</article>'}

        with mock.patch.object(self.reader, "after", side_effect=after):
            patches = await self.catch_up(bob, {})
        self.assertIn("done", patches[-1])

    async def test_reading_the_end_fails_once_and_is_tried_again(self):
        bob = await self.viewer()
        stored = {self.message: f'<article id="{self.key}">done</article>'}
        with (
            mock.patch.object(self.reader, "articles", side_effect=[OSError("locked"), stored]),
            self.assertLogs("conversations.live.hub", "ERROR"),
        ):
            self.settle({0: "done"})
            await until(lambda: bob.socket.sent)
        self.assertIn("done", bob.socket.patches[0])

    async def test_an_unknown_message_brings_nothing(self):
        bob = await self.viewer()
        self.assertEqual(await self.catch_up(bob, {uuid4(): {"0": 1}}), [])

    async def test_only_who_asked_is_answered(self):
        alice, bob = await self.viewer(), await self.viewer()
        self.introduce(self.message)
        self.write("one")
        await asyncio.sleep(0.05)
        alice.socket.sent.clear()
        await self.catch_up(bob, {self.message: {}})
        self.assertEqual(alice.socket.sent, [])


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
