"""Let the database refuse to change or remove what the audit trail holds, and queue each new event.

Both databases raise IntegrityError. On PostgreSQL TRUNCATE is refused too; there the application's
role needs no right to UPDATE, DELETE or TRUNCATE these tables in the first place (docs/runbook.md).
Whoever changes a column of these tables on SQLite must make the triggers again: Django remakes the
table, and they go with the old one. A test says so.
"""

from django.db import migrations

EVENT, SEAL = "practice_auditevent", "practice_auditseal"
HEAD, WAITING = "practice_audithead", "practice_auditwaiting"

REFUSED = "the audit trail is append-only"

POSTGRESQL = [
    f"""
    CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{REFUSED}: % of % is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    f"""
    CREATE FUNCTION audit_queue() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO {WAITING} (event_id, organisation_id) VALUES (NEW.id, NEW.organisation_id);
        RETURN NULL;
    END $$
    """,
    *(
        f"CREATE TRIGGER audit_append_only BEFORE {what} ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuse()"
        for table, what in (
            (EVENT, "UPDATE OR DELETE"),
            (SEAL, "UPDATE OR DELETE"),
            (HEAD, "DELETE"),
        )
    ),
    *(
        f"CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
        for table in (EVENT, SEAL, HEAD)
    ),
    f"CREATE TRIGGER audit_grows BEFORE UPDATE ON {HEAD} FOR EACH ROW "
    "WHEN (NEW.sequence <= OLD.sequence OR NEW.organisation_id IS DISTINCT FROM OLD.organisation_id) "
    "EXECUTE FUNCTION audit_refuse()",
    f"CREATE TRIGGER audit_queue AFTER INSERT ON {EVENT} "
    "FOR EACH ROW EXECUTE FUNCTION audit_queue()",
]

SQLITE = [
    *(
        f"CREATE TRIGGER {table}_no_{what} BEFORE {what} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
        for table, what in (
            (EVENT, "update"),
            (EVENT, "delete"),
            (SEAL, "update"),
            (SEAL, "delete"),
            (HEAD, "delete"),
        )
    ),
    f"CREATE TRIGGER {HEAD}_grows BEFORE UPDATE ON {HEAD} "
    "WHEN NEW.sequence <= OLD.sequence OR NEW.organisation_id IS NOT OLD.organisation_id "
    f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END",
    f"CREATE TRIGGER {EVENT}_queue AFTER INSERT ON {EVENT} BEGIN "
    f"INSERT INTO {WAITING} (event_id, organisation_id) VALUES (NEW.id, NEW.organisation_id); END",
]

POSTGRESQL_BACK = [
    *(
        f"DROP TRIGGER {name} ON {table}"
        for name, tables in (
            ("audit_append_only", (EVENT, SEAL, HEAD)),
            ("audit_no_truncate", (EVENT, SEAL, HEAD)),
            ("audit_grows", (HEAD,)),
            ("audit_queue", (EVENT,)),
        )
        for table in tables
    ),
    "DROP FUNCTION audit_refuse()",
    "DROP FUNCTION audit_queue()",
]

SQLITE_BACK = [
    f"DROP TRIGGER {name}"
    for name in (
        f"{EVENT}_no_update",
        f"{EVENT}_no_delete",
        f"{SEAL}_no_update",
        f"{SEAL}_no_delete",
        f"{HEAD}_no_delete",
        f"{HEAD}_grows",
        f"{EVENT}_queue",
    )
]

# What was recorded before there were seals.
QUEUE_ALL = (
    f"INSERT INTO {WAITING} (event_id, organisation_id) SELECT id, organisation_id FROM {EVENT}"
)


def protect(apps, schema_editor):
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for statement in [QUEUE_ALL, *(POSTGRESQL if is_postgresql else SQLITE)]:
        schema_editor.execute(statement, params=None)


def expose(apps, schema_editor):
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for statement in POSTGRESQL_BACK if is_postgresql else SQLITE_BACK:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("practice", "0005_audit_events_are_sealed")]

    operations = [migrations.RunPython(protect, expose)]
