"""Each provider at its worst: silent, broken, gone, lying, redirecting, or telling the key."""

import asyncio
import gzip
import json
import time
from dataclasses import replace

import pytest

from conversations.providers import base
from conversations.providers.errors import ProviderError
from tests.providers.fixture_server import HTML, JSON, KEY, MODEL, SSE, Delivery
from tests.providers.talking import KINDS, call, events, outcome, reply, request, with_server

SILENT = base.Deadlines(connect=20, first_byte=20, silence=0.1, total=60)
IMPATIENT = base.Deadlines(connect=20, first_byte=0.1, silence=20, total=60)


def piece(kind, text):
    return (
        {"response": text} if kind == "cloudflare" else {"choices": [{"delta": {"content": text}}]}
    )


def half(kind, finish):
    """A stream that says `Hel`, and then this."""
    return replace(events(piece(kind, "Hel"), done=False), finish=finish)


@pytest.mark.parametrize("kind", KINDS)
def test_silence_ends_a_call_and_its_connection(kind):
    async def run(server, adapter):
        came = await outcome(adapter, request(kind))
        begin = time.monotonic()
        while not server.asked[0].closed_early and time.monotonic() - begin < 1:
            await asyncio.sleep(0.005)
        return came, server.asked[0].closed_early

    came, closed = with_server(kind, run, half(kind, "stall"), deadlines=SILENT)
    assert (came.text(base.Text), came.error.code, closed) == ("Hel", "timeout", True)
    assert came.error.after_first_token


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_never_begins_times_out(kind):
    came, _ = call(kind, request(kind), replace(reply(kind), delay=0.5), deadlines=IMPATIENT)
    assert (came.events, came.error.code) == ([], "timeout")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("finish", ["reset", "whole"])
def test_a_cut_stream_keeps_what_it_said(kind, finish):
    came, _ = call(kind, request(kind), half(kind, finish))
    assert (came.text(base.Text), came.error.code) == ("Hel", "stream_truncated")
    assert came.error.after_first_token


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_reply_that_is_cut_short_is_an_error(kind):
    whole = reply(kind, "Hello there")
    body = whole.body[: len(whole.body) // 2]
    came, _ = call(kind, request(kind, stream=False), Delivery(body, finish="reset"))
    assert came.error is not None
    assert (came.text(base.Text), came.error.retryable) == ("", True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_provider_that_is_gone_cannot_be_reached(kind):
    async def run(server, adapter):
        server.leave()
        return await outcome(adapter, request(kind))

    came = with_server(kind, run)
    assert (came.error.code, came.error.retryable, came.error.after_first_token) == (
        "connection",
        True,
        False,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("label", [HTML, SSE, JSON])
def test_a_page_is_no_reply(kind, label):
    page = Delivery(b"<!doctype html><title>Sign in</title>", headers={"content-type": label})
    for stream in (True, False):
        came, _ = call(kind, request(kind, stream=stream), page)
        assert (came.error.code, came.error.detail) == ("protocol", "Sign in")


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxys_page_may_be_packed(kind):
    packed = gzip.compress(b"<html><title>Bad gateway</title></html>")
    headers = {"content-type": HTML, "content-encoding": "gzip"}
    came, _ = call(kind, request(kind), Delivery(packed, 502, headers))
    assert (came.error.code, came.error.status, came.error.detail) == ("server", 502, "Bad gateway")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_with_the_key(kind, status):
    async def run(server, adapter):
        came = await outcome(adapter, request(kind))
        with pytest.raises(ProviderError) as listing:
            await adapter.models()
        return came.error.code, listing.value.code, len(server.asked)

    away = Delivery(b"", status, {"location": "http://127.0.0.1:9/elsewhere"})
    assert with_server(kind, run, away) == ("protocol", "protocol", 2)


def telling(said):
    """Error bodies of all shapes that repeat what they are told."""
    return [
        {"error": {"message": said, "code": "x"}}, {"error": said}, {"detail": said},
        {"detail": [{"loc": ["header", said], "msg": said, "type": "x"}]}, {"detail": {"error": said}},
        {"message": said, "statusCode": 500}, {"error_type": "x", "error_message": said},
        {"success": False, "errors": [{"code": 1000, "message": said}]},
        {"object": "error", "message": said, "code": 500},
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_keys_are_scrubbed_from_all_that_a_provider_says(kind):
    said = f"wrong key {KEY}, Authorization: Bearer {KEY}, sk-proj-abcdefghijkl"
    bodies = [json.dumps(body).encode() for body in telling(said)] + [
        said.encode(),
        b"<p>" + said.encode(),
    ]
    answers = [Delivery(body, status) for body in bodies for status in (200, 401, 500)]
    answers += [events(piece(kind, "Hi"), body) for body in telling(said)]

    async def run(_, adapter):
        return [(await outcome(adapter, request(kind))).error for _ in answers]

    found = with_server(kind, run, *answers)
    assert None not in found
    for error in found:
        shown = f"{error} {error!r} {error.detail} {error.sentence}"
        assert KEY not in shown
        assert "sk-proj" not in shown
        assert "[key]" in error.detail or error.code == "protocol"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["x-request-id", "cf-ray"])
@pytest.mark.parametrize("stream", [True, False])
def test_who_answered_is_told_at_the_beginning(kind, name, stream):
    answer = {
        "id": "reply-1",
        "choices": [
            {"delta": {"content": "Hi"}, "finish_reason": "stop", "message": {"content": "Hi"}}
        ],
    }
    whole = {"result": answer, "success": True} if kind == "cloudflare" else answer
    delivery = events(answer) if stream else Delivery(json.dumps(whole).encode())
    headers = {**delivery.headers, name: "request-1"}
    came, _ = call(kind, request(kind, stream=stream), replace(delivery, headers=headers))
    assert came.events == [base.Begin("reply-1", "request-1"), base.Text("Hi"), base.Finish("stop")]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_tells_which_request_it_was(kind):
    headers = {"content-type": JSON, "x-request-id": "request-1", "retry-after": "7"}
    came, _ = call(kind, request(kind), Delivery(b'{"error": "slow down"}', 429, headers))
    assert (came.error.request_id, came.error.retry_after_seconds) == ("request-1", 7.0)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "cloudflare"])
def test_a_server_that_knows_no_stream_options_is_asked_without_them_from_then_on(kind):
    refusal = Delivery(b'{"error": {"message": "Unknown field stream_options"}}', 400)

    async def run(server, adapter):
        came = [(await outcome(adapter, request(kind))).text(base.Text) for _ in range(2)]
        return came, ["stream_options" in asked.body for asked in server.asked]

    assert with_server(kind, run, refusal, reply(kind)) == (["Hi", "Hi"], [True, False, False])


@pytest.mark.parametrize(
    "said", ["stream_options", "use max_completion_tokens instead of max_tokens"]
)
@pytest.mark.parametrize(
    ("extra", "options"),
    [
        ({"stream_options": {"include_usage": False}, "max_tokens": 5}, {}),
        ({}, {"max_tokens_name": "max_tokens"}),
    ],
)
def test_a_server_that_refuses_whatever_is_sent_is_not_asked_for_ever(said, extra, options):
    refusal = Delivery(json.dumps({"error": {"message": said}}).encode(), 400)
    asked = request("openai_compatible", parameters=base.Parameters(extra_body=extra))
    came, server = call("openai_compatible", asked, refusal, options=options)
    assert came.error.code == "bad_request"
    assert len(server.asked) <= 2


def test_a_model_that_names_its_limit_otherwise_is_asked_in_its_way():
    refusal = Delivery(b'{"error": {"message": "Use max_completion_tokens"}}', 400)

    async def run(server, adapter):
        asked = request("openai_compatible", parameters=base.Parameters(max_tokens=5))
        came = [(await outcome(adapter, asked)).text(base.Text) for _ in range(2)]
        names = ({"max_tokens", "max_completion_tokens"} & set(one.body) for one in server.asked)
        return came, [name for found in names for name in found]

    came, names = with_server("openai_compatible", run, refusal, reply("openai_compatible"))
    assert came == ["Hi", "Hi"]
    assert names == ["max_tokens", "max_completion_tokens", "max_completion_tokens"]


def test_calls_at_once_learn_the_same():
    refusal = Delivery(b'{"error": {"message": "Unknown field stream_options"}}', 400, delay=0.05)

    async def run(_, adapter):
        calls = [outcome(adapter, request("aimlapi")) for _ in range(2)]
        return [came.text(base.Text) for came in await asyncio.gather(*calls)]

    assert with_server("aimlapi", run, refusal, refusal, reply("aimlapi")) == ["Hi", "Hi"]


def test_cloudflares_account_stands_in_the_address():
    async def target(server, adapter):
        await outcome(adapter, request("cloudflare"))
        return server.asked[0].target

    path = with_server("cloudflare", target, reply("cloudflare"), options={"account_id": "a/b"})
    assert path == f"/client/v4/accounts/a%2Fb/ai/run/{MODEL}"
