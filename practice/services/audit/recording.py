"""Writing the trail of who saw and did what. There is no way to switch it off (AUD-010)."""

import logging
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NotRequired, TypedDict, Unpack, cast

from django.db import connection, transaction
from django.db.models import Model

from practice.db.prepared import PreparedInsert
from practice.db.row_security import across_practices
from practice.models import AuditEvent, Organisation, Patient
from practice.models.audit import NewEvent
from practice.reads.accounts import practices_of_user
from practice.services.audit import spool

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
    ods_code: str = ""
    on_authority_of: str = ""
    device: str = ""
    address: str = ""
    trace_id: str = ""
    interaction: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


class Facts(TypedDict):
    """What is told of an event.

    ``event`` is the interaction ID or the name of the action, ``outcome`` the HTTP status or "ok",
    ``resource`` such as "Appointment/9", ``detail`` what else belongs to it: verb, path and query
    of a request, previous and new values of a change.
    """

    actor: Actor
    event: str
    outcome: str
    now: datetime
    spine_code: NotRequired[str]
    diagnostics: NotRequired[str]
    patient_id: NotRequired[int | None]
    resource: NotRequired[str]
    detail: NotRequired[dict[str, Any]]


def record(*, organisation: Organisation | None, **facts: Unpack[Facts]) -> None:
    """Add one event to the trail, in the transaction of the change that it records (AUD-016).

    For a request of the API, and for what is about no record of ours; all else: ``record_done``.
    """
    event = _event(facts)
    event.organisation_id = organisation.pk if organisation else None
    _store(event)


def record_all(events: Iterable[tuple[int, Facts]]) -> None:
    """Add many events to the trails of practices, each given by its id, in one go."""
    made = []
    for practice_id, facts in events:
        event = _event(facts)
        event.organisation_id = practice_id
        made.append(cast(AuditEvent, event))
    if made:
        with transaction.atomic(savepoint=False):
            EVENTS.all(made)


def record_done(
    event: str,
    *records: Model,
    actor: Actor,
    now: datetime,
    detail: dict[str, Any] | None = None,
    practice: Organisation | None = None,
    outcome: str = "ok",
    diagnostics: str = "",
) -> None:
    """Add to the trail what staff or a command did to records: theirs are practice and patient.

    One record is the event's resource. Several are one event without a resource, so ``detail`` must
    name them. ``practice`` is given where there is no record, or where it belongs to many.
    """
    one = records[0] if len(records) == 1 else None
    made = _event(
        {
            "actor": actor,
            "event": event,
            "outcome": outcome,
            "now": now,
            "diagnostics": diagnostics,
            "patient_id": patient_id_of(one),
            "resource": resource_of(one) if one else "",
            "detail": detail or {},
        }
    )
    made.organisation_id = practice.pk if practice else practice_id_of(next(iter(records), None))
    _store(made)


def record_done_to_user(
    event: str,
    user: Model | None,
    *,
    actor: Actor,
    now: datetime,
    detail: dict[str, Any] | None = None,
    outcome: str = "ok",
) -> None:
    """Add an event about a person to the trail of every practice where they work.

    The trail of no practice gets it when they work nowhere, or when nobody is known (None).
    """
    people = [user] if user else []
    practices: list[Organisation | None] = [*practices_of_user(user)] if user else []
    with across_practices():  # whoever signs in has no practice yet
        for practice in practices or [None]:
            record_done(
                event,
                *people,
                actor=actor,
                now=now,
                detail=detail,
                practice=practice,
                outcome=outcome,
            )


def _store(event: NewEvent) -> None:
    """An event of no practice is in nobody's reach, but that of all."""
    row = cast(AuditEvent, event)  # all that is asked of it is its columns
    with nullcontext() if event.organisation_id else across_practices():
        if connection.vendor == "sqlite":
            with transaction.atomic(savepoint=False):  # even one row waits its turn in its queue
                EVENTS.add(row)
        else:
            EVENTS.add(row)


EVENTS = PreparedInsert(AuditEvent)


def spool_event(*, ods_code: str, **facts: Unpack[Facts]) -> None:
    """Keep what the trail cannot take while the database is away, until it can (AUD-002).

    With all that ``record`` is told, but the ODS code from the address in the practice's place. The
    log says so, without addresses and details; if that cannot be kept either, it is all there is.
    """
    event = _event(facts)
    try:
        spool.keep(event, ods_code=ods_code)
        words, why = "audit event kept aside", ""
    except OSError as error:
        words, why = "audit event lost", str(error)
    shown = {
        "practice": ods_code,
        "at": event.recorded_at.isoformat(),
        **{name: getattr(event, name) for name in IN_LOG},
        "why": why,
    }
    logger.error(words, extra={"fields": {name: text for name, text in shown.items() if text}})


IN_LOG = (
    "event",
    "outcome",
    "spine_code",
    "diagnostics",
    "door",
    "user_id",
    "user_name",
    "user_role",
    "user_organisation",
    "device",
    "patient_id",
    "resource",
)


def _event(facts: Facts) -> NewEvent:
    """An event as the trail keeps it, of no practice yet."""
    actor, patient_id = facts["actor"], facts.get("patient_id")
    return NewEvent(
        recorded_at=facts["now"],
        door=actor.door,
        event=_cut("event", facts["event"]),
        outcome=_cut("outcome", facts["outcome"]),
        spine_code=_cut("spine_code", facts.get("spine_code", "")),
        diagnostics=_cut("diagnostics", facts.get("diagnostics", "")),
        trace_id=_cut("trace_id", actor.trace_id),
        user_id=_cut("user_id", actor.user_id),
        user_name=_cut("user_name", actor.name),
        user_role=_cut("user_role", actor.role),
        user_organisation=_cut("user_organisation", actor.organisation),
        on_authority_of=_cut("on_authority_of", actor.on_authority_of),
        device=_cut("device", actor.device),
        address=_cut("address", actor.address),
        patient_id=patient_id if patient_id is None or abs(patient_id) < 2**63 else None,
        resource=_cut("resource", facts.get("resource", "")),
        detail=storable({**actor.detail, **facts.get("detail", {})}),
    )


def _cut(column: str, text: str) -> str:
    """A text as its column can store it."""
    kept: str = storable(text)[: LENGTHS[column]]
    return kept


# The names that other organisations know these records by; all others are our own.
FHIR_NAMES = {"Organisation": "Organization"}


def resource_of(record: Model) -> str:
    """Return how the trail names a record, such as "Appointment/9"."""
    name = record._meta.object_name or ""
    return f"{FHIR_NAMES.get(name, name)}/{record.pk}"


def patient_id_of(record: Model | None) -> int | None:
    """Return the patient whom a record is about, if it is about one."""
    found: int | None = getattr(record, "pk" if isinstance(record, Patient) else "patient_id", None)
    return found


def practice_id_of(record: Model | None) -> int | None:
    """Return the practice that a record belongs to; None where it may belong to several."""
    is_practice = isinstance(record, Organisation)
    found: int | None = getattr(record, "pk" if is_practice else "organisation_id", None)
    return found


LENGTHS = {field.name: getattr(field, "max_length", None) for field in AuditEvent._meta.fields}


def storable(value: Any) -> Any:
    """Return a text, or whatever holds texts, as a database can store it.

    What a stranger sent may hold the NUL character or half a surrogate pair. It is recorded all
    the same, with a replacement character there: no request may escape the trail (AUD-015).
    """
    if isinstance(value, str):
        if value.isascii() and "\x00" not in value:
            return value
        value = value.replace("\x00", "\N{REPLACEMENT CHARACTER}")
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {storable(key): storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [storable(each) for each in value]
    return value
