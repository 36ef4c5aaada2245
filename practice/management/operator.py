"""Who runs a command: the person logged in on the server."""

import getpass

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
