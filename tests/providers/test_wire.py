"""Every recorded body comes to what it should, wherever it is cut."""

from pathlib import Path

import pytest

from conversations.providers.classify import classify
from tests.wire import replay

DIRECTORY = Path(replay.__file__).parent
CASES = replay.load(DIRECTORY)


@pytest.mark.parametrize(
    ("case", "body"),
    [pytest.param(c, b, id=c["case"]) for c, b in CASES if c["provider"] in replay.DECODERS],
)
def test_a_recorded_body_is_understood_wherever_it_is_cut(case, body):
    assert replay.check(case, body, replay.DECODERS[case["provider"]]) == ""


@pytest.mark.parametrize(
    ("case", "body"),
    [pytest.param(c, b, id=c["case"]) for c, b in CASES if c["response"]["status"] >= 400],
)
def test_a_recorded_error_of_any_provider_is_classified(case, body):
    response, expected = case["response"], case["expected"]
    error = classify(response["status"], response["headers"], body)
    assert (error.code, error.retryable) == (expected["error_class"], expected["retryable"])
    assert error.retry_after_seconds == expected["retry_after_s"]
