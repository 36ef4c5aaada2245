"""What each error means to a consumer, where it can come from, and a request that provokes it.

One row for each row of the error table (fhirapi.errors). The page, the description and the test
that provokes each of them on a sandbox are made of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fhirapi import errors, parsers, ssp
from fhirapi.developer import requests
from fhirapi.developer.requests import Request, Values
from fhirapi.errors import SpineError
from fhirapi.resources import common
from fhirapi.sentinels import BY_ERROR, COMMANDS, Sentinel
from fhirapi.ssp import Interaction

NO_SUCH_ID = "999999999999999999"  # well-formed; no record is counted up to it

EVERYWHERE = ssp.INTERACTIONS
SWITCHED = tuple(each for each in EVERYWHERE if each.capability)
BY_IDENTIFIER = (ssp.FIND_PATIENT, ssp.FIND_PRACTITIONER, ssp.FIND_ORGANISATION)
CHANGES = (ssp.AMEND_APPOINTMENT, ssp.CANCEL_APPOINTMENT)
OF_APPOINTMENT = (ssp.READ_APPOINTMENT, *CHANGES)
OF_PATIENTS = (
    *(ssp.READ_PATIENT, ssp.BOOK_APPOINTMENT, ssp.RETRIEVE_APPOINTMENTS),
    *OF_APPOINTMENT,
)


@dataclass(frozen=True)
class Refusal:
    """An error as a consumer meets it.

    ``meaning`` and ``remedy`` are for the consumer's developer, ``how`` says what is wrong in the
    ``request`` that provokes it. ``raised_by``: the interactions that can be answered with it.
    """

    error: SpineError
    meaning: str
    remedy: str
    how: str
    request: Callable[[Values], Request]
    raised_by: tuple[Interaction, ...]

    @property
    def name(self) -> str:
        """A name that no other error has: several statuses share a code."""
        return f"{self.error.code}-{self.error.status}"

    @property
    def sentinel(self) -> Sentinel | None:
        """The values that provoke it in a sandbox, where it needs some."""
        return BY_ERROR.get(self.error)


def read_sentinel(error: SpineError) -> Callable[[Values], Request]:
    """A patient is read whose id is the sentinel's."""
    return lambda values: requests.read(ssp.READ_PATIENT, BY_ERROR[error].value)


def registered_sentinel(error: SpineError) -> Callable[[Values], Request]:
    """Somebody is registered whose NHS number is the sentinel's."""
    number = BY_ERROR[error].nhs_number
    return lambda values: requests.register(
        replace(
            values,
            newcomer=number,
            newcomer_family="Sentinel",
            newcomer_given="Sam",
            newcomer_born="1970-01-01",
        )
    )


def booked_sentinel(error: SpineError) -> Callable[[Values], Request]:
    """A booking whose description is the sentinel's."""
    return lambda values: with_body(requests.book(values), description=BY_ERROR[error].description)


def with_body(request: Request, **members: object) -> Request:
    """The same with other members in its body."""
    return replace(request, body={**(request.body or {}), **members})


REFUSALS = (
    Refusal(
        errors.BAD_REQUEST,
        "A header, the token, the verb or the body is not as it must be, or a parameter is "
        "missing.",
        "A fault of the program that sends: read the diagnostics and mend it.",
        "The header Ssp-TraceID is left out.",
        lambda values: replace(
            requests.read(ssp.READ_LOCATION, values.location), headers=((ssp.TRACE_ID, ""),)
        ),
        EVERYWHERE,
    ),
    Refusal(
        errors.INVALID_IDENTIFIER_SYSTEM,
        "The system of an identifier is not the one that is searched by.",
        "Use the system of the specification, letter for letter.",
        "The system is one of another country.",
        lambda values: requests.find(ssp.FIND_PATIENT, "https://id.example/number", "1"),
        BY_IDENTIFIER,
    ),
    Refusal(
        errors.INVALID_IDENTIFIER_VALUE,
        "The value of an identifier cannot be one: a code has letters and digits only.",
        "Check what the user typed before you send it.",
        "An ODS code with a hyphen.",
        lambda values: requests.find(ssp.FIND_ORGANISATION, common.ODS_CODE, "A-1001"),
        BY_IDENTIFIER,
    ),
    Refusal(
        errors.INVALID_NHS_NUMBER,
        "The NHS number is mistyped, or the national record says that it is no longer in use.",
        "Check the digits (modulus 11) before you send it, then ask the national record.",
        "A number whose check digit is wrong; in a registration, the sentinel.",
        lambda values: requests.find(ssp.FIND_PATIENT, common.NHS_NUMBER, "9999999998"),
        (ssp.FIND_PATIENT, ssp.REGISTER_PATIENT),
    ),
    Refusal(
        errors.INVALID_PATIENT_DEMOGRAPHICS,
        "The national record does not confirm the person: no such number, other details, or "
        "somebody who may not be registered from outside.",
        "Look the patient up on the national record and send what it says; else let them ring.",
        "Somebody is registered with the sentinel's NHS number.",
        registered_sentinel(errors.INVALID_PATIENT_DEMOGRAPHICS),
        (ssp.REGISTER_PATIENT,),
    ),
    Refusal(
        errors.ACCESS_DENIED,
        "The practice has switched off GP Connect or its appointments, or the request did not come "
        "through the Spine's proxy.",
        "Tell the user that this practice cannot be booked into, and how to reach it otherwise.",
        "A patient is read whose id is the sentinel's.",
        read_sentinel(errors.ACCESS_DENIED),
        EVERYWHERE,
    ),
    Refusal(
        errors.NO_PATIENT_CONSENT,
        "The patient does not consent. Appointments never answer so; other capabilities do.",
        "Show it like ACCESS_DENIED, for this patient only.",
        "A patient is read whose id is the sentinel's.",
        read_sentinel(errors.NO_PATIENT_CONSENT),
        SWITCHED,
    ),
    Refusal(
        errors.NO_ORGANISATION_CONSENT,
        "The practice does not consent. Appointments never answer so; other capabilities do.",
        "Show it like ACCESS_DENIED.",
        "A patient is read whose id is the sentinel's.",
        read_sentinel(errors.NO_ORGANISATION_CONSENT),
        SWITCHED,
    ),
    Refusal(
        errors.ORGANISATION_NOT_FOUND,
        "No practice has this service root, or no organisation has this id.",
        "Look the service root up anew: the practice may have moved to another system.",
        "An organisation is read that is not there.",
        lambda values: requests.read(ssp.READ_ORGANISATION, NO_SUCH_ID),
        EVERYWHERE,
    ),
    Refusal(
        errors.PATIENT_NOT_FOUND,
        "No patient who may be seen from outside has this id.",
        "Find the patient again by NHS number: ids differ from practice to practice.",
        "A patient is read who is not there.",
        lambda values: requests.read(ssp.READ_PATIENT, NO_SUCH_ID),
        OF_PATIENTS,
    ),
    Refusal(
        errors.PRACTITIONER_NOT_FOUND,
        "No practitioner of this practice has this id.",
        "Search for slots anew: what is included has the ids of today.",
        "A practitioner is read who is not there.",
        lambda values: requests.read(ssp.READ_PRACTITIONER, NO_SUCH_ID),
        (ssp.READ_PRACTITIONER,),
    ),
    Refusal(
        errors.NO_RECORD_FOUND,
        "There is no such appointment or location, or not in this version.",
        "Retrieve the patient's appointments anew.",
        "An appointment is read that is not there.",
        lambda values: requests.read(ssp.READ_APPOINTMENT, NO_SUCH_ID),
        (ssp.READ_LOCATION, *OF_APPOINTMENT),
    ),
    Refusal(
        errors.DUPLICATE_REJECTED,
        "Somebody else has taken the slot since your search, or the patient is registered already.",
        "Search again and let the user choose another time. Never book again by itself.",
        "A booking whose description is the sentinel's; without one, the booking of a taken slot.",
        booked_sentinel(errors.DUPLICATE_REJECTED),
        COMMANDS,
    ),
    Refusal(
        errors.FHIR_CONSTRAINT_VIOLATION,
        "The appointment has been changed since you read it: If-Match names another version.",
        "Read it again, show the change to the user, and send it again with the new version.",
        "An amendment of a version that never was.",
        lambda values: replace(requests.amend(values), headers=(("If-Match", 'W/"0"'),)),
        CHANGES,
    ),
    Refusal(
        errors.BODY_TOO_LARGE,
        f"The body has more than {parsers.LARGEST_BODY // 1024} kB.",
        "No sensible booking is as large: look for what your program repeats.",
        "A booking with a very long comment.",
        lambda values: with_body(requests.book(values), comment="x" * parsers.LARGEST_BODY),
        COMMANDS,
    ),
    Refusal(
        errors.UNSUPPORTED_MEDIA_TYPE,
        "The format asked for, or that of the body, is neither application/fhir+json nor "
        "application/fhir+xml.",
        "Set Accept and Content-Type. The answer to this one error is in JSON.",
        "The parameter _format asks for plain text.",
        lambda values: replace(
            requests.read(ssp.READ_LOCATION, values.location), query=(("_format", "text/plain"),)
        ),
        EVERYWHERE,
    ),
    Refusal(
        errors.INVALID_RESOURCE,
        "The body, or a resource in the token, breaks its profile or a rule of the practice.",
        "The diagnostics name each element at fault. A rule (too late, too early, too many) is for "
        "the user to read.",
        "A booking with the status of a proposal.",
        lambda values: with_body(requests.book(values), status="proposed"),
        EVERYWHERE,
    ),
    Refusal(
        errors.INVALID_PARAMETER,
        "A parameter was sent with a value that it cannot have.",
        "The diagnostics name the parameter and its rule.",
        "A search for busy slots.",
        lambda values: replace(
            requests.search_slots(values),
            query=(("status", "busy"), *requests.search_slots(values).query[1:]),
        ),
        (*BY_IDENTIFIER, ssp.SEARCH_SLOTS, ssp.RETRIEVE_APPOINTMENTS),
    ),
    Refusal(
        errors.REFERENCE_NOT_FOUND,
        "Something that the body refers to is not there: a slot, a patient, a location.",
        "Search again: the diary has been planned anew since.",
        "A booking of a slot that is not there.",
        lambda values: with_body(requests.book(values), slot=[{"reference": f"Slot/{NO_SUCH_ID}"}]),
        (ssp.BOOK_APPOINTMENT, *CHANGES),
    ),
    Refusal(
        errors.INTERNAL_SERVER_ERROR,
        "The server failed, or the national record could not be reached.",
        "Show the trace id, so that the fault can be found. A query may be tried again, a change "
        "only after looking whether it was made.",
        "A patient is read whose id is the sentinel's.",
        read_sentinel(errors.INTERNAL_SERVER_ERROR),
        EVERYWHERE,
    ),
    Refusal(
        errors.NOT_IMPLEMENTED,
        "No interaction has this address: another type of resource, or another operation.",
        "Look at the capability statement: it names everything that is offered.",
        "Observations are asked for.",
        lambda values: Request(ssp.READ_METADATA, "/Observation"),
        tuple(each for each in EVERYWHERE if "[id]" in each.path),  # an id that is none, as $x
    ),
    Refusal(
        errors.UNAVAILABLE,
        "The server is busy or its database is away, or you have asked too often.",
        "Wait as many seconds as Retry-After says, then try again; nothing was done.",
        "A patient is read whose id is the sentinel's.",
        read_sentinel(errors.UNAVAILABLE),
        EVERYWHERE,
    ),
)


def refusals_of(interaction: Interaction) -> tuple[Refusal, ...]:
    """What an interaction can be answered with instead."""
    return tuple(each for each in REFUSALS if interaction in each.raised_by)
