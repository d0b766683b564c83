"""Django's SQLite backend, whose writers within one process take turns.

SQLite lets one connection write at a time. One that finds the database locked sleeps, for up to
100 ms at a time, and looks again: under load everyone waits for sleepers. Here threads wait for a
lock of the process first and go on the moment they may; other processes are met by SQLite's way.
A query's markers are also put into SQLite's form once, not at each of its calls.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from functools import lru_cache
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


@lru_cache(maxsize=500)
def _converted(query: str) -> str:
    return base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")


class Cursor(base.SQLiteCursorWrapper):
    """A cursor that knows the queries of before."""

    def convert_query(self, query: str, *, param_names: Any = None) -> Any:
        if param_names is None:
            return _converted(query)
        return super().convert_query(query, param_names=param_names)  # type: ignore[misc]


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that writes when it is its turn."""

    _holds: threading.Lock | None = None

    def create_cursor(self, name: str | None = None) -> Any:
        return self.connection.cursor(factory=Cursor)

    def _start_transaction_under_autocommit(self) -> None:
        self._take_turn()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._give_turn()
            raise

    def _commit(self) -> Any:
        try:
            return super()._commit()  # type: ignore[misc]
        finally:
            self._give_turn()

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc]
        finally:
            self._give_turn()

    def _close(self) -> Any:
        try:
            return super()._close()  # type: ignore[misc]
        finally:
            self._give_turn()

    def _take_turn(self) -> None:
        turn = _turns[str(self.settings_dict["NAME"])]
        seconds = self.settings_dict["OPTIONS"].get("timeout", 5)
        if self._holds is None:
            if not turn.acquire(timeout=seconds):
                raise OperationalError("database is locked")
            self._holds = turn

    def _give_turn(self) -> None:
        if self._holds is not None:
            turn, self._holds = self._holds, None
            turn.release()
