"""What a provider makes up: odd ids, odd arguments, too many calls, too few answers, no usage."""

import json

from conversations.engine.rounds import MOST_CALLS
from conversations.models import (
    Call,
    Completion,
    LedgerEntry,
    PresetVersion,
    State,
    parameter_bytes,
)
from conversations.providers.base import Begin, Finish, Text, ToolCall, Usage
from conversations.tools import built_in_toolbox
from conversations.views.presenting import shown
from tests.playing import in_db
from tests.test_engine import EngineTestCase
from tests.test_engine_tools import ToolTestCase, asks, round_of

ODD = "a\ud800b\0c"
CLEAN = "a\ufffdb\ufffdc"


class OddTextTests(ToolTestCase):
    async def test_ids_that_no_database_takes_are_stored_as_far_as_they_can_be(self):
        done = await self.run_with([[Begin(ODD, ODD), Text("So."), Usage(1, 1, 2), Finish("stop")]])
        self.assertEqual(done.state, State.DONE)
        call = await in_db(Call.objects.get)(completion=done)
        self.assertEqual((call.response_id, call.request_id), (CLEAN, CLEAN))
        self.assertEqual(await in_db(LedgerEntry.objects.count)(), 1)

    async def test_calls_with_such_text_are_run_and_answered(self):
        odd = ToolCall(0, 0, ODD, "echo", json.dumps({"text": "x"}) + "\ud800")
        done = await self.run_with(
            [[Text(f"Hm {ODD}"), odd, Finish("tool_calls")]], [[Text("So."), Finish("stop")]]
        )
        self.assertEqual(done.state, State.DONE)
        self.assertEqual(self.adapter.requests[1].messages[-1].tool_call_id, CLEAN)
        self.assertEqual(self.adapter.requests[1].messages[-2].content, f"Hm {CLEAN}")


class BoundsTests(ToolTestCase):
    async def test_calls_within_a_round_are_bounded_and_the_model_is_told(self):
        calls = [
            asks(f"n{number}", pk=f"c{number}", index=number) for number in range(MOST_CALLS + 3)
        ]
        await self.run_with(round_of(*calls), [[Text("So."), Finish("stop")]])
        self.assertEqual(len(self.echo.calls), MOST_CALLS)
        self.assertIn("Too many", self.adapter.requests[1].messages[-1].content)

    async def test_a_tool_that_had_to_be_called_need_not_be_called_again(self):
        await in_db(PresetVersion.objects.update)(
            parameters={"tools": ["echo"], "tool_choice": "required"}
        )
        await in_db(Completion.objects.update)(
            parameters={"tools": ["echo"], "tool_choice": "required"}
        )
        await self.run_with(round_of(asks()), [[Text("So."), Finish("stop")]])
        chosen = [request.parameters.tool_choice for request in self.adapter.requests]
        self.assertEqual(chosen, ["required", "auto"])

    async def test_the_tools_that_ship_are_described_in_less_than_is_held_for_them(self):
        names = ["date_and_time", "calculate", "search_conversations"]
        tools = await built_in_toolbox().offered(names)
        self.assertEqual(len(tools), 3)
        told = len(json.dumps(tools).encode())
        self.assertLess(told, parameter_bytes({"tools": names}))
        self.assertGreater(parameter_bytes({"json_schema": {"title": "x" * 5000}}), 5000)


class UsageTests(ToolTestCase):
    async def test_a_round_of_calls_alone_is_guessed_and_charged(self):
        big = asks("y" * 4000)
        done = await self.run_with([[big, Finish("tool_calls")]], [[Text("So."), Finish("stop")]])
        calls = [call async for call in Call.objects.filter(completion=done)]
        self.assertEqual({call.usage_source for call in calls}, {"estimated"})
        self.assertGreater(calls[0].completion_tokens, 500)
        self.assertGreater(calls[1].prompt_tokens, calls[0].prompt_tokens + 1000)
        self.assertEqual(await in_db(LedgerEntry.objects.count)(), 2)

    async def test_what_tools_added_is_in_the_estimate_that_later_ones_are_corrected_by(self):
        long = asks("y" * 4000)
        done = await self.run_with(
            round_of(long), [[Text("So."), Usage(2500, 3, 2503), Finish("stop")]]
        )
        self.assertGreater(done.prompt_estimate, 1500)


class FewAnswersTests(EngineTestCase):
    def setUp(self):
        PresetVersion.objects.update(parameters={"n": 3})
        super().setUp()

    async def test_each_choice_ends_for_its_own_reason(self):
        ends = [Finish("length", 1), Finish("stop", 0), Finish("stop", 2)]
        texts = [Text(f"Choice {number}", number) for number in range(3)]
        done, seen, _adapter = await self.run_with([[*texts, *ends]])
        self.assertEqual(done.finish_reason, "stop")
        expected = ["stop", "length", "stop"]
        self.assertEqual([one.facts["finish"] for one in seen.settled], expected)
        later = await in_db(shown)([reply.pk for reply in self.turn.replies])
        self.assertEqual([one.facts["finish"] for one in later], expected)

    async def test_one_that_never_came_is_told_as_empty_now_and_later(self):
        done, seen, _adapter = await self.run_with([[Text("Only one", 0), Finish("stop", 0)]])
        self.assertEqual(done.state, State.DONE)
        told = [(one.facts["state"], one.facts.get("error")) for one in seen.settled]
        self.assertEqual(told, [("done", None)] + 2 * [("failed", "empty_reply")])
        later = await in_db(shown)([reply.pk for reply in self.turn.replies])
        self.assertEqual([one.state for one in later], ["done", "failed", "failed"])
