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
    """A wire format that a provider may have. More calls at once than `most_at_once` wait,
    unless the provider is set otherwise."""

    adapter: str
    most_at_once: int | None = None


KINDS: dict[str, Kind] = {
    "deepinfra": Kind("deepinfra:DeepInfra", most_at_once=200),
    "aimlapi": Kind("aimlapi:AimlApi"),
    "cloudflare": Kind("cloudflare:Cloudflare"),
    "openai_compatible": Kind("openai_compatible:OpenAICompatible"),
    "demo": Kind("demo:DemoAdapter"),
}


def adapter_for(kind: str, endpoint: Endpoint) -> Adapter:
    """Return a new adapter; keep one per provider, for it holds the connections.

    Raises `KeyError` for an unknown kind.
    """
    module, _, name = KINDS[kind].adapter.partition(":")
    found = importlib.import_module(f".{module}", __name__)
    return cast(Adapter, getattr(found, name)(endpoint))
