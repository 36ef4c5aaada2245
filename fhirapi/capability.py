"""The CapabilityStatement, made from the tables that route and check requests: it cannot drift.

Source: GP Connect, "Get the FHIR capability statement".
"""

from collections.abc import Iterator
from functools import cache

from django.conf import settings

from fhirapi import errors, ssp
from fhirapi.filters import SEARCHES, SEARCHES_1_2_8, Search
from fhirapi.formats import Format
from fhirapi.resources import (
    appointment,
    common,
    healthcare_service,
    location,
    organization,
    patient,
    practitioner,
    registration,
    schedule,
    slot,
)
from fhirapi.resources.common import Element
from fhirapi.ssp import Interaction

SPECIFICATION_VERSION = "1.2.7"
VERSION_WITH_SERVICES = "1.2.8"
SOFTWARE = "gp-connect-appointments"
PUBLISHER = "GP Connect appointment book, an open-source project"

# Declared as the specification wants; the role itself travels as an extension, never alone.
PRACTITIONER_ROLE_PROFILE = f"{common.STRUCTURES}/CareConnect-GPC-PractitionerRole-1"
PROFILES = (
    patient.PROFILE,
    organization.PROFILE,
    practitioner.PROFILE,
    PRACTITIONER_ROLE_PROFILE,
    location.PROFILE,
    errors.PROFILE,
    appointment.PROFILE,
    schedule.PROFILE,
    slot.PROFILE,
)
OPERATIONS = {"gpc.registerpatient": registration.OPERATION}

# What the interaction IDs call what FHIR calls otherwise. A cancellation is an update, too.
FHIR_CODES = {"search": "search-type", "cancel": "update"}


@cache
def statement(filtering: str | None = None) -> Element:
    """The statement: of 1.2.7, the same for every practice of this installation.

    ``filtering`` is how service filtering stands at a practice, where 1.2.8 is spoken (SF-031).
    """
    version = SPECIFICATION_VERSION if filtering is None else VERSION_WITH_SERVICES
    status = {"url": common.SERVICE_FILTERING_STATUS, "valueCode": filtering}
    told = {} if filtering is None else {"extension": [status]}
    profiles = PROFILES if filtering is None else (*PROFILES, healthcare_service.PROFILE)
    return {
        "resourceType": "CapabilityStatement",
        **told,
        "version": version,
        "name": "GP Connect",
        "status": "active",
        "date": settings.RELEASED,
        "publisher": PUBLISHER,
        "contact": [{"name": "The maintainers of the project"}],
        "description": f"This server implements the GP Connect API version {version}",
        "copyright": "The specification: Crown copyright, NHS England",
        "kind": "capability",
        "software": {
            "name": SOFTWARE,
            "version": settings.VERSION,
            "releaseDate": settings.RELEASED,
        },
        "fhirVersion": "3.0.1",
        "acceptUnknown": "both",  # as published; see DEC-060
        "format": [each.value for each in Format],
        "profile": [{"reference": profile} for profile in profiles],
        "rest": [
            {
                "mode": "server",
                "security": {"cors": False},
                "resource": list(resources(with_services=filtering is not None)),
                "operation": list(operations()),
            }
        ],
    }


def resources(*, with_services: bool = False) -> Iterator[Element]:
    """What is offered of each type of resource, in the order of the interaction table."""
    codes: dict[str, list[str]] = {}
    searches = SEARCHES_1_2_8 if with_services else SEARCHES
    for interaction in (*ssp.INTERACTIONS, *(ssp.OF_SERVICE_FILTERING if with_services else ())):
        if interaction is not ssp.READ_METADATA and not is_operation(interaction):
            known = codes.setdefault(resource_type(interaction), [])
            if (code := fhir_code(interaction)) not in known:
                known.append(code)
    for kind, known in codes.items():
        search = searches.get(kind, Search(()))
        yield common.prune(
            {
                "type": kind,
                "interaction": [{"code": code} for code in known],
                "versioning": "versioned-update" if "update" in known else "versioned",
                "updateCreate": False if "update" in known else None,
                "searchInclude": list(search.includes),
                "searchParam": [
                    {
                        "name": parameter.name,
                        "definition": parameter.definition,
                        "type": parameter.type,
                        "documentation": parameter.documentation,
                    }
                    for parameter in search.parameters
                ],
            }
        )


def operations() -> Iterator[Element]:
    """The operations, named without the dollar sign of their address."""
    for interaction in filter(is_operation, ssp.INTERACTIONS):
        name = interaction.path.rpartition("/$")[2]
        yield {"name": name, "definition": {"reference": OPERATIONS[name]}}


def is_operation(interaction: Interaction) -> bool:
    """Whether an interaction is an operation, with a dollar sign in its address."""
    return "/$" in interaction.path


def resource_type(interaction: Interaction) -> str:
    """The type at the end of the path; in ``/Patient/[id]/Appointment`` that is Appointment."""
    return [part for part in interaction.path.split("/") if part and part != "[id]"][-1]


def fhir_code(interaction: Interaction) -> str:
    """FHIR's code of an interaction, from ``...:rest:search:patient-1`` search-type."""
    word = interaction.id.removeprefix(ssp.PREFIX).split(":")[1]
    return FHIR_CODES.get(word, word)
