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
    """A wire format that a provider may have. `needs_key` is a hint for its form."""

    name: str
    label: str
    base_url: str
    needs_key: bool
    adapter: str


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "openai_compatible",
            "OpenAI-compatible",
            "https://api.openai.com/v1",
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
