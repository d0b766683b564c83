"""Leaving a model alone that fails again and again, so that nobody waits for what won't come.

After some failures in a row calls are refused at once for a while; then one is let through to try.
If it fails too, the while doubles.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from functools import partial

from conversations.providers.errors import ProviderError, Resting

log = logging.getLogger(__name__)

FAILURES = 5
REST_SECONDS = 15.0
MOST_REST_SECONDS = 300.0
# What says that the provider is unwell; anything else says something about one request.
UNWELL = frozenset({"server", "overloaded", "timeout", "connection", "rate_limit"})


# Hears that a model is left alone: its key, its name, and what failed last.
Rests = Callable[[Hashable, str, ProviderError], None]


def nobody(key: Hashable, name: str, trouble: ProviderError) -> None:
    """Nobody wants to know."""


class Breaker:
    """One model's record, by the loop's clock. `rests` hears each time that it is left alone."""

    def __init__(
        self, name: str, now: Callable[[], float], rests: Callable[[ProviderError], None]
    ) -> None:
        self.name = name
        self._now = now
        self._rests = rests
        self._failures = 0
        self._rest = REST_SECONDS
        self._until = 0.0
        self._trying = False

    def before(self) -> bool:
        """Ask to call; True if it is the one that tries. Raises `Resting` while it is left alone."""
        left = self._until - self._now()
        if left > 0 or self._trying:
            raise Resting(f"{self.name} failed {self._failures} times in a row", left)
        self._trying = self._failures >= FAILURES
        return self._trying

    def after(self, trouble: ProviderError | None, was_trying: bool) -> None:
        """Note how a call ended; None is a success, and so is whatever isn't the provider's fault.

        While one tries, what was begun before says nothing new.
        """
        if self._trying and not was_trying:
            return
        self._trying = False
        if trouble is None or trouble.code not in UNWELL:
            self._failures, self._rest = 0, REST_SECONDS
            return
        self._failures += 1
        if self._failures < FAILURES:
            return
        if was_trying:
            self._rest = min(self._rest * 2, MOST_REST_SECONDS)
        self._until = self._now() + self._rest
        log.warning("%s is left alone for %.0f s: %s", self.name, self._rest, trouble.code)
        self._rests(trouble)

    def forget(self, was_trying: bool) -> None:
        """A call that was asked for wasn't made, or ended without telling anything."""
        self._trying = self._trying and not was_trying


class Breakers:
    """One breaker for each provider and model of this process."""

    def __init__(self, now: Callable[[], float] = time.monotonic, rests: Rests = nobody) -> None:
        self._now = now
        self._rests = rests
        self._breakers: dict[Hashable, Breaker] = {}

    def of(self, key: Hashable, name: str) -> Breaker:
        known = self._breakers.get(key)
        if known is None:
            told = partial(self._rests, key, name)
            known = self._breakers[key] = Breaker(name, self._now, told)
        return known
