"""Shaping a conversation for providers that are particular about its messages.

DeepInfra takes `(user, assistant, tool)*, user` with one system message anywhere, and content as
text only (docs/providers.md, section 2); Cloudflare wants a content in every message.
"""

from collections.abc import Iterable
from dataclasses import replace

from .base import ChatMessage

SYSTEM_ROLES = ("system", "developer")
GO_ON = "Go on exactly where your last message breaks off. Repeat nothing of it."
USE_RESULTS = "Go on with what the tools have brought."
ASKED = {"assistant": GO_ON, "tool": USE_RESULTS}


def text_of(message: ChatMessage) -> str:
    """The text of a message; of its parts, those that are text."""
    if isinstance(message.content, str):
        return message.content
    texts = (part.get("text", "") for part in message.content if part.get("type") == "text")
    return "\n".join(text for text in texts if isinstance(text, str))


def plain_messages(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    """The same conversation in plain texts, with all system texts as one message before the rest."""
    system: list[str] = []
    rest: list[ChatMessage] = []
    for message in messages:
        if message.role in SYSTEM_ROLES:
            system.append(text_of(message))
        else:
            rest.append(replace(message, content=text_of(message)))
    united = "\n\n".join(filter(None, system))
    return [*([ChatMessage("system", united)] if united else []), *rest]


def ending_with_a_person(messages: list[ChatMessage]) -> list[ChatMessage]:
    """The conversation with somebody to answer at its end: a reply that is to go on is asked to."""
    asked = ASKED.get(messages[-1].role) if messages else None
    return [*messages, ChatMessage("user", asked)] if asked else messages
