"""Checking a provider step by step: name, connection, listing, key, and one smallest answer.

Each step tells how long it took, what it found and, where it failed, what can be done about it.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .base import (
    Adapter,
    Begin,
    ChatMessage,
    ChatRequest,
    Endpoint,
    Event,
    ListedModel,
    Parameters,
    Reasoning,
    Text,
    Usage,
)
from .errors import EmptyReply, ProviderError
from .guard import check_address, check_url
from .http import tls

QUESTION = "Answer with the one word: ready"
MOST_TOKENS = 16
PORTS = {"http": 80, "https": 443}

ADVICE = {
    "auth": "Check the key: copy it anew from the provider's page, without blanks, and see that it is switched on there.",
    "payment": "Add credit to the account at the provider.",
    "forbidden": "Give the key the right to use this, or choose another model.",
    "not_found": "Check the base URL and the model's id against the provider's page.",
    "bad_request": "The provider refuses the smallest request. See its own words above.",
    "rate_limit": "Wait a minute and check again; if it stays, lower the calls at once.",
    "overloaded": "The provider is busy. Check again in a few minutes.",
    "timeout": "Check that the server runs, and that no firewall keeps this machine from it.",
    "connection": "Check that the server runs, and that no firewall keeps this machine from it.",
    "protocol": "Something else than this kind of provider answers there. Check the base URL and the kind.",
    "address_refused": "Use a public address, or allow private ones with PARLEY_PRIVATE_PROVIDERS.",
}  # fmt: skip
AT_PROVIDER = "Nothing can be done here. Check again later, or ask the provider."


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, whether it went well, seconds, what was found, what to do if it failed.

    `passed` None: it could not be done, and nothing is wrong for that.
    """

    name: str
    passed: bool | None
    seconds: float
    found: str
    advice: str = ""


@dataclass(slots=True)
class Answer:
    """What the smallest completion came to; the ids are the provider's."""

    model: str
    usage: Usage | None = None
    text: str = ""
    ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Checkup:
    """A check under way: its `steps` so far, and the `answer` that has to be paid.

    `model` is the one to ask; without it the first that is listed.
    """

    adapter: Adapter
    endpoint: Endpoint
    base_url: str
    model: str = ""
    # Why no model may be asked.
    refusal: str = ""
    steps: list[Step] = field(default_factory=list)
    answer: Answer | None = None
    trouble: ProviderError | None = None
    _listed: list[ListedModel] = field(default_factory=list)
    _address: str = ""

    async def run(self) -> None:
        """Take all steps, up to one that fails: after it nothing more can be known."""
        checks = {"Listing": self._listing, "Answer": self._completion}
        if self._parts() is not None:
            checks = {"Name": self._name, "Connection": self._connection, **checks}
        for name, check in checks.items():
            began = time.perf_counter()
            try:
                self.steps.append(await check(began))
            except ProviderError as trouble:
                self.trouble = trouble
                self.steps.append(failed(name, began, trouble))
            if self.steps[-1].passed is False:
                return

    @property
    def proves_the_key(self) -> bool:
        """Whether the key was used and is good. A listing proves it only where it asks for one."""
        good = {step.name for step in self.steps if step.passed}
        asks_for_one = not getattr(self.adapter, "lists_without_key", False)
        fine = all(step.passed is not False for step in self.steps)
        return fine and ("Answer" in good or ("Listing" in good and asks_for_one))

    @property
    def key_refused(self) -> bool:
        """Whether the provider said that the key isn't good."""
        return self.trouble is not None and self.trouble.code in ("auth", "forbidden")

    async def _name(self, began: float) -> Step:
        """Resolve the host; each of its addresses has to be allowed."""
        host, port, _secure = self._known_parts()
        check_url(self.base_url, allow_private=self.endpoint.allow_private)
        try:
            async with asyncio.timeout(self.endpoint.deadlines.connect):
                loop = asyncio.get_running_loop()
                found = await loop.getaddrinfo(host, port, type=1)
        except (OSError, TimeoutError) as trouble:
            advice = "Check the spelling of the base URL, and this machine's name server."
            return Step("Name", False, _since(began), f"{host}: {trouble or 'no answer'}", advice)
        addresses = sorted({str(entry[4][0]) for entry in found})
        for address in addresses:
            check_address(address, allow_private=self.endpoint.allow_private)
        self._address = addresses[0]
        return Step("Name", True, _since(began), f"{host} is {', '.join(addresses[:3])}")

    async def _connection(self, began: float) -> Step:
        """Connect to the address that was checked, and encrypt where the URL says so."""
        host, port, secure = self._known_parts()
        encryption: dict[str, Any] = {"ssl": tls(), "server_hostname": host} if secure else {}
        try:
            async with asyncio.timeout(self.endpoint.deadlines.connect):
                _reader, writer = await asyncio.open_connection(self._address, port, **encryption)
        except (OSError, TimeoutError) as trouble:
            advice = _connection_advice(trouble)
            return Step("Connection", False, _since(began), str(trouble) or "no answer", advice)
        encrypted = writer.get_extra_info("ssl_object")
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        found = f"encrypted, {encrypted.version()}" if encrypted else "not encrypted"
        return Step("Connection", True, _since(began), found)

    async def _listing(self, began: float) -> Step:
        """A listing may be forbidden though models run: then ids by hand do."""
        try:
            self._listed = await self.adapter.models()
        except ProviderError as trouble:
            if trouble.code not in ("forbidden", "not_found", "bad_request", "protocol"):
                raise
            found = f"not given ({_words(trouble)})"
            return Step("Listing", None, _since(began), found, "Add models by their ids.")
        found = f"{len(self._listed)} models"
        if self.model and self._listed and not self._lists(self.model):
            found += f", {self.model} isn't one of them"
        return Step("Listing", True, _since(began), found)

    async def _completion(self, began: float) -> Step:
        if self.refusal:
            return Step("Answer", None, _since(began), self.refusal)
        self.model = self.model or next((model.id for model in self._listed), "")
        if not self.model:
            advice = "Add a model, then check again."
            return Step("Answer", None, _since(began), "there is no model to ask", advice)
        self.answer = Answer(self.model)
        request = ChatRequest(
            model=self.model,
            messages=(ChatMessage("user", QUESTION),),
            parameters=Parameters(max_tokens=MOST_TOKENS),
        )
        first = 0.0
        with contextlib.suppress(EmptyReply):  # it thinks longer than it may write
            async with contextlib.aclosing(self.adapter.stream(request)) as stream:
                async for batch in stream:
                    first = first or _since(began)
                    self._note(batch)
        found = f"{self.model} answers, its first token after {first * 1000:.0f} ms"
        if usage := self.answer.usage:
            found += f", {usage.prompt_tokens} + {usage.completion_tokens} tokens"
        if self.answer.ids:
            found += f" ({', '.join(self.answer.ids)})"
        return Step("Answer", True, _since(began), found)

    def _note(self, batch: list[Event]) -> None:
        assert self.answer is not None
        for event in batch:
            if isinstance(event, Text | Reasoning):
                self.answer.text += event.text
            elif isinstance(event, Usage):
                self.answer.usage = event
            elif isinstance(event, Begin):
                self.answer.ids = [one for one in (event.response_id, event.request_id) if one]

    def _lists(self, name: str) -> bool:
        return any(name == model.id or name in model.aliases for model in self._listed)

    def _parts(self) -> tuple[str, int, bool] | None:
        """Host, port and whether it is encrypted; None where there is no address (the demo)."""
        parts = urlsplit(self.base_url)
        if parts.scheme not in PORTS or not parts.hostname:
            return None
        return parts.hostname, parts.port or PORTS[parts.scheme], parts.scheme == "https"

    def _known_parts(self) -> tuple[str, int, bool]:
        parts = self._parts()
        assert parts is not None
        return parts


def failed(name: str, began: float, trouble: ProviderError) -> Step:
    """A step that ended in an error. A refused key is named as what it is."""
    name = "Key" if trouble.code == "auth" else name
    advice = ADVICE.get(trouble.code, AT_PROVIDER)
    return Step(name, False, _since(began), _words(trouble), advice)


def _words(trouble: ProviderError) -> str:
    status = f" (HTTP {trouble.status})" if trouble.status else ""
    return f"{trouble.sentence}{status} {trouble.detail}".strip()


def _connection_advice(trouble: BaseException) -> str:
    if "CERTIFICATE" in str(trouble).upper():
        return "The certificate isn't trusted: name your authority's file in SSL_CERT_FILE."
    return ADVICE["connection"]


def _since(began: float) -> float:
    return time.perf_counter() - began
