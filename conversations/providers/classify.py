"""From an answer that is no reply to the error it means.

What an error means is decided in this order: JSON mode, Cloudflare's own code, context, payment,
moderation, and only then the status.
"""

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime

from . import errors
from .complaint import Complaint, read
from .errors import ProviderError

Class = type[ProviderError]

BY_STATUS: dict[int, Class] = {
    400: errors.BadRequest, 401: errors.Unauthorized, 402: errors.Payment,
    403: errors.Forbidden, 404: errors.NotFound, 405: errors.BadRequest,
    408: errors.Timeout, 413: errors.TooLarge, 422: errors.BadRequest,
    429: errors.RateLimit, 498: errors.Overloaded, 503: errors.Overloaded,
    504: errors.Timeout, 524: errors.Timeout, 529: errors.Overloaded,
}  # fmt: skip
BY_CLOUDFLARE_CODE: dict[int, Class] = {
    10000: errors.Unauthorized, 3036: errors.Payment, 3006: errors.TooLarge,
    5007: errors.NotFound, 3042: errors.NotFound, 7003: errors.NotFound, 7000: errors.NotFound,
    3040: errors.Overloaded, 3007: errors.Timeout, 3008: errors.Timeout,
    5004: errors.BadRequest, 5006: errors.BadRequest, 3003: errors.BadRequest,
    3039: errors.BadRequest, 5005: errors.BadRequest, 5019: errors.BadRequest,
    5016: errors.Forbidden, 5018: errors.Forbidden, 3023: errors.Forbidden, 3041: errors.Forbidden,
}  # fmt: skip
BY_TYPE: dict[str, Class] = {
    "rate_limit_exceeded": errors.RateLimit, "rate_limit_error": errors.RateLimit,
    "invalid_request_error": errors.BadRequest, "authentication_error": errors.Unauthorized,
    "invalid_api_key": errors.Unauthorized, "permission_error": errors.Forbidden,
    "model_not_found": errors.NotFound, "not_found_error": errors.NotFound,
    "overloaded_error": errors.Overloaded,
}  # fmt: skip
PAYMENT = {"insufficient_quota", "insufficient_balance", "billing_hard_limit_reached"}
FILTER = {
    "content_filter", "content_policy_violation", "moderation_blocked", "data_inspection_failed",
    "responsibleaipolicyviolation", "responsible_ai_policy_violation", "content_moderation",
}  # fmt: skip

JSON_WORDS = re.compile(r"(?i)json mode couldn.t be met")
CONTEXT_WORDS = re.compile(
    r"(?i)(maximum|max|model'?s?|exceeds? the|available) context|context (length|window|size)"
    r"|(prompt|input|request|message)s? (is|are) too long|reduce the length of the (messages|prompt)"
)
PAYMENT_WORDS = re.compile(
    r"(?i)insufficient (quota|balance|credits?|funds)|(out|run out) of (credits?|funds)"
    r"|exceeded your current quota|(not enough|no) credits?|payment method|top up"
)
BUSY_WORDS = re.compile(r"(?i)\bbusy\b|\bcapacity\b|overload")


def classify(
    status: int, headers: Mapping[str, str], body: object, secrets: Iterable[str] = ()
) -> ProviderError:
    """Return the error that an answer means. `body` is bytes, or JSON already decoded.

    `headers` are asked for lower-case names. With a 2xx status the body's own number stands in.
    """
    complaint = read(body)
    kind = _kind(status, complaint)
    return kind(
        complaint.message,
        status=status,
        request_id=request_id(headers),
        retry_after_seconds=retry_after(headers),
        retryable={"true": True, "false": False}.get(headers.get("x-should-retry", "")),
        secrets=secrets,
    )


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's name for the HTTP request, which its support asks for."""
    for name in ("x-request-id", "request-id", "cf-ray", "x-amzn-requestid"):
        if headers.get(name):
            return headers[name][:200]
    return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the provider wishes; a date counts from the reply's own Date."""
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _seconds(value)
    if seconds is not None or not value:
        return seconds
    try:
        until = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return max(0.0, until.total_seconds())


def _seconds(value: str | None) -> float | None:
    if value is None or not re.fullmatch(r"\s*\d{1,9}(\.\d{1,9})?\s*", value):
        return None
    return float(value)


def _kind(status: int, complaint: Complaint) -> Class:
    said = complaint.message
    if 200 <= status < 300 and complaint.number is not None:
        status = complaint.number
    if JSON_WORDS.search(said) or "json_validate_failed" in complaint.names:
        return errors.JsonMode
    if complaint.cloudflare in BY_CLOUDFLARE_CODE:
        return BY_CLOUDFLARE_CODE[complaint.cloudflare]
    if _is_context(status, complaint):
        return errors.ContextLength
    if _is_payment(status, complaint):
        return errors.Payment
    if FILTER.intersection(complaint.names):
        return errors.ContentFilter
    if status == 429 and BUSY_WORDS.search(said):
        return errors.Overloaded
    return BY_STATUS.get(status) or _by_range(status, complaint)


def _is_context(status: int, complaint: Complaint) -> bool:
    if "context_length_exceeded" in complaint.names:
        return True
    return status not in (401, 402, 403, 404, 429) and bool(CONTEXT_WORDS.search(complaint.message))


def _is_payment(status: int, complaint: Complaint) -> bool:
    if PAYMENT.intersection(complaint.names):
        return True
    return status in (200, 400, 403, 429) and bool(PAYMENT_WORDS.search(complaint.message))


def _by_range(status: int, complaint: Complaint) -> Class:
    if 200 <= status < 300:
        named = (BY_TYPE[name] for name in complaint.names if name in BY_TYPE)
        return next(named, errors.ServerFailure)
    if 300 <= status < 400:
        return errors.Protocol
    return errors.BadRequest if status < 500 else errors.ServerFailure
