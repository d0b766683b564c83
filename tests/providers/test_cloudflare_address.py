"""Cloudflare's address holds the account, however it was pasted."""

import pytest

from conversations.providers.cloudflare import account_url

WHOLE = "https://api.cloudflare.com/client/v4/accounts/a1b2/ai"


@pytest.mark.parametrize(
    "pasted",
    [
        WHOLE,
        f"{WHOLE}/",
        f" {WHOLE} ",
        "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai",
        "https://api.cloudflare.com/client/v4/accounts/{ACCOUNT_ID}/ai",
        "https://api.cloudflare.com/client/v4",
        "https://api.cloudflare.com",
        f"{WHOLE}/v1",
        f"{WHOLE}/v1/chat/completions",
        f"{WHOLE}/run/@cf/qwen/qwen2.5-coder-32b-instruct",
    ],
)
def test_the_account_is_in_the_address(pasted):
    assert account_url(pasted, "a1b2") == WHOLE


def test_another_server_may_stand_in():
    assert account_url("http://127.0.0.1:9", "a1") == "http://127.0.0.1:9/client/v4/accounts/a1/ai"
    there = "http://127.0.0.1:9/client/v4/accounts/other/ai"
    assert account_url(there, "a1") == there
    assert account_url("http://127.0.0.1:9/x", "") == "http://127.0.0.1:9/x"


def test_an_account_cannot_lead_elsewhere():
    url = account_url("https://api.cloudflare.com", "a/../other?b#c")
    assert url.endswith("/accounts/a%2F..%2Fother%3Fb%23c/ai")
