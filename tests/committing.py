"""A test case whose rows are committed, for threads and for what the database does at a commit."""

from importlib import import_module

from django.db import connection
from django.test import TransactionTestCase

guards = import_module("conversations.migrations.0008_append_only")


class CommittingTestCase(TransactionTestCase):
    """Afterwards all tables are emptied; the guards of ledger and audit log step aside for that moment only."""

    def _fixture_teardown(self):
        with connection.schema_editor() as editor:
            guards.unguard(None, editor)
        try:
            super()._fixture_teardown()
        finally:
            with connection.schema_editor() as editor:
                guards.guard(None, editor)
