"""What commands have in common: who runs them, and that all practices are in their reach."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand

from practice.db.row_security import across_practices
from practice.models import AuditEvent
from practice.services.audit.recording import Actor


def operator(command: str) -> Actor:
    """Describe whoever runs ``command``, for the audit trail."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        name = "unknown"
    door = AuditEvent.Door.COMMAND.value
    return Actor(door=door, user_id=name, name=name, device=f"manage.py {command}")


class OperatorCommand(BaseCommand):
    """A command of ours: whoever may run it has the server, and so every practice."""

    def execute(self, *args: Any, **options: Any) -> Any:
        with across_practices():
            return super().execute(*args, **options)
