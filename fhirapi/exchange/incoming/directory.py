"""Organization, Location, Practitioner and PractitionerRole as records of a practice."""

from fhirapi.exchange.incoming.parts import (
    NHS_COMMUNICATION,
    address_columns,
    best_name,
    code_of,
    extensions_named,
    person_name,
    spoken,
    work_contact,
)
from fhirapi.exchange.incoming.references import (
    Names,
    identifiers_in,
    reference_to,
    references_to,
    system_of,
)
from fhirapi.resources import common
from fhirapi.resources.common import Element
from practice.services.importing.records import Incoming

MAIN_LOCATION = "Extension-CareConnect-{}MainLocation-1"


def business_id(resource: Element, system: str) -> str:
    """What a system of the country calls it; empty where it does not."""
    found = [each for each in identifiers_in(resource) if system_of(each) == system]
    return str(found[0].get("value") or "").strip() if found else ""


def organization(resource: Element, names: Names, ods_code: str) -> Incoming:
    """The practice itself; any other organisation is left, but known."""
    found = Incoming("Organization", names.all())
    code = business_id(resource, common.ODS_CODE).upper()
    if code != ods_code:
        found.left = "another organisation" if code else "an organisation without an ODS code"
        return found
    found.values = {
        "ods_code": code,
        "name": resource.get("name") or "",
        "organisation_type": next(
            filter(None, (code_of(each, "organisation_type") for each in resource.get("type", []))),
            "gp-practice",
        ),
        **work_contact(resource.get("telecom", [])),
        **(address_columns(resource["address"][0]) if resource.get("address") else {}),
    }
    found.said = [code]
    found.refers["main"] = references_to(
        (each.get("valueReference", {}) for each in extensions_named(resource, MAIN_LOCATION)),
        names,
        "Location",
    )
    return found


def location(resource: Element, names: Names) -> Incoming:
    """A place of the practice."""
    found = Incoming("Location", names.all())
    found.values = {
        "name": resource.get("name") or "",
        "status": resource.get("status") or "active",
        **work_contact(resource.get("telecom", [])),
        **(address_columns(resource["address"]) if resource.get("address") else {}),
    }
    if not found.values["name"]:
        found.problems.append("it has no name")
    found.said = [found.values["name"]]
    if owner := reference_to(resource.get("managingOrganization", {}), names, "Organization"):
        found.refers["organisation"] = [owner]
    return found


def practitioner(resource: Element, names: Names) -> Incoming:
    """A clinician, wherever they work."""
    found = Incoming("Practitioner", names.all())
    name = best_name(resource.get("name", []))
    if name is None:
        found.problems.append("it has no family name")
        return found
    languages = [spoken(each) for each in extensions_named(resource, *NHS_COMMUNICATION)]
    found.values = {
        **person_name(name),
        "sds_user_id": business_id(resource, common.SDS_USER_ID) or None,
        "gender": resource.get("gender") or "",
        "languages": [each["language"] for each in languages if each],
    }
    found.said = [str(name["family"]).casefold()]
    return found


def practitioner_role(resource: Element, names: Names) -> Incoming:
    """What somebody does at the practice."""
    found = Incoming("PractitionerRole", names.all())
    roles = [code_of(each, "practitioner_role") for each in resource.get("code", [])]
    role = next(filter(None, roles), "")
    if not role:
        found.left = "a role that is not on the list of a practice's"
        return found
    found.values = {
        "role": role,
        "sds_role_profile_id": business_id(resource, common.SDS_ROLE_PROFILE_ID),
        "active": resource.get("active", True),
    }
    found.said = [role]
    found.refers["practitioner"] = references_to(
        [resource.get("practitioner", {})], names, "Practitioner"
    )
    if not found.refers["practitioner"]:
        found.problems.append("it names no practitioner")
    if owner := reference_to(resource.get("organization", {}), names, "Organization"):
        found.refers["organisation"] = [owner]
    return found


def bystander(resource: Element, names: Names) -> Incoming:
    """Something that records may refer to, and that a practice does not keep."""
    found = Incoming(str(resource["resourceType"]), names.all())
    found.left = "not kept here"
    return found
