"""Finding servers with language models on this machine, at the ports where they usually are."""

import asyncio
from dataclasses import dataclass

from .base import Deadlines, Endpoint
from .errors import ProviderError
from .openai_compatible import OpenAICompatible

LIMIT_SECONDS = 0.4
USUAL = (
    ("Ollama", "http://127.0.0.1:11434/v1"),
    ("llama.cpp", "http://127.0.0.1:8080/v1"),
    ("LM Studio", "http://127.0.0.1:1234/v1"),
)


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that answered, with the ids of its models (maybe none). Kind openai_compatible."""

    name: str
    base_url: str
    models: tuple[str, ...]


async def find_local(usual: tuple[tuple[str, str], ...] = USUAL) -> list[LocalServer]:
    """Return the servers that list their models within 0.4 seconds. Raises nothing."""
    found = await asyncio.gather(*(_ask(name, base_url) for name, base_url in usual))
    return [server for server in found if server is not None]


async def _ask(name: str, base_url: str) -> LocalServer | None:
    deadlines = Deadlines(*[LIMIT_SECONDS] * 4)
    adapter = OpenAICompatible(Endpoint(base_url, deadlines=deadlines, allow_private=True))
    try:
        models = await adapter.models()
    except ProviderError:
        return None
    finally:
        await adapter.aclose()
    return LocalServer(name, base_url, tuple(model.id for model in models))
