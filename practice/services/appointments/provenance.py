"""Who did what to an appointment: an entry of its own history, and an event of the audit trail."""

from datetime import datetime
from typing import Any

from practice.models import Appointment, AuditEvent
from practice.services.audit.recording import Actor, record_done


def provenance(action: str, actor: Actor, now: datetime) -> dict[str, Any]:
    """Return one entry of an appointment's provenance (AUD-031): who, for whom, when, how."""
    entry = {
        "action": action,
        "at": now.replace(microsecond=0).isoformat(),
        "door": actor.door,
        "user_id": actor.user_id,
        "name": actor.name,
        "role": actor.role,
        "organisation": actor.organisation,
        "on_authority_of": actor.on_authority_of,
        "device": actor.device,
        "interaction": actor.interaction,
    }
    return {name: value for name, value in entry.items() if value}


def record_in_trail(
    action: str, appointment: Appointment, *, actor: Actor, now: datetime, **detail: Any
) -> None:
    """Audit a change made by staff or a command; the API audits each of its requests itself."""
    if actor.door == AuditEvent.Door.GP_CONNECT:
        return
    record_done(f"appointment.{action}", appointment, actor=actor, now=now, detail=detail)
