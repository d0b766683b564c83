"""Money: reservations before a call, ledger entries after it, in whole billionths of a dollar."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models.base import new_id
from conversations.models.completions import Completion
from conversations.models.people import User
from conversations.models.providers import NANOS, Price


def nanos_of(dollars: Decimal) -> int:
    """Whole billionths of a dollar, rounded once, half to even."""
    return int((dollars * NANOS).to_integral_value(ROUND_HALF_EVEN))


def cost_nanos(
    price: Price, prompt_tokens: int, completion_tokens: int, cached_tokens: int | None = None
) -> int:
    """What so many tokens cost at `price`, rounded once, half to even.

    Of the prompt's tokens the cached ones have a price of their own, where one is set.
    """
    cached_price, cached = price.cached_nanos_per_million, min(cached_tokens or 0, prompt_tokens)
    if cached_price is None:
        cached_price, cached = 0, 0
    exact = Decimal(
        (prompt_tokens - cached) * price.input_nanos_per_million
        + cached * cached_price
        + completion_tokens * price.output_nanos_per_million
    ) / Decimal(1_000_000)
    return int(exact.to_integral_value(ROUND_HALF_EVEN))


def cost_of(
    price: Price | None,
    tokens: tuple[int | None, int | None, int | None],
    *,
    reported: Decimal | None,
    estimated: bool,
) -> tuple[int | None, str]:
    """What tokens (read, written, cached) cost in nanodollars, and where the figure is from.

    What the provider reports (dollars) counts; otherwise tokens × price; otherwise it is unknown.
    """
    if reported is not None:
        return nanos_of(reported), "provider"
    read, written, cached = tokens
    if price is None or read is None or written is None:
        return None, "none"
    source = "assumed" if price.assumed else "price"
    return cost_nanos(price, read, written, cached), "estimated" if estimated else source


# What a request holds beside the texts, generously: names of fields, roles, parameters.
ENVELOPE_BYTES = 2_000
ENVELOPE_BYTES_PER_MESSAGE = 64


# Each of the tools that ship is described in less.
TOOL_BYTES = 2_000
LARGE = ("json_schema", "functions", "extra_body", "logit_bias", "stop")


def parameter_bytes(parameters: dict[str, Any]) -> int:
    """The most that parameters add to a request: schemas, functions, extra fields, named tools."""
    large = [parameters[name] for name in LARGE if parameters.get(name)]
    tools = parameters.get("tools") or []
    return sum(len(json.dumps(value)) for value in large) + TOOL_BYTES * len(tools)


def worst_case_nanos(
    price: Price | None, text_bytes: int, messages: int, most_tokens: int | None
) -> int | None:
    """The most that a request can cost: an upper bound, never an estimate.

    Its bytes bound its tokens, and the dearer of the prices for reading counts. Without a price or
    a limit on what is written there is no bound.
    """
    if price is None or not most_tokens:
        return None
    read = most_tokens_read(text_bytes, messages)
    cached = price.cached_nanos_per_million or 0
    all_cached = read if cached > price.input_nanos_per_million else 0
    return cost_nanos(price, read, most_tokens, all_cached)


def most_tokens_read(text_bytes: int, messages: int) -> int:
    """A token is at least one byte of the request's UTF-8, with what stands around the texts."""
    return text_bytes + ENVELOPE_BYTES + ENVELOPE_BYTES_PER_MESSAGE * messages


class Reservation(models.Model):
    """The most that a call can cost, held from before the call until its settlement."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Null: a call outside of any conversation, such as trying a preset out.
    completion = models.ForeignKey(
        Completion, models.CASCADE, null=True, related_name="reservations"
    )
    call_id = models.UUIDField(unique=True)
    # Null: without a price there is no bound.
    amount_nanos = models.BigIntegerField(null=True)
    # Whom and what it counts for, as the ledger will have it.
    user_id = models.UUIDField(null=True)
    team_id = models.UUIDField(null=True)
    preset_id = models.UUIDField(null=True)
    provider_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(amount_nanos=None) | Q(amount_nanos__gte=0),
                name="reservation_not_negative",
            )
        ]

    def __str__(self) -> str:
        return f"reservation {self.amount_nanos}"


class LedgerQuerySet(models.QuerySet["LedgerEntry"]):
    def of(self, user: User) -> LedgerQuerySet:
        return self.filter(user_id=user.pk)

    def visible_to(self, user: User) -> LedgerQuerySet:
        """One's own entries."""
        return self.of(user)

    def since(self, moment: datetime) -> LedgerQuerySet:
        return self.filter(at__gte=moment)

    def total_nanos(self) -> int:
        """The sum of the known costs."""
        return self.aggregate(total=Sum("cost_nanos"))["total"] or 0


class LedgerEntry(models.Model):
    """A charge or its correction. Append-only: the database refuses updates and deletes.

    It refers to other rows by their ids and a copy of their names, never by foreign key, so that
    it outlives them. A null cost is unknown, which is never zero.
    """

    class Kind(models.TextChoices):
        CHARGE = "charge"
        CORRECTION = "correction"

    at = models.DateTimeField(_("when"), default=timezone.now)
    # The site's own day then: what budgets, sums and statements count by.
    day = models.DateField(_("day"), default=timezone.localdate)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.CHARGE)
    call_id = models.UUIDField()
    completion_id = models.UUIDField()
    conversation_id = models.UUIDField()
    user_id = models.UUIDField(null=True)
    user_name = models.CharField(_("person"), max_length=200)
    team_id = models.UUIDField(null=True)
    team_name = models.CharField(_("team"), max_length=80, blank=True)
    provider_id = models.UUIDField(null=True)
    provider_name = models.CharField(_("provider"), max_length=80)
    model_id = models.UUIDField(null=True)
    model_name = models.CharField(_("model"), max_length=200)
    preset_id = models.UUIDField(null=True)
    preset_name = models.CharField(_("preset"), max_length=80)
    prompt_tokens = models.PositiveBigIntegerField(_("tokens read"), null=True)
    completion_tokens = models.PositiveBigIntegerField(_("tokens written"), null=True)
    usage_source = models.CharField(max_length=10)
    input_nanos_per_million = models.BigIntegerField(null=True)
    output_nanos_per_million = models.BigIntegerField(null=True)
    cached_tokens = models.PositiveBigIntegerField(null=True)
    cached_nanos_per_million = models.BigIntegerField(null=True)
    cost_nanos = models.BigIntegerField(null=True)
    cost_source = models.CharField(_("cost from"), max_length=10)
    # Of a correction: who made it, and why.
    by_id = models.UUIDField(null=True)
    by_name = models.CharField(_("corrected by"), max_length=200, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)

    objects = LedgerQuerySet.as_manager()

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["call_id"], condition=Q(kind="charge"), name="ledger_charged_once"
            ),
            models.CheckConstraint(
                condition=~Q(kind="charge") | Q(cost_nanos=None) | Q(cost_nanos__gte=0),
                name="ledger_charge_not_negative",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user_id", "at"], name="ledger_by_person"),
            models.Index(fields=["team_id", "at"], name="ledger_by_team"),
            models.Index(fields=["preset_id", "at"], name="ledger_by_preset"),
            models.Index(fields=["provider_id", "at"], name="ledger_by_provider"),
            models.Index(fields=["model_id", "at"], name="ledger_by_model"),
            models.Index(fields=["conversation_id"], name="ledger_by_conversation"),
            models.Index(fields=["call_id"], name="ledger_by_call"),
            models.Index(fields=["at"], name="ledger_by_time"),
            models.Index(fields=["kind", "at"], name="ledger_by_kind"),
            models.Index(fields=["cost_source", "at"], name="ledger_by_cost_source"),
            models.Index(fields=["at"], condition=Q(cost_nanos=None), name="ledger_unknown"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def deviation(self) -> Decimal | None:
        """By which share a reported cost differs from price × tokens; None where that can't be known."""
        read, written = self.input_nanos_per_million, self.output_nanos_per_million
        if self.cost_source != "provider" or self.cost_nanos is None:
            return None
        if read is None or written is None or self.prompt_tokens is None:
            return None
        price = Price(
            input_nanos_per_million=read,
            output_nanos_per_million=written,
            cached_nanos_per_million=self.cached_nanos_per_million,
        )
        tokens = self.prompt_tokens, self.completion_tokens or 0, self.cached_tokens
        expected = cost_nanos(price, *tokens)
        return Decimal(self.cost_nanos - expected) / expected if expected else None


class DailySumQuerySet(models.QuerySet["DailySum"]):
    def total_of(self, of: str, subject_id: UUID, since: date) -> int:
        """Nanodollars since that day."""
        rows = self.filter(of=of, subject_id=subject_id, day__gte=since)
        return rows.aggregate(total=Sum("cost_nanos"))["total"] or 0


class DailySum(models.Model):
    """What one person, team, preset, provider or model, or the whole site, came to on one day.

    Kept in the transaction that adds to the ledger, and rebuildable from it: budgets and the board
    read these instead of a million entries.
    """

    class Of(models.TextChoices):
        SITE = "site", _("site")
        PERSON = "person", _("person")
        TEAM = "team", _("team")
        PRESET = "preset", _("preset")
        PROVIDER = "provider", _("provider")
        MODEL = "model", _("model")

    of = models.CharField(max_length=8, choices=Of)
    # The zero id for the site, and for what has none.
    subject_id = models.UUIDField()
    subject_name = models.CharField(max_length=200, blank=True)
    day = models.DateField()
    cost_nanos = models.BigIntegerField(default=0)
    # Charges of which nobody knows the cost.
    unknown = models.PositiveIntegerField(default=0)
    charges = models.PositiveIntegerField(default=0)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)

    objects = DailySumQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["of", "subject_id", "day"], name="daily_sum_unique")
        ]
        indexes: ClassVar = [models.Index(fields=["of", "day"], name="daily_sum_by_day")]

    def __str__(self) -> str:
        return f"{self.of} {self.day}"
