"""Location: a surgery or another place of the practice. Source: GP Connect, "Read a location"."""

from typing import Any

from django.db.models import QuerySet

from fhirapi.resources import common
from practice.models import Location

PROFILE = f"{common.STRUCTURES}/CareConnect-GPC-Location-1"

COLUMNS = (
    "pk",
    "version",
    "status",
    "name",
    "telephone",
    "email",
    "organisation",
    *common.ADDRESS_COLUMNS,
)


def render(row: tuple[Any, ...]) -> dict[str, Any]:
    """A row of COLUMNS as CareConnect-GPC-Location-1. Its address is one object, no list (LOC-012).

    Sites have no identifier: the codes listed for them are not used by practices (DEC-049).
    """
    pk, version, status, name, telephone, email, organisation, *address = row
    return common.prune(
        {
            "resourceType": "Location",
            "id": str(pk),
            "meta": common.meta(PROFILE, version),
            "status": status,
            "name": name,
            "telecom": common.work_telecom(telephone, email),
            "address": common.address(address, use="work"),
            "managingOrganization": common.reference("Organization", organisation),
        }
    )


def rows_of(found: QuerySet[Location]) -> QuerySet[Any, Any]:
    """The rows of places, by id."""
    return found.order_by("pk").values_list(*COLUMNS)


def render_all(found: QuerySet[Location]) -> list[dict[str, Any]]:
    """Every one of ``found``, by id, in one query."""
    return [render(row) for row in rows_of(found)]
