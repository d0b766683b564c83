"""Replacing a provider's key: for a while the one before may still be used, then it is removed."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from conversations.models import AuditEntry, Provider
from conversations.oversight.auditing import record
from conversations.oversight.noticing import KEY_REFUSED, close, subject_of

ROTATED, ENDED = "provider.key_rotated", "provider.key_overlap_ended"
LAST_ENTRIES = 200


@transaction.atomic
def rotate(
    provider: Provider, key: str, *, until: datetime | None, request: HttpRequest | None = None
) -> None:
    """Store a new key. The one before may be used until `until`; None: it is removed at once."""
    stored = Provider.objects.select_for_update().get(pk=provider.pk)
    overlaps = until is not None and until > timezone.now() and bool(stored.key)
    stored.old_key = stored.key if overlaps else ""
    stored.old_key_until = until if overlaps else None
    stored.key = key
    stored.save(update_fields=["key", "old_key", "old_key_until", "updated_at"])
    detail = {"until": until.isoformat(timespec="minutes") if overlaps and until else ""}
    record(ROTATED, subject=stored, request=request, detail=detail)
    close(KEY_REFUSED, subject_of(stored.pk))


@transaction.atomic
def end_overlap(provider: Provider, request: HttpRequest | None = None) -> bool:
    """Remove the key before now; True if there was one."""
    ended = _remove(provider)
    if ended:
        record(ENDED, subject=provider, request=request)
    return ended


def expire_old_keys() -> int:
    """Remove the keys whose time is over; returns how many. For the daily keeper."""
    due = Provider.objects.filter(old_key_until__lte=timezone.now())
    return sum(_expire(provider) for provider in due)


@transaction.atomic
def _expire(provider: Provider) -> bool:
    ended = _remove(provider, old_key_until=provider.old_key_until)
    if ended:
        record(ENDED, subject=provider)
    return ended


def _remove(provider: Provider, **still: datetime | None) -> bool:
    rows = Provider.objects.filter(pk=provider.pk, old_key_until__isnull=False, **still)
    return rows.update(old_key="", old_key_until=None, updated_at=timezone.now()) == 1


def key_since(provider: Provider) -> datetime | None:
    """When the present key was stored, as the audit log has it."""
    entries = AuditEntry.objects.filter(subject_id=str(provider.pk), action__startswith="provider.")
    for entry in entries[:LAST_ENTRIES]:
        if entry.action in (ROTATED, "provider.added") or "key" in entry.detail:
            return entry.at
    return None
