"""The payloads of every recorded stream, framed in any other way: the same events come out."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversations.providers import base
from conversations.providers.loose_json import BROKEN, parse
from conversations.providers.sse import DONE, EventDecoder
from tests.wire import replay

CASES = [
    (case, body)
    for case, body in replay.load(Path(replay.__file__).parent)
    if case["request"]["stream"] and case["response"]["status"] < 300
]
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
BESIDE = st.sampled_from(
    [b": keep-alive", b":", b"id: 7", b"retry: 3000", b"event: message", b"odd", b"x: data: y"]
)


def payloads(body):
    """The data of each event of a recorded stream, and whether it says that it is done."""
    decoder = EventDecoder()
    return decoder.feed(body) + decoder.finish(), decoder.done


def lines_of(draw, payload):
    """The data lines of an event: one, or two where JSON may be broken without changing it."""
    marks = [at for at in range(1, len(payload)) if payload[at : at + 1] in b"{}[],"]
    places = [at for at in marks if _outside(payload, at)]
    whole = payload == DONE or parse(payload) is BROKEN
    if whole or not places or not draw(st.booleans()):
        return payload.split(b"\n")
    at = draw(st.sampled_from(places))
    return [payload[:at], payload[at:]]


def _outside(payload, at):
    """Whether a position is in none of the strings of a JSON text."""
    return payload[:at].replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"') % 2 == 0


@st.composite
def framings(draw, found, done):
    """One stream with these payloads: any line ends, comments, blanks, and its cuts."""
    body = b"\xef\xbb\xbf" if draw(st.booleans()) else b""
    events = [*found, *([DONE] if done else [])]
    for number, payload in enumerate(events):
        end = draw(ENDS)
        lines = [
            b"data:" + draw(st.sampled_from([b"", b" "])) + line for line in lines_of(draw, payload)
        ]
        lines = [*draw(st.lists(BESIDE, max_size=2)), *lines, *draw(st.lists(BESIDE, max_size=1))]
        last = number == len(events) - 1 and draw(st.booleans())
        body += end.join(lines) + (b"" if last else end * draw(st.integers(2, 3)))
    cuts = draw(st.lists(st.integers(0, len(body)), max_size=12).map(sorted))
    return [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def joined(outcome):
    """The events with neighbouring texts united, for cuts decide only where texts are parted."""
    found = []
    for event in outcome.events:
        if isinstance(event, base.ToolCall):
            event = (event.choice, event.index, event.name, event.arguments)
        before = found[-1] if found else None
        textual = isinstance(event, base.Text | base.Reasoning) and type(before) is type(event)
        if textual and before.choice == event.choice:
            found[-1] = type(event)(before.text + event.text, event.choice)
        else:
            found.append(event)
    return found, outcome.error and (outcome.error.code, outcome.error.detail)


@pytest.mark.parametrize(("case", "body"), [pytest.param(c, b, id=c["case"]) for c, b in CASES])
def test_the_framing_changes_nothing(case, body):
    decoder = replay.DECODERS[case["provider"]]
    several = case["request"].get("n", 1) > 1
    expected = joined(replay.play(case, [body], decoder))
    found, done = payloads(body)

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(framings(found, done))
    def framed(blocks):
        outcome = replay.play(case, blocks, decoder)
        # Where texts of several choices alternate depends on the cuts, so they are compared apart.
        if several:
            assert replay.differences(case, outcome) == []
        else:
            assert joined(outcome) == expected

    framed()
