#!/usr/bin/env python3
"""Make what is secret for compose.yaml or Kubernetes: ``make_secrets.py FOLDER [HOST]``.

A file for each secret. One that is there stays, so this may be run again. HOST is what the database
is called where the application runs ("postgresql", as in compose.yaml). Only Python itself is
needed.
"""

import secrets
import sys
from pathlib import Path

RANDOM = ("postgres_password", "database_password", "database_owner_password")
# The role that serves, and the one that owns and migrates (docs/runbook.md).
URLS = {
    "database_url": ("appointments", "database_password"),
    "database_owner_url": ("appointments_owner", "database_owner_password"),
}


def make(folder: Path, host: str) -> list[str]:
    """Write the secrets that are not there yet; their names.

    The folder is its owner's alone. The files are readable, as containers of other users than this
    one read them, each only those that it is given.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = []

    def keep(name: str, value: str) -> str:
        file = folder / name
        if not file.exists():
            file.write_text(f"{value}\n", encoding="utf-8")
            file.chmod(0o444)
            made.append(name)
        return file.read_text(encoding="utf-8").strip()

    for name in RANDOM:
        keep(name, secrets.token_urlsafe(32))
    keep("secret_key", secrets.token_urlsafe(64))
    keep("audit_head_keys", secrets.token_urlsafe(48))
    for name, (role, password) in URLS.items():
        keep(name, f"postgresql://{role}:{keep(password, '')}@{host}/appointments")
    return made


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    made_now = make(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) == 3 else "postgresql")
    print("made:", ", ".join(made_now) or "nothing, all are there")
