"""Bundle: the answer to a search. Plain STU3, except that a registration's names its profile."""

from collections.abc import Iterable, Sequence

import orjson

from fhirapi.resources.common import Element

# Demands what every bundle here leaves out: total, link, entry.search (REG-072, GEN-113).
REGISTRATION_PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Searchset-Bundle-1"


def searchset(resources: Iterable[Element], *, profile: str = "") -> Element:
    """A searchset of rendered resources; without any there is no ``entry`` at all (GEN-111)."""
    bundle: Element = {"resourceType": "Bundle"}
    if profile:
        bundle["meta"] = {"profile": [profile]}
    bundle["type"] = "searchset"
    if entries := [{"resource": resource} for resource in resources]:
        bundle["entry"] = entries
    return bundle


def encoded_searchset(entries: Sequence[str], resources: Iterable[bytes]) -> bytes:
    """The same as JSON, of what is JSON already: entries, and resources that are none yet."""
    if not entries:
        return orjson.dumps(searchset(()))
    others = b"".join(b',{"resource":' + resource + b"}" for resource in resources)
    found = ",".join(entries).encode()
    return b'{"resourceType":"Bundle","type":"searchset","entry":[' + found + others + b"]}"
