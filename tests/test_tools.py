"""The toolbox: whatever a model asks for, the answer is a result; nothing but cancelling is raised."""

import asyncio
import json
import logging
from uuid import uuid4

import pytest
from django.test import SimpleTestCase

from conversations.tools import (
    BUILT_IN,
    Asker,
    Result,
    Spec,
    Toolbox,
    ToolError,
    built_in_toolbox,
    call_line,
    result_line,
    told,
)

ASKER = Asker(uuid4(), "UTC")
SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": 5}, "times": {"type": "integer"}},
    "required": ["text"],
    "additionalProperties": False,
}


class Echo:
    """A source with one tool, which notes what it is asked for."""

    def __init__(self, answer=None, name="echo", schema=SCHEMA):
        self.spec = Spec(name, "Says it again.", schema)
        self.answer, self.asked = answer, []

    async def specs(self):
        return [self.spec]

    async def call(self, name, arguments, asker):
        self.asked.append((name, arguments, asker))
        if self.answer is not None:
            return await self.answer()
        return arguments["text"] * arguments.get("times", 1)


class Broken:
    async def specs(self):
        raise OSError("nobody there")

    async def call(self, name, arguments, asker):
        raise AssertionError("never asked")


async def run(text='{"text": "ab"}', answer=None, name="echo", **options):
    """The result of one call, and what the tool was asked for."""
    echo = Echo(answer)
    result = await Toolbox([echo], **options).run(name, text, ASKER)
    return result, echo.asked


class RunningTests(SimpleTestCase):
    async def test_a_call_that_fits_is_run_for_its_asker_and_timed(self):
        clock = iter([10.0, 12.5])
        echo = Echo()
        toolbox = Toolbox([echo], now=lambda: next(clock))
        result = await toolbox.run("echo", '{"text": "ab", "times": 2}', ASKER)
        self.assertEqual(result, Result("abab", 2.5, False))
        self.assertEqual(echo.asked, [("echo", {"text": "ab", "times": 2}, ASKER)])

    async def test_arguments_that_do_not_parse_are_never_run(self):
        deep = "[" * 50_000
        for text in (
            '{"text": "ab"',
            "ab",
            '{"text": NaN}',
            deep,
            '{"text": "\\ud800"}',
            "{'a': 1}",
        ):
            result, asked = await run(text)
            self.assertTrue(result.failed, text[:20])
            self.assertIn("no valid JSON", result.text)
            self.assertEqual(asked, [])

    async def test_arguments_that_are_no_object_are_never_run(self):
        for text in ("[]", "1", "null", '"text"'):
            result, asked = await run(text)
            self.assertEqual((result.failed, asked), (True, []))
            self.assertIn("JSON object", result.text)

    async def test_arguments_beyond_all_measure_are_not_even_read(self):
        result, asked = await run('{"text": "' + "a" * 100_000 + '"}')
        self.assertEqual((result.failed, asked), (True, []))

    async def test_no_arguments_at_all_are_an_empty_object(self):
        echo = Echo(name="now", schema={"type": "object"})
        echo.answer = lambda: asyncio.sleep(0, "noon")
        result = await Toolbox([echo]).run("now", " ", ASKER)
        self.assertEqual((result.text, echo.asked[0][1]), ("noon", {}))

    async def test_arguments_that_do_not_fit_are_named_and_never_run(self):
        for text, said in (
            ("{}", '"text" is a required property'),
            ('{"text": 1}', "text: 1 is not of type"),
            ('{"text": "abcdefgh"}', "text: "),
            ('{"text": "a", "more": 1}', "'more' was unexpected"),
        ):
            result, asked = await run(text)
            self.assertEqual((result.failed, asked), (True, []))
            self.assertIn(said, result.text)

    async def test_a_complaint_does_not_repeat_long_arguments(self):
        result, _asked = await run(json.dumps({"text": "a" * 50_000}))
        self.assertLess(len(result.text), 1_000)

    async def test_an_unknown_tool_is_said_to_be_unknown(self):
        result, asked = await run(name="x" * 10_000)
        self.assertEqual((result.failed, asked), (True, []))
        self.assertIn("no tool", result.text)
        self.assertLess(len(result.text), 300)

    async def test_a_schema_that_refers_to_elsewhere_is_not_followed(self):
        for address in ("http://127.0.0.1:9/a", "file:///etc/hostname"):
            echo = Echo(schema={"$ref": address})
            result = await Toolbox([echo]).run("echo", "{}", ASKER)
            self.assertEqual((result.failed, echo.asked), (True, []))
            self.assertIn("broken", result.text)

    async def test_what_takes_too_long_is_cancelled(self):
        cancelled = []

        async def sleep():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        result, _asked = await run(answer=sleep, seconds=0.01)
        self.assertEqual((result.failed, cancelled), (True, [True]))
        self.assertIn("0.01 s", result.text)

    async def test_a_fault_of_the_tool_is_logged_and_told_without_its_words(self):
        for fault in (RuntimeError("secret"), TimeoutError("secret")):

            async def fail(fault=fault):
                raise fault

            with self.assertLogs("conversations.tools", logging.ERROR):
                result, _asked = await run(answer=fail)
            self.assertTrue(result.failed)
            self.assertNotIn("secret", result.text)
            self.assertNotIn("within", result.text)

    async def test_a_tools_own_trouble_is_told_in_its_words(self):
        async def refuse():
            raise ToolError("Not today.")

        result, _asked = await run(answer=refuse)
        self.assertEqual((result.text, result.failed), ("Not today.", True))

    async def test_cancelling_passes(self):
        started = asyncio.Event()

        async def wait():
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(run(answer=wait))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_a_long_result_is_cut_and_says_so(self):
        result, _asked = await run(answer=lambda: asyncio.sleep(0, "a" * 50), most_characters=20)
        self.assertEqual(result.text, "a" * 20 + "\n[Cut here: 20 of 50 characters are shown.]")
        self.assertFalse(result.failed)

    async def test_a_result_holds_only_characters_that_can_be_stored(self):
        result, _asked = await run(answer=lambda: asyncio.sleep(0, "a\ud800b"))
        self.assertEqual(result.text, "a?b")


class OfferingTests(SimpleTestCase):
    async def test_named_tools_come_in_the_form_of_a_request(self):
        offered = await Toolbox([Echo()]).offered(["echo", "missing", "echo"])
        function = {"name": "echo", "description": "Says it again.", "parameters": SCHEMA}
        self.assertEqual(offered, ({"type": "function", "function": function},))

    async def test_a_source_that_does_not_answer_takes_nothing_from_the_others(self):
        toolbox = Toolbox([Broken(), Echo()])
        with self.assertLogs("conversations.tools", logging.ERROR):
            self.assertEqual(len(await toolbox.offered(["echo"])), 1)
        with self.assertLogs("conversations.tools", logging.ERROR):
            self.assertEqual((await toolbox.run("echo", '{"text": "a"}', ASKER)).text, "a")

    async def test_of_two_tools_with_one_name_the_first_counts(self):
        first, second = Echo(), Echo()
        await Toolbox([first, second]).run("echo", '{"text": "a"}', ASKER)
        self.assertEqual((len(first.asked), second.asked), (1, []))

    async def test_no_names_ask_nobody(self):
        self.assertEqual(await Toolbox([Broken()]).offered([]), ())

    async def test_the_house_has_what_it_names_and_says_what_each_does(self):
        offered = await built_in_toolbox().offered(list(BUILT_IN))
        self.assertEqual([tool["function"]["name"] for tool in offered], list(BUILT_IN))
        self.assertTrue(all(str(line) for line in BUILT_IN.values()))
        json.dumps(offered)

    async def test_the_tools_of_the_house_refuse_what_they_do_not_know(self):
        toolbox = built_in_toolbox()
        for name in BUILT_IN:
            result = await toolbox.run(name, '{"unheard": 1}', ASKER)
            self.assertIn("don’t fit", result.text)

    async def test_the_house_reckons(self):
        result = await built_in_toolbox().run("calculate", '{"expression": "0.1+0.2"}', ASKER)
        self.assertEqual((result.text, result.failed), ("0.3", False))


class LinesTests(SimpleTestCase):
    def test_a_call_is_kept_in_two_lines_and_read_again(self):
        text = call_line("call_1", "echo", '{"text":\n"\u2028é"')
        self.assertEqual(text.count("\n"), 1)
        self.assertEqual(told(text).arguments, '{"text":\n"\u2028é"')
        self.assertIsNone(told(text).result)
        text += result_line(Result("two\nlines\0", 0.25, True))
        self.assertEqual((text.count("\n"), text.isascii()), (2, True))
        kept = told(text)
        self.assertEqual((kept.id, kept.name), ("call_1", "echo"))
        self.assertEqual((kept.result, kept.failed), ("two\nlines\0", True))

    def test_what_is_no_call_is_none(self):
        for text in ("", "\n", "{", "[1]\n", "words"):
            self.assertIsNone(told(text))

    def test_half_a_result_is_none_yet(self):
        text = call_line("1", "echo", "{}") + '{"result": "a'
        self.assertIsNone(told(text).result)
