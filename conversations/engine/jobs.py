"""Claimed completions, each with all that running it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac

from conversations.answers_json import Verdict, repair_request
from conversations.engine.context import factor_of, room_of, surely_fits
from conversations.models import (
    Completion,
    Message,
    Part,
    PresetModel,
    Price,
    Provider,
    Reservation,
    most_tokens_read,
    parameter_bytes,
    worst_case_nanos,
)
from conversations.models.base import new_id
from conversations.models.completions import LEASE
from conversations.models.prepared import Prepared
from conversations.models.presets import CALLABLE
from conversations.presets.placeholders import fill, used_in
from conversations.problems import BudgetSpent
from conversations.providers.errors import ProviderError
from conversations.spending import budgets
from conversations.spending.reserving import longest_of

MODELS = Prepared(
    lambda version: (
        PresetModel.objects.filter(version=version)
        .select_related("model__provider")
        .order_by("position")
    ),
    version=UUID,
)
# Of each model the newest comes last.
PRICES = Prepared(
    lambda version: Price.objects.filter(
        model__presetmodel__version=version, valid_from__lte=Now()
    ).order_by("valid_from"),
    version=UUID,
)


@dataclass(slots=True)
class StoredPart:
    """A part as it is stored."""

    id: UUID
    index: int
    kind: str
    text: str
    seconds: float | None


@dataclass(slots=True)
class Reply:
    """A reply to write: its message, and what it holds already when it is continued."""

    message: UUID
    parts: list[StoredPart]


@dataclass(slots=True)
class Target:
    """A model to call, and everything the call needs to know of its provider.

    It reads `window` tokens at once (None: unknown); our estimates times `factor` are its tokens;
    `limits` are the bounds that its parameters have unlike its provider's other models.
    """

    model: UUID
    model_name: str
    provider: Provider
    price: Price | None
    window: int | None = None
    factor: float = 1.0
    limits: dict[str, Any] = field(default_factory=dict)
    # What the send holds is for the version's first model.
    is_first: bool = False
    is_open: bool = True


@dataclass(slots=True)
class Job:
    """A claimed completion with all that running it needs.

    `history` may be cut, `more` follows it and may not: both are roles and texts.
    """

    completion: UUID
    conversation: UUID
    claim: UUID
    user: str
    person: UUID | None
    charged: budgets.Charged
    system_text: str
    parameters: dict[str, Any]
    history: list[tuple[str, str]]
    more: list[tuple[str, str]]
    replies: list[Reply]
    targets: list[Target]
    call: UUID
    continues: bool
    waited: bool
    titling: bool
    # It was stored a moment ago, by this process: what its send held is still what it can cost.
    is_fresh: bool = False
    # Of one whose process may have died: the calls that something is held for, with their provider.
    held: list[tuple[UUID, UUID | None]] = field(default_factory=list)

    def target_at(self, provider: UUID | None) -> Target | None:
        """The first of its models at this provider, otherwise the first of all."""
        at = [target for target in self.targets if target.provider.pk == provider]
        return next(iter(at or self.targets), None)


def claim(pk: UUID) -> Job | None:
    """Take a queued completion and read what running it needs; None if another was faster."""
    token = new_id()
    if not Completion.objects.claim(pk, token):
        return None
    completion = Completion.objects.select_related("preset_version", "conversation").get(pk=pk)
    return _stored_job(completion, token, completion.asked_by_id)


def claim_next(limit: int) -> list[Job]:
    """Take the oldest queued completions that no other process is taking."""
    jobs: list[Job] = []
    with transaction.atomic():
        for pk in Completion.objects.next_claimable(limit):
            if job := claim(pk):
                jobs.append(job)
    return jobs


def adopted(turn: FreshTurn) -> Job:
    """The job of a turn whose completion was claimed as it was stored."""
    completion = turn.completion
    replies = [Reply(reply.pk, []) for reply in turn.replies]
    if completion.continues_id is not None:
        replies = _replies(completion)
    reservation = turn.reservation
    call = reservation.call_id if reservation else new_id()
    asked = _asked(completion, turn.replies[0].parent_id)
    if turn.message is not None and turn.message.parent_id is None and turn.part is not None:
        history = [(turn.message.role, turn.part.text)]
    else:
        history = Message.objects.texts_to(asked)
    assert completion.claim is not None
    targets = targets_of(completion.preset_version_id, completion.asked_by_id)
    job = _job(completion, completion.claim, replies, history, call, targets)
    job.is_fresh = not job.waited
    return _corrected(job, asked)


class FreshTurn(Protocol):
    """What a verb returns, as far as it saves the engine from reading it again."""

    completion: Completion
    message: Message | None
    part: Part | None
    replies: list[Message]
    reservation: Reservation | None


def _stored_job(completion: Completion, token: UUID, person: UUID | None) -> Job:
    """The job of a completion, all of it read; with the models that may be called for `person`."""
    replies = _replies(completion)
    parent = Message.objects.values_list("parent_id", flat=True).get(pk=completion.lead_id)
    asked = _asked(completion, parent)
    history = Message.objects.texts_to(asked)
    held = list(
        completion.reservations.order_by("created_at").values_list("call_id", "provider_id")
    )
    call = held[0][0] if held else new_id()
    targets = targets_of(completion.preset_version_id, person)
    job = _job(completion, token, replies, history, call, targets)
    job.held = held
    return _corrected(job, asked)


def _asked(completion: Completion, parent: UUID | None) -> UUID:
    """The last message that the provider is sent: what is answered, or what is continued."""
    return completion.lead_id if completion.continues_id or parent is None else parent


def _replies(completion: Completion) -> list[Reply]:
    rows = completion.replies.order_by("choice").prefetch_related("parts")
    return [Reply(reply.pk, _stored(reply.parts.all())) for reply in rows]


def _job(
    completion: Completion,
    token: UUID,
    replies: list[Reply],
    history: list[tuple[str, str]],
    call: UUID,
    targets: list[Target],
) -> Job:
    return Job(
        completion=completion.pk,
        conversation=completion.conversation_id,
        claim=token,
        user=_hashed(completion.asked_by_id),
        person=completion.asked_by_id,
        charged=budgets.Charged(
            completion.asked_by_id, completion.team_id, completion.preset_version.preset_id
        ),
        system_text=_instructions(completion),
        parameters=completion.parameters,
        history=history,
        more=_repair_of(completion),
        replies=replies,
        targets=targets,
        call=call,
        continues=completion.continues_id is not None,
        waited=completion.waits_for_id is not None,
        titling=len(history) == 1 and not completion.conversation.title_is_chosen,
    )


def _instructions(completion: Completion) -> str:
    """The preset's, with what its placeholders stand for now."""
    version = completion.preset_version
    used = used_in(version.system_text)
    if not used:
        return version.instructions
    person = completion.asked_by if "name" in used else None
    team = completion.team if "team" in used else None
    filled = fill(
        version.system_text,
        day=timezone.localdate(),
        person=person.display_name if person else "",
        team=team.name if team else "",
    )
    return version.instructions_with(filled)


def _repair_of(completion: Completion) -> list[tuple[str, str]]:
    """What the model is told when it is to answer again, since its JSON didn't fit."""
    pk = completion.parameters.get("repairs")
    part = (
        Part.objects.filter(message=pk, kind=Part.Kind.JSON).order_by("index").last()
        if pk
        else None
    )
    if part is None:
        return []
    verdict = Verdict(False, part.problem or "", part.problem_path)
    return [("assistant", part.text), ("user", repair_request(verdict))]


def _hashed(person: UUID | None) -> str:
    """A person as providers know them: always the same, and nobody's name."""
    if person is None:
        return ""
    return salted_hmac("conversations.provider-user", str(person)).hexdigest()[:32]


def _corrected(job: Job, asked: UUID) -> Job:
    """Give the targets what was learnt of their counting, if the conversation may be too long."""
    texts = [job.system_text, *(text for _role, text in job.history)]
    rooms = [room_of(target.window, job.parameters) for target in job.targets]
    if len(job.history) > 1 and not all(surely_fits(texts, room) for room in rooms):
        counted = Completion.objects.counted_above(asked)
        for target in job.targets:
            target.factor = factor_of(counted, target.model)
    return job


class NotOffered(ProviderError):
    """Nothing of the preset may be called any more for whoever asked."""

    code = "not_offered"


class Superseded(Exception):
    """Another process has the job now."""


class Unaffordable(ProviderError):
    """A further call could pass a budget: it isn't made, though another model's may be."""

    code = "budget"
    retryable = False


@transaction.atomic
def hold(
    job: Job,
    call: UUID,
    target: Target,
    bound: int | None,
    unused: Iterable[UUID] = (),
    *,
    still_held: bool = True,
) -> None:
    """Hold so much for one more call, letting go of what calls that came to nothing held.

    Raises `Unaffordable`, and `Superseded` where another process has taken the job over.
    """
    if still_held and not Completion.objects.held(job.claim).exists():
        raise Superseded("the claim was lost")
    Reservation.objects.filter(call_id__in=unused).delete()
    try:
        charged = job.charged.at(target.provider.pk)
        budgets.hold(charged, bound, call, job.completion).save(force_insert=True)
    except BudgetSpent as refused:
        raise Unaffordable(str(refused.detail)) from None


def reserve_call(
    job: Job,
    call: UUID,
    target: Target,
    more: Iterable[str] = (),
    unused: Iterable[UUID] = (),
) -> None:
    """Hold the worst case of a further call: another try, another model, `more` from tools.

    Raises `Unaffordable`.
    """
    _bound(job, target)
    texts = [job.system_text, *_said(job), *more]
    size = sum(len(text.encode()) for text in texts) + parameter_bytes(job.parameters)
    bound = worst_case_nanos(target.price, size, len(texts), most_written(job))
    hold(job, call, target, bound, unused)


def _bound(job: Job, target: Target) -> None:
    """A hard budget of another provider's wants a longest answer, too."""
    if job.parameters.get("max_tokens"):
        return
    charged = job.charged.at(target.provider.pk)
    if budgets.hard_of(budgets.levels(charged)):
        longest = target.limits.get("max_tokens", {}).get("high")
        bound = longest_of([(longest, target.window)])
        job.parameters = job.parameters | {"max_tokens": bound}


def _said(job: Job) -> list[str]:
    return [text for _role, text in (*job.history, *job.more)]


def most_written(job: Job) -> int | None:
    """Tokens of all replies together; None where nothing bounds them."""
    most = job.parameters.get("max_tokens")
    return most * len(job.replies) if most else None


def most_read(job: Job, more: Iterable[str]) -> int:
    """No request has more tokens than bytes: its texts, and what stands around them."""
    texts = [job.system_text, *_said(job), *more]
    size = sum(len(text.encode()) for text in texts) + parameter_bytes(job.parameters)
    return most_tokens_read(size, len(texts))


def take_expired(limit: int) -> list[Job]:
    """Take over completions whose process has died, to end them."""
    jobs = []
    for pk in Completion.objects.expired().values_list("pk", flat=True)[:limit]:
        token = new_id()
        if (
            Completion.objects.expired()
            .filter(pk=pk)
            .update(claim=token, lease_until=Now() + LEASE)
        ):
            completion = Completion.objects.select_related("preset_version", "conversation")
            # Nothing is called any more: whose call it was is asked, not whether it may be made.
            jobs.append(_stored_job(completion.get(pk=pk), token, None))
    return jobs


def _stored(parts: Iterable[Part]) -> list[StoredPart]:
    return [StoredPart(part.pk, part.index, part.kind, part.text, part.seconds) for part in parts]


def targets_of(version: UUID, person: UUID | None = None) -> list[Target]:
    """The version's models in order, each with its provider and its price of now.

    For a `person` those that may be called for them now: presets and providers close meanwhile.
    """
    rows = CALLABLE(version=version, user=person) if person else MODELS(version=version)
    models = [(row.position, row.model) for row in rows]
    prices = {price.model_id: price for price in PRICES(version=version)}
    return [
        Target(
            model.pk,
            model.name,
            model.provider,
            prices.get(model.pk),
            model.context_tokens,
            limits=model.own_limits,
            is_first=not position,
            is_open=not model.withdrawn and model.provider.enabled,
        )
        for position, model in models
    ]
