"""Services that offer models, the models, and what they cost."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models.base import new_id
from conversations.models.prepared import Prepared
from conversations.models.secret_field import SecretField

NANOS = 1_000_000_000
CLOCK_STEP = timedelta(milliseconds=2)


def dollars(nanos: int) -> str:
    """An amount for people: two digits after the point, or as many as show two that count."""
    amount = Decimal(nanos) / NANOS
    if not amount or abs(amount) >= 1:
        return f"{amount:.2f}"
    places = max(2, 1 - amount.adjusted())
    return f"{amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"


def per_million(nanos: int) -> str:
    """A price in dollars per million tokens with all its digits: 70000000 is "0.07"."""
    return f"{(Decimal(nanos) / NANOS).normalize():f}"


class Kind(models.TextChoices):
    """The wire formats there is an adapter for."""

    DEEPINFRA = "deepinfra", "DeepInfra"
    AIMLAPI = "aimlapi", "AI/ML API"
    CLOUDFLARE = "cloudflare", "Cloudflare Workers AI"
    OPENAI_COMPATIBLE = "openai_compatible", _("OpenAI-compatible server")
    DEMO = "demo", _("Built-in demo (no model)")


BASE_URLS: dict[str, str] = {
    Kind.DEEPINFRA: "https://api.deepinfra.com/v1/openai",
    Kind.AIMLAPI: "https://api.aimlapi.com/v1",
    Kind.CLOUDFLARE: "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai",
}


def validate_address(url: str) -> None:
    """Accept `http(s)://host…`; a host needn't have a dot, and no sign-in data may be in it."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    except ValueError:
        good = False
    if not good or any(letter.isspace() for letter in url):
        raise ValidationError(_("Write an address such as https://api.example.com/v1."))


class Provider(models.Model):
    """A service offering models, and how it is reached."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("kind"), max_length=30, choices=Kind)
    base_url = models.CharField(
        _("base URL"), max_length=500, blank=True, validators=[validate_address]
    )
    key: Any = SecretField(_("key"), blank=True, default="")
    # While a key is being replaced the one before it is asked where the new one is refused.
    old_key: Any = SecretField(_("key before"), blank=True, default="")
    old_key_until = models.DateTimeField(null=True, blank=True, editable=False)
    options = models.JSONField(_("options"), default=dict, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    connect_seconds = models.FloatField(default=5, validators=[MinValueValidator(0.1)])
    first_byte_seconds = models.FloatField(default=120, validators=[MinValueValidator(0.1)])
    silence_seconds = models.FloatField(default=60, validators=[MinValueValidator(0.1)])
    total_seconds = models.FloatField(default=600, validators=[MinValueValidator(1)])
    # More calls at once wait in a queue. Null: as many as its kind allows.
    concurrency = models.PositiveSmallIntegerField(
        _("calls at once"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    synced_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind="demo") | ~models.Q(base_url=""),
                name="provider_has_address",
                violation_error_message=_("A provider of this kind needs its base URL."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def keys_overlap(self) -> bool:
        """Whether the key before may still be used where the new one is refused."""
        until = self.old_key_until
        return bool(self.old_key) and until is not None and until > timezone.now()

    def clean(self) -> None:
        """A kind that has an address of its own needs none from the administrator."""
        usual = BASE_URLS.get(self.kind, "")
        if not self.base_url and usual:
            self.base_url = usual
        if "{account_id}" in self.base_url and not self.options.get("account_id"):
            raise ValidationError(
                {"options": _('Cloudflare needs the account: {"account_id": "…"}.')}
            )


class LanguageModel(models.Model):
    """One model of a provider, by the provider's own id."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    provider = models.ForeignKey(Provider, models.CASCADE, related_name="models")
    name = models.CharField(_("model id"), max_length=200)
    context_tokens = models.PositiveIntegerField(_("context window, tokens"), null=True, blank=True)
    output_tokens = models.PositiveIntegerField(_("longest answer, tokens"), null=True, blank=True)
    dtype = models.CharField(_("number type"), max_length=20, blank=True)
    lora = models.BooleanField(_("takes LoRA adapters"), null=True, blank=True)
    aliases = models.JSONField(_("other ids"), default=list, blank=True)
    # What it takes unlike its provider's other models, as `providers.matrix.column` has it.
    limits = models.JSONField(_("bounds of its own"), default=dict, blank=True)
    withdrawn = models.BooleanField(_("withdrawn"), default=False)

    class Meta:
        ordering: ClassVar = ["provider__name", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "name"], name="model_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.provider})"

    @property
    def own_limits(self) -> dict[str, Any]:
        """What the parameters of this model are bounded by, beside its provider's matrix."""
        known = {"max_tokens": {"high": self.output_tokens}} if self.output_tokens else {}
        return {**known, **self.limits}

    def price_at(self, moment: datetime | None = None) -> Price | None:
        """The price in force at `moment` (now), or None: unknown, which is never zero."""
        if moment is None:
            return PRICE_NOW.first(model=self.pk)
        return self.prices.filter(valid_from__lte=moment).first()


class Price(models.Model):
    """What a model costs from a moment on, in billionths of a US dollar per million tokens."""

    model = models.ForeignKey(LanguageModel, models.CASCADE, related_name="prices")
    valid_from = models.DateTimeField(_("valid from"), default=timezone.now)
    input_nanos_per_million = models.BigIntegerField(_("input, nanodollars per million tokens"))
    output_nanos_per_million = models.BigIntegerField(_("output, nanodollars per million tokens"))
    # Null: what was cached costs what is read otherwise.
    cached_nanos_per_million = models.BigIntegerField(
        _("cached input, nanodollars per million tokens"), null=True, blank=True
    )
    # Nobody publishes it: the administrator's assumption, so that hard budgets can hold.
    assumed = models.BooleanField(_("assumed"), default=False)

    class Meta:
        ordering: ClassVar = ["-valid_from"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["model", "valid_from"], name="price_unique"),
            models.CheckConstraint(
                condition=models.Q(input_nanos_per_million__gte=0, output_nanos_per_million__gte=0)
                & (
                    models.Q(cached_nanos_per_million=None)
                    | models.Q(cached_nanos_per_million__gte=0)
                ),
                name="price_not_negative",
            ),
        ]

    def __str__(self) -> str:
        read = per_million(self.input_nanos_per_million)
        written = per_million(self.output_nanos_per_million)
        return f"${read} in / ${written} out per million"

    @classmethod
    def from_now(
        cls, model: LanguageModel, read: int, written: int, cached: int | None = None
    ) -> Price:
        """Store what counts from now on, also by a database that tells the time in milliseconds.

        Listings don't tell what is cached: unless it is given, it costs what it did, and never
        more than what is read.
        """
        since = timezone.now() - CLOCK_STEP
        before = model.price_at() if cached is None else None
        if before is not None and before.cached_nanos_per_million is not None:
            cached = min(before.cached_nanos_per_million, read)
        return cls.objects.create(
            model=model,
            valid_from=since.replace(microsecond=since.microsecond // 1000 * 1000),
            input_nanos_per_million=read,
            output_nanos_per_million=written,
            cached_nanos_per_million=cached,
        )


PRICE_NOW = Prepared(
    lambda model: Price.objects.filter(model=model, valid_from__lte=Now())[:1], model=UUID
)
