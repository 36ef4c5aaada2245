"""Location: a surgery or another place of the practice. Source: GP Connect, "Read a location"."""

from fhirapi.resources import common
from fhirapi.resources.common import Element
from practice.reads.directory import LocationRow

PROFILE = f"{common.STRUCTURES}/CareConnect-GPC-Location-1"


def render(row: LocationRow) -> Element:
    """A row as CareConnect-GPC-Location-1. Its address is one object, no list (LOC-012).

    Sites have no identifier: the codes listed for them are not used by practices (DEC-049).
    """
    return common.prune(
        {
            "resourceType": "Location",
            "id": str(row.pk),
            "meta": common.meta(PROFILE, row.version),
            "status": row.status,
            "name": row.name,
            "telecom": common.work_telecom(row.telephone, row.email),
            "address": common.address(row, use="work"),
            "managingOrganization": common.reference("Organization", row.organisation),
        }
    )
