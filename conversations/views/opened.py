"""What a conversation's page says of who only reads it, and of administrators who opened it."""

from __future__ import annotations

from typing import Any

from conversations.models import Conversation, User
from conversations.people import opening


def reading(user: User, conversation: Conversation) -> dict[str, Any]:
    """For the page: `opened_by` is told to the owner; `reads_only` to who may not write.

    Who reads it as an administrator is told until when.
    """
    if conversation.owner_id == user.pk:
        return {"opened_by": opening.told_to_owner(conversation)}
    if Conversation.objects.writable_by(user).filter(pk=conversation.pk).exists():
        return {}
    access = opening.reading_of(user, conversation)
    return {"reads_only": True, "reads_until": access.until if access else None}
