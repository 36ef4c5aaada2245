"""What files call a resource, and what they mean when they refer to one.

A resource may go by several names: the address of its entry, its type and id, its identifiers, the
condition on which it was to be made. A reference is a list of such names, the surest first.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import orjson

from fhirapi.resources import common
from fhirapi.resources.common import Element
from practice.services.importing.records import Reference

# What systems of the country have been called in the profile families, and what they are.
SAME_SYSTEM = {
    **dict.fromkeys(
        (
            "http://fhir.nhs.uk/Id/nhs-number",
            "http://fhir.nhs.net/Id/nhs-number",
            "https://fhir.hl7.org.uk/Id/nhs-number",
            "urn:oid:2.16.840.1.113883.2.1.4.1",
        ),
        common.NHS_NUMBER,
    ),
    **dict.fromkeys(
        (
            "http://fhir.nhs.uk/Id/ods-organization-code",
            "http://fhir.nhs.net/Id/ods-organization-code",
            "https://fhir.hl7.org.uk/Id/ods-organization-code",
        ),
        common.ODS_CODE,
    ),
    **dict.fromkeys(
        (
            "http://fhir.nhs.uk/Id/sds-user-id",
            "http://fhir.nhs.net/sds-user-id",
            "https://fhir.hl7.org.uk/Id/sds-user-id",
        ),
        common.SDS_USER_ID,
    ),
    **dict.fromkeys(
        (
            "http://fhir.nhs.uk/Id/sds-role-profile-id",
            "http://fhir.nhs.net/Id/sds-role-profile-id",
            "https://fhir.hl7.org.uk/Id/sds-role-profile-id",
        ),
        common.SDS_ROLE_PROFILE_ID,
    ),
}
HISTORY = re.compile(r"/_history/[^/]*$")
ADDRESS = re.compile(r"(https?://\S+/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
LONGEST = 500  # characters of a name


def system_of(identifier: Element) -> str:
    """The system of an identifier, as we know it."""
    system = str(identifier.get("system") or "")
    return SAME_SYSTEM.get(system, system)


def named_by(identifier: Element) -> str | None:
    """What an identifier calls its resource; None where it says nothing."""
    system, value = system_of(identifier), str(identifier.get("value") or "").strip()
    if not value or not system:
        return None
    return f"?{system}|{value.replace(' ', '') if system == common.NHS_NUMBER else value}"


def condition(query: str) -> str | None:
    """What a condition calls a resource: ``identifier=system|value``, alone."""
    found = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    if len(found) == 1 and found[0][0] == "identifier" and "|" in found[0][1]:
        system, _, value = found[0][1].partition("|")
        return named_by({"system": system, "value": value})
    return None


@dataclass
class Names:
    """What one resource goes by. ``first`` is the name under which it is remembered."""

    kind: str
    address: str = ""
    id: str = ""
    others: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        """What relative references in it are relative to."""
        found = ADDRESS.fullmatch(self.address)
        return (found[1] or "") if found else ""

    def all(self) -> list[str]:
        """All its names, the one by which it is remembered first."""
        by_id = [f"{self.kind}/{self.id}"] if self.id else []
        by_address = [self.address] if self.address else []
        if self.address.startswith("urn:"):
            by_address, by_id = by_id or by_address, by_address if by_id else []
        return list(dict.fromkeys([*by_address, *by_id, *self.others]))


def names_of(entry: Element, resource: Element, kind: str) -> Names:
    """What a resource goes by, with what its entry says of it."""
    address = HISTORY.sub("", str(entry.get("fullUrl") or ""))[:LONGEST]
    request = entry.get("request")
    wanted = request.get("ifNoneExist") if isinstance(request, dict) else None
    others = [named_by(each) for each in identifiers_in(resource)]
    if isinstance(wanted, str):
        others.append(condition(wanted.rpartition("?")[2]))
    own_id = str(resource.get("id") or "")[:64]
    named = [name for name in others if name]
    if not (address or own_id or named):  # it goes by what it says
        content = orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
        named = [f"content {hashlib.sha256(content).hexdigest()}"]
    return Names(kind, address, own_id, named)


def identifiers_in(resource: Element) -> list[Element]:
    """The identifiers of a resource, whatever else stands in their place."""
    found = resource.get("identifier")
    listed = found if isinstance(found, list) else [found]
    return [each for each in listed if isinstance(each, dict)]


def reference_to(element: Element, names: Names, kind: str = "") -> Reference | None:
    """What a reference means; None where it is only words. ``kind``: the type it must lead to."""
    text = HISTORY.sub("", str(element.get("reference") or "").strip())
    keys: list[str | None] = []
    if text.startswith("#"):
        keys = [f"{names.all()[0]}{text}"] if names.all() else []
    elif "?" in text:
        kind = kind or text.partition("?")[0]
        keys = [condition(text.partition("?")[2])]
    elif found := ADDRESS.fullmatch(text):
        kind = kind or found[2]
        relative = f"{found[2]}/{found[3]}"
        base = names.base if not found[1] else ""
        keys = [text if found[1] else f"{base}{relative}" if base else None, relative]
    elif text:
        keys = [text]
    if isinstance(element.get("identifier"), dict):
        keys.append(named_by(element["identifier"]))
    wanted = [key[:LONGEST] for key in keys if key]
    if not wanted:
        return Reference(kind, (), shown(text)) if text else None
    return Reference(kind, tuple(wanted), shown(text))


def shown(text: str) -> str:
    """How a report shows a reference: never an identifier, which may be a patient's."""
    if ADDRESS.fullmatch(text) or re.fullmatch(r"urn:uuid:[0-9A-Fa-f-]{36}|#[\w\-.]{1,64}", text):
        return text[:100]
    return "something by its identifier" if text in ("",) or "?" in text else "what cannot be read"


def references_to(elements: Iterable[Element], names: Names, kind: str = "") -> list[Reference]:
    """The same of several."""
    return [found for each in elements if (found := reference_to(each, names, kind))]
