"""Trying a preset out as it stands in its form, saved or not: one question, one streamed answer.

It belongs to no conversation. Each call is held against the budgets at its worst case, made like any
other, and charged to whoever tries. One at a time for each person, a bounded answer, bounded time.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

from channels.db import database_sync_to_async
from django.core.cache import cache
from django.db import transaction
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from conversations.engine import asking, jobs
from conversations.engine.context import Kept
from conversations.engine.estimate import tokens_of, tokens_of_messages
from conversations.engine.rounds import storable
from conversations.models import (
    LedgerEntry,
    Preset,
    Reservation,
    User,
    parameter_bytes,
    worst_case_nanos,
)
from conversations.models.base import new_id
from conversations.presets.trying_call import Line, Spent, adapter_of, figures_of, job_of, take
from conversations.presets.versions import Meaning
from conversations.problems import BudgetSpent, Invalid, TooMany
from conversations.providers.base import Usage
from conversations.providers.errors import ProviderError
from conversations.spending import budgets
from conversations.spending.charging import charge
from conversations.tools import built_in_toolbox

log = logging.getLogger(__name__)

MOST_QUESTION = 4_000
MOST_CHARACTERS = 50_000
MOST_SECONDS = 120
# Who leaves before the answer begins keeps their place no longer.
BEGIN_SECONDS = 10
_running: set[asyncio.Task[Any]] = set()


def begin(person: User, meaning: Meaning, question: str, preset: Preset | None = None) -> Trial:
    """Take the person's one place. Raises `Invalid`, or `TooMany` while another one runs."""
    question = storable(question.strip())
    if not question:
        raise Invalid(_("Write a question first."), code="empty")
    if len(question) > MOST_QUESTION:
        raise Invalid(_("A question can have %d characters here.") % MOST_QUESTION, code="too_long")
    place = f"trying:{person.pk}"
    if not cache.add(place, 1, BEGIN_SECONDS):
        raise TooMany(5)
    return Trial(person, meaning, question, preset, place)


class Trial:
    """One question under way. `lines()` is its answer; leaving it ends the call."""

    def __init__(
        self, person: User, meaning: Meaning, question: str, preset: Preset | None, place: str
    ) -> None:
        self.person, self.meaning, self.preset = person, meaning, preset
        self.place, self.language = place, get_language()
        self.job = job_of(person, meaning, question, preset)

    async def lines(self) -> AsyncIterator[bytes]:
        """JSON objects, a line each: `model`, `text`, `reasoning`, `tool`, `error`, at last `done`."""
        queue: asyncio.Queue[Line | None] = asyncio.Queue()
        task = _held(self._run(queue.put_nowait))
        try:
            while (line := await queue.get()) is not None:
                yield json.dumps(line, ensure_ascii=False).encode() + b"\n"
        finally:
            task.cancel()

    async def _run(self, tell: Callable[[Line | None], None]) -> None:
        try:
            cache.set(self.place, 1, MOST_SECONDS + 10)
            with override(self.language):
                await self._ask_in_time(tell)
        finally:
            cache.delete(self.place)
            tell(None)

    async def _ask_in_time(self, tell: Callable[[Line], None]) -> None:
        try:
            async with asyncio.timeout(MOST_SECONDS):
                await self._ask(tell)
        except TimeoutError:
            tell({"error": _("It took longer than two minutes, so it was stopped.")})
        except ProviderError as trouble:
            tell({"error": trouble.sentence, "status": trouble.status})
        except BudgetSpent as refused:
            tell({"error": str(refused.detail)})
        except Exception:
            log.exception("trying a preset out failed")
            tell({"error": _("The server couldn’t do this. Its log says why.")})

    async def _ask(self, tell: Callable[[Line], None]) -> None:
        """The first model that answers; before it has written anything the next may take over."""
        targets = self.job.targets
        for number, target in enumerate(targets, 1):
            tell({"model": target.model_name})
            spent = Spent()
            try:
                await self._call(target, spent, tell)
                return
            except ProviderError:
                if spent.first_ms is not None or number == len(targets):
                    raise

    async def _call(self, target: jobs.Target, spent: Spent, tell: Callable[[Line], None]) -> None:
        call, began = new_id(), time.monotonic()
        tools = await built_in_toolbox().offered(self.job.parameters.get("tools") or [])
        kept = Kept(self.job.history, 0, 0)
        request = asking.request_of(self.job, target, kept, (), tools)
        await database_sync_to_async(self._hold)(call, target)
        try:
            async with adapter_of(target) as adapter, aclosing(adapter.stream(request)) as batches:
                async for batch in batches:
                    take(batch, spent, began, tell)
                    if len(spent.text) > MOST_CHARACTERS:
                        break
        finally:
            entry = await asyncio.shield(
                _held(database_sync_to_async(self._settle)(call, target, spent))
            )
        seconds = time.monotonic() - began
        tell({"done": figures_of(entry, spent, seconds)})

    @transaction.atomic
    def _hold(self, call: Any, target: jobs.Target) -> None:
        """The worst case of one call, held until it is settled."""
        texts = [self.job.system_text, *(text for _role, text in self.job.history)]
        parameters = self.job.parameters
        size = sum(len(text.encode()) for text in texts) + parameter_bytes(parameters)
        bound = worst_case_nanos(target.price, size, len(texts), parameters.get("max_tokens"))
        budgets.hold(self.job.charged.at(target.provider.pk), bound, call).save()

    @transaction.atomic
    def _settle(self, call: Any, target: jobs.Target, spent: Spent) -> LedgerEntry | None:
        """Charge what was used; what isn't counted by the provider is estimated."""
        if spent.usage is None and spent.first_ms is None:
            Reservation.objects.filter(call_id=call).delete()
            return None
        return charge(
            call,
            target.provider,
            target.model_name,
            spent.usage or self._estimate(spent),
            estimated=spent.usage is None,
            person=self.person,
            preset=self.preset,
        )

    def _estimate(self, spent: Spent) -> Usage:
        texts = [self.job.system_text, *(text for _role, text in self.job.history)]
        read, written = tokens_of_messages(texts), tokens_of(spent.text)
        return Usage(read, written, read + written)


def _held(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task of its own, kept until it ends."""
    task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task
