"""What goes when it is older than its period: which rows, and how some of them are removed.

Each removal is a transaction of its own that looks once more before it removes. What is being
answered stays. The ledger always stays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models import (
    OPEN,
    UNDO,
    Access,
    Attachment,
    AuditEntry,
    AuditPruning,
    Completion,
    Conversation,
    SiteSettings,
)

log = logging.getLogger(__name__)

# Longer than the page offers to take a deletion back, so that a slow click still can.
KEPT_AFTER_DELETION = UNDO * 6
MOST_DAYS = 36_500
AT_ONCE = 5
AUDIT_AT_ONCE = 500
PRIVATE, SHARED, DELETED, FILES, AUDIT = "conversations", "shared", "deleted", "files", "audit"

Rows = QuerySet[Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """What goes, by which moment its age counts, and how some of it is removed.

    `period` names the setting; `rows` are those that may go at all, `remove` takes those that are
    due and the keys of some, and returns how many it has removed.
    """

    what: str
    label: Any
    period: str
    moment: str
    rows: Callable[[], Rows]
    remove: Callable[[Rows, list[Any]], int]

    def days(self, site: SiteSettings) -> int | None:
        days: int | None = getattr(site, self.period)
        return days

    def due(self, site: SiteSettings) -> Rows | None:
        """What would go now; None: it is kept for ever."""
        days = self.days(site)
        if days is None and self.what != DELETED:
            return None
        # Beyond a century nothing is due, and the calendar ends.
        age = KEPT_AFTER_DELETION if days is None else timedelta(days=min(days, MOST_DAYS))
        return self.rows().filter(**{f"{self.moment}__lt": timezone.now() - age})

    def some(self, rows: Rows, limit: int) -> list[Any]:
        """Keys of as many of these as one step removes."""
        step = AUDIT_AT_ONCE if self.what == AUDIT else AT_ONCE
        return list(rows.order_by("pk").values_list("pk", flat=True)[: min(step, limit)])


def _idle(**conversation: Any) -> Rows:
    """Conversations in which nothing waits or runs."""
    busy = Completion.objects.filter(conversation=OuterRef("pk"), state__in=OPEN)
    return Conversation.objects.filter(~Exists(busy), **conversation)


def _shared() -> Q:
    """With a team or with people; that an administrator opened it for a while shares nothing."""
    here = Access.objects.filter(conversation=OuterRef("pk"), until=None)
    return Q(team__isnull=False) | Q(Exists(here))


def _files() -> Rows:
    busy = Completion.objects.filter(conversation=OuterRef("message__conversation"), state__in=OPEN)
    return Attachment.objects.filter(~Exists(busy))


def _remove_conversations(rows: Rows, keys: list[UUID]) -> int:
    return sum(_remove_conversation(rows, pk) for pk in keys)


@transaction.atomic
def _remove_conversation(rows: Rows, pk: UUID) -> bool:
    """Its files, then its rows; False where it isn't due any more, or a file can't go."""
    if not rows.filter(pk=pk).select_for_update(of=("self",)):
        return False
    files = Attachment.objects.filter(message__conversation=pk)
    if not all(_remove_stored(file) for file in files):
        return False
    Conversation.objects.filter(pk=pk).delete()
    return True


def _remove_files(rows: Rows, keys: list[UUID]) -> int:
    return sum(_remove_file(rows, pk) for pk in keys)


@transaction.atomic
def _remove_file(rows: Rows, pk: UUID) -> bool:
    found = rows.filter(pk=pk).select_for_update(of=("self",)).first()
    if found is None or not _remove_stored(found):
        return False
    found.delete()
    return True


def _remove_stored(attachment: Attachment) -> bool:
    """The file itself, before its row: what is interrupted between them is done again."""
    try:
        attachment.file.delete(save=False)
    except OSError:
        log.exception("removing a file failed", extra={"attachment": str(attachment.pk)})
        return False
    return True


@transaction.atomic
def _remove_audit(rows: Rows, keys: list[int]) -> int:
    """Entries of the audit log, in a transaction that says so to the database."""
    allowed = AuditPruning.objects.create()
    removed, _by_model = AuditEntry.objects.filter(pk__in=keys).delete()
    allowed.delete()
    return removed


RULES = (
    Rule(
        PRIVATE,
        _("Conversations of one person, after their last message"),
        "keep_conversations",
        "active_at",
        lambda: _idle(deleted_at=None).exclude(_shared()),
        _remove_conversations,
    ),
    Rule(
        SHARED,
        _("Shared conversations, after their last message"),
        "keep_shared",
        "active_at",
        lambda: _idle(deleted_at=None).filter(_shared()),
        _remove_conversations,
    ),
    Rule(
        DELETED,
        _("Deleted conversations, after they were deleted"),
        "keep_deleted",
        "deleted_at",
        _idle,
        _remove_conversations,
    ),
    Rule(
        FILES,
        _("Files, after they were sent"),
        "keep_files",
        "created_at",
        _files,
        _remove_files,
    ),
    Rule(
        AUDIT,
        _("Entries of the audit log"),
        "keep_audit",
        "at",
        AuditEntry.objects.all,
        _remove_audit,
    ),
)
BY_NAME = {rule.what: rule for rule in RULES}
PERIODS = tuple(rule.period for rule in RULES)
