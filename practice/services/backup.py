"""A copy of the whole database in one file, and a database made from it again.

PostgreSQL's own tools do the work (pg_dump, pg_restore), or SQLite's. A backup holds patients: the
file is for its owner's eyes only, and where it goes must be as safe as the database.
"""

import hashlib
import os
import sqlite3
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.db import connection
from django.db.backends.postgresql.client import DatabaseClient

from practice.db.row_security import ALL_PRACTICES
from practice.exceptions import BackupRefused
from practice.services.audit.recording import Actor, record_done

# A backup holds all practices, also when the role that may see one at a time makes it.
EVERYTHING = {"PGOPTIONS": f"-c appointments.practices={ALL_PRACTICES}"}

# So that they sort by age.
NAMED_BY_MOMENT = (
    "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z.backup"
)


@dataclass(frozen=True)
class Backup:
    """A finished backup: its size in bytes, and the SHA-256 by which it can be known again."""

    path: Path
    size: int
    sha256: str


def backup(path: Path, *, actor: Actor, now: datetime) -> Backup:
    """Write the database, as it is at one moment, to a new file. Raises BackupRefused.

    Bookings go on meanwhile. The trail says that it was done, in the backup too.
    """
    partial = path.with_name(f"{path.name}.partial")
    if path.exists():
        raise BackupRefused(f"{path} is there already.")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    except OSError as error:
        raise BackupRefused(f"{partial}: {error.strerror}.") from error
    record_done("database.backup", actor=actor, now=now, detail={"file": path.name})
    try:
        if connection.vendor == "postgresql":
            _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--no-comments",
                 "--enable-row-security", f"--file={partial}")  # fmt: skip
            _run("pg_restore", "--list", str(partial), connect=False)
        else:
            _copy(_sqlite(), sqlite3.connect(partial))
        os.rename(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    with path.open("rb") as file:
        return Backup(path, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def backup_into(folder: Path, *, keep: int, actor: Actor, now: datetime) -> Backup:
    """Write a backup, named by its moment, into a folder; the newest ``keep`` of these stay there.

    Whatever has another name is nobody's to remove. Raises BackupRefused, and then removes nothing.
    """
    made = backup(folder / f"{now.astimezone(UTC):%Y-%m-%dT%H%M%SZ}.backup", actor=actor, now=now)
    for old in sorted(folder.glob(NAMED_BY_MOMENT))[:-keep]:
        old.unlink()
    return made


def restore(path: Path) -> None:
    """Fill an empty database from a backup, completely or not at all. Raises BackupRefused."""
    if not path.is_file():
        raise BackupRefused(f"{path} is not a file.")
    if connection.introspection.table_names():
        raise BackupRefused("The database is not empty. A backup is restored into a new one.")
    if connection.vendor == "postgresql":
        _run("pg_restore", "--no-owner", "--no-privileges", "--single-transaction",
             "--exit-on-error", str(path))  # fmt: skip
        return
    source = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        whole = source.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    except sqlite3.DatabaseError as error:
        source.close()
        raise BackupRefused(f"{path} is not a backup.") from error
    if not whole:
        source.close()
        raise BackupRefused(f"{path} is damaged.")
    _copy(source, _sqlite(), close=source)
    connection.close()  # what it knew of the database was another one's


def record_restore(path: Path, *, actor: Actor, now: datetime) -> None:
    """Say in the trail that what follows came after a restore; the schema must be up to date."""
    record_done("database.restore", actor=actor, now=now, detail={"file": path.name})


def _sqlite() -> sqlite3.Connection:
    connection.ensure_connection()
    found: sqlite3.Connection = connection.connection
    return found


def _copy(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    close: sqlite3.Connection | None = None,
) -> None:
    try:
        source.backup(target)
    finally:
        (close or target).close()


def _run(program: str, *arguments: str, connect: bool = True) -> None:
    """Run one of PostgreSQL's tools on this database; the password is not on the command line."""
    (_, *where), environment = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
    if connect:
        where[-1:] = [f"--dbname={where[-1]}"]
        arguments = (*where, *arguments)
    try:
        subprocess.run(
            [program, *arguments],
            env={**os.environ, **EVERYTHING, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
    except FileNotFoundError as error:
        raise BackupRefused(f"{program} is not installed.") from error
    except subprocess.CalledProcessError as error:
        raise BackupRefused(f"{program} failed: {error.stderr.strip()}") from error
