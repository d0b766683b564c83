"""One completion from its claim to its settlement.

A run is a task of the process: it belongs to no request and no socket, and nobody's leaving ends
it. Only a stop, a deadline, a lost claim or the process's shutdown does.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import Error as DatabaseTrouble
from django.utils import timezone

from conversations.engine import asking, jobs, store
from conversations.engine.breaker import Breakers
from conversations.engine.context import SHARES, Kept
from conversations.engine.estimate import tokens_of
from conversations.engine.frames import Bus, Settled, running
from conversations.engine.gate import Gates, Told
from conversations.engine.judging import judged, judgement
from conversations.engine.rounds import MOST_ROUNDS, Round, cleaned, storable
from conversations.engine.writer import Pace, PartText, Writer
from conversations.models import Call, Completion, Part, State
from conversations.models.base import new_id
from conversations.providers import KINDS
from conversations.providers.base import (
    Adapter,
    Begin,
    Event,
    Finish,
    Reasoning,
    Text,
    ToolCall,
    Usage,
)
from conversations.providers.errors import (
    ContextLength,
    ProviderError,
    TooLarge,
    retry_delay,
)
from conversations.tools.base import Asker, Toolbox

log = logging.getLogger(__name__)

MOST_CHARACTERS = 2_000_000
MOST_TRIES = 3
NOBODY = UUID(int=0)
JSON_FORMS = ("json_object", "json_schema")
SETTLE_SECONDS = 30


@dataclass(frozen=True)
class Surroundings:
    """What a run is given by its process."""

    bus: Bus
    pace: Pace
    adapter: Callable[[jobs.Target], Adapter]
    render: Callable[[str, str, str], str]
    renderer_version: int
    toolbox: Toolbox
    gates: Gates = field(default_factory=Gates)
    breakers: Breakers = field(default_factory=Breakers)
    # Hears how each call ended, at once; None is a success.
    called: Callable[[jobs.Target, ProviderError | None], None] = lambda target, trouble: None

    @asynccontextmanager
    async def turn(
        self, target: jobs.Target, tell: Told = lambda place: None
    ) -> AsyncIterator[None]:
        """A call's turn at its provider: waited for in a queue, refused while the model rests.

        `tell` hears the place in the queue. What the call raises is noted of the model.
        """
        provider = target.provider
        most = provider.concurrency or KINDS[provider.kind].most_at_once
        breaker = self.breakers.of((provider.pk, target.model), target.model_name)
        async with self.gates.of(provider.pk, most).entered(tell):
            tries = breaker.before()
            try:
                yield
            except ProviderError as trouble:
                breaker.after(trouble, tries)
                self.called(target, trouble)
                raise
            except BaseException:
                breaker.forget(tries)
                raise
            breaker.after(None, tries)
            self.called(target, None)


class Run:
    """Runs one claimed job. `stop()` and `interrupt()` end it early; its text is kept."""

    def __init__(self, job: jobs.Job, surroundings: Surroundings) -> None:
        self.job = job
        self.around = surroundings
        self.writers = [
            Writer(job.conversation, reply.message, surroundings.pace, surroundings.bus)
            for reply in job.replies
        ]
        self.part_ids: dict[tuple[UUID, int], UUID] = {}
        self.calls: list[store.CallResult] = []
        self.finish_reason = ""
        self.finishes: dict[int, str] = {}
        wants_json = job.parameters.get("response_format") in JSON_FORMS
        self.says = Part.Kind.JSON.value if wants_json else Part.Kind.ANSWER.value
        self.ending: State | None = None
        self._streaming: asyncio.Task[None] | None = None
        self._first_text_at: float | None = None
        self._round = Round(more=asking.messages_of(job.more))
        self._resume()

    def _resume(self) -> None:
        for writer, reply in zip(self.writers, self.job.replies, strict=True):
            writer.resume([PartText(part.index, part.kind, part.text) for part in reply.parts])
            for part in reply.parts:
                self.part_ids[reply.message, part.index] = part.id

    def stop(self) -> None:
        """A person wants no more of it."""
        self._end_early(State.STOPPED)

    def interrupt(self) -> None:
        """The process ends, or the claim was lost."""
        self._end_early(State.INTERRUPTED)

    def _end_early(self, state: State) -> None:
        self.ending = self.ending or state
        if self._streaming is not None:
            self._streaming.cancel()

    async def execute(self) -> dict[str, str] | None:
        """Write the replies and settle; returns the facts, or None when the claim was lost."""
        self.around.pace.writers += len(self.writers)
        try:
            outcome = await self._outcome()
        finally:
            self.around.pace.writers -= len(self.writers)
        for writer in self.writers:
            self.around.pace.finish(writer)
        return await self.settle(outcome)

    async def _outcome(self) -> store.Outcome:
        """Stream to the end, whatever end that is."""
        code = ""
        try:
            if self.ending is None:
                self._streaming = asyncio.create_task(self._converse())
                await self._streaming
            state, error = self.ending or State.DONE, None
        except asyncio.CancelledError:
            state, error = self.ending or State.INTERRUPTED, None
        except ProviderError as trouble:
            cut = trouble.code == "stream_truncated"
            state, error = State.INTERRUPTED if cut else State.FAILED, trouble
        except Exception:
            log.exception("completion failed", extra={"completion": str(self.job.completion)})
            state, error, code = State.FAILED, None, "internal"
        return store.Outcome(
            state=state,
            finish_reason=self.finish_reason,
            finishes=self._other_finishes(),
            error_code=error.code if error else code,
            error_detail=error.detail[:2000] if error else "",
            generation_ms=self._generation_ms(),
        )

    def _other_finishes(self) -> dict[UUID, str]:
        """Why the replies beside the first ended, where that differs."""
        ends = {
            writer.message: self.finishes.get(choice, "")
            for choice, writer in enumerate(self.writers)
        }
        return {pk: end for pk, end in ends.items() if end and end != self.finish_reason}

    def _generation_ms(self) -> int | None:
        if self._first_text_at is None:
            return None
        return max(1, round((self.around.pace.now() - self._first_text_at) * 1000))

    async def _converse(self) -> None:
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
        except ProviderError as trouble:
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
        """The id of the next call, its worst case held: the first model's is since the send."""
        if not self.calls and target.is_first:
            return self.job.call
        call = new_id()
        more = list(asking.texts_of(self._round.more))
        unused = {self.job.call, *(known.id for known in self.calls)}
        unused -= {known.id for known in self.calls if known.was_used}
        await database_sync_to_async(jobs.reserve_call)(self.job, call, target, more, unused)
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
            self._first_text_at = self._first_text_at or now
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
                self._end_early(State.DONE)

    def _estimate(self, call: store.CallResult) -> None:
        """Where the provider counted nothing though it worked: a guess, marked as one."""
        if call.usage_source != "none" or not self._round.received:
            return
        call.prompt_tokens = round((call.prompt_estimate or 0) * call.target.factor)
        call.completion_tokens = sum(
            tokens_of(part.text[part.resumed :]) for writer in self.writers for part in writer.parts
        ) + sum(tokens_of(one.name + one.arguments) for one in self._round.asked)
        call.usage_source = "estimated"

    def estimate_lost_call(self) -> None:
        """The process that made the call died: what it came to is a guess, if it began at all."""
        target = self.job.targets[0] if self.job.targets else None
        if target is None or not any(writer.characters for writer in self.writers):
            return
        try:
            kept = asking.fitted(self.job, target, self._round)
        except ContextLength:
            return
        if not self.job.continues:
            # All that is stored is what that call wrote; of a continued reply nobody knows where
            # it began, and the text counts as part of the request.
            for part in (part for writer in self.writers for part in writer.parts):
                part.resumed = 0
        call = store.CallResult(self.job.call, Call.Kind.FIRST, target, timezone.now())
        call.prompt_estimate, call.left_out = kept.estimate, kept.left_out
        self._round.received = True
        self._estimate(call)
        self.calls.append(call)

    def unsaved(self) -> list[store.Unsaved]:
        """Take what isn't stored yet; give it back with `put_back` if storing fails."""
        taken = []
        for writer in self.writers:
            for part in writer.parts:
                if part.unsaved:
                    text = "".join(part.unsaved)
                    part.unsaved.clear()
                    taken.append(self._unsaved(writer, part, text))
        return taken

    def _unsaved(self, writer: Writer, part: PartText, text: str) -> store.Unsaved:
        opens, part.stored = not part.stored, True
        offset, part.saved = part.saved, part.saved + len(text)
        return store.Unsaved(
            part=self.part_ids.setdefault((writer.message, part.index), new_id()),
            message=writer.message,
            index=part.index,
            kind=part.kind,
            opens=opens,
            completion=self.job.completion,
            claim=self.job.claim,
            offset=offset,
            text=text,
        )

    def put_back(self, piece: store.Unsaved) -> None:
        """Storing failed: the text waits for the next try."""
        for writer in self.writers:
            if writer.message == piece.message:
                part = writer.parts[piece.index]
                part.unsaved.insert(0, piece.text)
                part.saved, part.stored = piece.offset, not piece.opens
                self.around.pace.dirty.add(writer)

    async def settle(self, outcome: store.Outcome) -> dict[str, str] | None:
        """Store the end, then tell it. The database may be gone for a while: try again."""
        parts = [part for writer in self.writers for part in await self._final_parts(writer)]
        if outcome.state == State.DONE and self.says == Part.Kind.JSON:
            parts = await asyncio.to_thread(judged, parts, self.job.parameters.get("json_schema"))
        facts = await self._settled(outcome, parts)
        if facts is not None:
            for writer in self.writers:
                own = [part for part in parts if part.message == writer.message]
                html = {part.index: part.html for part in own}
                told = facts | _thought(own) | judgement(own) | _silence(outcome, own)
                if end := outcome.finishes.get(writer.message):
                    told["finish"] = end
                self.around.bus.publish(
                    Settled(self.job.conversation, writer.message, outcome.state, told, html)
                )
        return facts

    async def _settled(
        self, outcome: store.Outcome, parts: list[store.FinalPart]
    ) -> dict[str, str] | None:
        deadline = self.around.pace.now() + SETTLE_SECONDS
        while True:
            try:
                settle = database_sync_to_async(store.settle)
                facts: dict[str, str] | None = await settle(self.job, outcome, parts, self.calls)
                return facts
            except DatabaseTrouble:
                if self.around.pace.now() > deadline:
                    raise
                await asyncio.sleep(1)

    async def _final_parts(self, writer: Writer) -> list[store.FinalPart]:
        finals = []
        for part in writer.parts:
            prefix = f"m-{writer.message.hex}-{part.index}"
            html = await asyncio.to_thread(self.around.render, part.kind, part.text, prefix)
            pk = self.part_ids.setdefault((writer.message, part.index), new_id())
            finals.append(
                store.FinalPart(
                    pk,
                    writer.message,
                    part.index,
                    part.kind,
                    part.text,
                    html,
                    self.around.renderer_version,
                    self._seconds(writer, part),
                )
            )
        return finals

    def _seconds(self, writer: Writer, part: PartText) -> float | None:
        """How long the part took; of one from before, what is stored."""
        if part.seconds is not None:
            return part.seconds
        stored = next(reply for reply in self.job.replies if reply.message == writer.message)
        return stored.parts[part.index].seconds if part.index < len(stored.parts) else None


def _silence(outcome: store.Outcome, parts: list[store.FinalPart]) -> dict[str, str]:
    """A provider that was asked for several answers may give fewer."""
    return {} if parts or outcome.state != State.DONE else Completion.SILENT


def _thought(parts: list[store.FinalPart]) -> dict[str, str]:
    """The seconds of each reasoning part: a page that came in later didn't see it begin."""
    spans = [f"{part.seconds or 0:.0f}" for part in parts if part.kind == "reasoning"]
    return {"thought": " ".join(spans)} if spans else {}
