"""The resources of GP Connect 1.2.7 as a provider sends them, in our own words.

What a page of the specification adds to a profile is in the tables, too: what is to be there
although the profile lets it be absent, and what is not to be sent.
"""

import re
from collections.abc import Iterator
from typing import Any

from consumer.check import codes
from consumer.check.shapes import TABLES, Extension, Shape, table

RESOURCE = """
    meta 1 Meta
    implicitRules ? uri
    language ? code
    text 0
"""


def delivery_channel(value: Any) -> str:
    channels = ("In-person", "Telephone", "Video")
    return "" if value in channels else f"is {value!r}, none of {', '.join(channels)}"


def coded(value: Any) -> dict[str, Any]:
    """The first coding of a CodeableConcept."""
    found = value.get("coding") if isinstance(value, dict) else None
    return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}


def job_role(value: Any) -> str:
    """A role is a code of the national list; R and four digits, with its name."""
    coding = coded(value)
    if coding.get("system") != codes.JOB_ROLE_SYSTEM:
        return f"has the system {coding.get('system')!r}, not {codes.JOB_ROLE_SYSTEM}"
    if not re.fullmatch(r"R\d{4}", str(coding.get("code"))):
        return f"has the code {coding.get('code')!r}, which is no job role (R0260)"
    return "" if coding.get("display") else "has no display"


def contained_organisation(value: Any) -> str:
    found = value.get("reference") if isinstance(value, dict) else None
    ok = isinstance(found, str) and found.startswith("#")
    return "" if ok else f"refers to {found!r}, not to a contained Organization (#1)"


ROLE = Extension(codes.PRACTITIONER_ROLE, "valueCodeableConcept", 0, 9, job_role)
CHANNEL = Extension(codes.DELIVERY_CHANNEL, "valueCode", 0, 1, delivery_channel)

SLOT = Shape(
    "Slot",
    codes.PROFILES["Slot"],
    table(
        RESOURCE
        + """
        identifier * PlainIdentifier
        serviceCategory 0
        serviceType [1] Worded
        specialty 0
        appointmentType 0
        schedule 1 Ref:Schedule
        status 1 busy|free|busy-unavailable|busy-tentative|entered-in-error
        start 1 ukTime
        end 1 ukTime
        overbooked ? boolean
        comment ? string
        """
    ),
    [Extension(codes.DELIVERY_CHANNEL, "valueCode", 1, 1, delivery_channel)],
)

SCHEDULE = Shape(
    "Schedule",
    codes.PROFILES["Schedule"],
    table(
        RESOURCE
        + """
        identifier * PlainIdentifier
        active 0
        serviceCategory ? CodeableConcept
        serviceType 0
        specialty 0
        actor + Ref:Location,Practitioner
        planningHorizon 1 UKPeriod
        comment ? string
        """
    ),
    [Extension(codes.PRACTITIONER_ROLE, "valueCodeableConcept", 1, 9, job_role)],
    [lambda found: one_location(found.get("actor"), "actor")],
)


def one_location(actors: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """A session takes place somewhere (SLOT-114), and in one place (LOC-031)."""
    named = [str(each.get("reference")) for each in actors or [] if isinstance(each, dict)]
    places = sum(each.startswith("Location/") for each in named)
    if places != 1:
        yield "reference", path, f"names {places} Locations, not one"


def participants(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """One patient, one place, at most one practitioner (BOOK-005, BOOK-109)."""
    actors = [
        str(each["actor"].get("reference"))
        for each in found.get("participant") or []
        if isinstance(each, dict) and isinstance(each.get("actor"), dict)
    ]
    for kind in ("Patient", "Location"):
        number = sum(each.startswith(f"{kind}/") for each in actors)
        if number != 1:
            yield "shape", "participant", f"names {number} of type {kind}, not one"


def contained(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What is referred to by # is contained, and is a booking organisation (BOOK-107)."""
    held = [each for each in found.get("contained") or [] if isinstance(each, dict)]
    ids = {f"#{each.get('id')}" for each in held}
    for each in found.get("extension") or []:
        if isinstance(each, dict) and each.get("url") == codes.BOOKING_ORGANISATION:
            target = (each.get("valueReference") or {}).get("reference")
            if target not in ids:
                yield "reference", "extension", f"refers to {target!r}, which is not contained"
    for each in held:
        if each.get("resourceType") == "Organization":
            if not each.get("name"):
                yield "shape", "contained.name", "is missing"
            if not ods_codes(each):
                yield "shape", "contained.identifier", "has no ODS code"


def ods_codes(organisation: dict[str, Any]) -> list[str]:
    return values_of(organisation, codes.ODS_CODE)


def values_of(resource: dict[str, Any], system: str) -> list[str]:
    """The values of a resource's identifiers of a system."""
    found = resource.get("identifier")
    return [
        str(each["value"])
        for each in (found if isinstance(found, list) else [])
        if isinstance(each, dict) and each.get("system") == system and each.get("value")
    ]


APPOINTMENT = Shape(
    "Appointment",
    codes.PROFILES["Appointment"],
    table(
        RESOURCE
        + """
        contained * any
        identifier * PlainIdentifier
        status 1 proposed|pending|booked|arrived|fulfilled|cancelled|noshow|entered-in-error
        serviceCategory ? CodeableConcept
        serviceType + Worded
        specialty 0
        appointmentType 0
        reason 0
        indication 0
        priority ? unsignedInt
        description 1 string
        supportingInformation 0
        start 1 ukTime
        end 1 ukTime
        minutesDuration ? positiveInt
        slot + Ref:Slot
        created ? ukTime
        comment ? string
        incomingReferral 0
        participant + Participant
        requestedPeriod 0
        """
    ),
    [
        ROLE,
        CHANNEL,
        Extension(codes.BOOKING_ORGANISATION, "valueReference", 0, 1, contained_organisation),
        Extension(codes.CANCELLATION_REASON, "valueString"),
    ],
    [participants, contained],
    {
        "Participant": table("""
            type * CodeableConcept
            actor 1 Ref:Patient,Practitioner,Location,Device,RelatedPerson,HealthcareService
            required ? required|optional|information-only
            status 1 accepted|declined|tentative|needs-action
        """)
    },
)


def nhs_number(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The NHS number says whether it was verified, and nothing else beside (PAT-061, PAT-062)."""
    numbers = [
        each
        for each in found.get("identifier") or []
        if isinstance(each, dict) and each.get("system") == codes.NHS_NUMBER
    ]
    if len(numbers) != 1:
        yield "shape", "identifier", f"has {len(numbers)} NHS numbers, not one"
    for each in numbers:
        if {"use", "type", "period", "assigner"} & set(each):
            yield "shape", "identifier", "has more than system and value for the NHS number"
        statuses = [
            inner.get("valueCodeableConcept")
            for inner in each.get("extension") or []
            if isinstance(inner, dict) and inner.get("url") == codes.VERIFICATION
        ]
        if len(statuses) != 1:
            yield "extension", "identifier.extension", "has no NHS number verification status"
        for status in statuses:
            coding = coded(status)
            if coding.get("system") != codes.VERIFICATION_SYSTEM:
                words = f"has the system {coding.get('system')!r}, not {codes.VERIFICATION_SYSTEM}"
                yield "coding", "identifier.extension", words
            elif not re.fullmatch(r"0[1-8]", str(coding.get("code"))):
                words = f"has the code {coding.get('code')!r}, none of 01 to 08"
                yield "coding", "identifier.extension", words


def official_name(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The name is that of the national record (PAT-063)."""
    names = [each for each in found.get("name") or [] if isinstance(each, dict)]
    official = [each for each in names if each.get("use") == "official"]
    if len(official) != 1:
        yield "shape", "name", f"has {len(official)} of use official, not one"
    elif not official[0].get("family"):
        yield "shape", "name.family", "is missing"


PATIENT = Shape(
    "Patient",
    codes.PROFILES["Patient"],
    table(
        RESOURCE
        + """
        contained * any
        identifier + Identifier
        active ? boolean
        name [1] HumanName
        telecom * ContactPoint
        gender 1 male|female|other|unknown
        birthDate 1 date
        deceasedBoolean 0
        deceasedDateTime ? dateTime
        address * Address
        maritalStatus 0
        multipleBirthBoolean 0
        multipleBirthInteger 0
        photo 0
        contact * Contact
        animal 0
        communication 0
        generalPractitioner [?] Ref:Organization,Practitioner
        managingOrganization 1 Ref:Organization
        link * any
        """
    ),
    [
        *(Extension(url, "", 0, 0) for url in codes.NOT_SENT_OF_PATIENTS),
        Extension(codes.REGISTRATION_DETAILS, "extension"),
    ],
    [nhs_number, official_name],
    {
        "Contact": table("""
            relationship * Worded
            name 1 HumanName
            telecom * ContactPoint
            address ? Address
            gender ? male|female|other|unknown
            organization ? any
            period ? Period
        """)
    },
)

PRACTITIONER = Shape(
    "Practitioner",
    codes.PROFILES["Practitioner"],
    table(
        RESOURCE
        + """
        contained * any
        identifier * Identifier
        active ? boolean
        name [1] NameOfOne
        telecom 0
        address 0
        gender ? male|female|other|unknown
        birthDate 0
        photo 0
        qualification 0
        communication 0
        """
    ),
    tables={"NameOfOne": {**TABLES["HumanName"], **table("family 1 string")}},
)


def has_ods_code(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if not ods_codes(found):
        yield "shape", "identifier", "has no ODS code"


def never_at_home(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """An organisation has no home (ORG-024)."""
    for name in ("telecom", "address"):
        sent = found.get(name)
        for each in sent if isinstance(sent, list) else []:
            if isinstance(each, dict) and each.get("use") == "home":
                yield "coding", f"{name}.use", "is home, which is for people"


ORGANIZATION = Shape(
    "Organization",
    codes.PROFILES["Organization"],
    table(
        RESOURCE
        + """
        contained * any
        identifier + Identifier
        active ? boolean
        type [?] CodeableConcept
        name 1 string
        alias * string
        telecom * ContactPoint
        address * Address
        partOf ? any
        contact 0
        endpoint 0
        """
    ),
    rules=[has_ods_code, never_at_home],
)

LOCATION = Shape(
    "Location",
    codes.PROFILES["Location"],
    table(
        RESOURCE
        + """
        contained * any
        identifier * Identifier
        status ? active|suspended|inactive
        operationalStatus ? Coding
        name 1 string
        alias * string
        description ? string
        mode 0
        type ? CodeableConcept
        telecom * ContactPoint
        address ? Address
        physicalType ? CodeableConcept
        position ? any
        managingOrganization 1 Ref:Organization
        partOf ? any
        endpoint 0
        """
    ),
)

OPERATION_OUTCOME = Shape(
    "OperationOutcome",
    codes.PROFILES["OperationOutcome"],
    table("""
        meta 1 MetaOfOutcome
        implicitRules ? uri
        language ? code
        text 0
        issue + Issue
    """),
    tables={
        "MetaOfOutcome": {**TABLES["Meta"], **table("versionId ? id")},
        "Issue": table("""
            severity 1 fatal|error|warning|information
            code 1 code
            details 1 Details
            diagnostics ? string
            location * string
            expression * string
        """),
        "Details": table("""
            coding [1] Coding
            text ? string
        """),
    },
)

SHAPES = {
    shape.kind: shape
    for shape in (
        *(SLOT, SCHEDULE, APPOINTMENT, PATIENT, PRACTITIONER, ORGANIZATION, LOCATION),
        OPERATION_OUTCOME,
    )
}
