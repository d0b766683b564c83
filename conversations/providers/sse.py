"""Server-sent events, decoded incrementally from raw bytes.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html, and is kinder where real
servers stray: an event left open at the end still counts, `error:` is a field, and `[DONE]` ends.
Only LF, CRLF and CR end a line. All framing characters are ASCII, so text is cut between whole
characters and needs no decoding here.
"""

MAX_EVENT_BYTES = 16 * 1024 * 1024
DONE = b"[DONE]"
BOM = b"\xef\xbb\xbf"


class ErrorData(bytes):
    """The payload of an `error:` field or of an event named error."""


class TooLong(ValueError):
    """A line or event grew beyond `MAX_EVENT_BYTES`."""


class EventDecoder:
    """Bytes in, payloads out: the data of each event, its lines joined with LF.

    `done` turns true at `[DONE]`; everything after it is ignored. Where the body is cut into
    blocks makes no difference. Raises `TooLong`.
    """

    def __init__(self) -> None:
        self.done = False
        self._pending = bytearray()
        self._started = False
        self._after_cr = False

    def feed(self, block: bytes) -> list[bytes]:
        """Return the payloads of the events that `block` completes."""
        if not self._started:
            block = self._start(block)
        if self._after_cr or b"\r" in block:
            block = self._only_lf(block)
        if self.done or not block:
            return []
        if not self._pending:
            return self._split(block, block.rfind(b"\n\n"))
        seen = len(self._pending)
        self._pending += block
        cut = self._pending.rfind(b"\n\n", seen - 1)
        if cut < 0:
            return self._kept()
        whole = bytes(self._pending)
        self._pending.clear()
        return self._split(whole, cut)

    def finish(self) -> list[bytes]:
        """Return what is still open when the body ends."""
        rest = bytes(self._pending)
        self._pending.clear()
        return self._payloads([rest]) if rest and not self.done else []

    def _start(self, block: bytes) -> bytes:
        """Drop a byte order mark, waiting until there is enough to tell."""
        block = bytes(self._pending) + block
        self._pending.clear()
        if len(block) < len(BOM) and BOM.startswith(block):
            self._pending += block
            return b""
        self._started = True
        return block.removeprefix(BOM)

    def _only_lf(self, block: bytes) -> bytes:
        """Turn CRLF and CR into LF; a CR at the end counts at once, an LF after it not again."""
        if self._after_cr and block[:1] == b"\n":
            block = block[1:]
            self._after_cr = False
        if block:
            self._after_cr = block[-1:] == b"\r"
        return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _split(self, data: bytes, cut: int) -> list[bytes]:
        if cut < 0:
            self._pending += data
            return self._kept()
        self._pending += data[cut + 2 :]
        payloads = self._payloads(data[:cut].split(b"\n\n"))
        self._kept()
        return payloads

    def _kept(self) -> list[bytes]:
        if len(self._pending) > MAX_EVENT_BYTES:
            raise TooLong("an event of the stream is longer than 16 MB")
        return []

    def _payloads(self, events: list[bytes]) -> list[bytes]:
        payloads = []
        for event in events:
            if event[:6] == b"data: " and b"\n" not in event:
                payload = event[6:]
            else:
                payload = _payload(event)
            if payload[:6] == DONE and payload.strip() == DONE:
                self.done = True
                break
            if payload:
                payloads.append(payload)
        return payloads


def _payload(event: bytes) -> bytes:
    """Read an event line by line; comments, id, retry and unknown fields carry nothing."""
    lines, failed, named_error = [], None, False
    for line in event.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            lines.append(value)
        elif name == b"error":
            failed = value
        elif name == b"event":
            named_error = value == b"error"
    if failed is not None:
        return ErrorData(failed)
    joined = b"\n".join(lines)
    return ErrorData(joined) if named_error else joined
