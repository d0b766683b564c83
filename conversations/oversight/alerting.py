"""Alerts for administrators: each is open once per kind and subject, and counts."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from conversations.models import Alert

# What was told, was closed and happens again within this time isn't told anew.
QUIET = timedelta(hours=1)


def raise_alert(kind: str, subject: str, name: str, detail: str = "") -> None:
    """Open the alert, or count it once more; of several that try at once, one opens it."""
    now = timezone.now()
    again = {"count": F("count") + 1, "last_at": now, "detail": detail[:500]}
    rows = Alert.objects.filter(kind=kind, subject=subject, closed_at=None)
    if rows.update(**again):
        return
    lately = Alert.objects.filter(kind=kind, subject=subject, closed_at__gt=now - QUIET)
    told_at = now if lately.filter(told_at__isnull=False).exists() else None
    try:
        with transaction.atomic():
            Alert.objects.create(
                kind=kind,
                subject=subject,
                subject_name=name[:200],
                detail=detail[:500],
                told_at=told_at,
            )
    except IntegrityError:
        rows.update(**again)


def close_alert(kind: str, subject: str, by: str = "") -> bool:
    """What it told of is over."""
    rows = Alert.objects.filter(kind=kind, subject=subject, closed_at=None)
    return bool(rows.update(closed_at=timezone.now(), closed_by=by))
