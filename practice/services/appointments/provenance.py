"""Who did what to an appointment: an entry of its own history, and an event of the audit trail."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from practice.models import Appointment, AuditEvent, Organisation
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


def record_loaded(
    values: Mapping[str, Any], *, organisation: Organisation, actor: Actor, now: datetime
) -> None:
    """Audit how far an appointment had come elsewhere: what was before is in the other trail.

    ``values`` are its columns by name. practice.reads.diary_check counts on from there.
    """
    record_in_trail(
        "loaded",
        Appointment(pk=values["id"], organisation=organisation, patient_id=values["patient"]),
        actor=actor,
        now=now,
        entries=len(values["provenance"]),
        status=values["status"],
        version=values["version"],
    )
