"""Every bound of every provider, from both sides: refused by name here, or taken there."""

import json
from decimal import Decimal

import pytest

from conversations.providers import checking, matrix
from tests.providers import wire_rules
from tests.providers.talking import KINDS, MODELS, refused, sent

TINY = Decimal("1e-12")
HUGE = 2**63
NUMERIC = (matrix.INTEGER, matrix.NUMBER)
# What has to be set beside it.
BESIDE = {"top_logprobs": {"logprobs": True}}
# Bounds of our own, which the provider doesn't have.
OURS = {("aimlapi", "n", "high"), ("openai_compatible", "n", "high")}
OURS |= {("openai_compatible", "seed", side) for side in ("low", "high")}
OURS |= {("openai_compatible", "max_tokens", "low")}


def edges():
    """(kind, field, side, value on the bound, value just beyond it)."""
    for kind in KINDS:
        for name, taken in matrix.column(kind).items():
            if matrix.FIELDS[name].type in NUMERIC:
                step = 1 if matrix.FIELDS[name].type == matrix.INTEGER else TINY
                for side, bound, away in (("low", taken.low, -step), ("high", taken.high, step)):
                    if bound is not None:
                        above = taken.above and side == "low"
                        yield (
                            kind,
                            name,
                            side,
                            bound + TINY if above else bound,
                            bound + (0 if above else away),
                        )


EDGES = [pytest.param(*edge, id="-".join(edge[:3])) for edge in edges()]


# Written down once more, from docs/providers.md, section 2.
RANGES = {
    "deepinfra": "max_tokens 0 1000000, temperature 0 2, top_p 0 1, top_k 0 999, min_p 0 1,"
    " repetition_penalty 0.01 5, frequency_penalty -2 2, presence_penalty -2 2,"
    " seed 0 9223372036854775807, n 1 4",
    "aimlapi": "max_tokens 1 -, temperature 0 2, top_p 0.01 1, top_k - -, min_p 0.001 0.999,"
    " repetition_penalty - -, frequency_penalty -2 2, presence_penalty -2 2, seed 1 -, n 1 4,"
    " top_logprobs 0 20",
    "cloudflare": "max_tokens 1 -, temperature 0 5, top_p 0 2, top_k 1 50, repetition_penalty 0 2,"
    " frequency_penalty 0 2, presence_penalty 0 2, seed 1 9999999999",
    "openai_compatible": "max_tokens 1 -, temperature 0 2, top_p 0 1, frequency_penalty -2 2,"
    " presence_penalty -2 2, seed -9223372036854775808 9223372036854775807, n 1 4,"
    " top_logprobs 0 20",
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_bounds_are_those_that_the_providers_tell(kind):
    def bound(text):
        return None if text == "-" else Decimal(text)

    told = {
        name: (bound(low), bound(high))
        for name, low, high in map(str.split, RANGES[kind].split(","))
    }
    column = matrix.column(kind)
    assert told == {
        name: (taken.low, taken.high)
        for name, taken in column.items()
        if matrix.FIELDS[name].type in NUMERIC
    }
    assert [name for name, taken in column.items() if taken.above] == ["top_p"] * (
        kind == "deepinfra"
    )


@pytest.mark.parametrize(("kind", "name", "side", "on", "beyond"), EDGES)
def test_a_value_on_the_bound_is_taken_here_and_there(kind, name, side, on, beyond):
    values = {name: on, **BESIDE.get(name, {})}
    assert checking.check(values, matrix.column(kind)) == []
    body = sent(kind, **values)
    assert body.get(name, 1) == on
    assert name in body or (name, on) == ("n", 1)


@pytest.mark.parametrize(("kind", "name", "side", "on", "beyond"), EDGES)
def test_a_value_beyond_the_bound_is_refused_by_name_and_never_sent(kind, name, side, on, beyond):
    column = matrix.column(kind)
    values = {name: beyond, **BESIDE.get(name, {})}
    (refusal,) = checking.check(values, column)
    assert refusal.field == name
    for said in (refusal.sentence, refused(kind, **values)):
        assert matrix.FIELDS[name].label in said
        assert checking.bounds(column[name]) in said


@pytest.mark.parametrize(("kind", "name", "side", "on", "beyond"), EDGES)
def test_the_provider_would_refuse_what_is_beyond(kind, name, side, on, beyond):
    def trouble(value):
        body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}
        body |= {name: value, **BESIDE.get(name, {})}
        if kind == "cloudflare":
            del body["model"]
        return wire_rules.complaints(kind, wire_rules.read(json.dumps(body).encode()))

    def as_json(value):
        return value if isinstance(value, int) else float(value)

    assert trouble(as_json(on)) == []
    complaints = trouble(as_json(beyond))
    assert bool(complaints) is ((kind, name, side) not in OURS)
    assert all(complaint.startswith(f"{name}: ") for complaint in complaints)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [True, "1", float("nan"), float("inf"), Decimal("sNaN"), [1], {}])
def test_what_is_no_number_is_refused_wherever_one_is_needed(kind, value):
    column = matrix.column(kind)
    names = [name for name in column if matrix.FIELDS[name].type in NUMERIC]
    refusals = checking.check(dict.fromkeys(names, value), column)
    assert [refusal.field for refusal in refusals] == names
    assert all("number is needed" in refusal.sentence for refusal in refusals)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [1.0, Decimal(2)])
def test_a_whole_number_is_no_fraction(kind, value):
    column = matrix.column(kind)
    (refusal,) = checking.check({"seed": value}, column)
    assert "whole number" in refusal.sentence


@pytest.mark.parametrize("kind", KINDS)
def test_absurd_numbers_are_refused_in_a_short_sentence(kind):
    column = matrix.column(kind)
    for name in ("temperature", "top_p"):
        for value in (10**5000, Decimal(10) ** 400, Decimal("1" * 9000), -(10**400)):
            (refusal,) = checking.check({name: value}, column)
            assert refusal.field == name
            assert len(refusal.sentence) < 200


@pytest.mark.parametrize("kind", KINDS)
def test_only_true_and_false_are_booleans(kind):
    column = matrix.column(kind)
    names = [name for name in column if matrix.FIELDS[name].type == matrix.BOOLEAN]
    for value in (0, 1, "true", "", []):
        # What goes together is looked at only where each by itself is right.
        assert [r.field for r in checking.check(dict.fromkeys(names, value), column)] == names


def test_a_float_counts_as_the_decimal_that_it_is_written_as():
    assert checking.check({"top_p": 0.01}, matrix.column("aimlapi")) == []
    assert checking.check({"min_p": 0.999}, matrix.column("aimlapi")) == []
    assert checking.check({"repetition_penalty": 0.01}, matrix.column("deepinfra")) == []


@pytest.mark.parametrize(
    ("kind", "most"), [("deepinfra", 16), ("aimlapi", 4), ("openai_compatible", 4)]
)
def test_stop_texts_are_counted(kind, most):
    assert sent(kind, stop=("x",) * most)["stop"] == ["x"] * most
    assert f"at most {most}" in refused(kind, stop=("x",) * (most + 1))
    for wrong in ((), ("",), (1,), "text"):
        (refusal,) = checking.check({"stop": wrong}, matrix.column(kind))
        assert refusal.field == "stop"


CHOICES = [
    ("deepinfra", "response_format", ("json_object",), ("json_schema", "text", "xml")),
    ("aimlapi", "response_format", ("text", "json_object"), ("xml",)),
    ("cloudflare", "response_format", ("json_object",), ("text",)),
    ("openai_compatible", "response_format", ("text", "json_object"), ("xml",)),
    ("deepinfra", "tool_choice", ("none", "auto"), ("required",)),
    ("aimlapi", "tool_choice", ("none", "auto", "required"), ("any",)),
    ("openai_compatible", "tool_choice", ("none", "auto", "required"), ("any",)),
]


@pytest.mark.parametrize(("kind", "name", "good", "bad"), CHOICES)
def test_a_choice_is_one_of_those_the_provider_knows(kind, name, good, bad):
    column = matrix.column(kind)
    assert [checking.check({name: value}, column) for value in good] == [[]] * len(good)
    for value in bad:
        (refusal,) = checking.check({name: value}, column)
        assert (refusal.field, all(word in refusal.sentence for word in good)) == (name, True)


NOT_TAKEN = {
    "deepinfra": ("lora", "raw", "functions", "logprobs", "logit_bias",
                  "parallel_tool_calls", "reasoning_effort", "json_strict"),
    "aimlapi": ("lora", "raw", "functions", "reasoning_effort"),
    "cloudflare": ("stop", "n", "min_p", "tool_choice", "logprobs", "json_strict", "logit_bias"),
    "openai_compatible": ("top_k", "min_p", "repetition_penalty", "lora", "raw", "functions"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_provider_documents_nowhere_is_refused(kind):
    column = matrix.column(kind)
    for name in NOT_TAKEN[kind]:
        (refusal,) = checking.check({name: object()}, column)
        assert (refusal.field, "doesn't take it" in refusal.sentence) == (name, True)
    assert set(column) <= set(matrix.FIELDS)
    assert not set(column) & set(NOT_TAKEN[kind])


def test_servers_of_the_compatible_kind_may_take_more():
    for server in ("vllm", "llama.cpp", "openrouter"):
        column = matrix.column("openai_compatible", {"server": server})
        assert checking.check({"top_k": 5, "min_p": 0.5}, column) == []
    assert checking.check({"top_k": 5}, matrix.column("openai_compatible", {"server": "x"}))
    assert checking.check({"min_p": 0.5}, matrix.column("cloudflare", {"server": "vllm"}))


def test_a_model_may_have_limits_of_its_own():
    limits = {"top_p": {"high": 0.9}, "min_p": {"low": 0.1}, "seed": None, "unknown": {"low": 1}}
    column = matrix.column("deepinfra", limits=limits)
    assert checking.check({"top_p": 0.9, "min_p": 0.1}, column) == []
    for name, value in {"top_p": 0.91, "min_p": 0.09, "seed": 1, "unknown": 1}.items():
        (refusal,) = checking.check({name: value}, column)
        assert refusal.field == name
    assert checking.check({"top_p": 0}, column)
    assert "at most 8" in refused(
        "aimlapi", limits={"max_tokens": {"low": None, "high": 8}}, max_tokens=9
    )


def test_bounds_read_as_words():
    said = {
        (0, 2, False): "0 to 2",
        (0, 1, True): "above 0, at most 1",
        (1, None, False): "at least 1",
        (0, None, True): "above 0",
        (None, 1_000_000, False): "at most 1,000,000",
        (None, None, False): "",
    }
    for (low, high, above), words in said.items():
        assert checking.bounds(matrix.Taken(low, high, above=above)) == words


ELSEWHERE = [
    "model",
    "messages",
    "prompt",
    "stream",
    "stream_options",
    "tools",
    "functions",
    "user",
    "max_completion_tokens",
    "best_of",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*matrix.FIELDS, *ELSEWHERE])
def test_the_extra_body_takes_the_place_of_no_other_field(kind, name):
    (refusal,) = checking.check({"extra_body": {name: 1, "mirostat": 2}}, matrix.column(kind))
    assert refusal.field == "extra_body"
    assert f" {name} " in refusal.sentence
    assert "mirostat" not in refusal.sentence


def test_everything_that_the_extra_body_may_not_have_is_named_at_once():
    extra = {"top_p": 9, "n": 50, "max_tokens": 999_999, "stop": ["x"], "mirostat": 1}
    (refusal,) = checking.check({"extra_body": extra}, matrix.column("deepinfra"))
    assert "top_p, n, max_tokens, stop" in refusal.sentence
    assert checking.check({"extra_body": None}, {}) == []
    assert checking.check({"extra_body": {}}, {}) == []


@pytest.mark.parametrize("name", ["max_new_tokens", "max_output_tokens", "n_predict", "models"])
def test_another_word_for_what_costs_money_is_refused_as_well(name):
    (refusal,) = checking.check({"extra_body": {name: 1}}, matrix.column("openai_compatible"))
    assert (refusal.field, name in refusal.sentence) == ("extra_body", True)


def test_every_model_is_known_by_its_kind():
    assert set(MODELS) == set(KINDS) == set(matrix.MATRIX) - {"demo"}
