"""A conversation's title, made by a chosen preset after the first exchange."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from channels.db import database_sync_to_async
from django.db import Error as DatabaseTrouble
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from conversations.engine import jobs, store
from conversations.engine.estimate import tokens_of, tokens_of_messages
from conversations.engine.rounds import storable
from conversations.engine.surroundings import Surroundings
from conversations.models import Call, Conversation, Preset, Reservation, worst_case_nanos
from conversations.models.base import new_id
from conversations.providers.base import (
    Begin,
    ChatMessage,
    ChatRequest,
    Parameters,
    Text,
    Usage,
)
from conversations.providers.errors import ProviderError

ASK = (
    "Write a title of at most six words for this conversation, in its language."
    " Answer with the title alone, without quotation marks.\n\n{question}\n\n{answer}"
)
MOST_EXCERPT = 1_500
MOST_TOKENS = 40
TRIES = 20
MOST_CHARACTERS = 80


def title_target() -> jobs.Target | None:
    """The model of the preset that writes titles, if one is chosen."""
    preset = Preset.objects.filter(writes_titles=True, enabled=True).first()
    targets = jobs.targets_of(preset.version_id) if preset and preset.version_id else []
    return next((target for target in targets if target.is_open), None)


async def write_title(job: jobs.Job, around: Surroundings) -> tuple[str, int] | None:
    """Ask for a title, charge the call, store it; returns title and version, or None: no change."""
    target = await database_sync_to_async(title_target)()
    if target is None:
        return None
    answer = await database_sync_to_async(store.answer_of)(job.replies[0].message)
    prompt = ASK.format(question=job.history[0][1][:MOST_EXCERPT], answer=answer[:MOST_EXCERPT])
    call = store.CallResult(new_id(), Call.Kind.TITLE, target, timezone.now())
    try:
        await database_sync_to_async(_reserve)(job, call, prompt)
    except jobs.Unaffordable:
        return None
    text = ""
    try:
        text = await _ask(prompt, target, around, call)
    finally:
        # Whatever ends it: what it cost is booked, and what was held is let go.
        written = await asyncio.shield(asyncio.ensure_future(_kept(job, call, _tidy(text))))
    return written


async def _kept(job: jobs.Job, call: store.CallResult, title: str) -> tuple[str, int] | None:
    """Keep it; the database may be gone for a while."""
    for _try in range(TRIES):
        try:
            written: tuple[str, int] | None = await database_sync_to_async(_keep)(job, call, title)
            return written
        except DatabaseTrouble:
            await asyncio.sleep(1)
    return None


async def _ask(
    prompt: str, target: jobs.Target, around: Surroundings, call: store.CallResult
) -> str:
    request = ChatRequest(
        model=target.model_name,
        messages=(ChatMessage("user", prompt),),
        parameters=Parameters(max_tokens=MOST_TOKENS),
        stream=False,
        limits=target.limits,
    )
    text = ""
    try:
        stream = around.adapter(target).stream(request)
        async with around.turn(target), aclosing(stream) as batches:
            async for batch in batches:
                for event in batch:
                    match event:
                        case Text(piece, _choice):
                            text += piece
                        case Usage():
                            call.prompt_tokens = event.prompt_tokens
                            call.completion_tokens = event.completion_tokens
                            call.cached_tokens = event.cached_tokens
                            call.usage_source, call.dollars = "provider", event.cost
                        case Begin(response_id, request_id):
                            call.response_id = storable(response_id or "")[:200]
                            call.request_id = storable(request_id or "")[:200]
    except ProviderError as trouble:
        call.was_sent = trouble.code == "timeout"
        call.error_code, call.error_detail = trouble.code, trouble.detail[:2000]
        return ""
    except asyncio.CancelledError:
        call.was_sent = True
        raise
    finally:
        if call.usage_source == "none" and (text or call.was_sent):
            call.prompt_tokens = tokens_of_messages([prompt])
            call.completion_tokens = min(tokens_of(text), MOST_TOKENS)
            call.usage_source = "estimated"
    return text


def _tidy(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line.strip("\"'“”„«»#* ").removesuffix(".")[:MOST_CHARACTERS]


def _reserve(job: jobs.Job, call: store.CallResult, prompt: str) -> None:
    """Hold the worst case of the title's call."""
    bound = worst_case_nanos(call.target.price, len(prompt.encode()), 1, MOST_TOKENS)
    jobs.hold(job, call.id, call.target, bound, still_held=False)


@transaction.atomic
def _keep(job: jobs.Job, call: store.CallResult, title: str) -> tuple[str, int] | None:
    """Charge the call; the title counts only while nobody has chosen one."""
    store.record_calls(job, [call])
    store.release(Reservation.objects.filter(call_id=call.id), [call])
    if not title:
        return None
    rows = Conversation.objects.filter(pk=job.conversation, title_is_chosen=False)
    if not rows.update(title=title, version=F("version") + 1):
        return None
    return title, rows.values_list("version", flat=True).get()
