"""What is sent: all that was set, exactly, and nothing else."""

import json
from decimal import Decimal
from types import MappingProxyType

import pytest

from conversations.providers import base, payload
from conversations.providers.errors import BadRequest
from tests.providers.talking import KINDS, MODELS, call, refused, reply, request, sent

OPENAI_FORM = tuple(kind for kind in KINDS if kind != "cloudflare")
SCHEMA = {"title": "A fact, told", "type": "object", "properties": {"a": {"type": ["null"]}}}
FLAT = {"name": "look", "description": "Looks", "parameters": {"type": "object", "properties": {}}}
NESTED = {"type": "function", "function": FLAT}


@pytest.mark.parametrize("kind", OPENAI_FORM)
@pytest.mark.parametrize("stream", [True, False])
def test_nothing_that_is_unset_is_sent(kind, stream):
    expected = {
        "model": MODELS[kind],
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": stream,
    }
    asked_for_usage = {"stream_options": {"include_usage": True}} if stream else {}
    assert sent(kind, stream=stream) == expected | asked_for_usage


@pytest.mark.parametrize("stream", [True, False])
def test_cloudflare_gets_a_limit_beside_the_messages(stream):
    body = sent("cloudflare", stream=stream)
    assert body.pop("max_tokens") > 256
    assert body == {"messages": [{"role": "user", "content": "Hello"}], "stream": stream}


def test_cloudflares_limit_is_what_was_set_and_never_above_the_models_own():
    assert sent("cloudflare", max_tokens=7)["max_tokens"] == 7
    for limits, most in [({}, 4096), ({"high": 2048}, 2048), ({"high": 32_768}, 4096)]:
        asked = request("cloudflare", limits={"max_tokens": limits})
        _, server = call("cloudflare", asked, reply("cloudflare"))
        assert server.asked[0].body["max_tokens"] == most


ALL = {
    "temperature": Decimal("0.70"), "top_p": 0.1, "seed": 2**53 + 1, "frequency_penalty": 1,
    "presence_penalty": Decimal("1e-7"), "max_tokens": 99,
}  # fmt: skip
MORE = {
    "deepinfra": {"top_k": 0, "min_p": 0.05, "repetition_penalty": 1.1, "stop": ("a", "b")},
    "aimlapi": {"top_k": 5, "min_p": 0.05, "repetition_penalty": 1.1, "stop": ("a",),
                "logprobs": True, "top_logprobs": 20, "logit_bias": {"50256": -100}},
    "cloudflare": {"top_k": 50, "repetition_penalty": 1.1, "raw": False},
    "openai_compatible": {"stop": ("a",), "logprobs": False, "logit_bias": {"1": 0.5},
                          "reasoning_effort": "low"},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_set_arrives_as_it_was_written(kind):
    values = {**ALL, **MORE[kind]} | ({"seed": 2**33} if kind == "cloudflare" else {})
    body = sent(kind, **values)
    for name, value in values.items():
        exact = Decimal(repr(value)) if isinstance(value, float) else value
        assert body[name] == (list(value) if isinstance(value, tuple) else exact), name


@pytest.mark.parametrize("kind", OPENAI_FORM)
@pytest.mark.parametrize("seed", [1, 2**53 + 1, 2**63 - 1])
def test_a_seed_keeps_all_its_digits(kind, seed):
    asked = request(kind, parameters=base.Parameters(seed=seed))
    _, server = call(kind, asked, reply(kind))
    assert b'"seed":%d' % seed in server.asked[0].raw


@pytest.mark.parametrize(
    ("value", "written"),
    [(Decimal("0.10"), b"0.10"), (0.1, b"0.1"), (1, b"1"), (Decimal("1E-7"), b"1E-7")],
)
def test_fractions_are_written_digit_by_digit(value, written):
    assert payload.write({"temperature": value}) == b'{"temperature":%s}' % written


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("-Infinity"), object()])
def test_what_json_has_not_is_refused_wherever_it_stands(value):
    for body in ({"x": value}, {"x": [{"y": value}]}):
        with pytest.raises(BadRequest):
            payload.write(body)
    assert "cannot be written" in refused("deepinfra", extra={"deep": {"er": [value]}})


@pytest.mark.parametrize("kind", ["aimlapi", "openai_compatible"])
def test_a_schema_goes_in_an_envelope(kind):
    body = sent(kind, response_format="json_schema", json_schema=MappingProxyType(SCHEMA))
    envelope = {"name": "A_fact_told", "schema": SCHEMA}
    assert body["response_format"] == {"type": "json_schema", "json_schema": envelope}
    form = {
        "response_format": "json_schema",
        "json_schema": {"title": "事実"},
        "json_strict": False,
    }
    envelope = {"name": "answer", "schema": {"title": "事実"}, "strict": False}
    assert sent(kind, **form)["response_format"]["json_schema"] == envelope
    assert sent(kind, response_format="text")["response_format"] == {"type": "text"}


def test_cloudflares_schema_is_bare():
    form = {"response_format": "json_schema", "json_schema": SCHEMA}
    bare = {"type": "json_schema", "json_schema": SCHEMA}
    assert sent("cloudflare", **form)["response_format"] == bare
    assert sent("cloudflare", raw=True, **form)["response_format"] == bare


@pytest.mark.parametrize("kind", KINDS)
def test_json_objects_need_no_more_than_their_type(kind):
    assert sent(kind, response_format="json_object")["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_beside_plain_json_is_for_our_own_check_and_not_sent(kind):
    body = sent(kind, response_format="json_object", json_schema=SCHEMA)
    assert body["response_format"] == {"type": "json_object"}
    assert "json_schema" not in body


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_needs_a_form_of_json_and_the_schemas_form_needs_one(kind):
    assert "needs one of JSON" in refused(kind, json_schema=SCHEMA)
    assert refused(kind, response_format="json_schema")


@pytest.mark.parametrize("kind", OPENAI_FORM)
@pytest.mark.parametrize("tool", [NESTED, FLAT, {"type": "function", **FLAT}])
def test_tools_are_nested(kind, tool):
    assert sent(kind, tools=(MappingProxyType(tool),))["tools"] == [NESTED]


@pytest.mark.parametrize("kind", OPENAI_FORM)
def test_a_tool_choice_goes_with_tools_only(kind):
    assert sent(kind, tools=(NESTED,), tool_choice="none")["tool_choice"] == "none"
    assert "tool_choice" not in sent(kind, tool_choice="auto")
    if kind != "deepinfra":
        body = sent(kind, tools=(NESTED,), parallel_tool_calls=False)
        assert body["parallel_tool_calls"] is False
        assert "parallel_tool_calls" not in sent(kind, parallel_tool_calls=False)


@pytest.mark.parametrize(
    ("kind", "told"),
    [("deepinfra", True), ("aimlapi", False), ("cloudflare", False), ("openai_compatible", True)],
)
def test_who_asks_is_told_only_where_it_is_taken(kind, told):
    assert sent(kind, user="5f3a").get("user") == ("5f3a" if told else None)


@pytest.mark.parametrize("kind", OPENAI_FORM)
def test_several_answers_are_asked_for_by_number(kind):
    assert sent(kind, n=4)["n"] == 4
    assert "n" not in sent(kind, n=1)
    assert "1 to 4" in refused(kind, n=5)


def test_cloudflare_writes_one_answer():
    assert "doesn't take it" in refused("cloudflare", n=2)


OURS = ("model", "messages", "prompt", "stream", "top_p", "n", "max_tokens", "stop", "user")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OURS)
def test_the_extra_body_with_what_is_ours_is_refused_before_it_is_sent(kind, name):
    assert f" {name} " in refused(kind, extra={name: 9, "mirostat": 1})


@pytest.mark.parametrize("kind", KINDS)
def test_the_extra_body_adds_what_is_listed_nowhere(kind):
    extra = {"mirostat": {"tau": Decimal("5.0"), "seen": None}, "seed_text": "9223372036854775807"}
    asked = request(kind, parameters=base.Parameters(extra_body=MappingProxyType(extra)))
    came, server = call(kind, asked, reply(kind))
    body = json.loads(server.asked[0].raw, parse_float=Decimal)
    assert {name: body[name] for name in extra} == extra
    # It is the administrator's own affair: this provider refuses, and says what.
    assert (came.error.code, "mirostat" in came.error.detail) == ("bad_request", True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_and_its_result_are_told_again(kind):
    told = (
        base.ChatMessage("user", "Weather?"),
        base.ChatMessage(
            "assistant", "", tool_calls=(base.ToolCall(0, 0, "c1", "look", '{"a":1}'),)
        ),
        base.ChatMessage("tool", "Rain", tool_call_id="c1"),
        base.ChatMessage("user", "And now?"),
    )
    call_sent = {
        "id": "c1",
        "type": "function",
        "function": {"name": "look", "arguments": '{"a":1}'},
    }
    assert sent(kind, told)["messages"] == [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "", "tool_calls": [call_sent]},
        {"role": "tool", "content": "Rain", "tool_call_id": "c1"},
        {"role": "user", "content": "And now?"},
    ]


@pytest.mark.parametrize("kind", ["aimlapi", "openai_compatible"])
def test_parts_and_developers_are_sent_as_they_are_where_they_are_known(kind):
    parts = ({"type": "text", "text": "Hello"}, MappingProxyType({"type": "text", "text": "You"}))
    told = (base.ChatMessage("developer", "Be brief."), base.ChatMessage("user", parts, name="al"))
    assert sent(kind, told)["messages"] == [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [dict(part) for part in parts], "name": "al"},
    ]
