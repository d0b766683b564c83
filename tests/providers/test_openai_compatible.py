"""The adapter against a real server on loopback."""

import asyncio
import contextlib

import pytest

from conversations.bench.provider import StandIn, expected_reasoning, expected_text
from conversations.providers import adapter_for, base, discovery
from conversations.providers.openai_compatible import clean_base_url
from tests.providers.calling import KEY, closed, collect, failure, request, served, text_of


def test_a_stream_brings_the_text_usage_and_end():
    asked = "[[tokens=300 text=markdown reasoning=5]]"
    events, error = served(lambda _, adapter: collect(adapter, asked))
    assert error is None
    assert text_of(events) == expected_text(asked)
    thoughts = "".join(e.text for e in events if isinstance(e, base.Reasoning))
    assert thoughts == expected_reasoning(asked)
    assert isinstance(events[0], base.Begin)
    assert events[0].request_id == "req-stand-in"
    assert events[-2:] == [base.Usage(3, 305, 308), base.Finish("stop")]


def test_a_whole_reply_is_one_batch():
    async def batches(_, adapter):
        return [batch async for batch in adapter.stream(request("[[tokens=9]]", stream=False))]

    (batch,) = served(batches)
    assert text_of(batch) == expected_text("[[tokens=9]]")


def test_json_though_a_stream_was_asked_is_understood():
    events, error = served(lambda _, adapter: collect(adapter, "[[tokens=9 whole=yes]]"))
    assert error is None
    assert text_of(events) == expected_text("[[tokens=9]]")


def test_several_choices_come_side_by_side():
    events, _ = served(lambda _, adapter: collect(adapter, "[[tokens=9]]", n=2))
    assert [text_of(events, c) for c in (0, 1)] == [
        expected_text("[[tokens=9]]", c) for c in (0, 1)
    ]


def test_a_flood_arrives_complete_and_in_order():
    asked = "[[tokens=50000]]"
    events, error = served(lambda _, adapter: collect(adapter, asked))
    assert error is None
    assert text_of(events) == expected_text(asked)


def test_only_what_is_set_is_sent():
    async def sent(server, adapter):
        parameters = base.Parameters(temperature=0.5, stop=("x",), seed=2**62, max_tokens=7)
        await collect(adapter, "hello", parameters=parameters)
        return server.requests[-1]

    record = served(sent)
    assert record["body"] == {
        "model": "stand-in",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 7,
        "temperature": 0.5,
        "stop": ["x"],
        "seed": 2**62,
    }
    assert record["headers"]["authorization"] == f"Bearer {KEY}"


def test_a_lost_connection_keeps_the_text():
    events, error = failure("[[tokens=9 cut=4]]")
    assert (error.code, error.after_first_token) == ("stream_truncated", True)
    assert text_of(events) == expected_text("[[tokens=9 cut=4]]")


def test_an_error_midway_keeps_the_text():
    events, error = failure("[[tokens=8 error=503]]")
    assert (error.code, error.after_first_token) == ("overloaded", True)
    assert text_of(events) == expected_text("[[tokens=8 error=503]]")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("[[status=429 retry_after=3]]", "rate_limit"),
        ("[[status=401]]", "auth"),
        ("[[status=500]]", "server"),
        ("[[status=302]]", "protocol"),
        ("[[html=yes]]", "protocol"),
    ],
)
def test_a_refusal_becomes_its_error(asked, code):
    events, error = failure(asked)
    assert (events, error.code, error.after_first_token) == ([], code, False)
    if code == "rate_limit":
        assert error.retry_after_seconds == 3
        assert error.request_id == "req-stand-in"


def test_a_redirect_is_not_followed():
    async def calls(server, adapter):
        await collect(adapter, "[[status=302]]")
        return len(server.requests)

    assert served(calls) == 1


@pytest.mark.parametrize(
    ("asked", "limits", "name", "started"),
    [
        ("[[hang=9]]", {"first_byte": 0.1}, "first byte", False),
        ("[[hold=forever]]", {"silence": 0.1}, "silence", True),
        ("[[tokens=500 delay=10]]", {"total": 0.2}, "total", True),
    ],
)
def test_each_deadline_ends_the_call(asked, limits, name, started):
    _, error = failure(asked, deadlines=base.Deadlines(**limits))
    assert error.code == "timeout"
    assert name in error.detail
    assert error.after_first_token is started


def test_private_addresses_are_refused_by_number_and_by_name():
    async def refused(server, _):
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"):
            endpoint = base.Endpoint(f"http://{host}:{server.port}/v1", KEY)
            adapter = adapter_for("openai_compatible", endpoint)
            _, error = await collect(adapter, "hello")
            await adapter.aclose()
            assert error.code == "address_refused", host
        return len(server.requests)

    assert served(refused) == 0


def test_leaving_closes_the_providers_connection_at_once():
    async def leave(server, adapter):
        async with contextlib.aclosing(adapter.stream(request("[[hold=x]]"))) as stream:
            async for batch in stream:
                if text_of(batch):
                    break
        return await closed(server)

    assert served(leave) < 0.5


def test_cancelling_closes_the_providers_connection_at_once():
    async def cancel(server, adapter):
        task = asyncio.create_task(collect(adapter, "[[hold=x]]"))
        while not server.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return await closed(server)

    assert served(cancel) < 0.5


def test_a_finished_stream_leaves_its_connection_for_the_next():
    async def ports(server, adapter):
        for _ in range(3):
            await collect(adapter, "[[tokens=50]]")
        return server.connected

    assert served(ports) == 1


def test_a_refused_option_is_left_out_from_then_on():
    async def calls(server, adapter):
        asked = "[[status=400 fails=1 says=stream_options]]"
        first, error = await collect(adapter, asked)
        await collect(adapter, "again")
        assert error is None
        assert text_of(first)
        return ["stream_options" in record["body"] for record in server.requests]

    assert served(calls) == [True, False, False]


def test_models_are_listed():
    models = served(lambda _, adapter: adapter.models())
    assert [model.id for model in models] == ["stand-in", "stand-in-small"]


def test_nobody_there_is_a_connection_error():
    async def gone():
        async with StandIn() as server:
            endpoint = base.Endpoint(server.base_url, KEY, allow_private=True)
        adapter = adapter_for("openai_compatible", endpoint)
        _, error = await collect(adapter, "hello")
        await adapter.aclose()
        return error

    error = asyncio.run(gone())
    assert (error.code, error.retryable) == ("connection", True)


@pytest.mark.parametrize(
    "url", ["https://x.org/v1/", " https://x.org/v1/chat/completions/ ", "https://x.org/v1"]
)
def test_a_pasted_base_url_is_cleaned(url):
    assert clean_base_url(url) == "https://x.org/v1"


def test_local_servers_are_found():
    async def find(server, _):
        usual = (("Here", server.base_url), ("Nobody", "http://127.0.0.1:9/v1"))
        return await discovery.find_local(usual)

    (found,) = served(find)
    assert (found.name, found.models) == ("Here", ("stand-in", "stand-in-small"))
