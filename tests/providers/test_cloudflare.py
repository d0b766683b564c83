"""Cloudflare's native replies in all their shapes; each also byte by byte."""

import json
from decimal import Decimal

import pytest

from conversations.providers import base
from conversations.providers.cloudflare_form import CloudflareDecoder
from tests.providers.fixture_server import Delivery
from tests.providers.talking import call, events, reply, request, with_server
from tests.wire.replay import Outcome


def decode(body, **options):
    """The same outcome at once and byte by byte."""
    seen = []
    for size in (len(body), 1, 5):
        decoder = CloudflareDecoder(headers={"cf-ray": "ray-1"}, **options)
        came = [
            event
            for at in range(0, len(body), size)
            for event in decoder.feed(body[at : at + size])
        ]
        seen.append(Outcome(came + decoder.finish(), decoder.failure))
    assert len({_essence(outcome) for outcome in seen}) == 1
    return seen[0]


def _essence(outcome):
    calls = [(c.name, c.arguments, c.index) for c in calls_of(outcome)]
    error = outcome.error and (outcome.error.code, outcome.error.after_first_token)
    return repr((outcome.text(base.Text), calls, outcome.usage(), outcome.finish(), error))


def calls_of(outcome):
    return [event for event in outcome.events if isinstance(event, base.ToolCall)]


def whole(result, **options):
    """The outcome of a whole reply; `result` may be JSON text."""
    text = result if isinstance(result, str) else json.dumps(result)
    body = f'{{"result": {text}, "success": true, "errors": [], "messages": []}}'
    return decode(body.encode(), **options)


def stream(*chunks, done=True, **options):
    return decode(events(*chunks, done=done).body, **options)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ('{"response": " Hi</s>"}', "Hi"),
        ('"Hi"', "Hi"),
        ('{"response": {"a": 1.50, "b": [true, null]}}', '{"a":1.50,"b":[true,null]}'),
        ('{"response": [1, {"type": "text", "text": "x"}]}', '[1,{"type":"text","text":"x"}]'),
        ('{"response": []}', "[]"),
        ('{"response": 12}', "12"),
        ('{"response": 2.680e-05}', "2.680e-05"),
        ('{"response": true}', "true"),
        ('{"response": false, "usage": null}', "false"),
        ('{"response": {"half": "\\ud83d", "x": 0.1}}', '{"half":"\ufffd","x":0.1}'),
        ('{"id": "r", "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}', "Hi"),
    ],
)
def test_a_whole_result_is_a_text_whatever_its_shape(result, text):
    came = whole(result)
    assert (came.text(base.Text), came.finish(), came.error) == (text, "stop", None)


@pytest.mark.parametrize(
    "body", [b'{"response": "Hi"}', b'{"choices": [{"message": {"content": "Hi"}}]}']
)
def test_a_result_may_come_without_its_envelope(body):
    assert decode(body).text(base.Text) == "Hi"


@pytest.mark.parametrize(
    "result", ['{"response": null}', '{"response": ""}', '""', '{"tool_calls": []}']
)
def test_nothing_in_a_result_is_an_empty_reply(result):
    assert whole(result).error.code == "empty_reply"


@pytest.mark.parametrize("result", ["null", "{}", "7", "[]"])
def test_a_result_without_any_answer_cannot_be_read(result):
    assert whole(result).error.code == "protocol"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"errors": []}, "server"),
        ({"errors": [{"code": 3040, "message": "Capacity"}]}, "overloaded"),
        ({"errors": [{"code": "10000", "message": "No"}], "result": {"response": "Hi"}}, "auth"),
        ({"errors": [{"message": "AiError: 5007: No such model"}]}, "not_found"),
        ({"errors": [{"code": 1, "message": "JSON Mode couldn't be met"}]}, "json_mode"),
        ({"errors": None, "result": None}, "server"),
    ],
)
def test_without_success_a_200_is_an_error(said, code):
    body = {"result": None, "success": False, "messages": []} | said
    for came in (decode(json.dumps(body).encode()), stream(body), stream({"response": ""}, body)):
        assert (came.error.code, came.error.after_first_token) == (code, False)
        assert came.text(base.Text) == ""


@pytest.mark.parametrize(
    "trouble",
    [
        {"success": False, "errors": []},
        {"success": False, "errors": [{"code": 3007, "message": "Timeout"}]},
        {"error": "broken"},
        {"error": {"message": "broken", "code": 503}},
        {"errors": [{"code": 3040, "message": "Capacity"}]},
    ],
)
def test_an_error_midway_keeps_the_text_and_outranks_the_end(trouble):
    came = stream({"response": "Hel"}, {"response": "lo"}, trouble, {"response": "!"})
    assert (came.text(base.Text), came.finish()) == ("Hello", None)
    assert (came.error.retryable, came.error.after_first_token) == (True, True)
    beside = stream({"response": "Hel"}, {"response": "lo"} | trouble)
    assert (beside.text(base.Text), beside.error.code) == ("Hello", came.error.code)


def test_a_cut_stream_keeps_its_text():
    came = stream({"response": "Hel"}, {"response": "lo"}, done=False)
    assert (came.text(base.Text), came.error.code) == ("Hello", "stream_truncated")
    assert came.error.after_first_token


@pytest.mark.parametrize(
    ("reported", "counted"), [("10.5", 11), ("10.49", 10), ("0.5", 1), ("10", 10)]
)
def test_fractions_of_tokens_are_rounded_half_up(reported, counted):
    usage = f'{{"prompt_tokens": {reported}, "completion_tokens": 2.5, "total_tokens": 1}}'
    expected = base.Usage(counted, 3, counted + 3)
    assert whole(f'{{"response": "Hi", "usage": {usage}}}').usage() == expected
    assert stream({"response": "Hi"}, f'{{"response": "", "usage": {usage}}}').usage() == expected


def test_usage_in_every_piece_is_not_added_up():
    pieces = [
        {"response": "a", "p": "abc", "usage": {"prompt_tokens": 5, "completion_tokens": count}}
        for count in (1, 2, 3, 0)
    ]
    pieces[-1]["usage"] = {"prompt_tokens": 0, "completion_tokens": 0}
    came = stream(*pieces)
    assert (came.text(base.Text), came.usage()) == ("aaaa", base.Usage(5, 3, 8))


@pytest.mark.parametrize(
    ("used", "most", "reason"),
    [(256, None, "length"), (255, None, "stop"), (16, 16, "length"), (255.5, None, "length"),
     (256, 4096, "stop"), (4096, 4096, "length")],
)  # fmt: skip
def test_an_answer_that_used_all_it_might_was_cut(used, most, reason):
    usage = {"prompt_tokens": 5, "completion_tokens": used}
    options = {"most": most} if most else {}
    assert whole({"response": "Hi", "usage": usage}, **options).finish() == reason
    assert (
        stream({"response": "Hi"}, {"response": "", "usage": usage}, **options).finish() == reason
    )
    calls = [{"name": "look", "arguments": {}}]
    called = {"response": None, "tool_calls": calls, "usage": usage}
    assert whole(called, **options).finish() == "tool_calls"
    assert stream(called, **options).finish() == "tool_calls"


def test_what_a_reply_says_of_its_end_goes_before_what_is_inferred():
    usage = {"prompt_tokens": 5, "completion_tokens": 256}
    choice = {"message": {"content": "Hi"}, "finish_reason": "stop"}
    assert whole({"choices": [choice], "usage": usage}).finish() == "stop"
    assert (
        stream({"response": "Hi"}, {"response": "", "finish_reason": "length"}).finish() == "length"
    )


def test_the_adapter_infers_from_the_limit_that_it_sent():
    piece = {"response": "Hi", "usage": {"prompt_tokens": 5, "completion_tokens": 300}}
    for most, reason in [(300, "length"), (None, "stop"), (301, "stop")]:
        asked = request("cloudflare", parameters=base.Parameters(max_tokens=most))
        came, _ = call("cloudflare", asked, events(piece))
        assert came.finish() == reason


def openai(content=None, finish=None, **more):
    return {"id": "r-7", "choices": [{"index": 0, "delta": {"content": content, **more},
                                      "finish_reason": finish}]}  # fmt: skip


def test_openai_chunks_are_read_and_the_last_may_come_twice():
    usage = {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}
    for last in (openai("lo", "stop"), openai("lo", "stop") | usage):
        came = stream(openai("Hel"), openai("lo", "stop"), last, done=False)
        assert (came.text(base.Text), came.finish(), came.error) == ("Hello", "stop", None)
        assert came.events[0] == base.Begin("r-7", "ray-1")
    assert came.usage() == base.Usage(5, 2, 7)


def test_a_call_in_the_last_chunk_that_comes_twice_is_made_once():
    entry = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": '{"a":1}'}}
    last = openai(None, "tool_calls", tool_calls=[entry])
    came = stream(last, last)
    assert [(c.name, c.arguments) for c in calls_of(came)] == [("look", '{"a":1}')]


def test_equal_chunks_before_the_end_are_no_repetition():
    assert (
        stream(openai("a"), openai("a"), openai("a"), openai("", "stop")).text(base.Text) == "aaa"
    )
    assert stream(*[{"response": "a"}] * 3).text(base.Text) == "aaa"


def test_both_forms_may_alternate():
    came = stream(openai("a"), {"response": "b"}, openai("c"), {"response": 4}, {"response": None})
    assert came.text(base.Text) == "abc4"


@pytest.mark.parametrize("empty", [None, []])
def test_empty_choices_beside_a_response_hide_nothing(empty):
    piece = {"response": "Hi", "choices": empty}
    assert stream(piece, piece).text(base.Text) == "HiHi"
    assert whole(piece).text(base.Text) == "Hi"
    both = openai("Hi") | {"response": "Hi"}
    assert stream(both, both, openai("", "stop")).text(base.Text) == "HiHi"


def test_an_object_of_arguments_keeps_its_numbers():
    call_text = (
        '[{"name": "pay", "arguments": {"sum": 0.10, "at": 2.680e-05, "id": 9007199254740993}}]'
    )
    written = '{"sum":0.10,"at":0.00002680,"id":9007199254740993}'
    for came in (
        whole(f'{{"response": null, "tool_calls": {call_text}}}'),
        stream(f'{{"response": null, "tool_calls": {call_text}}}'),
    ):
        (made,) = calls_of(came)
        exact = [json.loads(text, parse_float=Decimal) for text in (made.arguments, written)]
        assert exact[0] == exact[1]
        assert made.id


def test_several_native_calls_stay_apart_and_each_has_an_id():
    calls = [{"name": "a", "arguments": {}}, {"name": "a", "arguments": {"x": 1}}, {"name": None}]
    for came in (whole({"tool_calls": calls}), stream({"response": "", "tool_calls": calls})):
        made = calls_of(came)
        assert [(c.name, c.arguments) for c in made] == [("a", "{}"), ("a", '{"x":1}')]
        assert len({c.id for c in made}) == 2


def test_end_marks_and_leading_blanks_are_dropped_from_native_pieces():
    assert (
        stream({"response": " "}, {"response": "\nHi"}, {"response": "</s>"}).text(base.Text)
        == "Hi"
    )
    assert (
        stream({"response": "a"}, {"response": "</s>"}, {"response": "b"}).text(base.Text)
        == "a</s>b"
    )
    going_on = stream({"response": " on"}, continuation=True)
    assert going_on.text(base.Text) == " on"


def test_json_mode_goes_without_a_stream_and_comes_in_one_piece():
    body = {"result": {"response": {"a": 1}}, "success": True}
    form = {"response_format": "json_schema", "json_schema": {"type": "object"}}

    async def batches(server, adapter):
        asked = request("cloudflare", parameters=base.Parameters(**form), stream=True)
        found = [batch async for batch in adapter.stream(asked)]
        return found, server.asked[0].body["stream"], server.complaints

    answer = Delivery(json.dumps(body).encode(), ends=(3, 9, 20), delay=0.01)
    (batch,), stream_sent, complaints = with_server("cloudflare", batches, answer)
    assert (stream_sent, complaints) == (False, [])
    assert batch == [base.Begin(None, None), base.Text('{"a":1}'), base.Finish("stop")]


@pytest.mark.parametrize(
    "model", ["@cf/qwen/qwen2.5-coder-32b-instruct", "@hf/thebloke/x-awq", "@cf/a/b c?d#e", "plain"]
)
def test_the_models_signs_stand_in_the_address(model):
    async def target(server, adapter):
        asked = base.ChatRequest(model, (base.ChatMessage("user", "Hello"),))
        try:
            async for _ in adapter.stream(asked):
                pass
        except Exception:  # it knows one model only
            pass
        return server.asked[0].target

    path = with_server("cloudflare", target, reply("cloudflare")).partition("/ai/run/")[2]
    assert path == model.replace(" ", "%20").replace("?", "%3F").replace("#", "%23")
