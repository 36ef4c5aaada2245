"""The interactions of GP Connect: what is asked by verb and path, its id and its scope.

Source: GP Connect 1.2.7, "Interaction IDs". tests/consumer/test_interactions.py holds it to the
provider's own table.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

PATIENT_READ = "patient/*.read"
PATIENT_WRITE = "patient/*.write"
ORGANISATION_READ = "organization/*.read"

PREFIX = "urn:nhs:names:services:gpconnect:fhir:"


@dataclass(frozen=True)
class Interaction:
    """One row of the table; ``path`` is below the service root, with [id] for a logical id."""

    name: str
    id: str
    verb: str
    path: str
    scope: str
    success_status: int = 200

    @property
    def is_command(self) -> bool:
        """Whether it changes something; the others only read."""
        return self.verb != "GET"

    def path_for(self, logical_id: str = "") -> str:
        """The path below the service root, for one record if the interaction is about one."""
        return self.path.replace("[id]", quote(logical_id, safe=""))


def _reading(name: str, id: str, path: str, scope: str) -> Interaction:
    return Interaction(name, PREFIX + id, "GET", path, scope)


def _changing(name: str, id: str, verb: str, path: str, status: int = 200) -> Interaction:
    return Interaction(name, PREFIX + id, verb, path, PATIENT_WRITE, status)


READ_METADATA = _reading(
    "Get the FHIR capability statement", "rest:read:metadata-1", "/metadata", ORGANISATION_READ
)
FIND_PATIENT = _reading("Find a patient", "rest:search:patient-1", "/Patient", PATIENT_READ)
READ_PATIENT = _reading("Read a patient", "rest:read:patient-1", "/Patient/[id]", PATIENT_READ)
REGISTER_PATIENT = _changing(
    "Register a patient",
    "operation:gpc.registerpatient-1",
    "POST",
    "/Patient/$gpc.registerpatient",
)
FIND_PRACTITIONER = _reading(
    "Find a practitioner", "rest:search:practitioner-1", "/Practitioner", ORGANISATION_READ
)
READ_PRACTITIONER = _reading(
    "Read a practitioner", "rest:read:practitioner-1", "/Practitioner/[id]", ORGANISATION_READ
)
FIND_ORGANISATION = _reading(
    "Find an organisation", "rest:search:organization-1", "/Organization", ORGANISATION_READ
)
READ_ORGANISATION = _reading(
    "Read an organisation", "rest:read:organization-1", "/Organization/[id]", ORGANISATION_READ
)
READ_LOCATION = _reading(
    "Read a location", "rest:read:location-1", "/Location/[id]", ORGANISATION_READ
)
SEARCH_SLOTS = _reading("Search for free slots", "rest:search:slot-1", "/Slot", ORGANISATION_READ)
BOOK_APPOINTMENT = _changing(
    "Book an appointment", "rest:create:appointment-1", "POST", "/Appointment", 201
)
RETRIEVE_APPOINTMENTS = _reading(
    "Retrieve a patient's appointments",
    "rest:search:patient_appointments-1",
    "/Patient/[id]/Appointment",
    PATIENT_READ,
)
READ_APPOINTMENT = _reading(
    "Read an appointment", "rest:read:appointment-1", "/Appointment/[id]", PATIENT_READ
)
AMEND_APPOINTMENT = _changing(
    "Amend an appointment", "rest:update:appointment-1", "PUT", "/Appointment/[id]"
)
CANCEL_APPOINTMENT = _changing(
    "Cancel an appointment", "rest:cancel:appointment-1", "PUT", "/Appointment/[id]"
)

INTERACTIONS = (
    READ_METADATA,
    FIND_PATIENT,
    READ_PATIENT,
    REGISTER_PATIENT,
    FIND_PRACTITIONER,
    READ_PRACTITIONER,
    FIND_ORGANISATION,
    READ_ORGANISATION,
    READ_LOCATION,
    SEARCH_SLOTS,
    BOOK_APPOINTMENT,
    RETRIEVE_APPOINTMENTS,
    READ_APPOINTMENT,
    AMEND_APPOINTMENT,
    CANCEL_APPOINTMENT,
)


def offered(verb: str, path: str) -> Iterator[Interaction]:
    """The interactions that a verb and a path below the service root can mean.

    Amend and cancel share theirs: it is the body that says which, so both come.
    """
    for interaction in INTERACTIONS:
        pattern = re.escape(interaction.path).replace(re.escape("[id]"), r"[^/$][^/]*")
        if interaction.verb == verb and re.fullmatch(pattern, path):
            yield interaction


def pick(verb: str, path: str, *, cancels: bool = False) -> Interaction | None:
    """The one interaction of a request; ``cancels`` if the body's status is "cancelled"."""
    found = list(offered(verb, path))
    if len(found) > 1:
        return CANCEL_APPOINTMENT if cancels else AMEND_APPOINTMENT
    return found[0] if found else None
