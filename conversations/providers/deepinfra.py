"""The adapter for DeepInfra: OpenAI's form, with its own bounds and rules for messages.

Formats: https://deepinfra.com/docs/openai_api and the models' own API pages.
"""

from dataclasses import replace

from .base import ChatRequest
from .messages import ending_with_a_person, plain_messages
from .openai_compatible import OpenAICompatible


class DeepInfra(OpenAICompatible):
    """Adapter for `https://api.deepinfra.com/v1/openai`."""

    kind = "deepinfra"

    def shaped(self, request: ChatRequest) -> ChatRequest:
        """One system message, texts only, and a person's message at the end."""
        messages = ending_with_a_person(plain_messages(request.messages))
        return replace(request, messages=tuple(messages))
