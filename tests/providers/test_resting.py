"""A call that rests: what comes meanwhile gathers, and nothing of it is lost."""

import asyncio
import contextlib

import pytest

from conversations.bench.provider import expected_text
from conversations.providers import base, errors
from tests.providers.calling import closed, request, served, text_of


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
