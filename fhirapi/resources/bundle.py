"""Bundle: the answer to a search. Plain STU3, except that a registration's names its profile."""

from collections.abc import Iterable, Sequence
from functools import cache

from fhirapi.formats import Format
from fhirapi.resources.common import SERVICE_FILTERING_STATUS, Element

# Demands what every bundle here leaves out: total, link, entry.search (REG-072, GEN-113).
REGISTRATION_PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Searchset-Bundle-1"


def searchset(resources: Iterable[Element], *, profile: str = "", filtering: str = "") -> Element:
    """A searchset of rendered resources; without any there is no ``entry`` at all (GEN-111).

    ``filtering`` is how service filtering stands, where that is to be said (SF-025).
    """
    bundle: Element = {"resourceType": "Bundle"}
    if profile:
        bundle["meta"] = {"profile": [profile]}
    if filtering:
        status = {"url": SERVICE_FILTERING_STATUS, "valueCode": filtering}
        bundle["meta"] = {"extension": [status]}
    bundle["type"] = "searchset"
    if entries := [{"resource": resource} for resource in resources]:
        bundle["entry"] = entries
    return bundle


def encoded_searchset(
    entries: Sequence[str], others: Sequence[bytes], as_format: Format, filtering: str = ""
) -> bytes:
    """The same, finished, of entries that are written already; without ``entries`` no others."""
    if not entries:
        return as_format.resource(searchset((), filtering=filtering))
    before, after = _around_entries(as_format, filtering)
    between = as_format.between_entries
    return b"".join(
        [before, between.encode().join([between.join(entries).encode(), *others]), after]
    )


@cache
def _around_entries(as_format: Format, filtering: str) -> tuple[bytes, bytes]:
    """What stands before and after the entries of a searchset."""
    some = {"resourceType": "Basic"}
    whole = as_format.resource(searchset([some], filtering=filtering))
    before, after = whole.split(as_format.entry(some).encode())
    return before, after
