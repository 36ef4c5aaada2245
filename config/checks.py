"""What ``manage.py check --deploy`` asks beside Django's own questions."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from config import static_files


@register(Tags.security, deploy=True)
def production_is_postgresql(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """SQLite is for a trial: it has one writer at a time, and no roles to protect the trail."""
    if settings.DATABASES["default"]["ENGINE"] == "config.postgresql":
        return []
    return [Warning("DATABASE_URL names no PostgreSQL server.", id="config.W001")]


@register(Tags.security, deploy=True)
def database_is_named(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Outside debug mode the settings themselves refuse to begin without one."""
    if os.environ.get("DATABASE_URL"):
        return []
    return [
        Error(
            "DATABASE_URL is not set.",
            hint="Name the database of the appointment book, or read its environment file.",
            id="config.E002",
        )
    ]


@register(Tags.security, deploy=True)
def static_files_are_collected(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Staff's pages name the files that ``collectstatic`` made; nothing makes them later."""
    wrong = static_files.amiss()
    if not wrong:
        return []
    return [
        Error(
            f"{len(wrong)} static files are missing, or are those of another version; the first is"
            f" {wrong[0]}.",
            hint="manage.py collectstatic --noinput",
            id="config.E003",
        )
    ]
