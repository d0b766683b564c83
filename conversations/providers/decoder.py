"""From the bytes of a reply to events, for everything that resembles OpenAI's chat completions.

Format: https://platform.openai.com/docs/api-reference/chat
The body itself says what it is: a stream of events, one JSON document, or a page of HTML.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from . import errors
from .assembly import Assembly
from .base import Event, Reasoning, Text
from .chunks import decode_chunk
from .classify import classify, request_id
from .complaint import choice_complaint, is_complaint, plain
from .loose_json import BROKEN, parse
from .sse import BOM, DONE, MAX_EVENT_BYTES, ErrorData, EventDecoder, TooLong
from .text import END_MARKS

BLANKS = b" \t\r\n"


class ReplyDecoder:
    """Decodes one successful answer: `feed` its blocks, then `finish`; both return events.

    After each, `failure` may hold the error that the reply ended in; events returned before and
    with it stand. `over` is true once nothing more will be read. Another wire format overrides
    `chunk`, and `message` if its whole replies differ.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, str],
        status: int = 200,
        continuation: bool = False,
        secrets: Iterable[str] = (),
    ) -> None:
        self.failure: errors.ProviderError | None = None
        self.reply = Assembly(headers, continuation)
        self._headers, self._status, self._secrets = headers, status, tuple(secrets)
        self._events = EventDecoder()
        self._form = ""
        self._ended = False
        self._body = bytearray()
        self._understood = self._skipped = 0

    @property
    def over(self) -> bool:
        return self._events.done or self.failure is not None

    def feed(self, block: bytes) -> list[Event]:
        """Decode what one network read brought; neighbouring texts of a choice come joined."""
        out: list[Event] = []
        try:
            if self._form == "events":
                self._decode(self._events.feed(block), out)
            else:
                self._gather(block, out)
        except TooLong as trouble:
            self._fail(errors.Protocol(str(trouble), status=self._status))
        self.reply.flush(out)
        return out

    def finish(self, *, lost: bool = False) -> list[Event]:
        """The body has ended, or the connection was `lost`: return what is left, settle the end."""
        out: list[Event] = []
        if self._form == "events" and self.failure is None:
            self._decode(self._events.finish(), out)
        elif self._form == "json" and self.failure is None:
            self._whole(parse(bytes(self._body)), out)
        if self.failure is None:
            self._fail(self._verdict(lost))
        broken_off = isinstance(self.failure, errors.Truncated)
        absent = self.absent_reason()
        self.reply.close(out, whole=self.failure is None, partly=broken_off, absent=absent)
        if self.failure is None and not self.reply.received:
            self._fail(self._empty())
        if self.failure is not None:
            self.failure.after_first_token = self.reply.received
            self.failure.request_id = request_id(self._headers)
        return out

    def absent_reason(self) -> str:
        """Why a complete choice ended that doesn't say so."""
        return "stop"

    # What the body is

    def _gather(self, block: bytes, out: list[Event]) -> None:
        self._body += block
        if len(self._body) > MAX_EVENT_BYTES:
            raise TooLong("the reply is longer than 16 MB")
        if self._form == "json":
            return
        start = bytes(self._body).removeprefix(BOM).lstrip(BLANKS)
        if start[:1] in (b"{", b"["):
            self._form = "json"
        elif start[:1] == b"<":
            self._fail(errors.Protocol(plain(start), status=self._status))
        elif not BOM.startswith(start):
            self._form = "events"
            self._decode(self._events.feed(bytes(self._body)), out)

    # Streams

    def _decode(self, payloads: list[bytes], out: list[Event]) -> None:
        for payload in payloads:
            if self.failure is not None or self._ended:
                return
            if not self.reply.begun or not self._quick(payload):
                self._slow(payload, out)

    def _quick(self, payload: bytes) -> bool:
        """Take a plain text chunk at full speed; False leaves it to the generic way."""
        try:
            found = decode_chunk(payload).plain_choice()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        choice = self.reply.choices.get(found.index) if found else None
        if found is None or choice is None or type(payload) is ErrorData:
            return False
        content, state = found.delta.content, choice.text
        thoughts = found.delta.reasoning_content or found.delta.reasoning
        if thoughts:
            if content or state.careful or state.kind is not Reasoning:
                return False
            state.parts.append(thoughts)
        elif content:
            if state.careful or state.kind is not Text or content in END_MARKS:
                return False
            state.parts.append(content)
        return True

    def _slow(self, payload: bytes, out: list[Event]) -> None:
        if type(payload) is ErrorData:
            value = parse(payload)
            self._complain(value if isinstance(value, dict) else bytes(payload))
            return
        for value in self._values(payload):
            if isinstance(value, dict) and self.failure is None:
                self._understood += 1
                self.chunk(value, out)
            else:
                self._skipped += 1

    def _values(self, payload: bytes) -> list[Any]:
        """The documents of an event: one, or one in each line if only so they are JSON."""
        value = parse(payload)
        if value is not BROKEN or b"\n" not in payload:
            return [value]
        lines = [line.strip() for line in payload.split(b"\n") if line.strip()]
        values = []
        for line in lines:
            if line == DONE:
                self._events.done = self._ended = True
                break
            values.append(parse(line))
        return [BROKEN] if BROKEN in values else values

    def chunk(self, value: dict[str, Any], out: list[Event]) -> None:
        """Take one decoded chunk."""
        choices = value.get("choices")
        self.reply.begin(value, out)
        self.reply.usage.look(value)
        for entry in choices if isinstance(choices, list) else []:
            if isinstance(entry, dict):
                self.reply.take(entry, entry.get("index"), whole=False, out=out)
        if self.failure is None and is_complaint(value):
            self._complain(value)

    # Whole replies

    def _whole(self, value: Any, out: list[Event]) -> None:
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = value[0]
        if isinstance(value, dict):
            self._understood += 1
            self.message(value, out)

    def message(self, value: dict[str, Any], out: list[Event]) -> None:
        """Take a decoded whole reply."""
        choices = value.get("choices")
        if is_complaint(value):
            self._complain(value)
        elif not isinstance(choices, list):
            self._fail(errors.Protocol("JSON that is no reply", status=self._status))
        else:
            self.reply.begin(value, out)
            self.reply.usage.look(value)
            for position, entry in enumerate(choices):
                if isinstance(entry, dict):
                    self.reply.take(entry, entry.get("index", position), whole=True, out=out)

    # The end

    def _verdict(self, lost: bool) -> errors.ProviderError | None:
        """The error in how the body ended, or None when it is complete."""
        ended = self._events.done or self.reply.finished
        if ended or (self._form == "json" and self._understood > 0):
            failed = self.reply.ended_by("error")
            return errors.ServerFailure("finish_reason error") if failed else None
        if lost:
            kind = errors.Truncated if self._understood else errors.ConnectionLost
            return kind("the connection was lost", status=self._status)
        if self._form and not self._understood:
            return errors.Protocol("no chunk could be read", status=self._status)
        return errors.Truncated("the body ended early", status=self._status)

    def _empty(self) -> errors.ProviderError:
        if self.reply.ended_by("content_filter"):
            return errors.ContentFilter("finish_reason content_filter", status=self._status)
        return errors.EmptyReply("a complete reply without content", status=self._status)

    def _complain(self, body: object) -> None:
        if isinstance(body, dict) and not body.get("error"):
            body = choice_complaint(body.get("choices")) or body
        self._fail(classify(self._status, self._headers, body, self._secrets))

    def _fail(self, error: errors.ProviderError | None) -> None:
        self.failure = self.failure or error
