"""The ledger's days, providers and daily sums; then the database refuses changes again.

The audit log, too, is append-only; but retention may delete from it, in a transaction that says so
by a row in `conversations_auditpruning`.
"""

from collections import defaultdict
from uuid import UUID

from django.db import migrations
from django.utils import timezone

NOTHING = UUID(int=0)
SQLITE = [
    """CREATE TRIGGER ledger_no_update BEFORE UPDATE ON conversations_ledgerentry
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_no_delete BEFORE DELETE ON conversations_ledgerentry
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER audit_no_update BEFORE UPDATE ON conversations_auditentry
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER audit_no_delete BEFORE DELETE ON conversations_auditentry
    WHEN NOT EXISTS (SELECT 1 FROM conversations_auditpruning)
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
]
POSTGRESQL = [
    """CREATE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE OR TRUNCATE
    ON conversations_ledgerentry FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()""",
    """CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM conversations_auditpruning) THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION 'the audit log is append-only';
    END $$""",
    """CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE
    ON conversations_auditentry FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()""",
]
UNDO = {
    "sqlite": [
        "DROP TRIGGER ledger_no_update",
        "DROP TRIGGER ledger_no_delete",
        "DROP TRIGGER audit_no_update",
        "DROP TRIGGER audit_no_delete",
    ],
    "postgresql": [
        "DROP TRIGGER ledger_no_change ON conversations_ledgerentry",
        "DROP TRIGGER audit_no_change ON conversations_auditentry",
        "DROP FUNCTION audit_append_only()",
    ],
}


def fill(apps, schema_editor):
    """Give each entry the day of its moment and its provider's id, and sum them up by day."""
    entry_model = apps.get_model("conversations", "LedgerEntry")
    providers = dict(apps.get_model("conversations", "Provider").objects.values_list("name", "pk"))
    sums = defaultdict(lambda: ["", 0, 0, 0, 0, 0])
    changed = []
    for entry in entry_model.objects.order_by("pk").iterator(chunk_size=2_000):
        entry.day = timezone.localdate(entry.at)
        entry.provider_id = providers.get(entry.provider_name)
        changed.append(entry)
        if len(changed) == 500:
            entry_model.objects.bulk_update(changed, ["day", "provider_id"])
            changed.clear()
        _add(sums, entry)
    entry_model.objects.bulk_update(changed, ["day", "provider_id"])
    daily = apps.get_model("conversations", "DailySum")
    daily.objects.bulk_create(
        [
            daily(
                of=of,
                subject_id=subject,
                day=day,
                subject_name=name,
                cost_nanos=cost,
                unknown=unknown,
                charges=charges,
                prompt_tokens=read,
                completion_tokens=written,
            )
            for (of, subject, day), (name, cost, unknown, charges, read, written) in sums.items()
        ],
        batch_size=500,
    )


def _add(sums, entry):
    subjects = {
        "site": (NOTHING, ""),
        "person": (entry.user_id, entry.user_name),
        "provider": (entry.provider_id, entry.provider_name),
        "preset": (entry.preset_id, entry.preset_name),
        "model": (entry.model_id, entry.model_name),
        "team": (None, ""),
    }
    for of, (subject, name) in subjects.items():
        row = sums[of, subject or NOTHING, entry.day]
        row[0] = name or row[0]
        row[1] += entry.cost_nanos or 0
        row[2] += entry.cost_nanos is None
        row[3] += entry.kind == "charge"
        row[4] += entry.prompt_tokens or 0
        row[5] += entry.completion_tokens or 0


def guard(apps, schema_editor):
    statements = {"sqlite": SQLITE, "postgresql": POSTGRESQL}[schema_editor.connection.vendor]
    for statement in statements:
        schema_editor.execute(statement)


def unguard(apps, schema_editor):
    for statement in UNDO[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("conversations", "0007_administration")]
    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(guard, unguard),
    ]
