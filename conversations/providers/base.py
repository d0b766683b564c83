"""What the engine and an adapter say to each other: plain values, no wire formats.

An adapter turns a `ChatRequest` into batches of events. Everything here is frozen, so a value may
be kept, compared and handed between tasks.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol


def nothing() -> Mapping[str, Any]:
    """An empty mapping that stays empty."""
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Begin:
    """The provider has taken the call: its own id for the reply and that of the HTTP request."""

    response_id: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Text:
    """Answer text, in the order the model wrote it."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What the model thought before answering. It is never sent back as content."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A whole tool call. `index` counts from 0 within the choice.

    `arguments` is the JSON text as the model wrote it, which may not parse: such a call is shown,
    never run.
    """

    choice: int
    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider counted for all choices of the call; `cost` in US dollars if it said so."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: Decimal | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """Why a choice ended: stop, length, tool_calls, content_filter or other."""

    reason: str
    choice: int = 0


Event = Begin | Text | Reasoning | ToolCall | Usage | Finish


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the conversation. `content` is text, or a tuple of OpenAI content parts."""

    role: str
    content: str | tuple[Mapping[str, Any], ...]
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Parameters:
    """The neutral parameter set of a preset, as `matrix.FIELDS` says. None means unset, which is never sent.

    `response_format` is text, json_object or json_schema; `json_schema` the bare schema.
    """

    max_tokens: int | None = None
    temperature: Decimal | float | None = None
    top_p: Decimal | float | None = None
    top_k: int | None = None
    min_p: Decimal | float | None = None
    frequency_penalty: Decimal | float | None = None
    presence_penalty: Decimal | float | None = None
    repetition_penalty: Decimal | float | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None
    reasoning_effort: str | None = None
    response_format: str | None = None
    json_schema: Mapping[str, Any] | None = None
    json_strict: bool | None = None
    lora: str | None = None
    raw: bool | None = None
    functions: tuple[Mapping[str, Any], ...] | None = None
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Mapping[str, Any] | None = None
    extra_body: Mapping[str, Any] = field(default_factory=nothing)

    @property
    def wants_json(self) -> bool:
        return self.response_format in ("json_object", "json_schema")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call.

    `continuation` says that the last message is a reply to be gone on with. `user` is a hash of who
    asks. `limits` are the model's own bounds, as `matrix.column` takes them.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    parameters: Parameters = field(default_factory=Parameters)
    stream: bool = True
    n: int = 1
    user: str | None = None
    continuation: bool = False
    tools: tuple[Mapping[str, Any], ...] = ()
    limits: Mapping[str, Any] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. `silence` is the longest pause within a reply; comments count as life."""

    connect: float = 5
    first_byte: float = 120
    silence: float = 60
    total: float = 600


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider is and how to get in. The key never shows in a repr.

    `allow_private` lets the address be loopback, private or link-local.
    """

    base_url: str
    key: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=nothing)
    deadlines: Deadlines = field(default_factory=Deadlines)
    allow_private: bool = False

    def __repr__(self) -> str:
        key = "'…'" if self.key else None
        return f"Endpoint(base_url={self.base_url!r}, key={key}, private={self.allow_private})"


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that a provider offers. Prices in US dollars per million tokens; unknown is None.

    `most` is the longest answer in tokens. `chats` is False for one that the listing says can't.
    """

    id: str
    context: int | None = None
    price_in: Decimal | None = None
    price_out: Decimal | None = None
    aliases: tuple[str, ...] = ()
    most: int | None = None
    lora: bool | None = None
    chats: bool = True


Rest = Callable[[], Awaitable[None] | None]


class Adapter(Protocol):
    """One provider's wire format. Made once per provider and shared by all its calls."""

    def stream(self, request: ChatRequest, rest: Rest | None = None) -> AsyncGenerator[list[Event]]:
        """Yield the reply in batches, each all that one network read brought.

        After each read `rest` is asked for something to await before the next, or None.
        Neighbouring texts of a choice come joined. Usage and every Finish are in the last batch.
        Raises a `ProviderError`; what was yielded before stands. Leave early only through
        `contextlib.aclosing`, which closes the provider's connection at once.
        """
        ...

    async def models(self) -> list[ListedModel]:
        """Return what the provider lists. Raises a `ProviderError`."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...
