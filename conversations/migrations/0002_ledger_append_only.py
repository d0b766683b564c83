"""The database itself refuses to change or delete what has been charged."""

from django.db import migrations

SQLITE = [
    """CREATE TRIGGER ledger_no_update BEFORE UPDATE ON conversations_ledgerentry
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_no_delete BEFORE DELETE ON conversations_ledgerentry
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
]
POSTGRESQL = [
    """CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$""",
    """CREATE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE OR TRUNCATE
    ON conversations_ledgerentry FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()""",
]
UNDO = {
    "sqlite": ["DROP TRIGGER ledger_no_update", "DROP TRIGGER ledger_no_delete"],
    "postgresql": [
        "DROP TRIGGER ledger_no_change ON conversations_ledgerentry",
        "DROP FUNCTION ledger_append_only()",
    ],
}


def guard(apps, schema_editor):
    statements = {"sqlite": SQLITE, "postgresql": POSTGRESQL}[schema_editor.connection.vendor]
    for statement in statements:
        schema_editor.execute(statement)


def unguard(apps, schema_editor):
    for statement in UNDO[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("conversations", "0001_start")]
    operations = [migrations.RunPython(guard, unguard)]
