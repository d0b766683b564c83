"""Keeping: what is older than its period goes, in small steps that can be done again at any time.

A job may be interrupted, repeated, or run twice at once.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min
from django.http import HttpRequest
from django.utils import timezone

from conversations.models import AuditEntry, SiteSettings
from conversations.oversight.auditing import record
from conversations.oversight.retention_rules import BY_NAME, DELETED, PERIODS, RULES, Rows, Rule

EVERY = timedelta(days=1)
# What one call of the keeper may do: it comes again in a few seconds.
PORTION, PORTION_SECONDS = 200, 0.3
# After so many that can't go, such as files of a disk that is away, the rest waits, too.
MOST_STUCK = 20
SETTINGS_CHANGED = "sitesettings.changed"


@dataclass(frozen=True, slots=True)
class Due:
    """What a rule would remove now; `days` None: it is kept for ever, or for a minute."""

    what: str
    label: Any
    days: int | None
    count: int
    oldest: datetime | None


@dataclass(slots=True)
class Done:
    """What went, by rule, and whether that was all."""

    counts: Counter[str] = field(default_factory=Counter)
    is_complete: bool = True

    @property
    def total(self) -> int:
        return self.counts.total()


def preview() -> list[Due]:
    """What each rule would remove now, and how old the oldest of it is."""
    site = SiteSettings.current()
    return [_preview(rule, site) for rule in RULES]


def _preview(rule: Rule, site: SiteSettings) -> Due:
    rows = rule.due(site)
    if rows is None:
        return Due(rule.what, rule.label, None, 0, None)
    found = rows.aggregate(count=Count("pk"), oldest=Min(rule.moment))
    return Due(rule.what, rule.label, rule.days(site), found["count"], found["oldest"])


def apply(limit: int, *, seconds: float | None = None, request: HttpRequest | None = None) -> Done:
    """Remove up to `limit` of what is due, within `seconds`; what went is noted in the audit log."""
    site, done = SiteSettings.current(), Done()
    ends = None if seconds is None else time.monotonic() + seconds
    try:
        for rule in RULES:
            rows = rule.due(site)
            if rows is not None:
                _apply(rule, rows, limit, ends, done)
    finally:
        if done.total:
            record("retention.applied", request=request, detail=dict(+done.counts))
    return done


def _apply(rule: Rule, rows: Rows, limit: int, ends: float | None, done: Done) -> None:
    """One rule, step by step, until nothing more can go, or it was enough for now."""
    stuck: list[Any] = []
    while keys := rule.some(rows.exclude(pk__in=stuck), max(1, limit - done.total)):
        if done.total >= limit or (ends is not None and time.monotonic() > ends):
            done.is_complete = False
            return
        removed = rule.remove(rows, keys)
        done.counts[rule.what] += removed
        if removed < len(keys):
            stuck += rows.filter(pk__in=keys).values_list("pk", flat=True)
        if len(stuck) >= MOST_STUCK:
            return


def retain_a_little() -> None:
    """What the keeper does every few seconds: a portion, until nothing is due; then again in a day.

    Deleted conversations that have no period of their own go as soon as nobody can take them back;
    of that nothing is noted: whoever deleted them wanted it.
    """
    site = SiteSettings.current()
    if site.keep_deleted is None:
        _remove_taken_back_by_nobody(site)
    if not is_due(site):
        return
    if apply(PORTION, seconds=PORTION_SECONDS).is_complete:
        SiteSettings.objects.filter(pk=site.pk).update(retained_at=timezone.now())


def _remove_taken_back_by_nobody(site: SiteSettings) -> None:
    rule = BY_NAME[DELETED]
    rows = rule.due(site)
    if rows is not None and rows.exists() and not _lost_its_period_today():
        _apply(rule, rows, PORTION, time.monotonic() + PORTION_SECONDS, Done())


def _lost_its_period_today() -> bool:
    """Whether deleted ones had a period a day ago, or another one: a change counts from tomorrow."""
    since = timezone.now() - EVERY
    changed = AuditEntry.objects.filter(action=SETTINGS_CHANGED, at__gt=since)
    return any(BY_NAME[DELETED].period in entry.detail for entry in changed)


def is_due(site: SiteSettings) -> bool:
    """Whether some period is set and a day has passed since all of it was done."""
    if all(getattr(site, period) is None for period in PERIODS):
        return False
    return site.retained_at is None or site.retained_at <= timezone.now() - EVERY
