"""Which threads answer what: SQLite's one writer is no place for a crowd."""

from unittest import mock

from django.db import connection

from chatsite import asgi


def test_what_people_say_goes_through_one_thread_on_sqlite():
    with mock.patch.object(connection, "vendor", "sqlite"):
        assert asgi.threads_for("POST", "/conversations/") is asgi.SENDS
        assert asgi.threads_for("POST", "/conversations/x/messages/") is asgi.SENDS
    assert asgi.SENDS._max_workers == 1


def test_slow_pages_hold_nobody_up():
    """A password takes long to check: it isn't checked where messages are stored."""
    with mock.patch.object(connection, "vendor", "sqlite"):
        for method, path in (("POST", "/accounts/login/"), ("GET", "/conversations/x/")):
            assert asgi.threads_for(method, path) is asgi.THREADS


def test_postgresql_has_many_writers():
    with mock.patch.object(connection, "vendor", "postgresql"):
        assert asgi.threads_for("POST", "/conversations/") is asgi.THREADS
