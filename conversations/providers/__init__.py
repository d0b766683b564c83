"""Providers of language models: one adapter for each wire format.

The package knows nothing of Django or the rest of the site. Adapters are imported on first use, for
an HTTP client takes a while to load.
"""

import importlib
from dataclasses import dataclass
from typing import cast

from .base import Adapter, Endpoint


@dataclass(frozen=True, slots=True)
class Kind:
    """A wire format that a provider may have. `needs_key` is a hint for its form.

    `base_url` is where it usually is, with the `{options}` that stand in the address.
    """

    name: str
    label: str
    base_url: str
    needs_key: bool
    adapter: str
    most_at_once: int | None = None


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "deepinfra",
            "DeepInfra",
            "https://api.deepinfra.com/v1/openai",
            True,
            "deepinfra:DeepInfra",
            most_at_once=200,
        ),
        Kind("aimlapi", "AI/ML API", "https://api.aimlapi.com/v1", True, "aimlapi:AimlApi"),
        Kind(
            "cloudflare",
            "Cloudflare Workers AI",
            "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai",
            True,
            "cloudflare:Cloudflare",
        ),
        Kind(
            "openai_compatible",
            "OpenAI-compatible server",
            "",
            False,
            "openai_compatible:OpenAICompatible",
        ),
        Kind("demo", "Built-in demo", "demo:", False, "demo:DemoAdapter"),
    )
}


def adapter_for(kind: str, endpoint: Endpoint) -> Adapter:
    """Return a new adapter; keep one per provider, for it holds the connections.

    Raises `KeyError` for an unknown kind.
    """
    module, _, name = KINDS[kind].adapter.partition(":")
    found = importlib.import_module(f".{module}", __name__)
    return cast(Adapter, getattr(found, name)(endpoint))
