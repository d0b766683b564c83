"""The composition root: what a running process is made of, and how pages reach it.

It hands the engine its renderer and its adapters, the hub its reader, and ties both to the other
processes. Where nothing runs (a command, most tests) the functions for pages do nothing: a queued
completion is found by whoever runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from channels.db import database_sync_to_async
from django.conf import settings

from conversations.engine import jobs, titles
from conversations.engine.breaker import Breakers
from conversations.engine.frames import Bus, Event, Settled, Shown
from conversations.engine.relay import Relay
from conversations.engine.surroundings import Surroundings
from conversations.engine.tasks import Engine
from conversations.engine.writer import Pace
from conversations.live import Hub
from conversations.oversight import delivering
from conversations.oversight.housekeeping import keep_house
from conversations.oversight.noticing import Noticing
from conversations.providers import adapter_for
from conversations.providers.base import Adapter, Deadlines, Endpoint
from conversations.providers.two_keys import TwoKeys
from conversations.rendering import RENDERER_VERSION, render_part
from conversations.tools import built_in_toolbox

if TYPE_CHECKING:
    from conversations.models import Provider, State
    from conversations.turns import Turn

log = logging.getLogger(__name__)

CLAIM_SECONDS = 2
RECHECK_SECONDS = 4
SEEN_SECONDS = 60
HOUSE_SECONDS = 5
TELL_SECONDS = 10
CLAIM_AT_ONCE = 50


class Adapters:
    """One adapter per provider, made anew when the provider changes."""

    def __init__(self, noticing: Noticing) -> None:
        self._noticing = noticing
        self._adapters: dict[UUID, tuple[object, Adapter]] = {}

    def __call__(self, target: jobs.Target) -> Adapter:
        provider = target.provider
        known = self._adapters.get(provider.pk)
        if known is None or known[0] != provider.updated_at:
            known = (provider.updated_at, adapter_of(provider, self._noticing))
            self._adapters[provider.pk] = known
        return known[1]

    async def aclose(self) -> None:
        for _version, adapter in self._adapters.values():
            await adapter.aclose()


def adapter_of(provider: Provider, noticing: Noticing | None = None) -> Adapter:
    """A new adapter; while two keys overlap, one that knows both."""
    new = adapter_for(provider.kind, endpoint_of(provider))
    if not provider.keys_overlap:
        return new
    old = adapter_for(provider.kind, endpoint_of(provider, old=True))
    return TwoKeys(
        new,
        old,
        lambda: provider.keys_overlap,
        partial(noticing.new_key_refused, provider) if noticing else lambda trouble: None,
        partial(noticing.new_key_taken, provider) if noticing else lambda: None,
    )


def endpoint_of(provider: Provider, *, old: bool = False) -> Endpoint:
    """How the provider is reached; the one place that reads its keys."""
    key = provider.old_key if old else provider.key
    return Endpoint(
        base_url=provider.base_url,
        key=key.reveal() if key else None,
        options=provider.options,
        deadlines=Deadlines(
            connect=provider.connect_seconds,
            first_byte=provider.first_byte_seconds,
            silence=provider.silence_seconds,
            total=provider.total_seconds,
        ),
        allow_private=settings.PRIVATE_PROVIDERS,
    )


class Process:
    """The engine, the hub and the relay of this process, as far as it has them."""

    def __init__(self, *, serves: bool, runs: bool) -> None:
        from conversations.views.reading import StoredReader

        self.loop = asyncio.get_running_loop()
        self.bus = Bus()
        noticing = Noticing(self._in_database)
        self.adapters = Adapters(noticing)
        surroundings = Surroundings(
            self.bus,
            Pace(self.loop),
            self.adapters,
            render_part,
            RENDERER_VERSION,
            built_in_toolbox(),
            breakers=Breakers(rests=noticing.rests),
            called=noticing.called,
        )
        self.surroundings = surroundings
        self.engine = Engine(surroundings, self._after) if runs else None
        self.hub = Hub(self.bus, StoredReader(self.engine)) if serves else None
        self.relay = Relay(self.bus, self._ordered) if settings.GROWN else None
        self._claims = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        if self.relay is not None:
            self.relay.open(runs_completions=self.engine is not None)
        if self.engine is not None:
            self.engine.open()
            self._hold(asyncio.create_task(self._claim_forever()))
            self._every(HOUSE_SECONDS, database_sync_to_async(keep_house))
            if delivering.is_set():
                self._every(TELL_SECONDS, delivering.tell_waiting)
        if self.hub is not None:
            self._watch(self.hub)

    def _watch(self, hub: Hub) -> None:
        """Whoever may no longer watch stops watching within five seconds."""
        from conversations.people.sessions import store_seen
        from conversations.views.reading import recheck

        hub.open()
        self._every(RECHECK_SECONDS, partial(recheck, hub))
        self._every(SEEN_SECONDS, database_sync_to_async(store_seen))

    async def close(self) -> None:
        """Store and mark what runs, then let go of everything."""
        if self.engine is not None:
            await self.engine.close()
        if self.hub is not None:
            await asyncio.sleep(0.05)
            self.hub.close()
        if self.relay is not None:
            await self.relay.close()
        for task in self._tasks:
            task.cancel()
        await self.adapters.aclose()

    def _hold(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _in_database(self, work: Callable[..., None], *about: Any) -> None:
        """Have something written soon; nobody waits for it."""
        self._hold(asyncio.create_task(self._write(work, *about)))

    async def _write(self, work: Callable[..., None], *about: Any) -> None:
        try:
            await database_sync_to_async(work)(*about)
        except Exception:
            log.exception("noting what a provider did failed")

    def _every(self, seconds: float, step: Callable[[], Awaitable[object]]) -> None:
        """Do this now and every so often; what fails once is tried again."""
        self._hold(asyncio.create_task(self._forever(seconds, step)))

    async def _forever(self, seconds: float, step: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await step()
            except Exception:
                log.exception("a regular step failed")
            await asyncio.sleep(seconds)

    async def _claim_forever(self) -> None:
        """Take queued completions that nobody started: another process died or is web only."""
        assert self.engine is not None
        while True:
            try:
                for job in await database_sync_to_async(jobs.claim_next)(CLAIM_AT_ONCE):
                    self.engine.adopt(job)
            except Exception:
                log.exception("claiming failed")
            self._claims.clear()
            try:
                await asyncio.wait_for(self._claims.wait(), CLAIM_SECONDS)
            except TimeoutError:
                continue

    def _ordered(self, what: str, completion: UUID) -> None:
        if self.engine is None:
            return
        if what == "stop":
            self.engine.stop(completion)
        else:
            self._claims.set()

    async def _after(self, job: jobs.Job, facts: dict[str, str]) -> None:
        """After the first exchange the conversation gets its title."""
        from conversations.views.fragments import title_html

        if not job.titling or facts.get("state") != "done":
            return
        if written := await titles.write_title(job, self.surroundings):
            html = title_html(job.conversation, *written)
            self.bus.publish(Shown(job.conversation, html))


current: Process | None = None


def new_claim() -> UUID | None:
    """A claim for a turn about to be stored, where this process runs what it takes."""
    return uuid4() if current is not None and current.engine is not None else None


def begin(turn: Turn) -> None:
    """Have a new, committed turn's completion run. Thread-safe."""
    if current is None or not turn.created:
        return
    if current.engine is not None and turn.completion.claim is not None:
        current.engine.start_claimed(turn)
    elif current.relay is not None and current.engine is None:
        _soon(current.relay.order("start", turn.completion.pk))


def is_watched(conversation: UUID) -> bool:
    """Whether anybody may be looking: here, or in another process."""
    return current is not None and (
        current.relay is not None or current.bus.is_watched(conversation)
    )


def stop(completion: UUID) -> None:
    """Stop a completion wherever it runs. Thread-safe."""
    if current is None:
        return
    if current.engine is not None:
        current.engine.stop(completion)
    if current.relay is not None:
        _soon(current.relay.order("stop", completion))


def tell(event: Event) -> None:
    """Publish an event from any thread."""
    if current is not None:
        current.loop.call_soon_threadsafe(current.bus.publish, event)


def tell_state(conversation: UUID, message: UUID, state: State, facts: dict[str, str]) -> None:
    """Publish a reply's new state from any thread."""
    tell(Settled(conversation, message, state, facts))


def _soon(work: Coroutine[Any, Any, None]) -> None:
    assert current is not None
    asyncio.run_coroutine_threadsafe(work, current.loop)
