"""Queries on the way of a message, whose SQL Django builds once.

Building a query of three joins takes it twenty times as long as running it. The SQL stays Django's
own; what differs between calls is put into the places of the markers that it was built with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models.query import ModelIterable, get_related_populators

Row = TypeVar("Row")


class Prepared(Generic[Row]):
    """`Prepared(build, user=UUID, …)(user=…)`: the rows of `build(user=…)`, or its flat values.

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
    """What Django makes of a queryset for one kind of database, and how it reads the rows."""

    def __init__(self, queryset: models.QuerySet[Any, Row]) -> None:
        compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        self._sql, self._params = compiler.as_sql()
        columns = [column[0] for column in compiler.select]
        self._converters = list(compiler.get_converters(columns).items())
        self._read = (
            _reading_of(compiler) if queryset._iterable_class is ModelIterable else _first_value
        )

    def rows(self, connection: Any, places: dict[Any, Any]) -> list[Row]:
        bound = tuple(places.get(param, param) for param in self._params)
        with connection.cursor() as cursor:
            cursor.execute(self._sql, bound)
            found = [list(row) for row in cursor.fetchall()]
        for place, (converters, expression) in self._converters:
            for row in found:
                for converter in converters:
                    row[place] = converter(row[place], expression, connection)
        return [self._read(row) for row in found]


def _reading_of(compiler: Any) -> Callable[[list[Any]], Any]:
    """What makes an instance of a row, with those that were selected with it."""
    kind: type[models.Model] = compiler.klass_info["model"]
    fields = compiler.klass_info["select_fields"]
    first, end = fields[0], fields[-1] + 1
    names = [column[0].target.attname for column in compiler.select[first:end]]
    # The stubs describe a later Django, which wants one argument more.
    related = get_related_populators(  # type: ignore[call-arg]
        compiler.klass_info, compiler.select, DEFAULT_DB_ALIAS
    )

    def read(row: list[Any]) -> models.Model:
        made = kind.from_db(DEFAULT_DB_ALIAS, names, row[first:end])
        for populator in related:
            populator.populate(row, made)
        return made

    return read


def _first_value(row: list[Any]) -> Any:
    return row[0]


_inserts: dict[Any, tuple[str, list[list[Any] | None]]] = {}


def insert(*rows: models.Model) -> None:
    """Store new rows of one kind, whose keys are theirs already, in one statement.

    A value may be an expression, such as the database's clock: it becomes part of the SQL.
    """
    connection, kind = connections[DEFAULT_DB_ALIAS], type(rows[0])
    fields = kind._meta.local_concrete_fields
    values = [field.pre_save(row, add=True) for row in rows for field in fields]
    computed = tuple((i, v) for i, v in enumerate(values) if hasattr(v, "resolve_expression"))
    shape = (kind, len(rows), connection.vendor, computed)
    if shape not in _inserts:
        _inserts[shape] = _insert_of(kind, len(rows), values, connection)
    sql, constants = _inserts[shape]
    params: list[Any] = []
    for field, value, constant in zip(fields * len(rows), values, constants, strict=True):
        params += [field.get_db_prep_save(value, connection)] if constant is None else constant
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def _insert_of(
    kind: type[models.Model], count: int, values: list[Any], connection: Any
) -> tuple[str, list[list[Any] | None]]:
    """The SQL, and for each value None or, of an expression, what it binds by itself."""
    compiler = models.sql.InsertQuery(kind).get_compiler(connection=connection)
    fields = kind._meta.local_concrete_fields
    places: list[str] = []
    constants: list[list[Any] | None] = []
    for field, value in zip(fields * count, values, strict=True):
        place, bound = "%s", None
        if hasattr(value, "resolve_expression"):
            place, params = compiler.field_as_sql(field, None, compiler.prepare_value(field, value))
            bound = list(params)
        places.append(place)
        constants.append(bound)
    quoted = connection.ops.quote_name
    columns = ", ".join(quoted(field.column) for field in fields)
    each = [places[start : start + len(fields)] for start in range(0, len(places), len(fields))]
    rows = ", ".join(f"({', '.join(row)})" for row in each)
    table = quoted(kind._meta.db_table)
    return f"INSERT INTO {table} ({columns}) VALUES {rows}", constants  # noqa: S608


def _hex(value: UUID | str) -> str:
    return value.hex if isinstance(value, UUID) else value


def _itself(value: UUID | str) -> UUID | str:
    return value
