"""The benchmark's own parts: its figures, its cheap socket, and a short run of the whole."""

import asyncio
import json
import math
import os

import pytest
from django.core.management import CommandError, call_command

from conversations.bench.load import BareRelay, Stream, first_tokens, flood, paced
from conversations.bench.processes import Child
from conversations.bench.provider import StandIn
from conversations.bench.sockets import Socket
from conversations.bench.stats import Figure, Target, percentile, short, spread, table


def test_a_percentile_is_a_value_that_was_measured():
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(range(1, 101), 0.99) == 99
    assert percentile([7], 0.99) == 7
    assert math.isnan(percentile([], 0.5))


def test_numbers_are_short():
    assert [short(value) for value in (0, 0.234, 45.67, 1234.5, 98_765, math.nan)] == [
        "0", "0.23", "45.7", "1234", "99k", "–",
    ]  # fmt: skip
    assert spread([1, 3, 2]) == "2 (1–3)"


def test_a_target_may_bound_the_ratio_to_the_relay():
    figure = Figure("time", "µs", target=Target(1.5, of_relay=True))
    assert figure.verdict == ""
    for ours, relay in ((140, 100), (300, 100), (280, 200)):
        figure.add(ours, relay)
    assert (figure.ratio, figure.verdict) == (1.4, "ok")
    figure.target = Target(1.5, at_least=True, of_relay=True)
    assert figure.verdict == "missed"
    assert "≥ 1.5 × relay" in table([figure])


def test_a_run_without_a_value_never_counts_as_reached():
    figure = Figure("time", "ms", target=Target(1))
    figure.add(math.nan)
    assert figure.verdict == "missed"


def test_a_stream_counts_each_token_once_however_often_its_text_is_sent_again():
    stream = Stream()
    first, second = stream.began + 1_000, stream.began + 2_000
    stream.feed(b"<p>%d" % first, first + 500)
    stream.feed(b"<p>%d %d</p>" % (first, second), second + 700)
    stream.feed(b'<i id="m-0-state" hx-swap-oob="true" data-state="done"></i>', second + 900)
    assert stream.delays == [500, 700]
    assert stream.ended.is_set()
    assert not stream.trouble


def test_the_bare_relay_passes_everything_on(tmp_path):
    async def run():
        async with StandIn() as provider:
            arguments = ["-m", "conversations.bench.relay", "--provider", provider.base_url]
            child = await Child.start(arguments, log=tmp_path / "log")
            try:
                port = int((await child.says("port")).split()[1])
                relay = BareRelay(child, port)
                return (
                    await first_tokens(relay, 2), await flood(relay, 2, 500),
                    await paced(relay, 2, 0.2), child,
                )  # fmt: skip
            finally:
                await child.stop()

    firsts, (rate, _used), result, child = asyncio.run(run())
    assert rate > 0
    assert (len(firsts), len(result.firsts), result.failed) == (2, 2, 0)
    # How many fall into the window is up to the machine; that they arrive in order of time isn't.
    assert result.delays
    assert min(result.delays) >= 0
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_a_refused_socket_is_an_error():
    async def run():
        async with StandIn() as provider:
            await Socket.open(provider.port, "/", lambda _data, _now: None)

    with pytest.raises(ConnectionError):
        asyncio.run(run())


def test_the_command_measures_a_site_of_its_own(tmp_path):
    call_command("bench", "--quick", "--only", "first", "--json", str(tmp_path / "figures"))
    found = json.loads((tmp_path / "figures").read_text())
    (figure,) = found["figures"]
    assert figure["name"].startswith("first token added")
    assert figure["runs"][0] > 0
    assert all("core" in note for note in found["notes"])


def test_an_unknown_figure_is_refused():
    with pytest.raises(CommandError):
        call_command("bench", "--only", "nonsense")
