"""What an answer means that is no reply, and whether to ask again."""

import json

import pytest

from conversations.providers import errors
from conversations.providers.base import Endpoint
from conversations.providers.classify import classify

KEY = "secret-key-of-alice-1234"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (418, b"", "bad_request"),
        (302, b"", "protocol"),
        (502, b"<html><title>Bad gateway</title></html>", "server"),
        (503, b"", "overloaded"),
        (524, b"", "timeout"),
        (200, b'{"error": {"code": 429, "message": "slow down"}}', "rate_limit"),
        (200, b'{"error": {"type": "authentication_error"}}', "auth"),
        (200, b'{"error": "out of order"}', "server"),
        (400, b'{"object": "error", "message": "no", "code": 40303}', "bad_request"),
        (400, b'{"error": {"code": "content_policy_violation"}}', "content_filter"),
        (400, b'{"error": {"code": "json_validate_failed"}}', "json_mode"),
        (400, b'{"error_type": "x", "error_message": "the prompt is too long"}', "context_length"),
        (429, b'{"error": {"message": "too many tokens per minute"}}', "rate_limit"),
        (400, b'{"error": "AiError: 5007: No such model"}', "not_found"),
        (403, b'[{"error": {"message": "no access"}}]', "forbidden"),
        (500, b"\xff\xfe not json", "server"),
    ],
)
def test_an_answer_is_classified_by_what_it_says_and_then_by_its_status(status, body, code):
    assert classify(status, {}, body).code == code


def test_the_bodys_title_is_the_detail_of_an_html_page():
    error = classify(502, {}, b"<html><title>Bad gateway</title><body>nginx</body></html>")
    assert error.detail == "Bad gateway"


def test_keys_never_show_in_an_error():
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}."}}).encode()
    for said in (body, f"Bearer {KEY}".encode(), b"sk-proj-abcdefghijkl"):
        error = classify(401, {}, said, secrets=[KEY])
        for shown in (str(error), repr(error), error.detail):
            assert KEY not in shown
            assert "sk-proj" not in shown


def test_a_key_never_shows_in_an_endpoint():
    assert KEY not in repr(Endpoint("https://api.example.org/v1", KEY))


def test_details_are_one_bounded_line():
    detail = classify(500, {}, ("words \n\x00" * 5000).encode()).detail
    assert len(detail) <= errors.MAX_DETAIL
    assert detail.isprintable()


def test_a_wait_is_read_from_milliseconds_seconds_or_a_date():
    date = "Fri, 20 Nov 2026 10:00:00 GMT"
    for headers, seconds in [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:05 GMT", "date": date}, 5.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
    ]:
        assert classify(429, headers, b"").retry_after_seconds == seconds


def test_waits_grow_and_end_after_two_retries():
    error = errors.ServerFailure()
    waits = [errors.retry_delay(error, attempt, lambda: 0.0) for attempt in range(3)]
    assert waits == [0.5, 1.0, None]
    assert errors.retry_delay(error, 0, lambda: 1.0) == 0.375


def test_nothing_is_asked_again_after_the_first_token():
    error = errors.Truncated()
    error.after_first_token = True
    assert errors.retry_delay(error, 0, lambda: 0.0) is None


def test_a_timed_out_call_is_asked_again_once():
    assert errors.retry_delay(errors.Timeout(), 0, lambda: 0.0) == 0.5
    assert errors.retry_delay(errors.Timeout(), 1, lambda: 0.0) is None


def test_the_providers_wish_comes_first_unless_it_is_too_long():
    def wait(value):
        return errors.retry_delay(classify(429, {"retry-after": value}, b""), 0, lambda: 0.0)

    assert wait("7") == 7.0
    assert wait("31") is None


def test_x_should_retry_is_obeyed():
    assert not classify(500, {"x-should-retry": "false"}, b"").retryable
    assert classify(400, {"x-should-retry": "true"}, b"").retryable
