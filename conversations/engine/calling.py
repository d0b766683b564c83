"""The calls of one completion: its models in order, tries, rounds of tools; held before, counted after."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing
from uuid import UUID

from channels.db import database_sync_to_async
from django.utils import timezone

from conversations.engine import asking, jobs, store
from conversations.engine.context import SHARES, Kept
from conversations.engine.estimate import tokens_of
from conversations.engine.frames import running
from conversations.engine.rounds import MOST_ROUNDS, Round, cleaned, storable
from conversations.engine.surroundings import Surroundings
from conversations.engine.writer import Writer
from conversations.models import Call, Part
from conversations.models.base import new_id
from conversations.providers.base import Begin, Event, Finish, Reasoning, Text, ToolCall, Usage
from conversations.providers.errors import ContextLength, ProviderError, TooLarge, retry_delay
from conversations.tools.base import Asker

MOST_CHARACTERS = 2_000_000
MOST_TRIES = 3
NOBODY = UUID(int=0)
JSON_FORMS = ("json_object", "json_schema")


class Calling:
    """Calls providers for a job and hands what they write to its writers."""

    def __init__(
        self,
        job: jobs.Job,
        surroundings: Surroundings,
        writers: list[Writer],
        too_long: Callable[[], None],
    ) -> None:
        self.job = job
        self.around = surroundings
        self.writers = writers
        self.calls: list[store.CallResult] = []
        self.finish_reason = ""
        self.finishes: dict[int, str] = {}
        self.first_text_at: float | None = None
        wants_json = job.parameters.get("response_format") in JSON_FORMS
        self.says = Part.Kind.JSON.value if wants_json else Part.Kind.ANSWER.value
        self._too_long = too_long
        self._round = Round(more=asking.messages_of(job.more))
        self._held = {job.call}

    async def converse(self) -> None:
        """Have the model answer; as long as it asks for tools, run them and have it go on."""
        if not self.job.targets:
            raise jobs.NotOffered("the preset has no model any more")
        tools = await self.around.toolbox.offered(self.job.parameters.get("tools") or [])
        kind, targets = Call.Kind.FIRST, self.job.targets
        for left in reversed(range(MOST_ROUNDS)):
            self._round = Round(tools if left else (), self._round.more)
            self.finish_reason, self.finishes = "", {}
            targets = [await self._first_that_answers(targets, kind)]
            if not self._round.goes_on:
                break
            await self._run_tools()
            kind = Call.Kind.TOOL
        self._round.show_unrun(self.writers[0])

    async def _first_that_answers(self, targets: list[jobs.Target], kind: str) -> jobs.Target:
        """Call the first model that answers; before the first token others may take over."""
        for target in targets[:-1]:
            try:
                await self._call_with_cuts(target, kind)
                return target
            except ProviderError as trouble:
                if self._round.received or trouble.after_first_token:
                    raise
            kind = Call.Kind.FALLBACK
        await self._call_with_cuts(targets[-1], kind)
        return targets[-1]

    async def _run_tools(self) -> None:
        zone = timezone.get_default_timezone_name()
        asker = Asker(self.job.person or NOBODY, zone, self.job.conversation)
        more = await self._round.run(self.around.toolbox, asker, self.writers[0])
        self._round.more = more
        for writer in self.writers:
            writer.begin_round()

    async def _call_with_cuts(self, target: jobs.Target, kind: str) -> None:
        """Call with what fits the model; where it finds that too long, with less and less."""
        kept: Kept | None = asking.fitted(self.job, target, self._round)
        for times in range(len(SHARES) + 1):
            assert kept is not None
            try:
                await self._call_with_retries(target, kind, kept)
                return
            except (ContextLength, TooLarge):
                kept = asking.shorter(self.job, kept, times)
                if self._round.received or kept is None:
                    raise
            kind = Call.Kind.RETRY

    async def _call_with_retries(self, target: jobs.Target, kind: str, kept: Kept) -> None:
        for attempt in range(MOST_TRIES):
            try:
                await self._call(target, kind, kept)
                return
            except ProviderError as trouble:
                wait = retry_delay(trouble, attempt, random.random)
                if self._round.received or wait is None or attempt + 1 == MOST_TRIES:
                    raise
            await asyncio.sleep(wait)
            kind = Call.Kind.RETRY

    async def _call(self, target: jobs.Target, kind: str, kept: Kept) -> None:
        call = await self._reserved(target)
        async with self.around.turn(target, self._tell_place):
            await self._recorded(store.CallResult(call, kind, target, timezone.now()), kept)

    def _tell_place(self, place: int) -> None:
        for writer in self.writers:
            event = running(self.job.conversation, writer.message, self.job.completion, place)
            self.around.bus.publish(event)

    async def _recorded(self, call: store.CallResult, kept: Kept) -> None:
        """One call to the provider, recorded however it ends."""
        target = call.target
        more, tools = self._round.more, self._round.tools
        call.prompt_estimate = kept.estimate + asking.estimate_of(more, tools)
        call.left_out = kept.left_out
        self.calls.append(call)
        began = self.around.pace.now()
        try:
            adapter = self.around.adapter(target)
            request = asking.request_of(self.job, target, kept, more, tools)
            async with aclosing(adapter.stream(request, self._rest)) as batches:
                async for batch in batches:
                    self._take(batch, call, began)
        except asyncio.CancelledError:
            call.was_sent = True
            raise
        except ProviderError as trouble:
            call.was_sent = trouble.code == "timeout"
            call.error_code, call.error_detail = trouble.code, trouble.detail[:2000]
            call.status = trouble.status
            call.request_id = call.request_id or trouble.request_id or ""
            raise
        finally:
            self._estimate(call)

    def _rest(self) -> asyncio.Future[None] | None:
        """Until the reply that was written last may go on."""
        return self.around.pace.turn(max(self.writers, key=lambda writer: writer.last_frame))

    async def _reserved(self, target: jobs.Target) -> UUID:
        """The id of the next call, its worst case held.

        What the send held is for its first model, at once: what waited has more to read by now,
        and prices may have changed.
        """
        if not self.calls and target.is_first and self.job.is_fresh:
            return self.job.call
        call, more = new_id(), list(asking.texts_of(self._round.more))
        unused = self._held - {known.id for known in self.calls if known.was_used}
        await database_sync_to_async(jobs.reserve_call)(self.job, call, target, more, unused)
        self._held.add(call)
        return call

    def _take(self, batch: list[Event], call: store.CallResult, began: float) -> None:
        for event in batch:
            match event:
                case Text(text, choice):
                    self._write(self.says, text, choice, call, began)
                case Reasoning(text, choice):
                    self._write("reasoning", text, choice, call, began)
                case ToolCall():
                    self._round.ask(cleaned(event))
                case Finish(reason, choice):
                    self.finishes.setdefault(choice, reason)
                    self.finish_reason = self.finishes.get(0, reason)
                case Usage():
                    call.prompt_tokens = event.prompt_tokens
                    call.completion_tokens = event.completion_tokens
                    call.cached_tokens = event.cached_tokens
                    call.usage_source, call.dollars = "provider", event.cost
                case Begin(response_id, request_id):
                    call.response_id = storable(response_id or "")[:200]
                    call.request_id = storable(request_id or "")[:200]

    def _write(
        self, kind: str, text: str, choice: int, call: store.CallResult, began: float
    ) -> None:
        if call.first_token_ms is None:
            now = self.around.pace.now()
            self.first_text_at = self.first_text_at or now
            call.first_token_ms = round((now - began) * 1000)
            self._round.received = True
        if not text.isascii() or "\0" in text:
            text = storable(text)
        if self._round.tools and not choice and kind == self.says:
            self._round.said.append(text)
        if choice < len(self.writers):
            writer = self.writers[choice]
            writer.add(kind, text)
            if writer.characters > MOST_CHARACTERS:
                self.finish_reason = "length"
                self._too_long()

    def _estimate(self, call: store.CallResult) -> None:
        """Where the provider counted nothing though it worked: a guess, marked as one.

        It had the request, too, when it was stopped before it wrote. A guess never passes what is
        held: no more than was sent, and no more than could be written.
        """
        if call.usage_source != "none" or not (self._round.received or call.was_sent):
            return
        more = list(asking.texts_of(self._round.more))
        read = round((call.prompt_estimate or 0) * call.target.factor)
        call.prompt_tokens = min(read, jobs.most_read(self.job, more))
        written = sum(
            tokens_of(part.text[part.resumed :]) for writer in self.writers for part in writer.parts
        ) + sum(tokens_of(one.name + one.arguments) for one in self._round.asked)
        call.completion_tokens = min(written, jobs.most_written(self.job) or written)
        call.usage_source = "estimated"

    def estimate_lost_calls(self) -> None:
        """The process that made the calls died: what they came to is a guess, if they began at all.

        All but the last had come to their end: of them nobody knows more than what they were sent.
        """
        if not any(writer.characters for writer in self.writers):
            return
        *ended, last = self.job.held or [(self.job.call, None)]
        for call, provider in ended:
            self._lost(call, provider, is_last=False)
        if not self.job.continues:
            # All that is stored is what that call wrote; of a continued reply nobody knows where
            # it began, and the text counts as part of the request.
            for part in (part for writer in self.writers for part in writer.parts):
                part.resumed = 0
        self._lost(*last, is_last=True)

    def _lost(self, call_id: UUID, provider: UUID | None, *, is_last: bool) -> None:
        target = self.job.target_at(provider)
        if target is None:
            return
        try:
            kept = asking.fitted(self.job, target, self._round)
        except ContextLength:
            return
        kind = Call.Kind.FIRST if call_id == self.job.call else Call.Kind.TOOL
        call = store.CallResult(call_id, kind, target, timezone.now())
        call.prompt_estimate, call.left_out = kept.estimate, kept.left_out
        call.was_sent, self._round.received = True, is_last
        self._estimate(call)
        if not is_last:
            call.completion_tokens = 0
        self.calls.append(call)
