"""The odd shapes of real servers, each cut at every byte as well."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.providers import base
from conversations.providers.decoder import ReplyDecoder

FINISH = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
THUMB = "\N{THUMBS UP SIGN}"


def delta(index=0, **fields):
    return {"id": "x", "choices": [{"index": index, "delta": fields}]}


def stream(*chunks, done=True):
    texts = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
    return "".join(f"data: {text}\n\n" for text in [*texts, *(["[DONE]"] if done else [])]).encode()


def decode(body, *, size=None, **options):
    decoder = ReplyDecoder(headers={}, **options)
    events = []
    for at in range(0, len(body), size or len(body)):
        events += decoder.feed(body[at : at + (size or len(body))])
    events += decoder.finish()
    return events, decoder.failure


def read(body, **options):
    """Decode whole and byte by byte; return text, reasoning and error code, the same for both."""
    results = []
    for size in (None, 1, 7):
        events, failure = decode(body, size=size, **options)
        text = "".join(e.text for e in events if isinstance(e, base.Text))
        thoughts = "".join(e.text for e in events if isinstance(e, base.Reasoning))
        results.append((text, thoughts, failure.code if failure else None))
    assert results[0] == results[1] == results[2]
    return results[0]


@pytest.mark.parametrize(
    ("deltas", "text"),
    [
        (["a", None, "", "b"], "ab"),
        ([" \n ", "\n a", " "], "a "),
        ([1.50, 7], "1.57"),
        ([[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]], "ab"),
        (["a", "</s>"], "a"),
        (["a", "</s>", "", "b"], "a</s>b"),
        (["a", "</s>", "</s>"], "a</s>"),
        (["<s", ">a", "</s>"], "<s>a</s>"),
        (["<s>a</s>", "</s>"], "<s>a</s>"),
        (["a</s>"], "a</s>"),
        (["<", "thing>"], "<thing>"),
        (["a <think>b</think>"], "a <think>b</think>"),
        (["a\ud83d", "\udc4db"], f"a{THUMB}b"),
        (["a\ud83d", "b"], "a\ufffdb"),
        (["a\ud83d"], "a\ufffd"),
    ],
)
def test_text_is_what_the_model_meant(deltas, text):
    chunks = [delta(content=content) for content in deltas]
    if deltas == [1.50, 7]:
        chunks[0] = '{"id":"x","choices":[{"index":0,"delta":{"content":1.5}}]}'
    assert read(stream(*chunks, FINISH)) == (text, "", None)


@pytest.mark.parametrize(
    ("deltas", "result"),
    [
        (["<thi", "nk>\n a b \n", " c </th", "ink>\n", "\nd"], ("d", "a b \n c", None)),
        (["\n<think></think>a"], ("a", "", None)),
        (["<think>a"], ("", "a", None)),
        (["<think>a</think><think>b"], ("<think>b", "a", None)),
        (["<think>a < b </thing></think>c"], ("c", "a < b </thing>", None)),
    ],
)
def test_thoughts_at_the_start_are_reasoning(deltas, result):
    assert read(stream(*[delta(content=c) for c in deltas], FINISH)) == result


def test_reasoning_comes_under_several_names_and_twice_counts_once():
    body = stream(
        delta(reasoning_content="a", reasoning="a"),
        delta(reasoning="b"),
        delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "c"}]}]),
        delta(content="d"),
        FINISH,
    )
    assert read(body) == ("d", "abc", None)


def test_a_continuation_keeps_its_leading_blanks():
    assert read(stream(delta(content=" on"), FINISH), continuation=True) == (" on", "", None)


def test_choices_may_be_null_or_without_a_delta():
    chunks = [{"choices": None}, {"choices": [{"index": 0}]}, {"choices": [{"delta": None}]}]
    assert read(stream(*chunks, delta(content="a"), FINISH))[0] == "a"


def test_events_may_share_a_data_block_and_a_broken_one_is_skipped():
    first, second = json.dumps(delta(content="a")), json.dumps(delta(content="b"))
    body = f"data: {first}\ndata: {second}\n\ndata: {{broken\n\ndata: [DONE]\n\n".encode()
    assert read(body) == ("ab", "", None)


def test_a_finish_reason_completes_a_stream_without_done():
    assert read(stream(delta(content="a"), FINISH, done=False)) == ("a", "", None)
    assert read(stream(delta(content="a"), done=False)) == ("a", "", "stream_truncated")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "stream_truncated"),
        (b"  \n", "stream_truncated"),
        (b"<!doctype html><title>Sign in</title>", "protocol"),
        (b"{broken", "protocol"),
        (b"{}", "protocol"),
        (b"[1]", "protocol"),
        (b'{"choices": []}', "empty_reply"),
        (b"data: {broken\n\n", "protocol"),
        (b"data: [DONE]\n\n", "empty_reply"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "protocol"),
        (b'event: error\ndata: {"message": "no", "code": 429}\n\n', "rate_limit"),
        (b'error: {"message": "no"}\n\n', "server"),
        (b'{"error": {"message": "no", "code": 401}}', "auth"),
        (b'{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}', "empty_reply"),
        (
            b'{"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}',
            "content_filter",
        ),
    ],
)
def test_what_is_no_reply_is_an_error(body, code):
    for size in (None, 1):
        events, failure = (
            decode(body, size=size)
            if body
            else (
                [],
                _finished(ReplyDecoder(headers={})),
            )
        )
        assert failure is not None
        assert failure.code == code
        assert not any(isinstance(event, base.Text) for event in events)


def _finished(decoder):
    decoder.finish()
    return decoder.failure


def test_an_error_beside_choices_keeps_the_text_and_outranks_done():
    body = stream({**delta(content="a"), "error": {"message": "no", "code": 503}})
    assert read(body) == ("a", "", "overloaded")
    inside = {"choices": [{"delta": {"content": "a"}, "error": {"code": 502, "message": "no"}}]}
    assert read(stream(inside)) == ("a", "", "server")


def test_json_though_a_stream_was_asked_is_a_whole_reply():
    reply = {"choices": [{"message": {"content": " a</s>"}}]}
    assert read(json.dumps(reply).encode()) == ("a", "", None)


def test_tool_calls_are_put_together_from_any_fragments():
    def calls(*entries):
        events, failure = decode(stream(*[delta(tool_calls=[e]) for e in entries], FINISH))
        assert failure is None
        assert [e.reason for e in events if isinstance(e, base.Finish)] == ["tool_calls"]
        found = [e for e in events if isinstance(e, base.ToolCall)]
        assert all(call.id for call in found)
        return [(call.name, call.arguments) for call in found]

    fragments = [
        {"index": 5, "id": "b", "function": {"name": "two", "arguments": "{"}},
        {"index": 2, "id": "a", "function": {"name": "one", "arguments": ""}},
        {"index": 5, "function": {"arguments": "}"}},
        {"index": 2, "id": None, "function": {"name": None, "arguments": "broken"}},
    ]
    assert calls(*fragments) == [("one", "broken"), ("two", "{}")]
    unnumbered = [
        {"id": "a", "function": {"name": "one", "arguments": {"x": 1}}},
        {"function": {"name": "two", "arguments": None}},
        {"id": None, "function": {"name": None, "arguments": None}},
    ]
    assert calls(*unnumbered) == [("one", '{"x":1}'), ("two", "{}")]
    same_index = [
        {"index": 0, "id": "a", "function": {"name": "one", "arguments": "{}"}},
        {"index": 0, "id": "b", "function": {"name": "two", "arguments": "{}"}},
    ]
    assert calls(*same_index) == [("one", "{}"), ("two", "{}")]


def test_the_old_function_call_is_a_tool_call():
    events, _ = decode(stream(delta(function_call={"name": "one", "arguments": "{}"}), FINISH))
    assert [e.name for e in events if isinstance(e, base.ToolCall)] == ["one"]


@pytest.mark.parametrize(
    ("chunks", "usage"),
    [
        ([{"usage": {"prompt_tokens": 1, "completion_tokens": 2}}], (1, 2, 3, None)),
        (
            [
                {"usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 9}},
                {"usage": {"prompt_tokens": 0, "completion_tokens": 0}},
                {"usage": None},
            ],
            (1, 2, 9, None),
        ),
        ([{"x_groq": {"usage": {"prompt_tokens": 4, "completion_tokens": 2}}}], (4, 2, 6, None)),
        ([{"timings": {"prompt_n": 3, "cache_n": 4, "predicted_n": 5}}], (7, 5, 12, None)),
        ([{"usage": {"prompt_tokens": 1.5, "completion_tokens": 2.4}}], (2, 2, 4, None)),
        (
            ['{"usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": 2.68e-05}}'],
            (1, 1, 2, Decimal("0.0000268")),
        ),
        (
            ['{"usage": {"prompt_tokens": 1, "completion_tokens": -1, "cost": NaN}}'],
            None,
        ),
    ],
)
def test_the_last_usage_above_zero_counts(chunks, usage):
    events, failure = decode(stream(delta(content="a"), FINISH, *chunks))
    found = [e for e in events if isinstance(e, base.Usage)]
    assert failure is None
    assert [(u.prompt_tokens, u.completion_tokens, u.total_tokens, u.cost) for u in found] == (
        [usage] if usage else []
    )


def test_one_read_gives_one_text_for_each_choice():
    body = stream(*[delta(i % 2, content="ab"[i % 2]) for i in range(1000)], done=False)
    events = ReplyDecoder(headers={"x-request-id": "r"}).feed(body)
    assert events == [base.Begin("x", "r"), base.Text("a" * 500, 0), base.Text("b" * 500, 1)]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "choices", "delta", "message", "content", "index", "finish_reason", "usage",
                 "tool_calls", "function", "name", "arguments", "error", "errors", "detail", "code",
                 "reasoning", "thinking", "text", "prompt_tokens", "timings", "x_groq", "meta"]
            ),
            inner,
            max_size=4,
        )
    ),
)  # fmt: skip


@given(st.lists(JUNK, max_size=5))
def test_whatever_a_server_sends_ends_in_a_reply_or_a_known_error(values):
    good = delta(content="a")
    for body in (stream(good, *values, good), *(json.dumps(value).encode() for value in values)):
        results = [decode(body, size=size) for size in (None, 1)]
        codes = [failure.code if failure else None for _, failure in results]
        assert codes[0] == codes[1]


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_known_error(body):
    _, failure = decode(body) if body else ([], None)
    assert failure is not None or not body
