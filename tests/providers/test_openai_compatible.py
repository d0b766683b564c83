"""The adapter against a real server on loopback."""

import asyncio
import contextlib
import time

import pytest

from conversations.bench.provider import StandIn, expected_reasoning, expected_text
from conversations.providers import adapter_for, base, discovery, errors
from conversations.providers.openai_compatible import clean_base_url

KEY = "secret-key-of-alice-1234"


def served(body, *, deadlines=None, **endpoint):
    """Run `body(server, adapter)` with a stand-in and an adapter for it."""

    async def run():
        async with StandIn() as server:
            limits = deadlines or base.Deadlines(connect=1, first_byte=2, silence=2, total=5)
            options = {"key": KEY, "deadlines": limits, "allow_private": True} | endpoint
            adapter = adapter_for("openai_compatible", base.Endpoint(server.base_url, **options))
            try:
                return await body(server, adapter)
            finally:
                await adapter.aclose()

    return asyncio.run(run())


def request(text, **fields):
    return base.ChatRequest("stand-in", (base.ChatMessage("user", text),), **fields)


async def collect(adapter, text, **fields):
    """All events of a call and the error that it ended in, if any."""
    events = []
    try:
        async for batch in adapter.stream(request(text, **fields)):
            events += batch
    except errors.ProviderError as error:
        return events, error
    return events, None


def text_of(events, choice=0):
    return "".join(e.text for e in events if isinstance(e, base.Text) and e.choice == choice)


def failure(text, **options):
    return served(lambda _, adapter: collect(adapter, text), **options)


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


async def closed(server):
    """Seconds until the server sees its connections closed."""
    begin = time.monotonic()
    while server.connections and time.monotonic() - begin < 2:
        await asyncio.sleep(0.005)
    assert server.requests[-1]["closed_early"]
    return time.monotonic() - begin


class Resting:
    """Asked after each read; rests once, after the first text, until a test ends the rest."""

    def __init__(self):
        self.asked, self.began = 0, asyncio.Event()
        self.turn = None

    def __call__(self):
        self.asked += 1
        if self.asked != FIRST_TEXT:
            return None
        self.turn = asyncio.get_running_loop().create_future()
        self.began.set()
        return self.turn


# The stand-in sends who speaks before it sends what is said.
FIRST_TEXT = 2
SLOW = "[[tokens=60 delay=4 first=20]]"
HELD = "[[tokens=60 delay=4 first=20 hold=x]]"
CUT = "[[tokens=60 delay=4 first=20 cut=20]]"


async def read_into(batches, adapter, asked, rest):
    async with contextlib.aclosing(adapter.stream(request(asked), rest)) as stream:
        async for batch in stream:
            batches.append(batch)


def joined(batches):
    return [event for batch in batches for event in batch]


async def begun(adapter, asked):
    """A call that rests after its first text: its task, its batches so far, and the rest."""
    batches, rest = [], Resting()
    task = asyncio.create_task(read_into(batches, adapter, asked, rest))
    await asyncio.wait_for(rest.began.wait(), 5)
    return task, batches, rest


async def said_all(server):
    """The server has sent its whole answer, read or not."""
    while server.requests[-1]["closed_early"]:
        await asyncio.sleep(0.005)


def test_what_comes_during_a_rest_gathers_and_is_read_after_it():
    async def rested(server, adapter):
        task, batches, rest = await begun(adapter, SLOW)
        before = text_of(joined(batches))
        await asyncio.wait_for(said_all(server), 5)
        assert text_of(joined(batches)) == before
        assert rest.asked == FIRST_TEXT
        rest.turn.set_result(None)
        await asyncio.wait_for(task, 5)
        return before, batches, rest.asked

    before, batches, asked = served(rested)
    events = joined(batches)
    assert text_of(events) == expected_text(SLOW)
    assert expected_text(SLOW).startswith(before)
    assert 0 < len(before) < len(expected_text(SLOW)) / 2
    assert events[-1] == base.Finish("stop")
    # All that had gathered came at one reading, after which nothing was left to ask for.
    assert asked == FIRST_TEXT
    assert text_of(batches[-2]) == expected_text(SLOW)[len(before) :]


def test_after_each_read_it_is_asked_whether_to_rest():
    async def asked(_, adapter):
        batches, times = [], []
        await read_into(batches, adapter, SLOW, lambda: times.append(len(batches)))
        return times, len(batches)

    times, count = served(asked)
    assert times == sorted(times)
    # The last reading brings the end, after which nobody is asked.
    assert set(range(1, count - 2)) <= set(times)
    assert max(times) < count
    assert count > 5


def test_a_flood_with_many_rests_arrives_complete_and_in_order():
    async def flooded(_, adapter):
        batches = []
        await read_into(batches, adapter, "[[tokens=50000]]", lambda: asyncio.sleep(0.001))
        return joined(batches)

    assert text_of(served(flooded)) == expected_text("[[tokens=50000]]")


def test_a_rest_is_no_silence():
    async def rested(server, adapter):
        task, batches, rest = await begun(adapter, SLOW)
        await asyncio.wait_for(said_all(server), 5)
        await asyncio.sleep(0.3)
        rest.turn.set_result(None)
        await asyncio.wait_for(task, 5)
        return joined(batches)

    events = served(rested, deadlines=base.Deadlines(first_byte=2, silence=0.1, total=5))
    assert text_of(events) == expected_text(SLOW)


def test_a_connection_that_rested_serves_the_next_call():
    async def ports(server, adapter):
        for _ in range(3):
            task, _batches, rest = await begun(adapter, SLOW)
            rest.turn.set_result(None)
            await asyncio.wait_for(task, 5)
        return server.connected

    assert served(ports) == 1


def test_cancelling_during_a_rest_closes_the_providers_connection_at_once():
    async def cancel(server, adapter):
        task, batches, rest = await begun(adapter, HELD)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert rest.turn.cancelled()
        assert expected_text(HELD).startswith(text_of(joined(batches)))
        return await closed(server)

    assert served(cancel) < 0.5


def test_leaving_before_a_rest_closes_the_providers_connection_at_once():
    async def leave(server, adapter):
        rest = Resting()
        async with contextlib.aclosing(adapter.stream(request(HELD), rest)) as stream:
            async for batch in stream:
                if text_of(batch):
                    break
        assert rest.turn is None
        return await closed(server)

    assert served(leave) < 0.5


def test_a_connection_lost_during_a_rest_keeps_the_text():
    async def lose(_, adapter):
        rest = Resting()
        call = asyncio.create_task(collect_resting(adapter, CUT, rest))
        await asyncio.wait_for(rest.began.wait(), 5)
        await asyncio.sleep(0.1)
        rest.turn.set_result(None)
        return await asyncio.wait_for(call, 5)

    events, error = served(lose)
    assert (error.code, error.after_first_token) == ("stream_truncated", True)
    assert text_of(events) == expected_text(CUT)


async def collect_resting(adapter, asked, rest):
    batches = []
    try:
        await read_into(batches, adapter, asked, rest)
    except errors.ProviderError as error:
        return joined(batches), error
    return joined(batches), None


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
