"""What was read and is to be stored, on the disk meanwhile: memory stays as it is however much.

A private SQLite file of its own, gone when the import ends. References lead forward and from file
to file, so nothing can be stored before all has been read.
"""

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson

from practice.services.importing.records import Incoming, Place, Reference

PAGE = 1000

TABLES = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000;
CREATE TABLE file (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE record (
    id INTEGER PRIMARY KEY, kind TEXT, file INTEGER, entry TEXT, shown TEXT,
    source BLOB UNIQUE, content BLOB, said BLOB, data BLOB, state TEXT,
    pk INTEGER, made INTEGER DEFAULT 0,
    owner INTEGER, start INTEGER, "end" INTEGER, counts INTEGER,
    live INTEGER DEFAULT 0, gone INTEGER DEFAULT 0
);
CREATE INDEX of_kind ON record (kind, id);
CREATE INDEX of_pk ON record (kind, pk);
CREATE INDEX of_owner ON record (owner, start) WHERE owner IS NOT NULL;
CREATE TABLE alias (key BLOB, record INTEGER, UNIQUE (key, record));
CREATE TABLE session (
    id INTEGER PRIMARY KEY, record INTEGER, day TEXT, holder INTEGER, place INTEGER,
    start INTEGER, "end" INTEGER, counts INTEGER, pk INTEGER, UNIQUE (record, day)
);
CREATE INDEX session_pk ON session (pk);
CREATE TABLE held (appointment INTEGER, slot INTEGER, pk INTEGER);
CREATE INDEX held_by ON held (appointment);
CREATE INDEX held_slot ON held (slot);
"""

# What a record is: still to be stored; broken, so that what refers to it says nothing more; not
# for this practice; stored or found.
NEW, BROKEN, LEFT, DONE = "new", "broken", "left", "done"


STAGED = 'record.id, kind, name, entry, shown, source, said, data, owner, start, "end", live, gone'


class Staged(NamedTuple):
    """A record that was staged."""

    id: int
    kind: str
    place: Place
    shown: str
    source: bytes
    said: bytes
    values: dict[str, Any]
    refers: dict[str, list[Reference]]
    own_id: int | None
    version: int
    owner: int | None
    start: int | None
    end: int | None
    live: int
    gone: int


class Target(NamedTuple):
    """What a reference leads to, of the staged records."""

    id: int
    kind: str
    state: str
    pk: int | None


def digest(*parts: str) -> bytes:
    """What stands for texts, however long they are."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()[:20]


class Stage:
    """A place for records between reading and storing; a context, at whose end it is gone."""

    def __init__(self, *, system: str = "") -> None:
        self.system = system  # where all of it comes from, as people call it

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="import-"))  # for its owner only
        self.database = sqlite3.connect(self.folder / "stage", isolation_level=None)
        self.database.executescript(TABLES)
        self.database.execute("BEGIN")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.database.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------ while files are read

    def file(self, name: str) -> int:
        """Note a file, and return its number."""
        return self.database.execute("INSERT INTO file (name) VALUES (?)", [name]).lastrowid or 0

    def add(self, record: Incoming, file: int, entry: str) -> str:
        """Keep a record. Says "again" where it is there already, "twice" where otherwise."""
        refers = {
            name: [list(reference) for reference in listed]
            for name, listed in record.refers.items()
        }
        data = orjson.dumps(
            [record.values, refers, record.id, record.version], option=orjson.OPT_SORT_KEYS
        )
        content = digest(record.kind, data.decode())
        source = digest(self.system, record.kind, record.keys[0] if record.keys else content.hex())
        state = BROKEN if record.problems else LEFT if record.left else NEW
        row = (
            record.kind, file, entry, record.shown, source, content, digest(*record.said),
            data, state, record.start, record.end, record.counts,
        )  # fmt: skip
        done = self.database.execute(
            "INSERT OR IGNORE INTO record (kind, file, entry, shown, source, content, said, data,"
            ' state, start, "end", counts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
            row,
        )
        number, there = self.database.execute(
            "SELECT id, content FROM record WHERE source = ?", [source]
        ).fetchone()
        if there != content:
            return "twice"
        self.database.executemany(
            "INSERT OR IGNORE INTO alias VALUES (?, ?)",
            [(digest(key), number) for key in record.keys],
        )
        return "" if done.rowcount else "again"

    # ------------------------------------------------------------ while they are stored

    def count(self) -> int:
        """How many records there are."""
        (number,) = self.database.execute("SELECT count(*) FROM record").fetchone()
        return int(number)

    def pages(self, kind: str, state: str = NEW) -> Iterator[list[Staged]]:
        """The records of a kind that are in a state, as they came."""
        last = 0
        while rows := self.database.execute(
            f"SELECT {STAGED} FROM record JOIN file ON file.id = file"  # noqa: S608 # nosec B608
            " WHERE kind = ? AND record.id > ? AND state = ? ORDER BY record.id LIMIT ?",
            [kind, last, state, PAGE],
        ).fetchall():
            yield [_staged(row) for row in rows]
            last = rows[-1][0]

    def one(self, record: int) -> Staged:
        """A record by its number here."""
        row = self.database.execute(
            f"SELECT {STAGED} FROM record JOIN file ON file.id = file WHERE record.id = ?",  # noqa: S608 # nosec B608
            [record],
        ).fetchone()
        return _staged(row)

    def find(self, reference: Reference) -> list[Target]:
        """What a reference leads to: by the first name that leads anywhere."""
        for key in reference.keys:
            rows = self.database.execute(
                "SELECT record.id, kind, state, pk FROM alias JOIN record ON record.id = record"
                " WHERE key = ?",
                [digest(key)],
            ).fetchall()
            found = [Target(*row) for row in rows]
            if reference.kind:
                found = [each for each in found if each.kind == reference.kind]
            if found:
                return found
        return []

    def sources(self, reference: Reference) -> list[bytes]:
        """What a reference would have been remembered by, had it been imported before."""
        return [digest(self.system, reference.kind, key) for key in reference.keys]

    def set(self, columns: str, rows: Iterable[Sequence[object]]) -> None:
        """Set columns of records; each row ends with the number of its record."""
        names = ", ".join(f'"{name}" = ?' for name in columns.split())
        self.database.executemany(f"UPDATE record SET {names} WHERE id = ?", rows)  # noqa: S608 # nosec B608

    def query(self, statement: str, *values: object) -> list[Any]:
        """The rows of a question about what is staged."""
        return self.database.execute(statement, values).fetchall()

    def write(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Note more about what is staged."""
        self.database.executemany(statement, rows)

    def places(self, kind: str, pk: int) -> list[tuple[Place, str]]:
        """Where a record stands that was stored under an id, and what the file calls it."""
        pks = "SELECT record FROM session WHERE pk = ?" if kind == "Schedule" else BY_PK
        rows = self.database.execute(
            "SELECT name, entry, shown FROM record JOIN file ON file.id = file"
            f" WHERE kind = ? AND record.id IN ({pks})",  # noqa: S608 # nosec B608
            [kind, pk, *([] if kind == "Schedule" else [kind])],
        )
        return [(Place(file, entry), shown) for file, entry, shown in rows]


BY_PK = "SELECT id FROM record WHERE pk = ? AND kind = ?"


def _staged(row: Sequence[Any]) -> Staged:
    pk, kind, file, entry, shown, source, said, data, *rest = row
    values, refers, own_id, version = orjson.loads(data)
    named = {
        name: [Reference(each[0], tuple(each[1]), each[2]) for each in listed]
        for name, listed in refers.items()
    }
    return Staged(
        pk, kind, Place(file, entry), shown, source, said, values, named, own_id, version, *rest
    )  # fmt: skip
