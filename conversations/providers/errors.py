"""The ways a call can fail.

ProviderError
├── BadRequest         bad_request       the request was not understood
│   ├── ContextLength  context_length    the conversation is too long for the model
│   ├── TooLarge       too_large         the request has too many bytes
│   └── JsonMode       json_mode         the model could not keep to JSON
├── Unauthorized       auth              the key is missing or wrong
├── Payment            payment           no credit left
├── Forbidden          forbidden         the key may not do this
├── NotFound           not_found         no such model, account or path
├── ContentFilter      content_filter    refused by moderation
├── AddressRefused     address_refused   our own guard: the address may not be called
├── Protocol           protocol          an answer nobody can read
├── Cancelled          cancelled         a person stopped it
└── Transient                            asking again can help
    ├── RateLimit      rate_limit
    ├── Overloaded     overloaded
    ├── Timeout        timeout           the provider's deadline, or ours
    ├── ServerFailure  server
    ├── Truncated      stream_truncated  the stream broke off
    ├── EmptyReply     empty_reply       complete, with nothing in it
    ├── Resting        resting           our own breaker: it failed several times in a row
    └── ConnectionLost connection        the network

`sentence` is for people. `detail` holds the provider's own words for administrators: one line,
bounded, keys removed. `classify` (in `classify.py`) chooses the class of an answer.
"""

import re
from collections.abc import Callable, Iterable
from typing import ClassVar

MAX_DETAIL = 500
MAX_RETRIES = 2
MAX_WAIT_SECONDS = 30.0

_KEYS = re.compile(
    r"(?i)\b(?:bearer|basic)\s+[^\s\"',;]+"
    r"|\b(?:sk|pk|rk|gsk|hf|xai|key|api)[-_][\w*.…-]{6,}"
    r"|\b(?:api[_ -]?key|authorization|access[_-]token)[\"']?(?: provided)?\s*[:=]"
    r"\s*[\"']?[^\s\"',;]+"
    r"|\b[A-Za-z0-9_-]{40,}\b"
)


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` as one short line, with `secrets` and whatever looks like a key removed."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "[key]")
    text = _KEYS.sub("[key]", text[: 8 * MAX_DETAIL])
    text = "".join(" " if not c.isprintable() else c for c in text)
    return " ".join(text.split())[:MAX_DETAIL]


class ProviderError(Exception):
    """A call failed. `after_first_token` tells whether part of the reply had come already."""

    code: ClassVar[str] = "server"
    sentence: ClassVar[str] = "The provider could not answer."
    retryable: bool = False

    def __init__(
        self,
        detail: str = "",
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
        retryable: bool | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        self.detail = scrub(detail, secrets)
        self.status = status
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds
        self.after_first_token = False
        if retryable is not None:
            self.retryable = retryable
        super().__init__(self.detail or self.sentence)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.detail!r}, status={self.status})"


class BadRequest(ProviderError):
    code = "bad_request"
    sentence = "The provider did not accept this request."


class ContextLength(BadRequest):
    code = "context_length"
    sentence = "This conversation is longer than the model can read."


class TooLarge(BadRequest):
    code = "too_large"
    sentence = "This request is too large for the provider."


class JsonMode(BadRequest):
    code = "json_mode"
    sentence = "The model could not answer in the JSON form that was asked for."


class Unauthorized(ProviderError):
    code = "auth"
    sentence = "The provider did not accept the site's key."


class Payment(ProviderError):
    code = "payment"
    sentence = "The site's account with this provider has no credit left."


class Forbidden(ProviderError):
    code = "forbidden"
    sentence = "The site's key may not use this model."


class NotFound(ProviderError):
    code = "not_found"
    sentence = "The provider does not know this model, or its address is wrong."


class ContentFilter(ProviderError):
    code = "content_filter"
    sentence = "The provider's content filter stopped this reply."


class AddressRefused(ProviderError):
    code = "address_refused"
    sentence = "The address of this provider may not be called from this site."


class Protocol(ProviderError):
    code = "protocol"
    sentence = "The provider's answer could not be understood."


class Cancelled(ProviderError):
    code = "cancelled"
    sentence = "This reply was stopped."


class Transient(ProviderError):
    """Trouble that may pass."""

    retryable = True


class RateLimit(Transient):
    code = "rate_limit"
    sentence = "The provider is receiving too many requests from this site."


class Overloaded(Transient):
    code = "overloaded"
    sentence = "The provider is too busy to answer at the moment."


class Timeout(Transient):
    code = "timeout"
    sentence = "The provider took too long to answer."


class ServerFailure(Transient):
    code = "server"
    sentence = "The provider had a fault of its own."


class Truncated(Transient):
    code = "stream_truncated"
    sentence = "The reply broke off before its end."


class EmptyReply(Transient):
    code = "empty_reply"
    sentence = "The model gave an empty reply."


class Resting(Transient):
    """Our own breaker: it failed several times in a row and is left alone for some seconds."""

    code = "resting"
    sentence = "This model failed several times in a row and is left alone for a moment."
    retryable = False

    def __init__(self, detail: str, seconds: float) -> None:
        super().__init__(detail, retry_after_seconds=max(0.0, seconds))


class ConnectionLost(Transient):
    code = "connection"
    sentence = "The provider could not be reached."


def retry_delay(error: ProviderError, attempt: int, random: Callable[[], float]) -> float | None:
    """Seconds to wait before retry `attempt` (the first is 0), or None: don't retry.

    `random` gives numbers from 0 to 1. A part of a reply is never asked for again, and what timed
    out, and may have been billed, only once.
    """
    allowed = 1 if isinstance(error, Timeout) else MAX_RETRIES
    if error.after_first_token or not error.retryable or attempt >= allowed:
        return None
    if error.retry_after_seconds is not None:
        wait = error.retry_after_seconds
        return wait if wait <= MAX_WAIT_SECONDS else None
    return float(min(8.0, 0.5 * 2.0**attempt) * (1 - random() / 4))
