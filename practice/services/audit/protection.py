"""What the database itself does to protect the trail, and whether it still does.

A trigger counts only as it was defined: with its conditions, its function and the function's text.
One more on these tables is a fault as well, since it could change or drop an event before it is
stored; so is a rule of PostgreSQL. Migrations make them; here stands what they made in the end.
"""

from collections.abc import Mapping

from django.db import connection

from practice.models import AuditEvent, AuditHead, AuditSeal, AuditWaiting

EVENT, SEAL, HEAD, WAITING = (
    model._meta.db_table for model in (AuditEvent, AuditSeal, AuditHead, AuditWaiting)
)
TABLES = (EVENT, SEAL, HEAD, WAITING)


def unprotected() -> list[str]:
    """Return what is not as it must be: a trigger, a function or a rule, and why, in words."""
    is_postgresql = connection.vendor == "postgresql"
    there = _in_postgresql() if is_postgresql else _in_sqlite()
    wanted = POSTGRESQL if is_postgresql else SQLITE
    return sorted(_differences(wanted, there))


def _differences(wanted: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    plain_wanted, plain_there = (
        {name: " ".join(text.split()) for name, text in each.items()} for each in (wanted, there)
    )
    return [
        *(f"{name} is missing" for name in plain_wanted.keys() - plain_there.keys()),
        *(f"{name} does not belong there" for name in plain_there.keys() - plain_wanted.keys()),
        *(
            f"{name} is switched off or was changed"
            for name in plain_wanted.keys() & plain_there.keys()
            if plain_wanted[name] != plain_there[name]
        ),
    ]


# ---------------------------------------------------------------- PostgreSQL

REFUSED = "the audit trail is append-only"


def _function(name: str, body: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
        f" AS $function$ {body} $function$"
    )


def _trigger(name: str, when: str, table: str, each: str, function: str) -> str:
    return f"CREATE TRIGGER {name} {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()"


REFUSE = f"""
    BEGIN
        RAISE EXCEPTION '{REFUSED}: % of % is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END
"""
QUEUE = f"""
    BEGIN
        INSERT INTO public.{WAITING} (event_id, organisation_id)
        VALUES (NEW.id, NEW.organisation_id);
        RETURN NULL;
    END
"""
FOLLOW = f"""
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
    END
"""
FUNCTIONS = {"audit_refuse": REFUSE, "audit_queue": QUEUE, "audit_head_follows": FOLLOW}
CHANGE = "BEFORE DELETE OR UPDATE"
TRIGGERS = (
    ("audit_append_only", CHANGE, EVENT, "ROW", "audit_refuse"),
    ("audit_append_only", CHANGE, SEAL, "ROW", "audit_refuse"),
    ("audit_append_only", "BEFORE DELETE", HEAD, "ROW", "audit_refuse"),
    *(
        ("audit_no_truncate", "BEFORE TRUNCATE", table, "STATEMENT", "audit_refuse")
        for table in (EVENT, SEAL, HEAD)
    ),
    ("audit_follows", "BEFORE INSERT OR UPDATE", HEAD, "ROW", "audit_head_follows"),
    ("audit_queue", "AFTER INSERT", EVENT, "ROW", "audit_queue"),
)
POSTGRESQL = {
    **{f"the function {name}": _function(name, body) for name, body in FUNCTIONS.items()},
    **{
        f"the trigger {name} on {table}": _trigger(name, when, table, each, function)
        for name, when, table, each, function in TRIGGERS
    },
}


def _in_postgresql() -> dict[str, str]:
    found = {}
    with connection.cursor() as cursor:
        # Those that PostgreSQL made itself, for foreign keys, count when they are switched off.
        cursor.execute(
            "SELECT c.relname, t.tgname, t.tgisinternal, t.tgenabled IN ('O', 'A'),"
            " pg_get_triggerdef(t.oid), p.oid::regproc::text, pg_get_functiondef(p.oid)"
            " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = ANY (%s::regclass[])",
            [list(TABLES)],
        )
        for table, name, is_internal, is_on, text, function, body in cursor.fetchall():
            if is_internal and is_on:
                continue
            state = text.replace("public.", "") if is_on else "off"
            found[f"the trigger {name} on {table}"] = state
            if not is_internal:
                found[f"the function {function}"] = body.replace("FUNCTION public.", "FUNCTION ")
        cursor.execute(
            "SELECT c.relname, r.rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class"
            " WHERE r.ev_class = ANY (%s::regclass[])",
            [list(TABLES)],
        )
        found |= {f"the rule {name} on {table}": "" for table, name in cursor.fetchall()}
        # With it no trigger fires, in whatever session has it.
        cursor.execute(
            "SELECT DISTINCT split_part(setting, '=', 1)"
            " FROM pg_db_role_setting, unnest(setconfig) AS setting"
            " WHERE setting LIKE 'session_replication_role=%%'"
        )
        found |= {f"the setting {name} of a role": "" for (name,) in cursor.fetchall()}
    return found


# ---------------------------------------------------------------- SQLite

STOP = f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
MINE = f"SELECT 1 FROM {SEAL} WHERE organisation_id IS NEW.organisation_id AND"
SQLITE = {
    f"the trigger {text.split()[2]} on {table}": text
    for table, text in (
        *(
            (table, f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} {STOP}")
            for table, verb in (
                (EVENT, "update"),
                (EVENT, "delete"),
                (SEAL, "update"),
                (SEAL, "delete"),
                (HEAD, "delete"),
            )
        ),
        (
            EVENT,
            f"CREATE TRIGGER {EVENT}_queue AFTER INSERT ON {EVENT} BEGIN INSERT INTO {WAITING}"
            " (event_id, organisation_id) VALUES (NEW.id, NEW.organisation_id); END",
        ),
        (
            HEAD,
            f"CREATE TRIGGER {HEAD}_begins BEFORE INSERT ON {HEAD}"
            f" WHEN NEW.sequence <> 0 OR NEW.hash <> '' {STOP}",
        ),
        (
            HEAD,
            f"CREATE TRIGGER {HEAD}_follows BEFORE UPDATE ON {HEAD}"
            " WHEN NEW.sequence <= OLD.sequence OR NEW.organisation_id IS NOT OLD.organisation_id"
            f" OR NOT EXISTS ({MINE} sequence = NEW.sequence AND hash = NEW.hash)"
            f" OR (SELECT count(*) FROM ({MINE} sequence > OLD.sequence"
            f" AND sequence <= NEW.sequence)) <> NEW.sequence - OLD.sequence {STOP}",
        ),
    )
}


def _in_sqlite() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'")
        return {
            f"the trigger {name} on {table}": text
            for table, name, text in cursor.fetchall()
            if table in TABLES
        }
