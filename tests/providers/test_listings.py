"""Lists of models, in each provider's own form and with whatever else is found in them."""

import json
from decimal import Decimal

import pytest

from conversations.providers import base
from conversations.providers.cloudflare_form import read_page
from conversations.providers.errors import Protocol, ProviderError
from conversations.providers.listing import read_models
from tests.providers.fixture_server import Delivery
from tests.providers.talking import KINDS, with_server


def listed(kind, *pages, **endpoint):
    """The models or the error, and the addresses that were asked."""

    async def models(server, adapter):
        try:
            found = await adapter.models()
        except ProviderError as error:
            found = error
        return found, server

    bodies = [page if isinstance(page, bytes) else json.dumps(page).encode() for page in pages]
    found, server = with_server(kind, models, *map(Delivery, bodies), **endpoint)
    assert server.complaints == []
    return found, [asked.target for asked in server.asked]


def one(entry):
    (model,) = read_models(json.dumps({"data": [entry]}).encode())
    return model


def page(*entries, **info):
    """A page of Cloudflare's: names, or whole entries."""
    result = [{"name": entry} if isinstance(entry, str) else entry for entry in entries]
    told = {"result_info": info} if info else {}
    return {"result": result, "success": True, "errors": [], "messages": [], **told}


def native(**entry):
    (model,) = read_page(json.dumps(page({"name": "@cf/a", **entry})).encode()).models
    return model


def test_deepinfra_tells_beside_the_id():
    pricing = {"input_tokens": 0.07, "output_tokens": 0.16}
    about = {"context_length": 32768, "max_tokens": 16384, "pricing": pricing}
    expected = base.ListedModel("a", 32768, Decimal("0.07"), Decimal("0.16"), (), 16384)
    assert one({"id": "a", "metadata": about}) == expected
    for unknown in (
        None,
        {},
        [],
        "x",
        {"pricing": None, "context_length": "many", "max_tokens": 0},
    ):
        assert one({"id": "a", "metadata": unknown}) == base.ListedModel("a")


def test_aimlapi_tells_prices_per_unit_and_the_longest_answer():
    units = [
        {"measure": "input", "price": 0.0008, "per": 1000},
        {"measure": "output", "price": "2", "per": 1_000_000},
        {"measure": "output", "price": 9, "per": 1},
    ]
    entry = {
        "id": "a", "aliases": ["b", 7], "type": "openai/chat-completions",
        "info": {"contextLength": 4096, "outputMax": 512}, "pricing": {"kind": "fixed", "units": units},
    }  # fmt: skip
    expected = base.ListedModel("a", 4096, Decimal("0.8"), Decimal(2), ("b",), 512)
    assert one(entry) == expected
    assert not one({**entry, "type": "image"}).chats
    for wrong in (None, [], {"units": None}, {"units": [None, {}, {"measure": "input", "per": 0}]}):
        assert one({"id": "a", "pricing": wrong}).price_in is None


def test_compatible_servers_tell_each_in_its_own_way():
    per_token = {"prompt": "0.00000007", "completion": "-1"}
    router = one({"id": "a", "context_length": 8192, "pricing": per_token})
    assert (router.context, router.price_in, router.price_out) == (8192, Decimal("0.07"), None)
    assert one({"id": "a", "max_model_len": 4096}).context == 4096
    assert one({"id": "a", "meta": {"n_ctx": 2048}}).context == 2048
    assert one({"id": "a", "pricing": {"prompt": "0", "completion": 0}}).price_in == 0


@pytest.mark.parametrize("entry", [None, 7, "a", [], {}, {"id": None}, {"id": ""}, {"name": "a"}])
def test_entries_without_an_id_are_passed_over(entry):
    assert read_models(json.dumps({"data": [entry, {"id": "a"}]}).encode()) == [
        base.ListedModel("a")
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [b"", b"<html>", b"7", b'{"data": {}}', b'{"result": 7}', b"{}"])
def test_what_is_no_list_of_models_is_an_error(kind, body):
    found, _ = listed(kind, body)
    assert isinstance(found, Protocol)


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("deepinfra", {"detail": "no"}, "server"),
        ("aimlapi", {"message": "no", "statusCode": "429"}, "rate_limit"),
        ("cloudflare", {"result": None, "success": False, "errors": [{"code": 10000}]}, "auth"),
        ("cloudflare", {"result": [], "success": False, "errors": []}, "server"),
        ("openai_compatible", {"error": {"message": "no", "code": 403}}, "forbidden"),
    ],
)
def test_an_error_instead_of_a_list_is_that_error(kind, body, code):
    found, _ = listed(kind, body)
    assert found.code == code


def test_aimlapi_is_asked_for_prices_and_without_the_key():
    _, targets = listed("aimlapi", {"data": []})
    assert targets == ["/v1/models?include=pricing,capabilities"]


def test_a_list_may_be_bare_or_empty():
    assert listed("openai_compatible", [{"id": "a"}])[0] == [base.ListedModel("a")]
    assert listed("openai_compatible", {"data": []}, key="key-of-alice-0123456789")[0] == []


def test_cloudflares_pages_are_all_read():
    pages = [
        page(*(f"m{n}" for n in range(begin, begin + 50)), total_count=120) for begin in (0, 50)
    ]
    found, targets = listed(
        "cloudflare", *pages, page(*(f"m{n}" for n in range(100, 120)), total_count=120)
    )
    assert [model.id for model in found] == [f"m{n}" for n in range(120)]
    assert [target.rpartition("?")[2] for target in targets] == [
        f"page={n}&per_page=100" for n in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("pages", "calls"),
    [
        ([page("a")], 1),
        ([page("a", total_count=1)], 1),
        ([page()], 1),
        ([page("a", count=1), page("b", count=1), page(count=0)], 3),
        ([page("a", page=1), page("b", page=2)], 3),
        ([page("a", total_count=9), page(total_count=9)], 2),
        ([page(7, None, total_count=3), page("a", total_count=3)], 2),
        ([page("a", total_count="many"), page("a", total_count=None)], 2),
    ],
)
def test_reading_pages_comes_to_an_end(pages, calls):
    found, targets = listed("cloudflare", *pages)
    named = [
        entry["name"]
        for one_page in pages
        for entry in one_page["result"]
        if isinstance(entry, dict)
    ]
    assert [model.id for model in found] == list(dict.fromkeys(named))
    assert len(targets) == calls


def test_an_endless_list_is_read_to_a_bound():
    found, targets = listed("cloudflare", page("a", total_count=10**9))
    assert ([model.id for model in found], len(targets)) == (["a"], 30)


def test_only_models_that_write_text_are_listed_by_cloudflare():
    tasks = [{"name": "Text Generation"}, {"name": "Text-to-Image"}, None, "x", {}, {"name": None}]
    entries = [{"name": f"m{n}", "task": task} for n, task in enumerate(tasks)]
    found, _ = listed("cloudflare", page(*entries))
    assert [model.id for model in found] == ["m0", "m2", "m3", "m4", "m5"]


def test_cloudflares_properties_are_read():
    prices = [
        {"unit": "per M input tokens", "price": 0.66},
        {"unit": "per M output tokens", "price": 1.00, "currency": "USD"},
    ]
    listed_properties = [
        {"property_id": "context_window", "value": "32768"},
        {"property_id": "lora", "value": "true"},
        {"property_id": "price", "value": prices},
    ]
    expected = base.ListedModel("@cf/a", 32768, Decimal("0.66"), Decimal(1), lora=True)
    assert native(properties=listed_properties) == expected


@pytest.mark.parametrize(
    "junk",
    [
        None, {}, "x", 7, [None, 7, "x", [], {}],
        [{"property_id": ["context_window"], "value": "1"}],
        [{"property_id": "context_window", "value": value} for value in ("²", "many", "-1", "1" * 9999)],
        [{"property_id": "context_window", "value": value} for value in ([], {}, True, -1, 0, "0", None)],
        [{"property_id": "price", "value": value} for value in (7, {}, [None, 7, {"unit": []}])],
        [{"property_id": "price", "value": [{"unit": "per M input tokens", "price": "free"}]}],
    ],
)  # fmt: skip
def test_junk_among_cloudflares_properties_is_unknown(junk):
    assert native(properties=junk) == base.ListedModel("@cf/a")


@pytest.mark.parametrize(
    ("value", "lora"), [("true", True), (True, True), ("false", False), (None, None)]
)
def test_cloudflare_tells_whether_adapters_are_taken(value, lora):
    assert native(properties=[{"property_id": "lora", "value": value}]).lora is lora


@pytest.mark.parametrize("kind", KINDS)
def test_a_listing_may_be_refused(kind):
    async def models(server, adapter):
        try:
            await adapter.models()
        except ProviderError as error:
            return error.code
        return "listed"

    answer = Delivery(b'{"error": "no"}', 403)
    assert with_server(kind, models, answer) == "forbidden"
