"""What the engine keeps: one synchronous function per step, each a short transaction.

Every save and settlement is conditional on the claim: who has lost it writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from conversations.engine.jobs import Job, Target
from conversations.models import (
    Call,
    Completion,
    LedgerEntry,
    Message,
    Part,
    Reservation,
    State,
    cost_of,
)
from conversations.models.prepared import Prepared
from conversations.spending import budget_alerts, ledger

WAITING = Prepared(
    lambda pk: Completion.objects.claimable().filter(waits_for=pk).values_list("pk", flat=True),
    pk=UUID,
)
TO_SETTLE = Prepared(
    lambda pk: Completion.objects.select_related(
        "asked_by", "stopped_by", "team", "preset_version__preset"
    ).filter(pk=pk),
    pk=UUID,
)

APPEND = """
    UPDATE conversations_part SET text = text || %s
    WHERE id = %s AND LENGTH(text) = %s AND EXISTS (
        SELECT 1 FROM conversations_completion c
        WHERE c.id = %s AND c.claim = %s AND c.state = 'running')
"""


@dataclass(slots=True)
class CallResult:
    """What one call to a provider came to; counts are tokens, times milliseconds.

    It was sent what we estimate at `prompt_estimate`, without `left_out` older messages.
    """

    id: UUID
    kind: str
    target: Target
    started: Any
    response_id: str = ""
    request_id: str = ""
    status: int | None = None
    error_code: str = ""
    error_detail: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    usage_source: str = "none"
    dollars: Decimal | None = None
    first_token_ms: int | None = None
    prompt_estimate: int | None = None
    left_out: int = 0
    # The provider had the request, though nothing came of it.
    was_sent: bool = False

    @property
    def was_used(self) -> bool:
        """Whether the provider did anything that it may charge for."""
        return self.usage_source != "none" or self.dollars is not None


@dataclass(slots=True)
class Outcome:
    """How a completion ended."""

    state: State
    finish_reason: str = ""
    # Of replies beside the first, by message, where it differs.
    finishes: dict[UUID, str] = field(default_factory=dict)
    error_code: str = ""
    error_detail: str = ""
    generation_ms: int | None = None


@dataclass(slots=True)
class Unsaved:
    """Text of a part that isn't stored yet; `opens` when the part itself isn't either."""

    part: UUID
    message: UUID
    index: int
    kind: str
    opens: bool
    completion: UUID
    claim: UUID
    offset: int
    text: str


@dataclass(slots=True)
class FinalPart:
    """A part as it ends: its whole text and rendering; `seconds` it took to write."""

    id: UUID
    message: UUID
    index: int
    kind: str
    text: str
    html: str
    renderer_version: int
    seconds: float | None
    problem: str | None = None
    problem_path: str = ""


def answer_of(message: UUID) -> str:
    """The answer's text as it is stored."""
    parts = Part.objects.filter(message=message, kind__in=Part.SAID).order_by("index")
    return "".join(parts.values_list("text", flat=True))


@transaction.atomic
def save(batch: list[Unsaved]) -> bool:
    """Append all unsaved text in one transaction; False when some claim was lost.

    Saving a piece twice, since nobody heard of the first time, adds it once: its offset tells.
    """
    _open_parts([piece for piece in batch if piece.opens])
    rows = [
        (piece.text, part, piece.offset, completion, claim)
        for piece in batch
        for part, completion, claim in [_keys(piece.part, piece.completion, piece.claim)]
    ]
    with connection.cursor() as cursor:
        cursor.executemany(APPEND, rows)
        return bool(cursor.rowcount == len(rows))


def _open_parts(pieces: list[Unsaved]) -> None:
    """Store the new parts of those whose claim still stands."""
    if not pieces:
        return
    held = still_held([piece.claim for piece in pieces])
    Part.objects.bulk_create(
        [
            Part(pk=p.part, message_id=p.message, index=p.index, kind=p.kind)
            for p in pieces
            if p.claim in held
        ],
        ignore_conflicts=True,
    )


def _keys(*ids: UUID) -> list[Any]:
    field = Part._meta.pk
    return [field.get_db_prep_value(pk, connection) for pk in ids]


def still_held(tokens: list[UUID]) -> set[UUID]:
    """Which of these claims still stand."""
    rows = Completion.objects.filter(state=State.RUNNING, claim__in=tokens)
    return {claim for claim in rows.values_list("claim", flat=True) if claim is not None}


@transaction.atomic
def fail_unclaimed() -> list[tuple[UUID, list[UUID], dict[str, str]]]:
    """End queued completions that nobody took; returns (conversation, replies, facts) of each."""
    ended = []
    for completion in Completion.objects.unclaimed()[:100]:
        rows = Completion.objects.filter(pk=completion.pk, state=State.QUEUED)
        if not rows.update(state=State.FAILED, finished_at=Now(), error_code="unclaimed"):
            continue
        Reservation.objects.filter(completion=completion).delete()
        replies = list(completion.replies.values_list("pk", flat=True))
        completion.refresh_from_db()
        ended.append((completion.conversation_id, replies, completion.facts()))
    return ended


def waiting_for(pk: UUID) -> list[UUID]:
    """Queued completions that may run now that `pk` has ended."""
    return WAITING(pk=pk)


def stops(tokens: list[UUID]) -> set[UUID]:
    """Claims whose completion somebody wants stopped."""
    rows = Completion.objects.filter(claim__in=tokens, stop_requested_at__isnull=False)
    return {claim for claim in rows.values_list("claim", flat=True) if claim is not None}


def renew(tokens: list[UUID]) -> set[UUID]:
    """Prolong these leases; returns the claims that still stand."""
    Completion.objects.renew(tokens)
    return still_held(tokens)


@transaction.atomic
def settle(
    job: Job,
    outcome: Outcome,
    parts: list[FinalPart],
    calls: list[CallResult],
    orphaned: bool = False,
) -> dict[str, str] | None:
    """End a completion once: final text, state, calls, ledger, the reservation's end.

    `orphaned`: their models or prices are gone, and calls are recorded by their names alone.
    Returns what viewers are told of it, or None when the claim was lost: then nothing is written.
    """
    held = Completion.objects.held(job.claim)
    stopped = outcome.state == State.STOPPED
    last = next((call for call in reversed(calls) if call.usage_source != "none"), None)
    sent = last or (calls[-1] if calls else None)
    costs = [_charge_of(call) for call in calls]
    charged = [cost for call, (cost, _source) in zip(calls, costs, strict=True) if call.was_used]
    taken = held.filter(pk=job.completion).update(
        state=outcome.state,
        finished_at=Now(),
        claim=None,
        lease_until=None,
        finish_reason="stopped" if stopped else outcome.finish_reason,
        error_code=outcome.error_code,
        error_detail=outcome.error_detail,
        generation_ms=outcome.generation_ms,
        prompt_tokens=last.prompt_tokens if last else None,
        completion_tokens=_written(calls),
        usage_source=last.usage_source if last else "none",
        prompt_estimate=sent.prompt_estimate if sent else None,
        left_out=sent.left_out if sent else 0,
        window_tokens=sent.target.window if sent else None,
        cost_nanos=None if not charged or None in charged else sum(filter(None, charged)),
        cost_source=_source_of(calls, costs),
        first_token_ms=next(
            (c.first_token_ms for c in calls if c.first_token_ms is not None), None
        ),
    )
    if taken != 1:
        return None
    _store_final(parts)
    for message, reason in outcome.finishes.items():
        Message.objects.filter(pk=message).update(finish_reason=reason)
    completion = record_calls(job, calls, orphaned)
    release(Reservation.objects.filter(completion_id=job.completion), calls)
    return completion.facts()


def release(held: QuerySet[Reservation], calls: list[CallResult]) -> None:
    """End reservations; a cost beyond one is told."""
    bounds = dict(held.values_list("call_id", "amount_nanos"))
    held.delete()
    for call in calls:
        name = f"{call.target.model_name} ({call.target.provider.name})"
        cost, bound = _charge_of(call)[0], bounds.get(call.id)
        budget_alerts.above_bound(call.target.model, name, cost, bound)


def _source_of(calls: list[CallResult], costs: list[tuple[int | None, str]]) -> str:
    """Where the figure is from: of the last call that cost anything."""
    used = [source for call, (_cost, source) in zip(calls, costs, strict=True) if call.was_used]
    return used[-1] if used else "none"


def _written(calls: list[CallResult]) -> int | None:
    """The tokens of the call that answered, with those of the calls for tools before it."""
    counted = [call for call in calls if call.completion_tokens is not None]
    rounds = [call for call in counted if call.kind == Call.Kind.TOOL]
    if not rounds:
        return counted[-1].completion_tokens if counted else None
    return sum(call.completion_tokens or 0 for call in counted)


def _store_final(parts: list[FinalPart]) -> None:
    """The final text and rendering of each part, whether it was stored before or not."""
    Part.objects.bulk_create(
        [
            Part(
                pk=part.id,
                message_id=part.message,
                index=part.index,
                kind=part.kind,
                text=part.text,
                html=part.html,
                seconds=part.seconds,
                renderer_version=part.renderer_version,
                problem=part.problem,
                problem_path=part.problem_path,
            )
            for part in parts
        ],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=[
            "text",
            "html",
            "seconds",
            "renderer_version",
            "problem",
            "problem_path",
        ],
    )


def _charge_of(call: CallResult) -> tuple[int | None, str]:
    """What a call cost and where the figure is from."""
    return cost_of(
        call.target.price,
        (call.prompt_tokens, call.completion_tokens, call.cached_tokens),
        reported=call.dollars,
        estimated=call.usage_source == "estimated",
    )


def record_calls(job: Job, calls: list[CallResult], orphaned: bool = False) -> Completion:
    """Store the calls and charge each of them that used anything, exactly once."""
    (completion,) = TO_SETTLE(pk=job.completion)
    now = timezone.now()
    entries = []
    for call in calls:
        nanos, source = _charge_of(call)
        row = Call.objects.create(
            pk=call.id,
            completion=completion,
            kind=call.kind,
            model_id=None if orphaned else call.target.model,
            model_name=call.target.model_name,
            provider_name=call.target.provider.name,
            price=None if orphaned else call.target.price,
            response_id=call.response_id,
            request_id=call.request_id,
            status=call.status,
            error_code=call.error_code,
            error_detail=call.error_detail,
            prompt_tokens=call.prompt_tokens,
            completion_tokens=call.completion_tokens,
            cached_tokens=call.cached_tokens,
            usage_source=call.usage_source,
            cost_nanos=nanos,
            cost_source=source,
            started_at=call.started,
            first_token_ms=call.first_token_ms,
            finished_at=now,
        )
        if call.was_used:
            entries.append(_entry(completion, row, call, nanos, source))
    ledger.post(entries)
    budget_alerts.after_charges(entries)
    return completion


def _entry(
    completion: Completion, row: Call, call: CallResult, nanos: int | None, source: str
) -> LedgerEntry:
    preset = completion.preset_version.preset
    person = completion.asked_by
    price = call.target.price
    return LedgerEntry(
        call_id=row.pk,
        completion_id=completion.pk,
        conversation_id=completion.conversation_id,
        user_id=person.pk if person else None,
        user_name=person.display_name if person else "",
        team_id=completion.team_id,
        team_name=completion.team.name if completion.team else "",
        provider_id=call.target.provider.pk,
        provider_name=row.provider_name,
        model_id=call.target.model,
        model_name=row.model_name,
        preset_id=preset.pk,
        preset_name=preset.name,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        usage_source=row.usage_source,
        cost_nanos=nanos,
        cost_source=source,
        input_nanos_per_million=price.input_nanos_per_million if price else None,
        output_nanos_per_million=price.output_nanos_per_million if price else None,
        cached_tokens=call.cached_tokens,
        cached_nanos_per_million=price.cached_nanos_per_million if price else None,
    )
