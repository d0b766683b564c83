"""Lists that may have millions of rows: their pages, and the few values of a column."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db import connection, models
from django.utils.functional import cached_property

MOST = 100_000
NEAR = 2_000
VALUES = """
    WITH RECURSIVE found (value) AS (
        SELECT min({column}) FROM {table} WHERE {column} > ''
        UNION ALL
        SELECT (SELECT min({column}) FROM {table} WHERE {column} > found.value)
        FROM found WHERE found.value IS NOT NULL
    )
    SELECT value FROM found WHERE value IS NOT NULL LIMIT 200
"""


def values_of(model: type[models.Model], column: str) -> list[str]:
    """Each text that an indexed column has, in order: a step along the index for each."""
    quote = connection.ops.quote_name
    query = VALUES.format(table=quote(model._meta.db_table), column=quote(column))
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [value for (value,) in cursor.fetchall()]


class ListPaginator(Paginator):
    """Pages with their links in our own words."""

    template_name = "admin/pages.html"


class LongPaginator(ListPaginator):
    """Counts no further than `MOST` unless it is told the count.

    Of far pages the keys are found first, from the nearer end: skipping whole rows takes long.
    """

    known_count: int | None = None
    known_more = False

    @cached_property
    def count(self) -> int:
        if self.known_count is not None:
            return self.known_count
        return min(self._counted, MOST)

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return rows.order_by()[: MOST + 1].count()

    @property
    def has_more(self) -> bool:
        """Whether there are more rows than were counted."""
        return self.known_more if self.known_count is not None else self._counted > MOST

    def page(self, number: int | str) -> Any:
        number = self.validate_number(number)
        begin = (number - 1) * self.per_page
        end = min(begin + self.per_page, self.count)
        return Page(list(self._rows(begin, end)), number, self)

    def _rows(self, begin: int, end: int) -> Any:
        rows: Any = self.object_list
        if end <= NEAR:
            return rows[begin:end]
        keys = rows.values_list("pk", flat=True)
        if self.has_more or begin * 2 < self.count:
            found = keys[begin:end]
        else:
            found = keys.reverse()[self.count - end : self.count - begin]
        return rows.filter(pk__in=list(found))
