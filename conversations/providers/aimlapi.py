"""The adapter for AI/ML API: OpenAI's form, a listing that tells prices and needs no key.

Formats: https://docs.aimlapi.com.
"""

from . import errors
from .openai_compatible import OpenAICompatible

KEY_PAGE = "AI/ML API keys must also be switched on at the provider's key page."


class AimlApi(OpenAICompatible):
    """Adapter for `https://api.aimlapi.com/v1`."""

    kind = "aimlapi"
    models_path = "/models?include=pricing,capabilities"
    lists_without_key = True

    def explained(self, error: errors.ProviderError) -> errors.ProviderError:
        """A key may be right and yet not switched on."""
        if isinstance(error, errors.Unauthorized):
            error.detail = f"{error.detail} {KEY_PAGE}".strip()
        return error
