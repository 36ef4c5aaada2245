"""Whether the database answers, is new enough, and has the tables of this version."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from config import health
from config.doctor import commands
from config.doctor.findings import Answers, Finding, Installation

OLDEST = 14  # PostgreSQL; docs/runbook.md says it too
MIGRATIONS = "database.migrations"  # the finding without which the tables are asked
MOST_APART = 2.0  # seconds, between the database's clock and ours

any_connection: Any = connection  # psycopg's, of which Django's types know little


def place() -> str:
    """Which database that is, without its password."""
    of: dict[str, Any] = settings.DATABASES["default"]
    if connection.vendor != "postgresql":
        return f"the file {of['NAME']}"
    return f"the database {of['NAME']} at {of['HOST'] or 'this machine'}"


def away() -> Finding | None:
    """That it does not answer, and what it or the network says to that."""
    try:
        if connection.connection is None and connection.vendor == "postgresql":
            # Without the pool, which says nothing of the cause.
            with any_connection.wrap_database_errors:
                parameters = any_connection.get_connection_params()
                any_connection.Database.connect(**parameters).close()
        health.database()
    except Error as error:
        return Finding(
            id="database.away",
            what=f"The database does not answer: {' '.join(str(error).split())}",
            where=place(),
            remedy="Look whether PostgreSQL runs there, and whether DATABASE_URL names it, its "
            "role and password. Nothing else of the database was looked at.",
            command=f"systemctl status postgresql\n{commands.manage('dbshell')}",
        )
    return None


def version(installation: Installation, now: datetime) -> Answers:
    """PostgreSQL, and one that is supported."""
    if connection.vendor != "postgresql":
        yield Finding(
            id="database.sqlite",
            what="DATABASE_URL names SQLite, which is for a trial: one writer at a time, no roles, "
            "no second wall between practices.",
            where=place(),
            remedy="Make a database of PostgreSQL and let DATABASE_URL name it (docs/runbook.md).",
        )
        return
    found = any_connection.pg_version // 10_000
    if found < OLDEST:
        yield Finding(
            id="database.version",
            what=f"PostgreSQL {found} is too old: {OLDEST} or later is needed.",
            where=place(),
            remedy="Make a backup, upgrade PostgreSQL, and restore.",
            command=commands.manage("backup FILE"),
        )


def migrations_applied(installation: Installation, now: datetime) -> Answers:
    """The tables are those of this version."""
    missing = health.migrations()["unapplied"]
    if missing:
        yield Finding(
            id=MIGRATIONS,
            what=f"{len(missing)} migrations of this version were not applied, the first is "
            f"{missing[0]}. Web answers nothing until they are.",
            where=place(),
            remedy="Apply them as the owner of the database, give the rights again, and restart.",
            command=f"{commands.as_owner('migrate')}\n{commands.rights()}",
        )


def clocks(installation: Installation, now: datetime) -> Answers:
    """The database's clock is ours."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        before = timezone.now()
        cursor.execute("SELECT clock_timestamp()")
        told = cursor.fetchone()[0]
        after = timezone.now()
    apart = max((before - told).total_seconds(), (told - after).total_seconds(), 0.0)
    if apart > MOST_APART:
        yield Finding(
            id="clock.apart",
            what=f"The clocks of this machine and of the database are {apart:.0f} s apart: "
            "embargoes end, and events are dated, at the wrong moment.",
            where=f"{place()}, and this machine",
            remedy="Let both be set from the network.",
            command="timedatectl set-ntp true",
        )
