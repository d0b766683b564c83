"""Conversations for the two providers that are particular about them, and Cloudflare's prompts."""

from dataclasses import replace

import pytest

from conversations.providers import adapter_for, base
from conversations.providers.messages import GO_ON, USE_RESULTS
from tests.providers.fixture_server import KEY
from tests.providers.talking import (
    KINDS,
    call,
    events,
    outcome,
    refused,
    reply,
    request,
    sent,
    with_server,
)
from tests.providers.wire_rules import complaints

PARTS = ({"type": "text", "text": "Hello"}, {"type": "text", "text": "you"})


def said(role, content="Hello", **fields):
    return base.ChatMessage(role, content, **fields)


def roles(kind, *messages):
    return [(one["role"], one["content"]) for one in sent(kind, messages)["messages"]]


@pytest.mark.parametrize("kind", ["deepinfra", "cloudflare"])
def test_all_system_texts_become_one_wherever_they_stood(kind):
    told = (
        said("system", "A"),
        said("user"),
        said("developer", "B"),
        said("system", ""),
        said("user"),
    )
    assert roles(kind, *told) == [("system", "A\n\nB"), ("user", "Hello"), ("user", "Hello")]
    assert roles(kind, said("system", ""), said("user")) == [("user", "Hello")]


@pytest.mark.parametrize("kind", ["deepinfra", "cloudflare"])
def test_parts_become_one_text(kind):
    assert roles(kind, said("system", PARTS), said("user", PARTS)) == [
        ("system", "Hello\nyou"),
        ("user", "Hello\nyou"),
    ]


def test_a_reply_to_go_on_with_is_followed_by_that_wish_at_deepinfra():
    told = said("user"), said("assistant", "I was")
    assert roles("deepinfra", *told)[1:] == [("assistant", "I was"), ("user", GO_ON)]
    assert roles("cloudflare", *told)[1:] == [("assistant", "I was")]


def test_results_of_tools_are_followed_by_a_wish_at_deepinfra():
    made = base.ToolCall(0, 0, "c1", "look", "{}")
    told = (
        said("user"),
        said("assistant", "", tool_calls=(made,)),
        said("tool", "Rain", tool_call_id="c1"),
    )
    assert roles("deepinfra", *told)[2:] == [("tool", "Rain"), ("user", USE_RESULTS)]


def test_a_raw_prompt_is_one_text_in_chatml():
    told = said("system", "Be brief."), said("user")
    body = sent("cloudflare", told, raw=True, lora="alice/poems")
    assert body["prompt"] == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert (body["raw"], body["lora"], "messages" in body) == (True, "alice/poems", False)
    going_on = sent("cloudflare", (*told, said("assistant", "Hi, ")), raw=True)["prompt"]
    assert going_on.endswith("<|im_start|>assistant\nHi, ")


def test_an_adapter_alone_gets_a_prompt_within_the_models_template():
    assert sent("cloudflare", lora="a")["prompt"] == "Hello"
    told = said("system", "Be brief."), said("user")
    assert sent("cloudflare", told, lora="a")["prompt"] == (
        "System: Be brief.\n\nUser: Hello\n\nAssistant:"
    )
    going_on = sent("cloudflare", (*told, said("assistant", "Hi")), lora="a")["prompt"]
    assert going_on.endswith("Assistant: Hi")


def test_a_prompt_has_at_least_one_character():
    for told in ((), (said("user", ""),), (said("system", ""),)):
        assert sent("cloudflare", told, lora="a")["prompt"]
        assert sent("cloudflare", told, raw=True)["prompt"]


def test_raw_switched_off_leaves_the_messages():
    body = sent("cloudflare", raw=False)
    assert (body["raw"], "prompt" in body) == (False, False)


def test_a_prompt_takes_neither_tools_nor_functions():
    tool = {"name": "look", "description": "Looks", "parameters": {}}
    function = {"name": "look", "code": "return 1"}
    for form in ({"raw": True}, {"lora": "a"}):
        assert "no tools" in refused("cloudflare", tools=(tool,), **form)
        assert "not with a raw prompt" in refused("cloudflare", functions=(function,), **form)
    assert sent("cloudflare", functions=(function,), raw=False)["functions"] == [function]


@pytest.mark.parametrize(
    "wrong",
    [
        (), ({"name": "look"},), ({"code": "x"},), ({"name": "", "code": "x"},), "look",
        ({"name": "look", "code": "x", "more": 1},), (None,), ({"name": 1, "code": "x"},),
    ],
)  # fmt: skip
def test_functions_have_a_name_and_code(wrong):
    assert "Embedded functions" in refused("cloudflare", functions=wrong)


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ({"name": "f"}, {"type": "object", "properties": {}}),
        ({"name": "f", "parameters": {"type": None, "properties": None}, "description": ""},
         {"type": "object", "properties": {}}),
        ({"name": "f", "parameters": {"properties": {"a": {}, "b": None, "c": True}, "required": ["a"]}},
         {"type": "object", "required": ["a"],
          "properties": {name: {"type": "string", "description": name} for name in "abc"}}),
        ({"name": "f", "parameters": {"type": "object", "properties": {
            "a": {"type": "integer", "enum": [1]}, "b": {"description": "B"}}}},
         {"type": "object", "properties": {
             "a": {"type": "integer", "description": "a", "enum": [1]},
             "b": {"type": "string", "description": "B"}}}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("nest", [True, False])
def test_cloudflares_tools_have_all_that_is_required(given, filled, nest):
    tool = {"type": "function", "function": given} if nest else given
    (made,) = sent("cloudflare", tools=(tool,))["tools"]
    assert made["type"] == "function"
    assert made["function"] == {"name": "f", "description": "f", "parameters": filled}


def test_junk_in_a_tool_is_filled_in_too():
    (made,) = sent("cloudflare", tools=({"name": "f", "parameters": {"properties": ["a"]}},))[
        "tools"
    ]
    assert made["function"]["parameters"] == {"type": "object", "properties": {}}


def test_what_a_tool_says_of_itself_stays():
    schema = {"type": "object", "properties": {"a": {"type": "number", "description": "A"}}}
    tool = {"name": "f", "description": "Does f", "parameters": schema}
    (made,) = sent("cloudflare", tools=(tool,))["tools"]
    assert made["function"] == tool


WRONG = [
    {"bogus": 1}, {"stop": None}, {"top_p": "1"}, {"stream": True, "messages": None},
    {"messages": [{"role": "user", "content": None}]}, {"messages": [{"role": "robot", "content": ""}]},
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", WRONG)
def test_the_strict_provider_refuses_what_it_should(kind, wrong):
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}
    if kind == "cloudflare":
        del body["model"]
    assert complaints(kind, body) == []
    assert complaints(kind, body | wrong) != []


PARTED = {"messages": [{"role": "user", "content": list(PARTS)}]}
WRONG_THERE = [
    ("deepinfra", PARTED),
    ("cloudflare", PARTED),
    ("deepinfra", {"messages": [{"role": "assistant", "content": "I"}]}),
    (
        "deepinfra",
        {"messages": [*[{"role": "system", "content": "A"}] * 2, {"role": "user", "content": "Q"}]},
    ),
    ("deepinfra", {"stream_options": {"include_usage": True}}),
    ("aimlapi", {"messages": [{"role": "tool", "content": "Rain"}]}),
    ("aimlapi", {"user": "5f3a"}),
    ("cloudflare", {"prompt": "Hello"}),
    ("cloudflare", {"stream": True, "response_format": {"type": "json_object"}}),
    ("cloudflare", {"tools": [{"name": "look"}]}),
    ("openai_compatible", {"top_k": 1}),
]


@pytest.mark.parametrize(("kind", "wrong"), WRONG_THERE)
def test_the_strict_provider_refuses_its_own_taboos(kind, wrong):
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}
    body |= {} if kind == "cloudflare" else {"model": "m"}
    assert complaints(kind, body) == []
    assert complaints(kind, body | wrong) != []


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_address_is_not_found(kind):
    async def run(server, _):
        adapter = adapter_for(kind, replace(server.endpoint(), base_url=server.base_url + "/no"))
        try:
            return (await outcome(adapter, request(kind))).error
        finally:
            await adapter.aclose()

    assert with_server(kind, run).code == "not_found"


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_is_understood_in_each_providers_words(kind):
    asked = request(kind, parameters=base.Parameters(extra_body={"bogus": 1}))
    came, server = call(kind, asked, reply(kind))
    assert server.complaints == ["bogus: is unknown"]
    assert (came.error.code, "bogus" in came.error.detail) == ("bad_request", True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", [None, "another-key-9876543210", KEY + "x"])
def test_a_missing_or_wrong_key_is_refused(kind, key):
    came, _ = call(kind, request(kind), reply(kind), key=key)
    assert (came.error.code, came.error.status, came.error.retryable) == ("auth", 401, False)
    assert ("key page" in came.error.detail) is (kind == "aimlapi")


def test_the_hint_about_the_key_page_comes_with_a_refusal_inside_a_stream_too():
    told = events({"error": {"type": "authentication_error", "message": "no"}}, done=False)
    came, _ = call("aimlapi", request("aimlapi"), told)
    assert (came.error.code, "key page" in came.error.detail) == ("auth", True)
