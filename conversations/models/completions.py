"""Completions: requests for replies, who runs them, and the calls that they make."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models.base import new_id
from conversations.models.conversations import Conversation
from conversations.models.messages import Message
from conversations.models.people import Team, User
from conversations.models.presets import PresetVersion
from conversations.models.providers import LanguageModel, Price, dollars

LEASE = timedelta(seconds=20)
# By the database's clock: those of the processes may differ.
NOW, LEASE_END = Now(), Now() + LEASE
UNCLAIMED = timedelta(seconds=120)

# A short request says more of what is around the texts than of the texts.
LEAST_TELLING_ESTIMATE = 200
REPORTS, REPORTS_UPWARD = 8, 40
COUNTED_UPWARD = """
    WITH RECURSIVE path(id, parent_id, completion_id, depth) AS (
        SELECT id, parent_id, completion_id, 1 FROM conversations_message WHERE id = %s
        UNION ALL
        SELECT m.id, m.parent_id, m.completion_id, path.depth + 1
        FROM conversations_message m JOIN path ON m.id = path.parent_id WHERE path.depth < %s
    )
    SELECT call.model_id, call.prompt_tokens, c.prompt_estimate
    FROM path
    JOIN conversations_completion c ON c.id = path.completion_id AND c.prompt_estimate >= %s
    JOIN conversations_call call ON call.completion_id = c.id
        AND call.usage_source = 'provider' AND call.prompt_tokens = c.prompt_tokens
    ORDER BY path.depth, call.started_at DESC LIMIT %s
"""


class State(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


OPEN = (State.QUEUED, State.RUNNING)


class CompletionQuerySet(models.QuerySet["Completion"]):
    """Where two tasks could race, the database chooses in one conditional update."""

    def visible_to(self, user: User) -> CompletionQuerySet:
        return self.filter(conversation__in=Conversation.objects.visible_to(user).values("pk"))

    def open(self) -> CompletionQuerySet:
        """Those that wait or run."""
        return self.filter(state__in=OPEN)

    def claimable(self) -> CompletionQuerySet:
        """Queued ones that may run: nothing that they wait for is open.

        No join: of an update with one, PostgreSQL would check only the key again after a wait.
        """
        before = Completion.objects.filter(pk=models.OuterRef("waits_for"), state__in=OPEN)
        queued = self.filter(state=State.QUEUED, stop_requested_at=None)
        return queued.filter(~models.Exists(before))

    def claim(self, pk: UUID, token: UUID) -> bool:
        """Take a queued completion; True for the one caller that got it."""
        taken = (
            self.claimable()
            .filter(pk=pk)
            .update(state=State.RUNNING, claim=token, lease_until=LEASE_END, started_at=NOW)
        )
        return taken == 1

    def next_claimable(self, limit: int) -> list[UUID]:
        """Ids of the oldest queued completions, those that others are just claiming left out."""
        rows = self.claimable().order_by("created_at")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        return list(rows.values_list("pk", flat=True)[:limit])

    def held(self, token: UUID) -> CompletionQuerySet:
        """Running ones that the claim `token` still holds."""
        return self.filter(state=State.RUNNING, claim=token)

    def renew(self, tokens: list[UUID]) -> int:
        """Prolong the leases of these claims by the database's clock."""
        return self.filter(state=State.RUNNING, claim__in=tokens).update(lease_until=LEASE_END)

    def counted_above(self, leaf_id: UUID) -> list[tuple[UUID | None, int, int]]:
        """What providers counted on the way up from `leaf_id`: (model, tokens, our estimate).

        The newest reports of the nearest messages, the nearest first.
        """
        key = self.model._meta.pk
        bounds = REPORTS_UPWARD, LEAST_TELLING_ESTIMATE, REPORTS
        with connection.cursor() as cursor:
            cursor.execute(COUNTED_UPWARD, [key.get_db_prep_value(leaf_id, connection), *bounds])
            return [(key.to_python(model), *counts) for model, *counts in cursor.fetchall()]

    def expired(self) -> CompletionQuerySet:
        """Running ones whose process no longer renews its lease."""
        return self.filter(state=State.RUNNING, lease_until__lt=Now())

    def unclaimed(self) -> CompletionQuerySet:
        """Queued ones that nobody took within the time since they might run."""
        since = Coalesce("waits_for__finished_at", "created_at")
        return self.claimable().annotate(since=since).filter(since__lt=Now() - UNCLAIMED)


class Completion(models.Model):
    """One request for replies. It writes one reply message per choice, choice 0 leads."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="completions")
    # The reply of choice 0. Its key exists before its row: the database checks at the commit.
    lead = models.ForeignKey(Message, models.CASCADE, related_name="+")
    continues = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    # The reply before it on the same branch was still being written when this was asked for.
    waits_for = models.ForeignKey("self", models.SET_NULL, null=True, related_name="waiting")
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    # The team that it is charged to: the conversation's, otherwise the person's main one.
    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="+")
    client_id = models.CharField(max_length=64)
    preset_version = models.ForeignKey(PresetVersion, models.PROTECT, related_name="+")
    parameters = models.JSONField(default=dict)

    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    claim = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    stop_requested_at = models.DateTimeField(null=True)
    stopped_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    finish_reason = models.CharField(max_length=20, blank=True)
    error_code = models.CharField(max_length=30, blank=True)
    error_detail = models.TextField(blank=True)
    prompt_tokens = models.PositiveBigIntegerField(null=True)
    completion_tokens = models.PositiveBigIntegerField(null=True)
    usage_source = models.CharField(max_length=10, blank=True)
    # What we thought the request had, by which later guesses are corrected; how many messages no
    # longer fitted into it; and the model's window then.
    prompt_estimate = models.PositiveIntegerField(null=True)
    left_out = models.PositiveIntegerField(default=0)
    window_tokens = models.PositiveIntegerField(null=True)
    cost_nanos = models.BigIntegerField(null=True)
    cost_source = models.CharField(max_length=10, blank=True)
    first_token_ms = models.PositiveIntegerField(null=True)
    generation_ms = models.PositiveIntegerField(null=True)

    objects = CompletionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["asked_by", "client_id"], name="completion_client_id"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="completion_state"),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(claim__isnull=False, lease_until__isnull=False),
                name="completion_running_is_claimed",
            ),
            models.CheckConstraint(
                condition=Q(state__in=OPEN) | Q(finished_at__isnull=False),
                name="completion_final_is_finished",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["created_at"], condition=Q(state="queued"), name="completion_queued"
            ),
            models.Index(
                fields=["lease_until"], condition=Q(state="running"), name="completion_running"
            ),
        ]

    def __str__(self) -> str:
        return f"completion {self.pk}"

    # What viewers are told of a reply in which nothing came though others of its request did.
    SILENT: ClassVar = {"state": "failed", "error": "empty_reply"}

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    def claimed_by(self, token: UUID) -> None:
        """Before it is stored: let it run at once, held by `token`."""
        self.state, self.claim = State.RUNNING, token
        self.lease_until, self.started_at = LEASE_END, NOW

    @property
    def room_tokens(self) -> int | None:
        """What the model could still read after this exchange; None where nobody knows."""
        window, prompt, written = self.window_tokens, self.prompt_tokens, self.completion_tokens
        if window is None or prompt is None or written is None:
            return None
        return max(0, window - prompt - written)

    def facts(self) -> dict[str, str]:
        """What every viewer of the replies may know of it, by short names; no sentences."""
        speed = None
        if self.completion_tokens and self.generation_ms:
            speed = f"{self.completion_tokens * 1000 / self.generation_ms:.0f}"
        facts = {
            "state": self.state,
            "run": self.pk.hex,
            "repairs": "1" if self.parameters.get("repairs") else "",
            "error": self.error_code,
            "finish": self.finish_reason,
            "stopped-by": self.stopped_by.display_name if self.stopped_by else "",
            "tokens": self.completion_tokens,
            "cost": None if self.cost_nanos is None else dollars(self.cost_nanos),
            "first": None if self.first_token_ms is None else f"{self.first_token_ms / 1000:.1f}",
            "speed": speed,
            "left-out": self.left_out or None,
            "window": self.window_tokens,
            "room": self.room_tokens,
        }
        return {name: str(fact) for name, fact in facts.items() if fact not in (None, "")}


class Call(models.Model):
    """One call to a provider, charged exactly once."""

    class Kind(models.TextChoices):
        FIRST = "first"
        RETRY = "retry"
        FALLBACK = "fallback"
        TOOL = "tool"
        TITLE = "title"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    completion = models.ForeignKey(Completion, models.CASCADE, related_name="calls")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.FIRST)
    model = models.ForeignKey(LanguageModel, models.SET_NULL, null=True, related_name="+")
    model_name = models.CharField(_("model"), max_length=200)
    provider_name = models.CharField(_("provider"), max_length=80)
    price = models.ForeignKey(Price, models.SET_NULL, null=True, related_name="+")
    response_id = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=200, blank=True)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    error_code = models.CharField(_("error"), max_length=30, blank=True)
    error_detail = models.TextField(blank=True)
    prompt_tokens = models.PositiveBigIntegerField(_("tokens read"), null=True)
    completion_tokens = models.PositiveBigIntegerField(_("tokens written"), null=True)
    cached_tokens = models.PositiveBigIntegerField(_("of them cached"), null=True)
    usage_source = models.CharField(max_length=10, blank=True)
    cost_nanos = models.BigIntegerField(null=True)
    cost_source = models.CharField(max_length=10, blank=True)
    started_at = models.DateTimeField(_("when"), default=timezone.now)
    first_token_ms = models.PositiveIntegerField(_("first token, ms"), null=True)
    finished_at = models.DateTimeField(_("stored"), null=True)

    class Meta:
        ordering: ClassVar = ["started_at"]
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        indexes: ClassVar = [
            models.Index(fields=["-started_at"], name="call_by_time"),
            models.Index(fields=["provider_name", "-started_at"], name="call_by_provider"),
            models.Index(fields=["error_code", "-started_at"], name="call_by_error"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} call"
