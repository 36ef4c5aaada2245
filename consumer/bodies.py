"""The resources that a consumer sends: a booking, an amendment, a cancellation, a registration."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from consumer import times
from consumer.formats import Resource
from consumer.identity import NHS_NUMBER, ODS_CODE, Organisation
from consumer.resources import (
    BOOKING_ORGANISATION,
    CANCELLATION_REASON,
    ORGANISATION_TYPE,
    PROFILES,
    STRUCTURES,
    SYSTEMS,
    Appointment,
    Slot,
)

VERIFICATION_STATUS = f"{STRUCTURES}/Extension-CareConnect-GPC-NHSNumberVerificationStatus-1"
VERIFICATION_SYSTEM = f"{SYSTEMS}/CareConnect-NHSNumberVerificationStatus-1"
LONGEST_DESCRIPTION, LONGEST_COMMENT = 100, 500


@dataclass(frozen=True)
class NewPatient:
    """Who is to be registered: as the Personal Demographics Service has them.

    ``address`` in lines; ``telephone`` is their home's, ``mobile`` their own.
    """

    nhs_number: str
    family: str
    given: str
    birth_date: date
    gender: str = ""
    prefix: str = ""
    telephone: str = ""
    mobile: str = ""
    email: str = ""
    address: tuple[str, ...] = field(default=())
    postal_code: str = ""


def booking_organisation(organisation: Organisation) -> Resource:
    """The organisation that books, as it stands within an appointment."""
    made: Resource = {
        "resourceType": "Organization",
        "id": "1",
        "meta": {"profile": [PROFILES["Organization"]]},
        "identifier": [{"system": ODS_CODE, "value": organisation.ods_code}],
    }
    if organisation.type:
        made["type"] = [{"coding": [{"system": ORGANISATION_TYPE, "code": organisation.type}]}]
    made["name"] = organisation.name
    made["telecom"] = [{"system": "phone", "value": organisation.telephone}]
    return made


def _checked_texts(description: str, comment: str) -> None:
    if not 0 < len(description.strip()) <= LONGEST_DESCRIPTION:
        raise ValueError(f"a description has 1 to {LONGEST_DESCRIPTION} characters")
    if len(comment) > LONGEST_COMMENT:
        raise ValueError(f"a comment has at most {LONGEST_COMMENT} characters")


def _checked_slots(slots: Sequence[Slot]) -> list[Slot]:
    """Slots by start; the provider would refuse what does not fit together."""
    if not slots:
        raise ValueError("no slot is to be booked")
    ordered = sorted(slots, key=lambda slot: slot.start)
    first = ordered[0]
    for before, after in zip(ordered, ordered[1:], strict=False):
        same = (after.schedule.id, after.delivery_channel, after.service_type) == (
            first.schedule.id,
            first.delivery_channel,
            first.service_type,
        )
        if not same or before.end != after.start:
            raise ValueError(
                "slots of one appointment follow each other without a gap, in one session,"
                " of one type and channel"
            )
    return ordered


def booking(
    organisation: Organisation,
    patient_id: str,
    slots: Sequence[Slot],
    *,
    description: str,
    comment: str = "",
    created: datetime | None = None,
) -> Resource:
    """An Appointment to be booked. Raises ValueError for what no provider may accept."""
    _checked_texts(description, comment)
    if not organisation.telephone:
        raise ValueError("the booking organisation needs a telephone number")
    ordered = _checked_slots(slots)
    schedule = ordered[0].schedule
    actors = [f"Patient/{patient_id}", f"Location/{schedule.location.id}"]
    if schedule.practitioner:
        actors.append(f"Practitioner/{schedule.practitioner.id}")
    made: Resource = {
        "resourceType": "Appointment",
        "meta": {"profile": [PROFILES["Appointment"]]},
        "contained": [booking_organisation(organisation)],
        "extension": [{"url": BOOKING_ORGANISATION, "valueReference": {"reference": "#1"}}],
        "status": "booked",
        "description": description,
        "start": times.write(ordered[0].start),
        "end": times.write(ordered[-1].end),
        "slot": [{"reference": f"Slot/{slot.id}"} for slot in ordered],
        "created": times.write(created or times.now()),
        "participant": participants(*actors),
    }
    if comment:
        made["comment"] = comment
    return made


def participants(*references: str) -> list[Resource]:
    """Those who take part in an appointment, all of whom accept."""
    return [{"actor": {"reference": each}, "status": "accepted"} for each in references]


def amendment(appointment: Appointment, *, description: str, comment: str) -> Resource:
    """The appointment as it was read, with other texts; an empty comment takes it away."""
    _checked_texts(description, comment)
    made = copy.deepcopy(appointment.raw)
    made["description"] = description
    made.pop("comment", None)
    if comment:
        made["comment"] = comment
    return made


def cancellation(appointment: Appointment, reason: str) -> Resource:
    """The appointment as it was read, cancelled."""
    if not reason.strip():
        raise ValueError("a cancellation needs a reason")
    return cancelled(copy.deepcopy(appointment.raw), reason)


def cancelled(appointment: Resource, reason: str) -> Resource:
    """A received appointment as it is sent back to cancel it, right or wrong."""
    reason_given = {"url": CANCELLATION_REASON, "valueString": reason}
    extensions = [*without_reason(appointment), reason_given]
    return {**appointment, "status": "cancelled", "extension": extensions}


def without_reason(appointment: Resource) -> list[Resource]:
    """An appointment's extensions but for the reason of a cancellation."""
    return [
        each for each in appointment.get("extension", []) if each.get("url") != CANCELLATION_REASON
    ]


def registration(patient: NewPatient) -> Resource:
    """The Parameters of a registration."""
    name: Resource = {"use": "official", "family": patient.family, "given": [patient.given]}
    if patient.prefix:
        name["prefix"] = [patient.prefix]
    number = {
        "extension": [
            {
                "url": VERIFICATION_STATUS,
                "valueCodeableConcept": {"coding": [{"system": VERIFICATION_SYSTEM, "code": "01"}]},
            }
        ],
        "system": NHS_NUMBER,
        "value": patient.nhs_number,
    }
    made: Resource = {
        "resourceType": "Patient",
        "meta": {"profile": [PROFILES["Patient"]]},
        "identifier": [number],
        "name": [name],
        "birthDate": patient.birth_date.isoformat(),
        **_reached_at(patient),
    }
    if patient.gender:
        made["gender"] = patient.gender
    parameter = {"name": "registerPatient", "resource": made}
    return {"resourceType": "Parameters", "parameter": [parameter]}


def _reached_at(patient: NewPatient) -> dict[str, Any]:
    found: dict[str, Any] = {}
    phones = (("phone", "home", patient.telephone), ("phone", "mobile", patient.mobile))
    telecom = [{"system": s, "value": v, "use": use} for s, use, v in phones if v]
    if patient.email:
        telecom.append({"system": "email", "value": patient.email})
    if telecom:
        found["telecom"] = telecom
    if patient.address or patient.postal_code:
        address: dict[str, Any] = {"use": "home", "line": list(patient.address)}
        if patient.postal_code:
            address["postalCode"] = patient.postal_code
        found["address"] = [address]
    return found
