"""Queries on the way of a message, whose SQL Django builds once.

Building a query of three joins takes it twenty times as long as running it. The SQL stays Django's
own; what differs between calls is put into the places of the markers that it was built with.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from django.db import DEFAULT_DB_ALIAS, connections, models

Row = TypeVar("Row")


class Prepared(Generic[Row]):
    """`Prepared(build, user=UUID, …)(user=…)`: the rows of `build(user=…)`.

    What `build` makes of a value may not depend on it: neither None nor a list has a place.
    """

    def __init__(
        self, build: Callable[..., models.QuerySet[Any, Row]], **kinds: type[UUID | str]
    ) -> None:
        self._build = build
        self._markers = {
            name: uuid4() if kind is UUID else uuid4().hex for name, kind in kinds.items()
        }
        self._built: dict[str, _Built[Row]] = {}

    def __call__(self, **values: UUID | str) -> list[Row]:
        """The rows for these values."""
        connection = connections[DEFAULT_DB_ALIAS]
        built = self._built.get(connection.vendor)
        if built is None:
            built = self._built[connection.vendor] = _Built(self._build(**self._markers))
        as_stored = _hex if connection.vendor == "sqlite" else _itself
        places = {as_stored(self._markers[name]): as_stored(values[name]) for name in self._markers}
        return built.rows(connection, places)

    def first(self, **values: UUID | str) -> Row | None:
        """The first row, or None."""
        rows = self(**values)
        return rows[0] if rows else None


class _Built(Generic[Row]):
    """What Django makes of a queryset for one kind of database."""

    def __init__(self, queryset: models.QuerySet[Any, Row]) -> None:
        self._queryset = queryset
        self._compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        self._sql, self._params = self._compiler.as_sql()
        columns = [column[0] for column in self._compiler.select]
        converters = self._compiler.get_converters(columns)
        self._compiler.get_converters = lambda _columns: converters
        self._compiler.connection = None

    def rows(self, connection: Any, places: dict[Any, Any]) -> list[Row]:
        bound = tuple(places.get(param, param) for param in self._params)
        compiler = copy.copy(self._compiler)
        compiler.connection = connection
        compiler.as_sql = lambda *_args, **_named: (self._sql, bound)
        queryset = self._queryset.all()
        queryset.query.get_compiler = lambda *_args, **_named: compiler  # type: ignore[method-assign]
        return list(queryset)


def _hex(value: UUID | str) -> str:
    return value.hex if isinstance(value, UUID) else value


def _itself(value: UUID | str) -> UUID | str:
    return value
