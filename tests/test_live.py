"""The hub: frames in, patches out, the same bytes for everyone who watches."""

import asyncio
from unittest import mock
from uuid import uuid4

from conversations.engine.frames import (
    Expected,
    Gone,
    Shown,
)
from conversations.live import Snapshot, Viewer
from tests.playing import until
from tests.watching import HubTestCase, Socket


class WatchingTests(HubTestCase):
    async def test_frames_become_patches_with_a_number_and_the_steps_after_them(self):
        alice = await self.viewer()
        self.introduce(self.message)
        self.write("Once upon\n\n")
        self.write("a time")
        await until(lambda: len(alice.socket.sent) == 3)
        introduced, first, second = alice.socket.sent
        self.assertTrue(second.startswith(f"<!--3 {self.key} 0 1 1 17-->"), second)
        self.assertRegex(introduced, r'^<!--1--><div hx-swap-oob="beforeend:#messages"><article')
        self.assertTrue(first.startswith(f"<!--2 {self.key} 0-->"), first)
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
        await until(lambda: len(alice.socket.sent) == 4)
        introduced, text, end, state = alice.socket.patches
        self.assertIn("<article", introduced)
        self.assertIn("Once upon", text)
        self.assertIn("delete", end)
        self.assertIn('data-state="done"', state)
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
        await until(lambda: len(alice.socket.sent) == 4)
        closed, state = alice.socket.sent[-2:]
        self.assertTrue(closed.startswith(f"<!--3 {self.key} 0 1 3 end-->"), closed)
        self.assertNotIn("Once upon", closed)
        self.assertEqual(
            state,
            f'<!--4--><i hidden id="{self.key}-state" hx-swap-oob="true"'
            ' data-state="done" data-tokens="4"></i>',
        )
        self.assertEqual(self.hub.rooms[self.conversation].copies, {})

    async def test_where_the_final_rendering_differs_the_whole_part_is_sent_once(self):
        alice = await self.viewer()
        self.introduce(self.message)
        self.write("See [the note].\n\n[the note]: https://example.com\n")
        self.settle()
        await until(lambda: len(alice.socket.sent) == 4)
        whole = alice.socket.sent[-2]
        self.assertTrue(whole.startswith(f'<!--3 {self.key} 0--><div class="part'), whole)
        self.assertIn("https://example.com", whole)
        self.assertNotIn("data-length", whole)

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
        steps = self.hub.rooms[self.conversation].copies[self.message].parts[0][1].count
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
            await self.catch_up(bob, {self.message: {}})
            await until(lambda: "done" in bob.socket.patches[-1])

    async def test_what_nobody_told_of_is_read_again_for_a_page_that_waits(self):
        bob = await self.viewer()
        self.introduce(self.message)
        room = self.hub.rooms[self.conversation]
        self.reader.stored = {self.message: f'<article id="{self.key}">done</article>'}

        async def after(conversation, sequence):
            await self.hub._replace(room, self.message)
            return {self.message: f'<article id="{self.key}">running</article>'}

        with mock.patch.object(self.reader, "after", side_effect=after):
            await self.catch_up(bob, {})
            await until(lambda: "done" in bob.socket.patches[-1])

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
