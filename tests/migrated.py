"""An SQLite database with every migration applied, kept from one run of the tests to the next.

Forty migrations take longer than most single tests. The file stands in var/ under a name made of
what migrations are made of: whoever changes one of these gets a new file, and a fresh clone has
none. On PostgreSQL nothing is kept, as its server is new each time.
"""

import hashlib
import os
import shutil
from pathlib import Path

from django.conf import settings
from django.db import connection

# What migrations read: themselves, the packages' own, and the lists that some of them take in.
MADE_OF = ("practice/migrations/*.py", "practice/terminology/**/*", "requirements.txt")


def kept() -> Path:
    """Where the database of these migrations is kept, or will be."""
    said = hashlib.sha256()
    for pattern in MADE_OF:
        for path in sorted(settings.BASE_DIR.glob(pattern)):
            if path.is_file() and path.suffix != ".pyc":
                said.update(f"{path.name}\0".encode() + path.read_bytes())
    return settings.BASE_DIR / "var" / f"migrated-{said.hexdigest()[:16]}.sqlite3"


def lay_out(database: Path) -> bool:
    """Copy the kept database to where the tests want theirs; whether there was one."""
    path = kept()
    if not path.exists():
        return False
    shutil.copyfile(path, database)
    return True


def keep() -> None:
    """Keep the database of this run, which has nothing yet but what its migrations made."""
    path = kept()
    if path.exists():
        return
    path.parent.mkdir(exist_ok=True)
    for old in path.parent.glob("migrated-*.sqlite3"):
        old.unlink(missing_ok=True)
    half = path.with_suffix(f".{os.getpid()}")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(half)])
    half.replace(path)
