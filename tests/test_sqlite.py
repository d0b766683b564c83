"""Writers of one process take turns at SQLite, and nobody keeps a turn by accident."""

import sqlite3
import threading
from contextlib import suppress
from unittest import mock

import pytest
from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.backends.sqlite3 import base

from chatsite.sqlite.base import _turns

OWN = "own"
PATIENCE = 10


@pytest.fixture
def begun():
    """The names of the threads that have begun a transaction at SQLite itself, in order."""
    names = []
    begin = base.DatabaseWrapper._start_transaction_under_autocommit

    def noted(wrapper):
        names.append(threading.current_thread().name)
        begin(wrapper)

    with mock.patch.object(base.DatabaseWrapper, "_start_transaction_under_autocommit", noted):
        yield names


@pytest.fixture
def own(tmp_path, django_db_blocker, begun):
    """A database of the test's own, whose waiting time is its argument; returns its file."""

    def made(timeout=PATIENCE):
        options = {"transaction_mode": "IMMEDIATE", "timeout": timeout}
        file = str(tmp_path / "own.sqlite3")
        described = {"ENGINE": "chatsite.sqlite", "NAME": file, "OPTIONS": options}
        every = connections.configure_settings({"default": described})
        patches = mock.patch.dict(connections.settings, {OWN: every["default"]})
        patches.start()
        stops.append(patches.stop)
        with connections[OWN].cursor() as cursor:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("CREATE TABLE word (text TEXT UNIQUE)")
        begun.clear()
        return file

    stops = []
    with django_db_blocker.unblock():
        yield made
        leave()
    for stop in stops:
        stop()


def write(word):
    with connections[OWN].cursor() as cursor:
        cursor.execute("INSERT INTO word VALUES (%s)", [word])


def words():
    with connections[OWN].cursor() as cursor:
        cursor.execute("SELECT text FROM word ORDER BY rowid")
        return [row[0] for row in cursor.fetchall()]


def leave():
    """This thread's connection ends."""
    with suppress(AttributeError):
        connections[OWN].close()
        del connections[OWN]


def taken(file):
    return _turns[file].locked()


class Other(threading.Thread):
    """Writes a word in a transaction of its own; `asks` is set before, `has` within."""

    def __init__(self, word, go_on=None):
        super().__init__(name=word, daemon=True)
        self.word, self.go_on = word, go_on
        self.asks, self.has, self.trouble = threading.Event(), threading.Event(), None

    def run(self):
        self.asks.set()
        try:
            with transaction.atomic(using=OWN):
                self.has.set()
                write(self.word)
                if self.go_on:
                    self.go_on.wait(PATIENCE)
        except Exception as trouble:
            self.trouble = trouble
        finally:
            leave()

    def begin(self, *, until):
        self.start()
        assert until.wait(PATIENCE)
        return self

    def begin_and_end(self):
        self.start()
        return self.ended()

    def ended(self):
        self.join(PATIENCE)
        assert not self.is_alive()
        return self.trouble


def test_a_second_writer_waits_for_the_first_and_both_succeed(own, begun):
    file = own()
    go_on = threading.Event()
    first = Other("first", go_on)
    first.begin(until=first.has)
    second = Other("second")
    second.begin(until=second.asks)
    assert not second.has.wait(0.1)
    assert begun == ["first"]
    go_on.set()
    assert (first.ended(), second.ended()) == (None, None)
    assert begun == ["first", "second"]
    assert words() == ["first", "second"]
    assert not taken(file)


def test_many_writers_all_get_their_turn(own):
    file = own()
    others = [Other(f"{number}") for number in range(12)]
    for other in others:
        other.start()
    assert [other.ended() for other in others] == [None] * len(others)
    assert sorted(words(), key=int) == [other.word for other in others]
    assert not taken(file)


def test_reading_waits_for_no_turn(own):
    own()
    go_on = threading.Event()
    first = Other("first", go_on)
    first.begin(until=first.has)
    assert words() == []
    go_on.set()
    assert first.ended() is None
    assert words() == ["first"]


def test_another_database_has_turns_of_its_own(own, tmp_path):
    file = own()
    with transaction.atomic(using=OWN):
        assert taken(file)
        assert not taken(str(tmp_path / "another.sqlite3"))


class Trouble(Exception):
    """What a test lets happen."""


def fail_in_a_transaction(file):
    with transaction.atomic(using=OWN):
        write("lost")
        assert taken(file)
        raise Trouble


def test_a_transaction_that_fails_gives_its_turn_back(own):
    file = own()
    with pytest.raises(Trouble):
        fail_in_a_transaction(file)
    assert not taken(file)
    assert Other("kept").begin_and_end() is None
    assert words() == ["kept"]


def test_one_that_the_database_refuses_gives_its_turn_back(own):
    file = own()
    write("same")
    with pytest.raises(IntegrityError), transaction.atomic(using=OWN):
        write("same")
    assert not taken(file)


def test_one_that_is_refused_at_its_commit_gives_its_turn_back(own):
    file = own()
    with connections[OWN].cursor() as cursor:
        cursor.execute("CREATE TABLE talk (id INTEGER PRIMARY KEY)")
        cursor.execute(
            "CREATE TABLE message (talk REFERENCES talk (id) DEFERRABLE INITIALLY DEFERRED)"
        )
    with pytest.raises(IntegrityError), transaction.atomic(using=OWN):
        connections[OWN].cursor().execute("INSERT INTO message VALUES (7)")
    assert not taken(file)
    assert Other("kept").begin_and_end() is None


def test_one_that_is_rolled_back_without_trouble_gives_its_turn_back(own):
    file = own()
    with transaction.atomic(using=OWN):
        write("lost")
        transaction.set_rollback(True, using=OWN)
    assert not taken(file)
    assert words() == []


def test_a_connection_closed_in_the_middle_gives_its_turn_back(own):
    file = own()
    with suppress(Exception), transaction.atomic(using=OWN):
        write("lost")
        connections[OWN].close()
        assert not taken(file)
        assert Other("kept").begin_and_end() is None
    assert words() == ["kept"]
    assert not taken(file)


def test_what_sqlite_itself_refuses_gives_the_turn_back(own):
    """Another process writes: it knows of no turns."""
    file = own(timeout=0.05)
    process = sqlite3.connect(file, isolation_level=None)
    process.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"), transaction.atomic(using=OWN):
        write("lost")
    assert not taken(file)
    process.execute("ROLLBACK")
    process.close()
    with transaction.atomic(using=OWN):
        write("kept")
    assert words() == ["kept"]


def test_a_turn_that_does_not_come_in_time_is_an_error_and_the_next_try_is_not(own, begun):
    file = own(timeout=0.05)
    go_on = threading.Event()
    first = Other("first", go_on)
    first.begin(until=first.has)
    with pytest.raises(OperationalError, match="locked"), transaction.atomic(using=OWN):
        write("late")
    assert begun == ["first"]
    assert taken(file)
    go_on.set()
    assert first.ended() is None
    with transaction.atomic(using=OWN):
        write("again")
    assert words() == ["first", "again"]
    assert not taken(file)


def test_a_transaction_within_another_takes_no_turn_of_its_own(own, begun):
    file = own(timeout=0.05)
    with transaction.atomic(using=OWN):
        with transaction.atomic(using=OWN):
            write("inner")
        assert taken(file)
        with pytest.raises(Trouble):
            fail_in_a_transaction(file)
        assert taken(file)
        write("outer")
    assert begun == [threading.current_thread().name]
    assert not taken(file)
    assert words() == ["inner", "outer"]


def test_a_statement_by_itself_leaves_no_turn_taken(own):
    file = own()
    write("alone")
    assert not taken(file)
    assert words() == ["alone"]
