"""A model asks for tools: they run, are shown, and it goes on with what they told."""

import asyncio
import json
from decimal import Decimal

from django.test import TestCase

from conversations.engine.rounds import MOST_ROUNDS
from conversations.models import Call, LanguageModel, LedgerEntry, Part, Reservation, State
from conversations.providers import errors
from conversations.providers.base import Finish, Text, ToolCall, Usage
from conversations.tools.base import Spec, Toolbox, ToolError
from tests import making, playing
from tests.playing import Played, Watching, ended, in_db, until


class Echo:
    """One tool that says what it is given."""

    def __init__(self):
        self.calls, self.hold = [], None

    async def specs(self):
        text = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
        return [
            Spec("echo", "Says it again.", text),
            Spec("secret", "Not offered.", {"type": "object"}),
        ]

    async def call(self, name, arguments, asker):
        self.calls.append((name, arguments["text"], asker.user))
        if self.hold:
            await self.hold.wait()
        if arguments["text"] == "bad":
            raise ToolError("That is bad.")
        return f"You said {arguments['text']}."


def asks(text="hello", name="echo", pk="c-1", index=0):
    return ToolCall(0, index, pk, name, json.dumps({"text": text}))


def round_of(*calls, said="", usage=(10, 5)):
    texts = [Text(said)] if said else []
    return [[*texts, *calls, Usage(*usage, sum(usage)), Finish("tool_calls")]]


class ToolTestCase(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice = making.person()
        cls.model = making.model("small", price=("1", "2"))
        making.preset("Tools", cls.model, parameters={"tools": ["echo"]})

    def setUp(self):
        self.turn = making.asked(self.alice, "Use the tool")
        self.echo = Echo()

    async def run_with(self, *calls):
        self.adapter = Played(*calls)
        async with playing.engine(self.adapter, toolbox=Toolbox([self.echo])) as engine:
            self.seen = Watching(engine.around.bus, self.turn.conversation.pk)
            engine.start(self.turn.completion.pk)
            return await ended(self.turn.completion)

    async def parts(self):
        rows = Part.objects.filter(message=self.turn.replies[0]).order_by("index")
        return [(part.kind, part.text) async for part in rows]

    def lines(self, text):
        return [json.loads(line) for line in text.splitlines()]


class RoundTests(ToolTestCase):
    async def test_a_call_runs_is_shown_and_answered(self):
        done = await self.run_with(
            round_of(asks(), said="Let me see. "),
            [[Text("It said hello."), Usage(30, 7, 37), Finish("stop")]],
        )
        self.assertEqual((done.state, done.finish_reason), (State.DONE, "stop"))
        self.assertEqual(self.echo.calls, [("echo", "hello", self.alice.pk)])
        first, call, last = await self.parts()
        self.assertEqual(first, ("answer", "Let me see. "))
        self.assertEqual(last, ("answer", "It said hello."))
        asked, told = self.lines(call[1])
        self.assertEqual(
            (call[0], asked["name"], told["result"]), ("tool_call", "echo", "You said hello.")
        )
        self.assertFalse(told["failed"])

    async def test_the_model_is_told_what_it_asked_and_what_came_of_it(self):
        await self.run_with(round_of(asks(), said="Hm. "), [[Text("So."), Finish("stop")]])
        first, second = self.adapter.requests
        self.assertEqual([tool["function"]["name"] for tool in first.tools], ["echo"])
        *_, said, result = second.messages
        self.assertEqual(
            (said.role, said.content, said.tool_calls), ("assistant", "Hm. ", (asks(),))
        )
        self.assertEqual(
            (result.role, result.content, result.tool_call_id), ("tool", "You said hello.", "c-1")
        )

    async def test_several_calls_of_one_round_are_parts_of_their_own(self):
        calls = asks("one", pk="a"), asks("two", pk="b", index=1)
        await self.run_with(round_of(*calls), [[Text("Both."), Finish("stop")]])
        self.assertEqual(
            [kind for kind, _ in await self.parts()], ["tool_call", "tool_call", "answer"]
        )
        self.assertEqual([text for _, text, _ in self.echo.calls], ["one", "two"])
        self.assertEqual(
            [m.tool_call_id for m in self.adapter.requests[1].messages[-2:]], ["a", "b"]
        )

    async def test_each_round_is_a_call_of_its_own_charged_once(self):
        done = await self.run_with(
            round_of(asks(), usage=(10, 5)), [[Text("So."), Usage(30, 7, 37), Finish("stop")]]
        )
        kinds = [call.kind async for call in Call.objects.filter(completion=done)]
        self.assertEqual(kinds, [Call.Kind.FIRST, Call.Kind.TOOL])
        costs = [entry.cost_nanos async for entry in LedgerEntry.objects.order_by("pk")]
        self.assertEqual(costs, [20_000, 44_000])
        self.assertEqual((done.cost_nanos, done.completion_tokens), (64_000, 12))
        self.assertFalse(await in_db(Reservation.objects.exists)())

    async def test_rounds_end_and_the_last_is_asked_without_tools(self):
        done = await self.run_with(round_of(asks()))
        self.assertEqual(len(self.adapter.requests), MOST_ROUNDS)
        self.assertEqual(len(self.echo.calls), MOST_ROUNDS - 1)
        self.assertEqual(self.adapter.requests[-1].tools, ())
        self.assertEqual(done.state, State.DONE)
        *_, (_, last) = await self.parts()
        self.assertTrue(self.lines(last)[1]["failed"])

    async def test_guessed_usage_counts_each_round_once(self):
        done = await self.run_with(
            [[Text("x" * 400), asks(), Finish("tool_calls")]], [[Text("y" * 40), Finish("stop")]]
        )
        counts = [call.completion_tokens async for call in Call.objects.filter(completion=done)]
        self.assertLess(counts[1], counts[0] / 4)
        self.assertEqual(done.usage_source, "estimated")


class TroubleTests(ToolTestCase):
    async def last_call(self):
        text = next(text for kind, text in reversed(await self.parts()) if kind == "tool_call")
        return self.lines(text)

    async def test_arguments_that_do_not_parse_are_shown_and_never_run(self):
        broken = ToolCall(0, 0, "c-1", "echo", '{"text": ')
        await self.run_with(round_of(broken), [[Text("Sorry."), Finish("stop")]])
        asked, told = await self.last_call()
        self.assertEqual((asked["arguments"], told["failed"]), ('{"text": ', True))
        self.assertEqual(self.echo.calls, [])
        self.assertIn("JSON", self.adapter.requests[1].messages[-1].content)

    async def test_what_the_preset_does_not_offer_is_not_run(self):
        await self.run_with(round_of(asks(name="secret")), [[Text("Well."), Finish("stop")]])
        self.assertEqual(self.echo.calls, [])
        self.assertIn("offer", self.adapter.requests[1].messages[-1].content)

    async def test_a_call_out_of_nowhere_is_shown(self):
        making_turn = in_db(making.asked)
        await in_db(making.preset)("Plain", self.model)
        self.turn = await making_turn(self.alice, "No tools", preset="plain")
        done = await self.run_with(round_of(asks()))
        self.assertEqual((done.state, len(self.adapter.requests)), (State.DONE, 1))
        self.assertEqual(self.adapter.requests[0].tools, ())
        self.assertTrue((await self.last_call())[1]["failed"])

    async def test_a_tools_refusal_is_told_to_the_model(self):
        await self.run_with(round_of(asks("bad")), [[Text("Oh."), Finish("stop")]])
        self.assertEqual(self.adapter.requests[1].messages[-1].content, "That is bad.")

    async def test_a_later_round_is_tried_again_before_its_first_token(self):
        await in_db(LanguageModel.objects.update)(context_tokens=None)
        done = await self.run_with(
            round_of(asks()),
            [errors.ServerFailure("busy", retry_after_seconds=0)],
            [[Text("So."), Finish("stop")]],
        )
        self.assertEqual((done.state, len(self.echo.calls)), (State.DONE, 1))
        kinds = [call.kind async for call in Call.objects.filter(completion=done)]
        self.assertEqual(kinds, [Call.Kind.FIRST, Call.Kind.TOOL, Call.Kind.RETRY])

    async def test_a_stop_ends_a_tool_that_runs(self):
        self.echo.hold = asyncio.Event()
        self.adapter = Played(round_of(asks()))
        async with playing.engine(self.adapter, toolbox=Toolbox([self.echo])) as engine:
            engine.start(self.turn.completion.pk)
            await until(lambda: self.echo.calls)
            engine.stop(self.turn.completion.pk)
            done = await ended(self.turn.completion)
        self.assertEqual(done.state, State.STOPPED)
        (asked,) = await self.last_call()
        self.assertEqual(asked["name"], "echo")
        self.assertEqual(done.cost_nanos, Decimal(20_000))

    async def test_the_next_turn_is_told_the_answers_only(self):
        await self.run_with(round_of(asks(), said="Hm. "), [[Text("So."), Finish("stop")]])
        again = in_db(making.asked)
        self.turn = await again(self.alice, "And?", conversation_id=self.turn.conversation.pk)
        await self.run_with([[Text("Then."), Finish("stop")]])
        said = [(m.role, m.content) for m in self.adapter.requests[0].messages]
        self.assertEqual(
            said, [("user", "Use the tool"), ("assistant", "Hm. So."), ("user", "And?")]
        )
