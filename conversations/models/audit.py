"""Who did what to whom, when and from where; and what administrators should know of.

Never the content of a conversation, never a key.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """One deed. Append-only: the database refuses changes; only retention removes old ones.

    It refers to others by id and a copy of the name, never by foreign key, so that it outlives them.
    """

    at = models.DateTimeField(_("when"), default=timezone.now)
    action = models.CharField(_("what"), max_length=40)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(_("who"), max_length=200, blank=True)
    subject_kind = models.CharField(_("kind"), max_length=30, blank=True)
    subject_id = models.CharField(max_length=40, blank=True)
    subject_name = models.CharField(_("whom or what"), max_length=200, blank=True)
    address = models.CharField(_("from"), max_length=45, blank=True)
    # Field by field what changed, `{"field": [before, after]}`, or figures such as an amount.
    detail = models.JSONField(_("details"), default=dict, blank=True)

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes: ClassVar = [
            models.Index(fields=["-at", "-id"], name="audit_by_time"),
            models.Index(fields=["action", "-at"], name="audit_by_action"),
            models.Index(fields=["actor_id", "-at"], name="audit_by_actor"),
            models.Index(fields=["subject_id", "-at"], name="audit_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_name}"


class AuditPruning(models.Model):
    """While a row is here, in the transaction that made it, audit entries may be deleted."""

    class Meta:
        managed = True

    def __str__(self) -> str:
        return "audit pruning"


class Alert(models.Model):
    """Something that administrators should know of. One row per kind and subject while it is open.

    `told_at`: it was mailed or sent to the webhook; null while that is still to be done.
    """

    class Kind(models.TextChoices):
        BUDGET_NEARLY = "budget_nearly", _("budget nearly used")
        BUDGET_USED = "budget_used", _("budget used up")
        ABOVE_RESERVATION = "above_reservation", _("cost above its upper bound")
        PROVIDER_FAILING = "provider_failing", _("provider failing")
        KEY_REFUSED = "key_refused", _("key refused")
        BUDGET_REQUEST = "budget_request", _("asks for more")
        PERSON_WAITING = "person_waiting", _("waits for approval")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    # What it is about: a budget with its period's first day, a provider, a person.
    subject = models.CharField(max_length=80)
    subject_name = models.CharField(_("about"), max_length=200)
    detail = models.CharField(_("details"), max_length=500, blank=True)
    count = models.PositiveIntegerField(_("times"), default=1)
    first_at = models.DateTimeField(_("since"), default=timezone.now)
    last_at = models.DateTimeField(_("last"), default=timezone.now)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_by = models.CharField(_("closed by"), max_length=200, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    # Not before then; whoever tells it moves this on first, so that nobody else does meanwhile.
    try_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["-last_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(closed_at=None), name="alert_open_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["-last_at"], condition=Q(closed_at=None), name="alert_open"),
            models.Index(fields=["first_at"], condition=Q(told_at=None), name="alert_untold"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject_name}"
