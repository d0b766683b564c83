"""What is done now and then, a little at a time: what was deleted, keys of before, lost reservations."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from conversations.models import Reservation
from conversations.oversight.retention import retain_a_little
from conversations.rotation import expire_old_keys

# No call without a completion takes longer; who held it has died.
LOST_AFTER = timedelta(minutes=20)


def keep_house() -> None:
    """One round; every process that runs completions does it every few seconds."""
    retain_a_little()
    expire_old_keys()
    release_lost()


def release_lost() -> int:
    """End what is held for a call outside of any conversation that nobody will settle any more."""
    lost = Reservation.objects.filter(completion=None, created_at__lt=timezone.now() - LOST_AFTER)
    return lost.delete()[0]
