"""Whatever is given or answered: a refusal, a fitting request, a reply or a known error. No crash."""

import json
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversations.providers import base, checking, matrix, payload
from conversations.providers.cloudflare import native_body
from conversations.providers.cloudflare_form import CloudflareDecoder, read_page
from conversations.providers.errors import ProviderError
from conversations.providers.listing import read_models
from tests.providers import wire_rules
from tests.providers.talking import KINDS, events, request

EACH = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NUMBERS = (
    st.integers()
    | st.integers(-3, 1000)
    | st.floats()
    | st.floats(-3, 6)
    | st.decimals()
    | st.decimals(-3, 6, places=3)
    | st.sampled_from([10**400, 2**63 - 1, 2**63, True, Decimal("sNaN")])
)
NAMES = st.sampled_from(
    ["name", "code", "type", "title", "properties", "json_object", "json_schema", "text", "auto",
     "none", "50256", "required"]
)  # fmt: skip
TEXTS = st.text(max_size=4) | NAMES
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FITTING = {
    "json_schema": st.dictionaries(NAMES, VALUES, max_size=2),
    "functions": st.lists(st.fixed_dictionaries({"name": TEXTS, "code": TEXTS}), max_size=2),
    "logit_bias": st.dictionaries(st.integers(0, 99).map(str), NUMBERS, max_size=2),
    "stop": st.lists(TEXTS, max_size=5).map(tuple),
}
SETS = st.fixed_dictionaries(
    {},
    optional={
        name: FITTING.get(name, NUMBERS if field.type in ("integer", "number") else VALUES)
        for name, field in matrix.FIELDS.items()
    },
)


def chosen(kind, values):
    """What of a set fits this provider by itself and together."""
    column = matrix.column(kind)
    alone = {
        n: v for n, v in values.items() if v is not None and not checking.check({n: v}, column)
    }
    return alone if not checking.check(alone, column) else None


@EACH
@given(SETS | st.dictionaries(TEXTS, VALUES, max_size=3))
def test_any_values_are_refused_in_sentences_or_fit(values):
    for kind in KINDS:
        for refusal in checking.check(values, matrix.column(kind)):
            assert refusal.sentence.endswith(".")
            assert len(refusal.sentence) < 400


@EACH
@given(SETS, st.sampled_from(KINDS), st.booleans())
def test_what_is_not_refused_makes_a_request_that_the_provider_takes(values, kind, stream):
    fitting = chosen(kind, values)
    if fitting is None:
        return
    n = fitting.pop("n", 1)
    asked = request(kind, parameters=base.Parameters(**fitting), n=n, stream=stream)
    payload.refuse_unfit(asked, kind, {})
    body = native_body(asked) if kind == "cloudflare" else payload.chat_body(asked, kind)
    try:
        raw = payload.write(body)
    except ProviderError:  # a schema with numbers that JSON hasn't, or halves of characters
        return
    assert wire_rules.complaints(kind, wire_rules.read(raw)) == []


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
)
KEYS = st.sampled_from(
    ["response", "tool_calls", "usage", "result", "success", "errors", "error", "choices", "delta",
     "message", "content", "finish_reason", "id", "name", "arguments", "index", "code", "function",
     "prompt_tokens", "completion_tokens", "p"]
)  # fmt: skip
ANSWERS = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def came_of(body, size):
    decoder = CloudflareDecoder(headers={})
    for at in range(0, len(body), size):
        decoder.feed(body[at : at + size])
    decoder.finish()
    return decoder.failure and (decoder.failure.code, decoder.failure.after_first_token)


@EACH
@given(st.lists(ANSWERS, min_size=1, max_size=4))
def test_whatever_cloudflare_sends_ends_in_a_reply_or_a_known_error(values):
    good = {"response": "a"}
    bodies = [events(good, *values, good).body, *(json.dumps(value).encode() for value in values)]
    for body in bodies:
        assert came_of(body, len(body)) == came_of(body, 1)


LISTED = st.sampled_from(
    ["data", "result", "id", "name", "metadata", "pricing", "units", "measure", "price", "per",
     "properties", "property_id", "value", "unit", "task", "info", "aliases", "type", "result_info",
     "total_count", "context_length", "contextLength", "input", "output"]
)  # fmt: skip
LISTS = st.recursive(
    PLAIN
    | LISTED
    | st.sampled_from(["context_window", "lora", "per M input tokens", "1e-999", "²"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LISTED, inner, max_size=4),
    max_leaves=16,
)


@EACH
@given(st.lists(st.dictionaries(LISTED, LISTS, max_size=5), max_size=3))
def test_whatever_is_listed_has_an_id_and_numbers_that_make_sense(entries):
    body = json.dumps({"data": entries, "result": entries}).encode()
    for model in [*read_models(body), *read_page(body).models]:
        assert model.id
        for figure in (model.context, model.most, model.price_in, model.price_out):
            assert figure is None or figure >= 0
        assert model.context != 0


def test_a_price_that_would_fill_the_memory_is_unknown():
    listed = (
        b'{"data": [{"id": "a", "pricing": {"prompt": 1e-999999999, "completion": 0e-999999999}}]}'
    )
    (model,) = read_models(listed)
    assert (model.price_in, model.price_out) == (None, 0)
