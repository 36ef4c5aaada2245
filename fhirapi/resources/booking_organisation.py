"""The organisation that books, as it describes itself: an Organization inside the Appointment.

Source: GP Connect, "Book an appointment" (BOOK-030 to BOOK-038).
"""

import re

import orjson

from fhirapi.errors import refuse_resource
from fhirapi.resources import organization
from fhirapi.resources.common import ODS_CODE, STRUCTURES, Element, extensions
from fhirapi.validation import in_fhir_order
from fhirapi.well_formed import JSON
from practice import terminology
from practice.services.appointments.booking import BookingOrganisation

BOOKING_ORGANISATION = f"{STRUCTURES}/Extension-GPConnect-BookingOrganisation-1"


def parse(body: Element) -> BookingOrganisation:
    """The contained organisation that books, checked and kept as it was sent (BOOK-030 to 037)."""
    found = contained_organisation(body)
    if found is None:
        refuse_resource("The extension with the booking organisation is required.")
    check_organisation(found)
    ods_codes = [each["value"] for each in found["identifier"] if each.get("system") == ODS_CODE]
    codings = [coding for kind in found.get("type", []) for coding in kind.get("coding", [])]
    system = terminology.value_set("organisation_type").system
    return BookingOrganisation(
        ods_code=ods_codes[0],
        name=found["name"],
        organisation_types=frozenset(
            coding["code"]
            for coding in codings
            if coding.get("system") == system and coding.get("code")
        ),
        json=orjson.dumps(in_fhir_order(found)).decode(),
    )


def contained_organisation(body: Element) -> Element | None:
    """The resource that the extension points to; INVALID_RESOURCE when it points nowhere."""
    links = extensions(body, BOOKING_ORGANISATION)
    if not links:
        return None
    target = links[0].get("valueReference", {}).get("reference") or ""
    for resource in body.get("contained", []):
        if target == f"#{resource.get('id')}" and resource.get("resourceType") == "Organization":
            return without_what_is_never_contained(resource)
    refuse_resource("The booking organisation must refer to a contained Organization by #id.")


def without_what_is_never_contained(resource: Element) -> Element:
    """A contained resource without a narrative, resources inside it, or a version (dom-1, 2, 4)."""
    kept = {name: value for name, value in resource.items() if name not in ("text", "contained")}
    if "meta" in kept:
        unversioned = dict(kept["meta"])
        unversioned.pop("versionId", None)
        unversioned.pop("lastUpdated", None)
        kept["meta"] = unversioned
    return kept


def check_organisation(found: Element) -> None:
    """Refuse an organisation that does not conform to CareConnect-GPC-Organization-1."""
    name = "The contained Organization"
    if organization.PROFILE not in found.get("meta", {}).get("profile", []):
        refuse_resource(f"{name}.meta.profile must contain {organization.PROFILE}.")
    ods_codes = [i for i in found.get("identifier", []) if i.get("system") == ODS_CODE]
    if len(ods_codes) != 1 or not ods_codes[0].get("value"):
        refuse_resource(f"{name} must have one identifier with its ODS code.")
    if not re.fullmatch(r"[A-Za-z0-9]{1,20}", ods_codes[0]["value"]):
        refuse_resource(f"{name}.identifier: an ODS code is made of letters and digits.")
    if prohibited := {"use", "type", "period", "assigner"} & ods_codes[0].keys():
        refuse_resource(f"{name}.identifier.{min(prohibited)} must not be sent with an ODS code.")
    if not found.get("name"):
        refuse_resource(f"{name}.name is required.")
    if not any(point.get("system") and point.get("value") for point in found.get("telecom", [])):
        refuse_resource(f"{name}.telecom needs a system and a value.")
    if len(found.get("type", [])) > 1:
        refuse_resource(f"{name}.type must not be repeated.")
    if any("state" in address for address in found.get("address", [])):
        refuse_resource(f"{name}.address.state must not be sent.")


def is_unchanged(body: Element, stored: Element) -> bool:
    """Whether the booking organisation has the same content, whatever its local id."""
    sent, kept = contained_organisation(body), contained_organisation(stored)
    if sent is None or kept is None:
        return sent is kept
    return canonical({**sent, "id": ""}) == canonical({**kept, "id": ""})


def canonical(value: JSON) -> JSON:
    """The same for two values that differ only in the order of their members."""
    if isinstance(value, dict):
        return {name: canonical(member) for name, member in value.items()}
    if isinstance(value, list):
        return sorted(
            map(canonical, value), key=lambda item: orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
        )
    return value
