"""The shared cache, which may be gone for a while without anybody's page failing."""

from __future__ import annotations

import logging
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache; while Redis is out of reach nothing is found and nothing kept.

    Sessions then come from the database, and limits are not counted.
    """

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        return self._or(default, super().get, key, default, version)

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._or(None, super().set, *args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._or(True, super().add, *args, **kwargs))

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        return int(self._or(1, super().incr, key, delta, version))

    def has_key(self, key: Any, version: Any = None) -> bool:
        return bool(self._or(False, super().has_key, key, version))

    def delete(self, key: Any, version: Any = None) -> bool:
        return bool(self._or(False, super().delete, key, version))

    def _or(self, otherwise: Any, ask: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return ask(*args, **kwargs)
        except (RedisError, OSError):
            log.warning("the cache is out of reach")
            return otherwise
