"""Commands to paste, as they are called in this installation."""

import sys
from pathlib import Path

from django.conf import settings

INSTALLED = Path("/usr/local/sbin/appointments-manage")  # by deploy/install.sh


def manage(words: str) -> str:
    """A command of manage.py, with the service's settings."""
    if INSTALLED.exists():
        return f"{INSTALLED.name} {words}"
    return f"{sys.executable} {settings.BASE_DIR}/manage.py {words}"


def as_owner(words: str) -> str:
    """The same as the owner of the database."""
    if INSTALLED.exists():
        return f"{INSTALLED.name} --owner {words}"
    return f"DATABASE_URL=URL_OF_THE_OWNER {manage(words)}"


def rights() -> str:
    """Give the serving role its rights again."""
    return as_owner(f"dbshell -- --file {settings.BASE_DIR}/deploy/postgresql/rights.sql")


def sql(statement: str) -> str:
    """Something that the owner tells the database."""
    return as_owner(f'dbshell -- --command "{statement}"')


def restart(*services: str) -> str:
    """Start services anew; by default those that read the settings once."""
    named = services or ("web", "seal", "watch")
    return " ".join(["systemctl restart", *(f"appointments-{name}" for name in named)])
