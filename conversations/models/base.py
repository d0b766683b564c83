"""What all rows share."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7

# Stands for nobody and nothing where a column must have an id.
NOTHING = UUID(int=0)


def new_id() -> UUID:
    """A time-ordered UUID (version 7): unguessable enough for an address, never a permission."""
    return uuid7()


def is_uuid(text: str) -> bool:
    """Whether `text` spells a UUID."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
