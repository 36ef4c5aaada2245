"""Whatever is done to the triggers of the trail is noticed, on PostgreSQL and on SQLite."""

import pytest
from django.db import connection

from practice.services.audit import verifying
from practice.services.audit.protection import unprotected
from practice.services.audit.verifying import Kind
from tests.practice.services.audit.trails import first_fault, sealed_trail

pytestmark = [pytest.mark.req("AUD-010", "AUD-013"), pytest.mark.django_db]

EVENT, SEAL, HEAD = "practice_auditevent", "practice_auditseal", "practice_audithead"

ON_POSTGRESQL = {
    "switched off": f"ALTER TABLE {EVENT} DISABLE TRIGGER audit_append_only",
    "for replicas only": f"ALTER TABLE {EVENT} ENABLE REPLICA TRIGGER audit_append_only",
    "removed": f"DROP TRIGGER audit_append_only ON {SEAL}",
    "foreign keys switched off": f"ALTER TABLE {SEAL} DISABLE TRIGGER ALL",
    "a condition": f"""
        DROP TRIGGER audit_append_only ON {EVENT};
        CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON {EVENT}
        FOR EACH ROW WHEN (false) EXECUTE FUNCTION audit_refuse()""",
    "fewer verbs": f"""
        DROP TRIGGER audit_append_only ON {EVENT};
        CREATE TRIGGER audit_append_only BEFORE DELETE ON {EVENT}
        FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
    "fewer columns": f"""
        DROP TRIGGER audit_append_only ON {EVENT};
        CREATE TRIGGER audit_append_only BEFORE UPDATE OF outcome OR DELETE ON {EVENT}
        FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
    "another function": f"""
        CREATE FUNCTION harmless() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RETURN COALESCE(NEW, OLD); END $$;
        DROP TRIGGER audit_append_only ON {EVENT};
        CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON {EVENT}
        FOR EACH ROW EXECUTE FUNCTION harmless()""",
    "a namesake elsewhere": f"""
        CREATE SCHEMA elsewhere;
        CREATE FUNCTION elsewhere.audit_refuse() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RETURN COALESCE(NEW, OLD); END $$;
        DROP TRIGGER audit_append_only ON {EVENT};
        CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON {EVENT}
        FOR EACH ROW EXECUTE FUNCTION elsewhere.audit_refuse()""",
    "a function that does nothing": """
        CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RETURN COALESCE(NEW, OLD); END $$""",
    "a queue that forgets": """
        CREATE OR REPLACE FUNCTION audit_queue() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RETURN NULL; END $$""",
    "a function with a path": "ALTER FUNCTION audit_queue() SET search_path = pg_temp",
    "one more trigger": f"""
        CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RETURN NULL; END $$;
        CREATE TRIGGER aaa BEFORE INSERT ON {EVENT}
        FOR EACH ROW WHEN (NEW.user_id = 'me') EXECUTE FUNCTION drop_it()""",
    "a rule": f"CREATE RULE quiet AS ON DELETE TO {EVENT} DO INSTEAD NOTHING",
    "a role whose triggers sleep": "ALTER ROLE CURRENT_USER SET session_replication_role = replica",
}
REFUSED = "the audit trail is append-only"
ON_SQLITE = {
    "removed": f"DROP TRIGGER {EVENT}_no_update",
    "a condition": f"""
        DROP TRIGGER {EVENT}_no_update;
        CREATE TRIGGER {EVENT}_no_update BEFORE update ON {EVENT} WHEN (false)
        BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END""",
    "does nothing": f"""
        DROP TRIGGER {EVENT}_no_update;
        CREATE TRIGGER {EVENT}_no_update BEFORE update ON {EVENT} BEGIN SELECT 1; END""",
    "ignores": f"""
        DROP TRIGGER {EVENT}_no_update;
        CREATE TRIGGER {EVENT}_no_update BEFORE update ON {EVENT}
        BEGIN SELECT RAISE(IGNORE); END""",
    "a queue that forgets": f"""
        DROP TRIGGER {EVENT}_queue;
        CREATE TRIGGER {EVENT}_queue AFTER INSERT ON {EVENT} BEGIN SELECT 1; END""",
    "one more trigger": f"""
        CREATE TRIGGER aaa BEFORE INSERT ON {EVENT} WHEN NEW.user_id = 'me'
        BEGIN SELECT RAISE(IGNORE); END""",
}
MANIPULATIONS = ON_POSTGRESQL if connection.vendor == "postgresql" else ON_SQLITE


def test_the_migrations_make_what_is_expected():
    assert unprotected() == []


@pytest.mark.parametrize("statements", MANIPULATIONS.values(), ids=MANIPULATIONS.keys())
def test_protection_that_was_changed_is_noticed(statements):
    organisation = sealed_trail(1)
    connection.check_constraints()  # or PostgreSQL changes no table

    with connection.cursor() as cursor:
        for statement in statements.split(";\n"):
            cursor.execute(statement)

    assert first_fault(organisation) == (Kind.UNPROTECTED, None)
    assert any(trail.faults for trail in verifying.verify())
