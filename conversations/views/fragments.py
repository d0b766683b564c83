"""Pieces of pages that go to every viewer alike: no action, no token, nothing of one person."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.utils.html import format_html

from conversations.views.presenting import ShownMessage


def articles_html(messages: Iterable[ShownMessage]) -> str:
    return "".join(message.article for message in messages)


def title_html(conversation: UUID, title: str, version: int) -> str:
    """The conversation's title, wherever a page shows it."""
    return format_html(
        '<h1 id="title" hx-swap-oob="true" data-version="{}" dir="auto">{}</h1>'
        '<span id="side-{}-title" hx-swap-oob="innerHTML">{}</span>',
        version,
        title,
        conversation,
        title,
    )
