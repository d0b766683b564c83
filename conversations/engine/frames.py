"""What the engine tells about running messages, and the process's publish/subscribe.

Everything here happens on the server's loop. Offsets count code points of a part and stay on the
server. The row in the database is the truth; what is published here is a hint that may be lost.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from uuid import UUID

import msgspec

log = logging.getLogger(__name__)


class Frame(msgspec.Struct, frozen=True, tag="frame", array_like=True):
    """A piece of a part's text, beginning at `offset`."""

    conversation: UUID
    message: UUID
    part: int
    kind: str
    offset: int
    text: str


class Settled(msgspec.Struct, frozen=True, tag="settled", array_like=True):
    """A reply's state changed; `html` holds the final rendering of each part, by index."""

    conversation: UUID
    message: UUID
    state: str
    facts: dict[str, str]
    html: dict[int, str] = {}


def running(conversation: UUID, message: UUID, completion: UUID, place: int = 0) -> Settled:
    """The reply is being written, in this run: a page that knows of a later one won't go back.

    `place`: so many calls go to the provider before its own.
    """
    facts = {"state": "running", "run": completion.hex}
    return Settled(
        conversation, message, "running", facts | ({"place": str(place)} if place else {})
    )


class Expected(msgspec.Struct, frozen=True, tag="expected", array_like=True):
    """These messages will be introduced in a moment; what is told of them before then waits."""

    conversation: UUID
    messages: list[UUID]


class Introduced(msgspec.Struct, frozen=True, tag="introduced", array_like=True):
    """New messages, with the markup that any viewer can be shown."""

    conversation: UUID
    messages: list[UUID]
    html: str


class Shown(msgspec.Struct, frozen=True, tag="shown", array_like=True):
    """Markup about the conversation itself, such as its new title."""

    conversation: UUID
    html: str


class Gone(msgspec.Struct, frozen=True, tag="gone", array_like=True):
    """The conversation was deleted, or somebody lost access: look again at who may watch."""

    conversation: UUID


Event = Frame | Settled | Expected | Introduced | Shown | Gone
Subscriber = Callable[[Event], None]

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(list[Event]).decode


class Bus:
    """Publish/subscribe within the process, by conversation; `relay` carries events to others."""

    def __init__(self) -> None:
        self._subscribers: defaultdict[UUID, list[Subscriber]] = defaultdict(list)
        self.relay: Callable[[Event], None] | None = None
        self.on_watch: Callable[[UUID, bool], None] | None = None

    def publish(self, event: Event) -> None:
        """Tell the subscribers here, and the other processes."""
        self.deliver(event)
        if self.relay is not None:
            self.relay(event)

    def deliver(self, event: Event) -> None:
        """Tell the subscribers of this process."""
        for subscriber in self._subscribers.get(event.conversation, ()):
            try:
                subscriber(event)
            except Exception:
                log.exception("showing an event failed")

    def is_watched(self, conversation: UUID) -> bool:
        return conversation in self._subscribers

    def subscribe(self, conversation: UUID, subscriber: Subscriber) -> None:
        first = conversation not in self._subscribers
        self._subscribers[conversation].append(subscriber)
        if first and self.on_watch is not None:
            self.on_watch(conversation, True)

    def unsubscribe(self, conversation: UUID, subscriber: Subscriber) -> None:
        self._subscribers[conversation].remove(subscriber)
        if not self._subscribers[conversation]:
            del self._subscribers[conversation]
            if self.on_watch is not None:
                self.on_watch(conversation, False)


bus = Bus()
