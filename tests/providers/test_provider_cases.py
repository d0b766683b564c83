"""Every recorded body through the real adapter of its kind, from a server with its addresses."""

from dataclasses import replace
from pathlib import Path

import pytest

from conversations.providers import base
from tests.providers.fixture_server import Delivery
from tests.providers.talking import outcome, with_server
from tests.wire import replay

CASES = replay.load(Path(replay.__file__).parent)
KIND = {"openai_compat": "openai_compatible"}
# What the request said, where the case doesn't: the provider's own default is never relied on.
SAID = {"cloudflare_length_inferred": {"max_tokens": 256}}
MESSAGES = (base.ChatMessage("system", "Be brief."), base.ChatMessage("user", "Hello"))


def asked(case):
    """The request of a case."""
    about = case["request"]
    form = about.get("response_format", {})
    values = {"response_format": form.get("type"), "json_schema": form.get("json_schema")}
    return base.ChatRequest(
        about["model"],
        MESSAGES,
        base.Parameters(**values, **SAID.get(case["case"], {})),
        stream=about["stream"],
        n=about.get("n", 1),
        continuation=about.get("continuation", False),
    )


def deliveries(case, body):
    """The same answer in several slicings, and in one piece with its length."""
    response = case["response"]
    splits = response.get("splits", [])
    finish = "reset" if response.get("end") == "reset" else "whole"
    plain = Delivery(body, response["status"], response["headers"], finish=finish)
    ways = [(), tuple(splits), tuple(range(1, len(body))), tuple(range(7, len(body), 7))]
    sliced = [replace(plain, ends=ends) for ends in ways]
    # A body that promises its length and is cut short is a lost connection too.
    return sliced if finish == "reset" else [*sliced, replace(plain, sized=True)]


async def came_of(adapter, case):
    if "models" in case["expected"]:
        return replay.Outcome(models=await adapter.models())
    return await outcome(adapter, asked(case))


@pytest.mark.parametrize(("case", "body"), [pytest.param(c, b, id=c["case"]) for c, b in CASES])
def test_a_recorded_answer_comes_to_what_it_should_over_the_network(case, body):
    ways = deliveries(case, body)

    async def differences(server, adapter):
        found = [replay.differences(case, await came_of(adapter, case)) for _ in ways]
        return found, server.complaints

    kind = KIND.get(case["provider"], case["provider"])
    assert with_server(kind, differences, *ways) == ([[]] * len(ways), [])


@pytest.mark.parametrize(
    ("case", "body"),
    [pytest.param(c, b, id=c["case"]) for c, b in CASES if c["response"]["status"] < 300],
)
@pytest.mark.parametrize("label", ["application/json", "text/event-stream", "text/plain", ""])
def test_a_wrong_label_changes_nothing(case, body, label):
    (plain, *_) = deliveries(case, body)
    lying = replace(plain, headers={"content-type": label} if label else {})

    async def differences(_, adapter):
        return replay.differences(case, await came_of(adapter, case))

    kind = KIND.get(case["provider"], case["provider"])
    assert with_server(kind, differences, lying) == []


@pytest.mark.parametrize(
    ("case", "body"),
    [
        pytest.param(c, b, id=c["case"])
        for c, b in CASES
        if c["response"]["status"] < 300 and "models" not in c["expected"]
    ],
)
def test_a_whole_reply_for_a_stream_and_a_stream_for_a_whole_reply_are_understood(case, body):
    (plain, *_) = deliveries(case, body)
    other = {**case, "request": {**case["request"], "stream": not case["request"]["stream"]}}

    async def differences(_, adapter):
        return replay.differences(other, await came_of(adapter, other))

    kind = KIND.get(case["provider"], case["provider"])
    assert with_server(kind, differences, plain) == []
