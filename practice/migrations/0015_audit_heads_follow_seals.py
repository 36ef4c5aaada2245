"""Let the end of a trail move to what is sealed only, and name tables of the trail in full.

Whoever seals may move an end, so the serving role has that right. Without this it could also raise
it beyond the last seal, after which no trail is whole again. What a trigger of PostgreSQL names
without its schema could be hidden from it by a temporary table of the same name.
"""

from django.db import migrations

EVENT, SEAL = "practice_auditevent", "practice_auditseal"
HEAD, WAITING = "practice_audithead", "practice_auditwaiting"

REFUSED = "the audit trail is append-only"

QUEUE = """
    CREATE OR REPLACE FUNCTION audit_queue() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO {} (event_id, organisation_id) VALUES (NEW.id, NEW.organisation_id);
        RETURN NULL;
    END $$
"""

POSTGRESQL = [
    QUEUE.format(f"public.{WAITING}"),
    f"""
    CREATE FUNCTION audit_head_follows() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        before bigint := 0;
        sealed bigint;
        last text;
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            before := OLD.sequence;
        END IF;
        IF NEW.organisation_id IS NULL THEN
            SELECT count(*), max(hash) FILTER (WHERE sequence = NEW.sequence) INTO sealed, last
            FROM public.{SEAL}
            WHERE organisation_id IS NULL AND sequence > before AND sequence <= NEW.sequence;
        ELSE
            SELECT count(*), max(hash) FILTER (WHERE sequence = NEW.sequence) INTO sealed, last
            FROM public.{SEAL}
            WHERE organisation_id = NEW.organisation_id
                AND sequence > before AND sequence <= NEW.sequence;
        END IF;
        IF TG_OP = 'INSERT' AND NEW.sequence = 0 AND NEW.hash = '' THEN
            RETURN NEW;
        END IF;
        IF TG_OP = 'UPDATE' AND NEW.organisation_id IS NOT DISTINCT FROM OLD.organisation_id
            AND NEW.sequence > before AND sealed = NEW.sequence - before AND last = NEW.hash
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '{REFUSED}: % of % is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    f"DROP TRIGGER audit_grows ON {HEAD}",
    f"CREATE TRIGGER audit_follows BEFORE INSERT OR UPDATE ON {HEAD} "
    "FOR EACH ROW EXECUTE FUNCTION audit_head_follows()",
]

POSTGRESQL_BACK = [
    f"DROP TRIGGER audit_follows ON {HEAD}",
    f"CREATE TRIGGER audit_grows BEFORE UPDATE ON {HEAD} FOR EACH ROW "
    "WHEN (NEW.sequence <= OLD.sequence OR NEW.organisation_id IS DISTINCT FROM OLD.organisation_id) "
    "EXECUTE FUNCTION audit_refuse()",
    "DROP FUNCTION audit_head_follows()",
    QUEUE.format(WAITING),
]

REFUSE = f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
MINE = f"SELECT 1 FROM {SEAL} WHERE organisation_id IS NEW.organisation_id AND"

SQLITE = [
    f"DROP TRIGGER {HEAD}_grows",
    f"CREATE TRIGGER {HEAD}_begins BEFORE INSERT ON {HEAD} "
    f"WHEN NEW.sequence <> 0 OR NEW.hash <> '' {REFUSE}",
    f"CREATE TRIGGER {HEAD}_follows BEFORE UPDATE ON {HEAD} "
    "WHEN NEW.sequence <= OLD.sequence OR NEW.organisation_id IS NOT OLD.organisation_id "
    f"OR NOT EXISTS ({MINE} sequence = NEW.sequence AND hash = NEW.hash) "
    f"OR (SELECT count(*) FROM ({MINE} sequence > OLD.sequence AND sequence <= NEW.sequence)) "
    f"<> NEW.sequence - OLD.sequence {REFUSE}",
]

SQLITE_BACK = [
    f"DROP TRIGGER {HEAD}_begins",
    f"DROP TRIGGER {HEAD}_follows",
    f"CREATE TRIGGER {HEAD}_grows BEFORE UPDATE ON {HEAD} "
    "WHEN NEW.sequence <= OLD.sequence OR NEW.organisation_id IS NOT OLD.organisation_id "
    f"{REFUSE}",
]


def protect(apps, schema_editor):
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for statement in POSTGRESQL if is_postgresql else SQLITE:
        schema_editor.execute(statement, params=None)


def expose(apps, schema_editor):
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for statement in POSTGRESQL_BACK if is_postgresql else SQLITE_BACK:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("practice", "0014_slots_with_their_own_limits_are_found")]

    operations = [migrations.RunPython(protect, expose)]
