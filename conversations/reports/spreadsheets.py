"""Rows as a CSV file, sent while they are read, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from decimal import Decimal
from typing import Any

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

# What a spreadsheet would take for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Where a spreadsheet that splits at semicolons would begin another cell, with a formula.
SPLIT = re.compile(f"(; *)(?=[{re.escape(''.join(FORMULA))}])")
ROWS_AT_ONCE = 200


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def cell(value: Any) -> Any:
    """A value as a spreadsheet shall take it: text stays text, amounts have no exponent."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int | float):
        return value
    text = SPLIT.sub(r"\1'", str(value).replace("\x00", ""))
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def lines(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """The rows as text, some at a time; the first begins with the mark of UTF-8."""
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_NONNUMERIC)
    gathered = ["\ufeff"]
    for row in rows:
        gathered.append(writer.writerow([cell(value) for value in row]))
        if len(gathered) > ROWS_AT_ONCE:
            yield "".join(gathered)
            gathered = []
    yield "".join(gathered)


def response(name: str, rows: Iterable[Iterable[Any]]) -> StreamingHttpResponse:
    """A file to keep; `name` has no ending."""
    sent = StreamingHttpResponse(lines(rows), content_type="text/csv; charset=utf-8")
    sent.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    sent.headers["Cache-Control"] = "private, no-store"
    return sent


def streamed(name: str, rows: Iterable[Iterable[Any]]) -> StreamingHttpResponse:
    """As `response`, for as many rows as there are: each piece is read when the one before is sent."""
    sent = response(name, ())
    sent.streaming_content = _pieces(lines(rows))
    return sent


async def _pieces(pieces: Iterator[str]) -> AsyncIterator[str]:
    """The pieces, each made in the request's own thread, with the loop free in between."""
    following = sync_to_async(lambda: next(pieces, ""))
    while piece := await following():
        yield piece
