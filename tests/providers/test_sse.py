"""Framing of server-sent events: what a body means must not depend on its packets."""

from hypothesis import given
from hypothesis import strategies as st

from conversations.providers import sse
from conversations.providers.sse import ErrorData, EventDecoder


def decode(*blocks: bytes) -> list[bytes]:
    decoder = EventDecoder()
    payloads = [payload for block in blocks for payload in decoder.feed(block)]
    return payloads + decoder.finish()


def test_an_event_ends_at_a_blank_line_and_its_data_lines_join():
    assert decode(b"data: one\ndata:two\ndata:  three\n\ndata: four\n\n") == [
        b"one\ntwo\n three",
        b"four",
    ]


def test_lines_end_at_lf_crlf_and_cr_only():
    assert decode(b"data: a\r\n\r\ndata: b\r\rdata: c\n\n") == [b"a", b"b", b"c"]
    text = "data: x\u2028y\u0085z\n\n".encode()
    assert decode(text) == ["x\u2028y\u0085z".encode()]


def test_comments_and_unknown_fields_carry_nothing():
    assert decode(b": hello\n\nid: 7\nretry: 10\nodd\ndata: a\n\n") == [b"a"]


def test_a_leading_byte_order_mark_is_dropped():
    assert decode(b"\xef\xbb\xbfdata: a\n\n") == [b"a"]
    assert decode(b"\xef", b"\xbb\xbfda", b"ta: a\n\n") == [b"a"]


def test_what_is_pending_at_the_end_still_counts():
    assert decode(b"data: a\n\ndata: b") == [b"a", b"b"]


def test_everything_after_done_is_ignored():
    decoder = EventDecoder()
    assert decoder.feed(b"data: a\n\ndata: [DONE]\n\ndata: b\n\n") == [b"a"]
    assert decoder.done
    assert decoder.feed(b"data: c\n\n") + decoder.finish() == []


def test_done_may_lack_its_newline():
    decoder = EventDecoder()
    assert decoder.feed(b"data: [DONE]") == []
    assert decoder.finish() == []
    assert decoder.done


def test_error_fields_and_error_events_are_marked():
    for body in (b'error: {"a":1}\n\n', b'event: error\ndata: {"a":1}\n\n'):
        (payload,) = decode(body)
        assert type(payload) is ErrorData
        assert payload == b'{"a":1}'


def test_an_endless_event_is_refused(monkeypatch):
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    decoder = EventDecoder()
    try:
        for _ in range(100):
            decoder.feed(b"x" * 100)
    except sse.TooLong:
        return
    raise AssertionError("it was swallowed")


PIECES = st.sampled_from(
    [b"\n", b"\r", b"\r\n", b"\n\n", b"data: ", b"data:", b"data", b"x", b"\xef\xbb\xbf", b":",
     b"event: error", b"error: e", b"[DONE]", b" ", "東京".encode(), b"\xff", b'{"a": 1}']
)  # fmt: skip


@given(st.lists(PIECES, max_size=30), st.data())
def test_any_cut_gives_the_same_events(pieces, data):
    body = b"".join(pieces)
    ends = data.draw(st.lists(st.integers(0, len(body)), max_size=8).map(sorted))
    blocks = [body[a:b] for a, b in zip([0, *ends], [*ends, len(body)], strict=True)]
    assert decode(*blocks) == decode(body) == decode(*[bytes([b]) for b in body])
