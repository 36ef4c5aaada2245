"""A request of each interaction, as a consumer sends it: what samples and descriptions are made of.

The consumer that sends them is invented: a supplier puts its own name in its place.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from consumer import bodies, identity, tokens
from consumer.identity import Device, Identity, User
from fhirapi import filters, ssp
from fhirapi.resources import appointment, common, patient
from fhirapi.resources.booking_organisation import BOOKING_ORGANISATION
from fhirapi.resources.common import Element
from fhirapi.ssp import Interaction
from practice import clock, terminology
from practice.models import Appointment, Organisation
from practice.reads import appointments
from practice.reads.profile_limits import BookingParty
from practice.reads.sandbox_examples import SandboxExamples, sandbox_examples

# ---------------------------------------------------------------- who sends them

CALLER = Identity(
    asid="200000000115",
    organisation=identity.Organisation(
        "A1001", "Trial call centre", "urgent-care", "0113 496 0111"
    ),
    user=User(
        *("1", "Handler", "Jane", "Miss"),
        sds_user_id="111222333444",
        sds_role_profile_id="444555666777",
        local_id="handler",
    ),
    device=Device("TRIAL-1", "Trial", "1"),
)
CONSUMER = BookingParty(
    frozenset({CALLER.organisation.ods_code}), frozenset({CALLER.organisation.type})
)


def claims(*, scope: str, audience: str, issued_at: int) -> Element:
    """The claims of a token for a call handler of the invented consumer."""
    return tokens.claims(CALLER, scope=scope, audience=audience, issued_at=issued_at)


# ---------------------------------------------------------------- what they name


@dataclass(frozen=True)
class Values:
    """What requests name: of a sandbox, or words that stand for it until one is chosen.

    ``amendable`` and ``cancellable`` are appointments as they would be read just now.
    """

    today: date
    root: str = "https://PROVIDER/ODS_CODE/STU3/1/gpconnect"
    asid: str = "PROVIDER_ASID"
    ods_code: str = "ODS_CODE"
    organisation: str = "ORGANISATION_ID"
    patient: str = "PATIENT_ID"
    nhs_number: str = "NHS_NUMBER"
    practitioner: str = "PRACTITIONER_ID"
    sds_user_id: str = "SDS_USER_ID"
    location: str = "LOCATION_ID"
    slot: str = "SLOT_ID"
    slot_location: str = "LOCATION_ID"
    slot_start: str = "START_OF_THE_SLOT"
    slot_end: str = "END_OF_THE_SLOT"
    newcomer: str = "NHS_NUMBER_OF_A_NEWCOMER"
    newcomer_family: str = "FAMILY_NAME"
    newcomer_given: str = "GIVEN_NAME"
    newcomer_born: str = "YYYY-MM-DD"
    amendable: Element = field(default_factory=lambda: {"id": "APPOINTMENT_ID"})
    cancellable: Element = field(default_factory=lambda: {"id": "APPOINTMENT_ID"})

    @property
    def missing(self) -> frozenset[str]:
        """The names of what the sandbox has none of just now."""
        empty = Values(today=self.today)
        return frozenset(
            name for name in vars(self) if name != "today" and vars(self)[name] == vars(empty)[name]
        )


def values_of(practice: Organisation, *, root: str, now: datetime) -> Values:
    """What requests to a sandbox can name; ``root`` is its service root, without a last slash."""
    found = sandbox_examples(organisation=practice, requester=CONSUMER, now=now)
    shown = [rendered(each) for each in found.appointments]
    known: dict[str, Any] = {
        "root": root,
        "asid": practice.asid,
        "ods_code": practice.ods_code,
        "organisation": str(practice.pk),
        **people(found),
        **times(found),
        **({"amendable": shown[0], "cancellable": shown[-1]} if shown else {}),
    }
    return replace(
        Values(today=clock.today(now)), **{name: value for name, value in known.items() if value}
    )


def people(found: SandboxExamples) -> dict[str, str]:
    """Who and where, as far as there is somebody."""
    known: dict[str, str] = {}
    if found.patient and found.patient.nhs_number:
        known |= {"patient": str(found.patient.pk), "nhs_number": found.patient.nhs_number}
    if found.practitioner:
        known["practitioner"] = str(found.practitioner.pk)
        known["sds_user_id"] = found.practitioner.sds_user_id or ""
    if found.location:
        known["location"] = str(found.location.pk)
    if found.newcomer:
        known["newcomer"] = found.newcomer.nhs_number
        known["newcomer_family"] = found.newcomer.family_name
        known["newcomer_given"] = found.newcomer.given_names
        known["newcomer_born"] = found.newcomer.birth_date.isoformat()
    return known


def times(found: SandboxExamples) -> dict[str, str]:
    """The free slot, if there is one."""
    if found.free is None:
        return {}
    return {
        "slot": str(found.free.pk),
        "slot_location": str(found.free.schedule.location_id),
        "slot_start": common.uk_time(found.free.start),
        "slot_end": common.uk_time(found.free.end),
    }


def rendered(found: Appointment) -> Element:
    """An appointment as others read it."""
    slots = appointments.slot_ids_of([found.pk])[found.pk]
    return appointment.render(appointments.appointment_row(found), slots)


# ---------------------------------------------------------------- the requests


@dataclass(frozen=True)
class Request:
    """A request below a service root, a wrong one that is to be refused too.

    ``headers`` are added to the usual ones or replace them; an empty one leaves its header out.
    ``text`` is a body that is sent as it stands, whatever it is.
    """

    interaction: Interaction
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: Element | None = None
    text: str = ""
    root: str = ""  # another service root than that of the values

    def headers_for(self, values: Values) -> dict[str, str]:
        """All headers but the token and what the format decides."""
        usual = {
            ssp.TRACE_ID: "a-trial-by-hand",
            ssp.SENT_FROM: CALLER.asid,
            ssp.SENT_TO: values.asid,
            ssp.INTERACTION_ID: self.interaction.id,
            **dict(self.headers),
        }
        return {name: value for name, value in usual.items() if value}

    def address(self, values: Values) -> str:
        """The address without its query."""
        return (self.root or values.root) + self.path


def find(interaction: Interaction, system: str, value: str) -> Request:
    """A search by one identifier."""
    return Request(interaction, interaction.path, (("identifier", f"{system}|{value}"),))


def read(interaction: Interaction, pk: str) -> Request:
    """A request for one record."""
    return Request(interaction, interaction.path.replace("[id]", pk))


def search_slots(values: Values) -> Request:
    """The search of a call centre, with everything that can be included, for a week."""
    system = terminology.value_set("organisation_type").system
    query = (
        ("status", "free"),
        ("start", f"ge{values.today + timedelta(days=1)}"),
        ("end", f"le{values.today + timedelta(days=8)}"),
        *filters.INCLUDES,
        ("searchFilter", f"{system}|{CALLER.organisation.type}"),
        ("searchFilter", f"{common.ODS_CODE}|{CALLER.organisation.ods_code}"),
    )
    return Request(ssp.SEARCH_SLOTS, ssp.SEARCH_SLOTS.path, query)


def book(values: Values) -> Request:
    """A booking of the free slot for the patient."""
    actors = (f"Patient/{values.patient}", f"Location/{values.slot_location}")
    link = {"url": BOOKING_ORGANISATION, "valueReference": {"reference": "#1"}}
    body = {
        "resourceType": "Appointment",
        "meta": {"profile": [appointment.PROFILE]},
        "contained": [bodies.booking_organisation(CALLER.organisation)],
        "extension": [link],
        "status": "booked",
        "description": "Sore throat for five days.",
        "start": values.slot_start,
        "end": values.slot_end,
        "slot": [{"reference": f"Slot/{values.slot}"}],
        "created": f"{values.today}T08:00:00+00:00",
        "comment": "Hard of hearing.",
        "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
    }
    return Request(ssp.BOOK_APPOINTMENT, ssp.BOOK_APPOINTMENT.path, body=body)


def register(values: Values) -> Request:
    """The registration of somebody whom the national record knows and the practice does not."""
    name = {
        "use": "official",
        "family": values.newcomer_family,
        "given": values.newcomer_given.split(),
    }
    resource = {
        "resourceType": "Patient",
        "meta": {"profile": [patient.PROFILE]},
        "identifier": [common.identifier(common.NHS_NUMBER, values.newcomer)],
        "name": [name],
        "telecom": [{"system": "phone", "value": "07700 900111", "use": "mobile"}],
        "birthDate": values.newcomer_born,
    }
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "registerPatient", "resource": resource}],
    }
    return Request(ssp.REGISTER_PATIENT, ssp.REGISTER_PATIENT.path, body=body)


def retrieve(values: Values) -> Request:
    """A patient's appointments of the coming month."""
    days = (("start", f"ge{values.today}"), ("start", f"le{values.today + timedelta(days=31)}"))
    return replace(read(ssp.RETRIEVE_APPOINTMENTS, values.patient), query=days)


def amend(values: Values) -> Request:
    """The whole appointment as it was read, with another description."""
    body = {**values.amendable, "description": "Sore throat, worse since the morning."}
    return change(ssp.AMEND_APPOINTMENT, body)


def cancel(values: Values) -> Request:
    """The whole appointment as it was read, with the status and the reason of a cancellation."""
    reason = {"url": appointment.CANCELLATION_REASON, "valueString": "No longer needed."}
    extensions = [*values.cancellable.get("extension", []), reason]
    body = {**values.cancellable, "extension": extensions, "status": "cancelled"}
    return change(ssp.CANCEL_APPOINTMENT, body)


def change(interaction: Interaction, body: Element) -> Request:
    """A change of the version that was read."""
    version = body.get("meta", {}).get("versionId", "1")
    path = interaction.path.replace("[id]", str(body["id"]))
    return Request(interaction, path, headers=(("If-Match", f'W/"{version}"'),), body=body)


REQUESTS: dict[Interaction, Callable[[Values], Request]] = {
    ssp.READ_METADATA: lambda values: Request(ssp.READ_METADATA, ssp.READ_METADATA.path),
    ssp.FIND_PATIENT: lambda v: find(ssp.FIND_PATIENT, common.NHS_NUMBER, v.nhs_number),
    ssp.READ_PATIENT: lambda v: read(ssp.READ_PATIENT, v.patient),
    ssp.REGISTER_PATIENT: register,
    ssp.FIND_PRACTITIONER: lambda v: find(ssp.FIND_PRACTITIONER, common.SDS_USER_ID, v.sds_user_id),
    ssp.READ_PRACTITIONER: lambda v: read(ssp.READ_PRACTITIONER, v.practitioner),
    ssp.FIND_ORGANISATION: lambda v: find(ssp.FIND_ORGANISATION, common.ODS_CODE, v.ods_code),
    ssp.READ_ORGANISATION: lambda v: read(ssp.READ_ORGANISATION, v.organisation),
    ssp.READ_LOCATION: lambda v: read(ssp.READ_LOCATION, v.location),
    ssp.SEARCH_SLOTS: search_slots,
    ssp.BOOK_APPOINTMENT: book,
    ssp.RETRIEVE_APPOINTMENTS: retrieve,
    ssp.READ_APPOINTMENT: lambda v: read(ssp.READ_APPOINTMENT, str(v.amendable["id"])),
    ssp.AMEND_APPOINTMENT: amend,
    ssp.CANCEL_APPOINTMENT: cancel,
}
