"""What ``manage.py check --deploy`` asks beside Django's own questions."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def production_is_postgresql(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """SQLite is for a trial: it has one writer at a time, and no roles to protect the trail."""
    if settings.DATABASES["default"]["ENGINE"] == "config.postgresql":
        return []
    return [Warning("DATABASE_URL names no PostgreSQL server.", id="config.W001")]
