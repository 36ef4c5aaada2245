"""The shape of what is sent and taken, as JSON Schema, of FHIR's own definitions.

RESOURCES and PARTS say which elements of each type an answer may hold, and which it always holds
(with an exclamation mark); their types, lists and codes come from the definitions. An answer holds
nothing else. What a request may hold is more: it is read by FHIR's definitions, and only what must
be there is said here. XML says the same as JSON: FHIR STU3, "XML Representation of Resources".
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fhir.resources.STU3 import get_fhir_model_class

from fhirapi import errors
from fhirapi.errors import SpineError
from fhirapi.formats import Format
from fhirapi.resources import (
    appointment,
    bundle,
    common,
    location,
    organization,
    patient,
    practitioner,
    schedule,
    slot,
)
from fhirapi.resources.common import Element
from fhirapi.validation import Definition, definitions_of
from practice.services.appointments.booking import COMMENT_LENGTH, DESCRIPTION_LENGTH

COMPONENTS = "#/components/schemas/"

# ---------------------------------------------------------------- what answers hold

RESOURCES = {
    "Appointment": (
        "id! meta! contained extension identifier status! serviceCategory serviceType priority"
        " description! start! end! minutesDuration! slot! created comment participant!",
        appointment.PROFILE,
    ),
    "Slot": (
        "id! meta! extension! serviceType! schedule! status! start! end!",
        slot.PROFILE,
    ),
    "Schedule": (
        "id! meta! extension! serviceCategory actor! planningHorizon!",
        schedule.PROFILE,
    ),
    "Patient": (
        "id! meta! extension! identifier active! name! telecom gender birthDate! address contact"
        " generalPractitioner managingOrganization!",
        patient.PROFILE,
    ),
    "Practitioner": (
        "id! meta! extension identifier active! name! gender",
        practitioner.PROFILE,
    ),
    "Organization": (
        "id! meta! extension identifier! type name! telecom address",
        organization.PROFILE,
    ),
    "Location": (
        "id! meta! status! name! telecom address managingOrganization!",
        location.PROFILE,
    ),
}
STATEMENT = (
    "version! name! status! date! publisher! contact! description! copyright! kind! software!"
    " fhirVersion! acceptUnknown! format! profile! rest!"
)
PARTS = {
    "Address": "use type line city district postalCode country period",
    "AppointmentParticipant": "actor! status!",
    "CodeableConcept": "coding text",
    "Coding": "system! code! display",
    "ContactPoint": "system! value! use period",
    "Extension": (
        "url! extension valueReference valueString valueCode valueBoolean valueCodeableConcept"
        " valuePeriod"
    ),
    "HumanName": "use text family! given prefix",
    "Identifier": "extension system! value!",
    "Meta": "versionId profile!",
    "PatientContact": "relationship name! telecom address gender",
    "Period": "start end",
    "Reference": "reference!",
    # The capability statement's.
    "ContactDetail": "name!",
    "CapabilityStatementSoftware": "name! version! releaseDate!",
    "CapabilityStatementRest": "mode! security! resource! operation!",
    "CapabilityStatementRestSecurity": "cors!",
    "CapabilityStatementRestResource": (
        "type! interaction! versioning! updateCreate searchInclude searchParam"
    ),
    "CapabilityStatementRestResourceInteraction": "code!",
    "CapabilityStatementRestResourceSearchParam": "name! type! documentation",
    "CapabilityStatementRestOperation": "name! definition!",
}

UK_TIME = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+]0[01]:00$"
DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
ID = "^[1-9][0-9]{0,18}$"
JSON_TYPES = {"boolean": "boolean", "integer": "integer", "positiveInt": "integer"}


def components() -> Element:
    """All schemas by name; those of answers are closed."""
    return {
        **{kind: resource(kind, names, profile) for kind, (names, profile) in RESOURCES.items()},
        "CapabilityStatement": resource("CapabilityStatement", STATEMENT),
        **{kind: part(kind, names) for kind, names in PARTS.items()},
        **{f"{kind}Bundle": searchset(kinds) for kind, kinds in SEARCHSETS.items()},
        "RegisterPatientBundle": searchset(("Patient",), profile=bundle.REGISTRATION_PROFILE),
        **requests(),
    }


def resource(kind: str, names: str, profile: str = "") -> Element:
    """The schema of a resource that is sent."""
    schema = part(kind, names, is_resource=True)
    if profile:
        known = schema["properties"]
        known["id"] = {"type": "string", "pattern": ID}
        known["meta"] = {
            "type": "object",
            "properties": {
                "versionId": {"type": "string", "pattern": "^[0-9]+$"},
                "profile": {"type": "array", "items": {"const": profile}, "minItems": 1},
            },
            "required": ["versionId", "profile"],
            "additionalProperties": False,
        }
    if kind == "CapabilityStatement":  # the library lists other words there
        formats = {"enum": [each.value for each in Format]}
        schema["properties"]["format"] = {"type": "array", "items": formats, "minItems": 1}
    if kind == "Appointment":  # kept as the consumer sent it
        organisation = {"type": "object", "properties": {"resourceType": {"const": "Organization"}}}
        schema["properties"]["contained"] = {
            "type": "array",
            "items": {**organisation, "required": ["resourceType", "id"]},
            "maxItems": 1,
        }
    return schema


def part(kind: str, names: str, *, is_resource: bool = False) -> Element:
    """The schema of a data type or resource of which these elements are sent."""
    known = definitions_of(get_fhir_model_class(kind))
    named = {"resourceType": {"const": kind}} if is_resource else {}
    properties = {name.rstrip("!"): element(known[name.rstrip("!")]) for name in names.split()}
    return {
        "type": "object",
        "properties": {**named, **properties},
        "required": [*named, *(name.rstrip("!") for name in names.split() if name.endswith("!"))],
        "additionalProperties": False,
    }


def element(definition: Definition) -> Element:
    """The schema of an element, by its definition."""
    schema = one_value(definition)
    return {"type": "array", "items": schema, "minItems": 1} if definition.is_list else schema


def one_value(definition: Definition) -> Element:
    """The schema of one value of an element."""
    if not definition.is_primitive:
        return {"$ref": COMPONENTS + definition.type_name}
    if definition.type_name in {"dateTime", "instant"}:
        return {"type": "string", "pattern": f"{DATE}|{UK_TIME}"}
    schema: Element = {"type": JSON_TYPES.get(definition.type_name, "string")}
    if definition.codes:
        schema["enum"] = sorted(definition.codes)
    elif schema["type"] == "string":
        schema["minLength"] = 1
    return schema


SEARCHSETS = {
    "Slot": ("Slot", "Schedule", "Practitioner", "Location", "Organization"),
    "Appointment": ("Appointment",),
    "Patient": ("Patient",),
    "Practitioner": ("Practitioner",),
    "Organization": ("Organization",),
}


def searchset(kinds: tuple[str, ...], *, profile: str = "") -> Element:
    """A Bundle of found resources; without any there is no ``entry`` (GEN-111)."""
    entry = {
        "type": "object",
        "properties": {"resource": {"oneOf": [{"$ref": COMPONENTS + kind} for kind in kinds]}},
        "required": ["resource"],
        "additionalProperties": False,
    }
    properties: Element = {
        "resourceType": {"const": "Bundle"},
        "type": {"const": "searchset"},
        "entry": {"type": "array", "items": entry, "minItems": 1},
    }
    if profile:
        properties["meta"] = {
            "type": "object",
            "properties": {"profile": {"const": [profile]}},
            "required": ["profile"],
            "additionalProperties": False,
        }
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != "entry"],
        "additionalProperties": False,
    }


def outcome(refusals: Iterable[SpineError]) -> Element:
    """The OperationOutcome of one of these errors, which have a status in common."""
    rows = sorted({(each.issue_type, each.code, each.display) for each in refusals})
    details = [
        {
            "properties": {
                "code": {"const": issue_type},
                "details": {
                    "properties": {
                        "coding": {
                            "const": [{"system": errors.SYSTEM, "code": code, "display": display}]
                        }
                    }
                },
            }
        }
        for issue_type, code, display in rows
    ]
    issue: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "severity": {"const": "error"},
            "code": {"enum": sorted({issue_type for issue_type, _, _ in rows})},
            "details": {
                "type": "object",
                "properties": {"coding": {"type": "array"}},
                "required": ["coding"],
                "additionalProperties": False,
            },
            "diagnostics": {"type": "string"},
        },
        "required": ["severity", "code", "details"],
        "additionalProperties": False,
        "oneOf": details,
    }
    meta = {"type": "object", "properties": {"profile": {"const": [errors.PROFILE]}}}
    return {
        "type": "object",
        "properties": {
            "resourceType": {"const": "OperationOutcome"},
            "meta": {**meta, "required": ["profile"], "additionalProperties": False},
            "issue": {"type": "array", "items": issue, "minItems": 1},
        },
        "required": ["resourceType", "meta", "issue"],
        "additionalProperties": False,
    }


# ---------------------------------------------------------------- what requests hold

BOOKING = (
    "meta! contained! extension! status! description! start! end! slot! created!"
    " comment participant! identifier priority"
)
CHANGE = (
    "id! meta! contained extension status! description! start! end! slot! comment"
    " participant! identifier priority created"
)
NEWCOMER = "meta! identifier! name! birthDate! gender telecom address extension"


def requests() -> Element:
    """The schemas of bodies: of what must be there, and of what a consumer would send."""
    return {
        "BookAppointment": taken("Appointment", BOOKING, status="booked"),
        "AmendAppointment": taken("Appointment", CHANGE),
        "CancelAppointment": taken("Appointment", CHANGE, status="cancelled"),
        "RegisterPatient": {
            "type": "object",
            "properties": {
                "resourceType": {"const": "Parameters"},
                "parameter": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "name": {"const": "registerPatient"},
                            "resource": taken("Patient", NEWCOMER),
                        },
                        "required": ["name", "resource"],
                    },
                    "minItems": 1,
                    "maxItems": 1,
                },
            },
            "required": ["resourceType", "parameter"],
        },
    }


def taken(kind: str, names: str, *, status: str = "") -> Element:
    """The schema of a resource in a request; more of FHIR's elements may be there than it names."""
    schema = part(kind, names, is_resource=True)
    del schema["additionalProperties"]
    known = schema["properties"]
    known["meta"] = naming(RESOURCES[kind][1])
    for name in ("start", "end", "created"):
        if name in known:
            known[name] = {"type": "string", "format": "date-time"}
    if "contained" in known:
        known["contained"] = {"type": "array", "items": who_books(), "minItems": 1}
        known["slot"]["items"] = reference_to("Slot")
    if status:
        known["status"] = {"const": status}
    for name, length in {"description": DESCRIPTION_LENGTH, "comment": COMMENT_LENGTH}.items():
        if name in known:
            known[name]["maxLength"] = length
    if kind == "Patient":
        known["birthDate"] = {"type": "string", "format": "date"}
        known["identifier"]["contains"] = {"properties": {"system": {"const": common.NHS_NUMBER}}}
    return schema


def naming(profile: str) -> Element:
    """The metadata of a resource that is sent: it must name its profile."""
    named = {"type": "array", "items": {"type": "string"}, "contains": {"const": profile}}
    return {"type": "object", "properties": {"profile": named}, "required": ["profile"]}


def reference_to(kind: str) -> Element:
    """A relative reference to a type of resource."""
    text = {"type": "string", "pattern": f"^{kind}/[A-Za-z0-9.-]{{1,64}}$"}
    return {"type": "object", "properties": {"reference": text}, "required": ["reference"]}


def who_books() -> Element:
    """The contained organisation of a booking."""
    names = "id! meta! identifier! type name! telecom! address"
    schema = part("Organization", names, is_resource=True)
    del schema["additionalProperties"]
    schema["properties"]["meta"] = naming(organization.PROFILE)
    return schema
