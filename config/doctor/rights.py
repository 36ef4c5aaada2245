"""Whether the role that serves may do what deploy/postgresql/rights.sql says, and nothing more."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connection

from config.doctor import commands
from config.doctor.database import place
from config.doctor.findings import Answers, Finding, Installation, some_of
from practice.services.audit import protection

TRAIL = protection.TABLES
EVERYTHING = {"SELECT", "INSERT", "UPDATE", "DELETE"}
# What rights.sql takes away again; of AuditHead some columns may be changed.
LESS = {
    protection.EVENT: {"UPDATE", "DELETE"},
    protection.SEAL: {"UPDATE", "DELETE"},
    protection.HEAD: {"UPDATE", "DELETE"},
    protection.WAITING: {"UPDATE"},
    "django_migrations": {"INSERT", "UPDATE", "DELETE"},
}
NOBODYS = ("TRUNCATE", "TRIGGER", "REFERENCES")
SEALED = ("sequence", "hash", "sealed_at")
SHOWN = 4


def serving_role(installation: Installation, now: datetime) -> Answers:
    """It owns nothing, is no superuser, and has the rights that it needs."""
    if connection.vendor != "postgresql":
        return
    role, is_super, bypasses, owns = _row(
        "SELECT rolname, rolsuper, rolbypassrls, EXISTS (SELECT FROM pg_class c JOIN pg_namespace n"
        " ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r'"
        " AND pg_has_role(r.oid, c.relowner, 'USAGE')) FROM pg_roles r WHERE rolname = current_user"
    )
    if is_super or owns or bypasses:
        why = (
            "is a superuser"
            if is_super
            else "owns the tables"
            if owns
            else "is excepted from row-level security (BYPASSRLS)"
        )
        yield Finding(
            id="rights.one-role" if is_super or owns else "rights.bypass",
            what=f"The role {role}, which serves, {why}: nothing in the database keeps one "
            "practice's records from another's request, or the audit trail as it is.",
            where=place(),
            remedy="Serve as a role of its own that owns nothing: make it, give it its rights, and "
            "let DATABASE_URL name it. Doctor itself is to be run with the service's environment, "
            "not with the owner's DATABASE_URL.",
            command=f"""{commands.sql("CREATE ROLE appointments LOGIN PASSWORD '...'")}
{commands.rights()}"""
            if is_super or owns
            else commands.sql(f"ALTER ROLE {role} NOBYPASSRLS"),
        )
        if is_super or owns:
            return  # it has every right; that is told
    yield from _rights(role)


def _rights(role: str) -> Iterator[Finding]:
    too_many, too_few = _differences()
    if too_many:
        yield Finding(
            id="rights.trail",
            what=f"The role {role}, which serves, has rights that it should not have: "
            f"{some_of(too_many, SHOWN)}. Somebody who got hold of it could change the audit "
            "trail.",
            where=place(),
            remedy="Give the role its rights again, as the owner of the database; look who gave "
            "it more.",
            command=commands.rights(),
        )
    if too_few:
        yield Finding(
            id="rights.missing",
            what=f"The role {role}, which serves, lacks rights that it needs: "
            f"{some_of(too_few, SHOWN)}. rights.sql was not run after the last migration.",
            where=place(),
            remedy="Give the role its rights again, as the owner of the database.",
            command=commands.rights(),
        )


def _differences() -> tuple[list[str], list[str]]:
    """Which rights the present role has and should not have, and which it lacks; in words."""
    asked = [*sorted(EVERYTHING), *NOBODYS]
    too_many, too_few = [], []
    has = ", ".join(f"has_table_privilege(c.oid, '{right}')" for right in asked)
    for table, *answers in _rows(
        f"SELECT c.relname, {has} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"  # noqa: S608 # nosec B608
        " WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1"
    ):
        wanted = EVERYTHING - LESS.get(table, set())
        for right, has_it in zip(asked, answers, strict=True):
            # More than it needs matters where something is protected.
            if has_it and right not in wanted and table in LESS:
                too_many.append(f"{right} on {table}")
            elif not has_it and right in wanted:
                too_few.append(f"{right} on {table}")
    for column in SEALED:
        [may] = _row(f"SELECT has_column_privilege('{protection.HEAD}', '{column}', 'UPDATE')")  # noqa: S608 # nosec B608
        if not may:
            too_few.append(f"UPDATE of {column} on {protection.HEAD}")
    too_few += [
        f"USAGE on {name}"
        for (name,) in _rows(
            # CASE: PostgreSQL would otherwise ask it of what is no sequence too.
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND CASE c.relkind WHEN 'S'"
            " THEN NOT has_sequence_privilege(c.oid, 'USAGE') END ORDER BY 1"
        )
    ]
    creates, temporary = _row(
        "SELECT has_schema_privilege('public', 'CREATE'),"
        " has_database_privilege(current_database(), 'TEMPORARY')"
    )
    too_many += ["CREATE in the schema public"] if creates else []
    too_many += ["temporary tables"] if temporary else []
    return too_many, too_few


def trail_protected(installation: Installation, now: datetime) -> Answers:
    """The triggers that refuse changes of the audit trail are there, and as they were made."""
    amiss = protection.unprotected()
    if amiss:
        yield Finding(
            id="rights.triggers",
            what=f"The audit trail is not protected as it was made to be: {some_of(amiss, SHOWN)}.",
            where=place(),
            remedy="Treat it as tampering (docs/runbook.md, Tampering): only the owner of the "
            "database can do that. What was sealed is proved by:",
            command=commands.manage("verify_audit"),
        )


def rows_guarded(installation: Installation, now: datetime) -> Answers:
    """Row-level security binds the serving role on every table of the practice."""
    if connection.vendor != "postgresql":
        return
    tables = sorted(
        {model._meta.db_table for model in apps.get_app_config("practice").get_models()}
    )
    open_ones = [
        table
        for (table,) in _rows(
            "SELECT c.relname FROM pg_class c WHERE c.oid = ANY (%s::regclass[]) AND NOT"
            " (c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))"
            " ORDER BY 1",
            tables,
        )
    ]
    if open_ones:
        yield Finding(
            id="rights.rows",
            what=f"Row-level security is off on {some_of(open_ones, SHOWN)}: nothing in the "
            "database keeps one practice's records from another's request.",
            where=place(),
            remedy="Switch it on again for each, as the owner of the database; look who switched "
            "it off. If a policy itself is gone, restore the database's definition from a backup.",
            command="\n".join(
                commands.sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
                for table in open_ones[:SHOWN]
            ),
        )


def _rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _row(sql: str) -> tuple[Any, ...]:
    [found] = _rows(sql)
    return found
