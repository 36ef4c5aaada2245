"""The Spine Secure Proxy: its four headers, and the table of interactions that they may name.

Source: GP Connect, "Spine Secure Proxy implementation guide" and "Interaction IDs".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from fhirapi.errors import BAD_REQUEST, FHIRError

FOUNDATIONS = "foundations"
APPOINTMENTS = "appointments"

PATIENT_READ = "patient/*.read"
PATIENT_WRITE = "patient/*.write"
ORGANISATION_READ = "organization/*.read"
ORGANISATION_WRITE = "organization/*.write"  # goes with no interaction of this version (JWT-063)
SCOPES = (PATIENT_READ, PATIENT_WRITE, ORGANISATION_READ, ORGANISATION_WRITE)


@dataclass(frozen=True)
class Interaction:
    """One row of the interaction table.

    ``path`` is below the service root, with ``[id]`` for a logical id. ``capability`` is the switch
    that must be on: FOUNDATIONS needs GP Connect itself, APPOINTMENTS its own switch as well, None
    neither. A command changes data; the rest are queries.
    """

    name: str
    id: str
    verb: str
    path: str
    scope: str
    capability: str | None
    is_command: bool = False
    success_status: int = 200


PREFIX = "urn:nhs:names:services:gpconnect:fhir:"

READ_METADATA = Interaction(
    "Get the FHIR capability statement",
    f"{PREFIX}rest:read:metadata-1",
    "GET",
    "/metadata",
    ORGANISATION_READ,
    capability=None,
)
FIND_PATIENT = Interaction(
    "Find a patient",
    f"{PREFIX}rest:search:patient-1",
    "GET",
    "/Patient",
    PATIENT_READ,
    FOUNDATIONS,
)
READ_PATIENT = Interaction(
    "Read a patient",
    f"{PREFIX}rest:read:patient-1",
    "GET",
    "/Patient/[id]",
    PATIENT_READ,
    FOUNDATIONS,
)
REGISTER_PATIENT = Interaction(
    "Register a patient",
    f"{PREFIX}operation:gpc.registerpatient-1",
    "POST",
    "/Patient/$gpc.registerpatient",
    PATIENT_WRITE,
    FOUNDATIONS,
    is_command=True,
)
FIND_PRACTITIONER = Interaction(
    "Find a practitioner",
    f"{PREFIX}rest:search:practitioner-1",
    "GET",
    "/Practitioner",
    ORGANISATION_READ,
    FOUNDATIONS,
)
READ_PRACTITIONER = Interaction(
    "Read a practitioner",
    f"{PREFIX}rest:read:practitioner-1",
    "GET",
    "/Practitioner/[id]",
    ORGANISATION_READ,
    FOUNDATIONS,
)
FIND_ORGANISATION = Interaction(
    "Find an organisation",
    f"{PREFIX}rest:search:organization-1",
    "GET",
    "/Organization",
    ORGANISATION_READ,
    FOUNDATIONS,
)
READ_ORGANISATION = Interaction(
    "Read an organisation",
    f"{PREFIX}rest:read:organization-1",
    "GET",
    "/Organization/[id]",
    ORGANISATION_READ,
    FOUNDATIONS,
)
READ_LOCATION = Interaction(
    "Read a location",
    f"{PREFIX}rest:read:location-1",
    "GET",
    "/Location/[id]",
    ORGANISATION_READ,
    FOUNDATIONS,
)
SEARCH_SLOTS = Interaction(
    "Search for free slots",
    f"{PREFIX}rest:search:slot-1",
    "GET",
    "/Slot",
    ORGANISATION_READ,
    APPOINTMENTS,
)
BOOK_APPOINTMENT = Interaction(
    "Book an appointment",
    f"{PREFIX}rest:create:appointment-1",
    "POST",
    "/Appointment",
    PATIENT_WRITE,
    APPOINTMENTS,
    is_command=True,
    success_status=201,
)
RETRIEVE_APPOINTMENTS = Interaction(
    "Retrieve a patient's appointments",
    f"{PREFIX}rest:search:patient_appointments-1",
    "GET",
    "/Patient/[id]/Appointment",
    PATIENT_READ,
    APPOINTMENTS,
)
READ_APPOINTMENT = Interaction(
    "Read an appointment",
    f"{PREFIX}rest:read:appointment-1",
    "GET",
    "/Appointment/[id]",
    PATIENT_READ,
    APPOINTMENTS,
)
AMEND_APPOINTMENT = Interaction(
    "Amend an appointment",
    f"{PREFIX}rest:update:appointment-1",
    "PUT",
    "/Appointment/[id]",
    PATIENT_WRITE,
    APPOINTMENTS,
    is_command=True,
)
CANCEL_APPOINTMENT = Interaction(
    "Cancel an appointment",
    f"{PREFIX}rest:cancel:appointment-1",
    "PUT",
    "/Appointment/[id]",
    PATIENT_WRITE,
    APPOINTMENTS,
    is_command=True,
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

# Of GP Connect 1.2.8: spoken once the supplier's switch of service filtering is not off (SF-027).
FIND_SERVICE = Interaction(
    "Find a healthcare service",
    f"{PREFIX}rest:search:healthcareservice-1",
    "GET",
    "/HealthcareService",
    ORGANISATION_READ,
    FOUNDATIONS,
)
READ_SERVICE = Interaction(
    "Read a healthcare service",
    f"{PREFIX}rest:read:healthcareservice-1",
    "GET",
    "/HealthcareService/[id]",
    ORGANISATION_READ,
    FOUNDATIONS,
)
OF_SERVICE_FILTERING = (FIND_SERVICE, READ_SERVICE)


def service_root(ods_code: str, address: str) -> str:
    """The service root of a practice below a server's address, without a slash at its end."""
    return f"{address}/{ods_code}/STU3/1/gpconnect"


def public_root(ods_code: str, address: str) -> str:
    """The same as others reach it: below GPCONNECT_HOST, or else below ``address``."""
    host = settings.GPCONNECT_HOST
    return service_root(ods_code, f"https://{host}" if host else address)


TRACE_ID = "Ssp-TraceID"
SENT_FROM = "Ssp-From"
SENT_TO = "Ssp-To"
INTERACTION_ID = "Ssp-InteractionID"


def check(headers: Mapping[str, str], *, offered: Sequence[Interaction], asid: str) -> Interaction:
    """The interaction that a request names, once its four headers are in order.

    ``offered`` are those that the addressed path and verb can serve; ``asid`` is the practice's own
    number, found through the URL: the header is compared with it, never used to find it (DEC-032).
    Raises BAD_REQUEST for a header that is absent, empty, or does not fit.
    """
    for name in (TRACE_ID, SENT_FROM, SENT_TO, INTERACTION_ID):
        if not headers.get(name, "").strip():
            raise FHIRError(BAD_REQUEST, f"The {name} header is missing or empty.")
    if headers[SENT_TO].strip() != asid:
        raise FHIRError(
            BAD_REQUEST, f"The {SENT_TO} header is not the ASID of the practice addressed."
        )
    named = headers[INTERACTION_ID].strip()
    for interaction in offered:
        if interaction.id == named:
            return interaction
    raise FHIRError(
        BAD_REQUEST, f"The {INTERACTION_ID} header does not fit the verb and path of the request."
    )
