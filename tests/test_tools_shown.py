"""A tool's call on its way into the page: from frames, from stored rows, and both alike."""

from django.test import TestCase

from conversations.models import Part, State
from conversations.rendering import RENDERER_VERSION, render_part
from conversations.tools import Result, call_line, result_line
from conversations.views.presenting import shown
from tests import making
from tests.playing import until
from tests.watching import HubTestCase

CALL = call_line("call_1", "calculate", '{"expression": "1 < 2"}')
RESULT = result_line(Result("0.3", 0.5, False))


class WatchingTests(HubTestCase):
    async def test_a_call_comes_with_its_line_and_its_result_in_its_place(self):
        alice = await self.viewer()
        self.introduce(self.message)
        self.write(CALL, kind="tool_call")
        self.text = ""
        self.write(RESULT, kind="tool_call", offset=len(CALL))
        await until(lambda: len(alice.socket.sent) == 3)
        _introduced, first, second = alice.socket.sent
        self.assertIn('<details class="part part--tool_call"', first)
        self.assertIn('data-state="running"', first)
        total = len(CALL) + len(RESULT)
        self.assertTrue(second.startswith(f"<!--3 {self.key} 0 1 2 {total}-->"), second)
        self.assertIn(f'<div hx-swap-oob="true" class="call" id="{self.key}-0-call"', second)
        self.assertIn('data-state="done" data-seconds="0.500"', second)

    async def test_the_final_rendering_of_a_call_needs_only_its_end(self):
        alice = await self.viewer()
        self.introduce(self.message)
        self.write(CALL + RESULT, kind="tool_call")
        final = render_part("tool_call", CALL + RESULT, f"{self.key}-0")
        self.settle(html={0: final})
        await until(lambda: len(alice.socket.sent) == 4)
        end = f'<i id="{self.key}-0-open" hx-swap-oob="delete"></i>'
        self.assertTrue(alice.socket.sent[2].endswith(f"{self.key} 0 2 3 end-->{end}"))


class PageTests(TestCase):
    def part(self, state, text, **fields):
        """The call in a reply in this state, as a page load shows it."""
        where = making.conversation(making.person())
        message = making.reply(making.say(where, where.owner), "", state)
        Part.objects.create(message=message, kind=Part.Kind.TOOL_CALL, text=text, **fields)
        (article,) = shown([message.pk])
        return message, article.body

    def test_a_call_that_runs_waits_for_its_result(self):
        message, body = self.part(State.RUNNING, CALL)
        place = f'data-count="1" data-length="{len(CALL)}"'
        self.assertIn(f'id="{message.key}-0" data-kind="tool_call" {place}', body)
        self.assertIn(f'id="{message.key}-0-open"', body)
        self.assertIn('data-state="running"', body)

    def test_a_call_that_is_stored_is_shown_as_it_is_stored(self):
        _message, body = self.part(
            State.DONE, CALL, html="<b>kept</b>", renderer_version=RENDERER_VERSION
        )
        self.assertIn("<b>kept</b>", body)

    def test_a_call_without_its_rendering_is_rendered_as_a_call_and_kept(self):
        message, body = self.part(State.DONE, CALL + RESULT)
        html = render_part("tool_call", CALL + RESULT, f"{message.key}-0")
        self.assertIn(html, body)
        self.assertEqual(message.parts.get().html, html)
