"""Writing the trail of who saw and did what. There is no way to switch it off (AUD-010)."""

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from practice.models import AuditEvent, Organisation
from practice.models.prepared import PreparedInsert

logger = logging.getLogger("practice.audit")


@dataclass(frozen=True)
class Actor:
    """Who acts, as they were at that moment (AUD-004, AUD-011). Empty strings: unknown.

    ``role`` is "unknown" when a token names no smartcard role (AUD-034). ``device`` is the system
    that the person works with, ``address`` where the request came from.
    """

    door: str
    user_id: str = ""
    name: str = ""
    role: str = ""
    organisation: str = ""
    on_authority_of: str = ""
    device: str = ""
    address: str = ""
    trace_id: str = ""
    interaction: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def record(
    *,
    organisation: Organisation | None,
    actor: Actor,
    event: str,
    outcome: str,
    now: datetime,
    spine_code: str = "",
    diagnostics: str = "",
    patient_id: int | None = None,
    resource: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Add one event to the trail, in the transaction of the change that it records (AUD-016).

    ``event`` is the interaction ID or the name of the action, ``outcome`` the HTTP status or "ok",
    ``resource`` such as "Appointment/9", ``detail`` what else belongs to it: verb, path and query
    of a request, previous and new values of a change.
    """
    texts = {
        "event": event,
        "outcome": outcome,
        "spine_code": spine_code,
        "diagnostics": diagnostics,
        "trace_id": actor.trace_id,
        "user_id": actor.user_id,
        "user_name": actor.name,
        "user_role": actor.role,
        "user_organisation": actor.organisation,
        "on_authority_of": actor.on_authority_of,
        "device": actor.device,
        "address": actor.address,
        "resource": resource,
    }
    stored = AuditEvent(
        organisation=organisation,
        recorded_at=now,
        door=actor.door,
        patient_id=patient_id if patient_id is None or abs(patient_id) < 2**63 else None,
        detail=storable({**actor.detail, **(detail or {})}),
        **{name: storable(text)[: LENGTHS[name]] for name, text in texts.items()},
    )
    if connection.vendor == "sqlite":
        with transaction.atomic(savepoint=False):  # even one row waits its turn in its queue
            EVENTS.one(stored)
    else:
        EVENTS.one(stored)


EVENTS = PreparedInsert(AuditEvent)


def keep_in_log(
    *,
    organisation: Organisation | None,
    actor: Actor,
    event: str,
    outcome: str,
    now: datetime,
    detail: dict[str, Any] | None = None,
    **facts: Any,
) -> None:
    """Write to the log what the trail could not take, while the database is away (AUD-002).

    With all that ``record`` is told but ``detail``: addresses stay out of the log.
    """
    logger.error(
        "audit event not stored",
        extra={
            "fields": {
                "practice": organisation.ods_code if organisation else "",
                "at": now.isoformat(),
                "event": event,
                "outcome": outcome,
                "door": actor.door,
                "user_id": actor.user_id,
                "user_name": actor.name,
                "user_role": actor.role,
                "user_organisation": actor.organisation,
                "device": actor.device,
                **facts,
            }
        },
    )


LENGTHS = {field.name: getattr(field, "max_length", None) for field in AuditEvent._meta.fields}


def storable(value: Any) -> Any:
    """Return a text, or whatever holds texts, as a database can store it.

    What a stranger sent may hold the NUL character or half a surrogate pair. It is recorded all
    the same, with a replacement character there: no request may escape the trail (AUD-015).
    """
    if isinstance(value, str):
        value = value.replace("\x00", "\N{REPLACEMENT CHARACTER}")
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {storable(key): storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [storable(each) for each in value]
    return value
