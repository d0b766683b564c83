"""One provider with two keys, while one is being replaced by the other."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from .base import Adapter, Begin, ChatRequest, Event, ListedModel, Rest
from .errors import Forbidden, ProviderError, Unauthorized

REFUSALS = (Unauthorized, Forbidden)


class TwoKeys:
    """Asks with the new key; where that is refused before anything was said, once with the old one.

    `old_counts` tells whether the old key may still be used; `refused` and `taken` hear what became
    of the new one. Where neither is taken, the new key's refusal is raised.
    """

    def __init__(
        self,
        new: Adapter,
        old: Adapter,
        old_counts: Callable[[], bool],
        refused: Callable[[ProviderError], None],
        taken: Callable[[], None],
    ) -> None:
        self.new, self.old = new, old
        self._old_counts = old_counts
        self._refused, self._taken = refused, taken

    async def stream(
        self, request: ChatRequest, rest: Rest | None = None
    ) -> AsyncGenerator[list[Event]]:
        """Yield the reply in batches. See `Adapter.stream`."""
        said = False
        try:
            async with aclosing(self.new.stream(request, rest)) as batches:
                async for batch in batches:
                    said = said or not all(isinstance(event, Begin) for event in batch)
                    yield batch
            self._taken()
            return
        except REFUSALS as trouble:
            if said or not self._old_counts():
                raise
            refusal: ProviderError = trouble
        try:
            async with aclosing(self.old.stream(request, rest)) as batches:
                async for batch in batches:
                    if not said:
                        said = True
                        self._refused(refusal)
                    yield batch
        except REFUSALS:
            raise refusal from None

    async def models(self) -> list[ListedModel]:
        """Return what the provider lists. Raises a `ProviderError`."""
        try:
            return await self.new.models()
        except REFUSALS as refusal:
            if not self._old_counts():
                raise
            try:
                return await self.old.models()
            except REFUSALS:
                raise refusal from None

    async def aclose(self) -> None:
        await self.new.aclose()
        await self.old.aclose()
