"""What is done now and then, a little at a time: what was deleted, keys of before, lost reservations."""

from __future__ import annotations

from django.utils import timezone

from conversations.models import OPEN, Reservation
from conversations.oversight.past_budgets import close_past
from conversations.oversight.retention import retain_a_little
from conversations.rotation import expire_old_keys
from conversations.spending.ledger import LOST_AFTER


def keep_house() -> None:
    """One round; every process that runs completions does it every few seconds."""
    retain_a_little()
    expire_old_keys()
    release_lost()
    close_past()


def release_lost() -> int:
    """End what nobody will settle any more: of calls without a completion, or after its end."""
    old = Reservation.objects.filter(created_at__lt=timezone.now() - LOST_AFTER)
    return old.exclude(completion__state__in=OPEN).delete()[0]
