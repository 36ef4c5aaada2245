"""Bring the database to this version, as its owner, and give the serving role its rights.

DATABASE_OWNER_URL names the owner, who is to be nowhere else. What `migrate` is given as arguments
goes to the command of the same name.
"""

import os
import subprocess
import sys
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent.parent
RIGHTS = ROOT / "deploy" / "postgresql" / "rights.sql"


def main(arguments: list[str]) -> int:
    owner = os.environ.pop("DATABASE_OWNER_URL", "")
    if not owner:
        sys.exit("DATABASE_OWNER_URL must be set: the role that serves cannot migrate.")
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--noinput", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": owner},
        check=False,
    )
    if done.returncode:
        return done.returncode
    with psycopg.connect(owner) as connection:
        connection.execute(RIGHTS.read_bytes())
    print("The serving role has its rights.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
