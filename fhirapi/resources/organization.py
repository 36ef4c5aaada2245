"""Organization: the practice itself. Source: GP Connect, "Read an organisation"."""

from typing import Any

from django.db.models import FilteredRelation, Q, QuerySet

from fhirapi.resources import common
from practice.models import Organisation

PROFILE = f"{common.STRUCTURES}/CareConnect-GPC-Organization-1"
MAIN_LOCATION = f"{common.STRUCTURES}/Extension-CareConnect-GPC-MainLocation-1"

COLUMNS = (
    "pk",
    "version",
    "main_location",
    "ods_code",
    "organisation_type",
    "name",
    "telephone",
    "email",
    *common.ADDRESS_COLUMNS,
)


def render(row: tuple[Any, ...]) -> dict[str, Any]:
    """A row of COLUMNS as CareConnect-GPC-Organization-1."""
    pk, version, main_location, ods_code, type_, name, telephone, email, *address = row
    main = {"url": MAIN_LOCATION, "valueReference": common.reference("Location", main_location)}
    return common.prune(
        {
            "resourceType": "Organization",
            "id": str(pk),
            "meta": common.meta(PROFILE, version),
            "extension": [main] if main_location else None,
            "identifier": [common.identifier(common.ODS_CODE, ods_code)],
            "type": [common.codeable_concept("organisation_type", type_)],
            "name": name,
            "telecom": common.work_telecom(telephone, email),
            "address": [common.address(address, use="work")],
        }
    )


def rows_of(found: QuerySet[Organisation]) -> QuerySet[Any, Any]:
    """The rows of practices, by id; each has at most one main surgery."""
    main_location = FilteredRelation("locations", condition=Q(locations__is_main=True))
    return found.annotate(main_location=main_location).order_by("pk").values_list(*COLUMNS)


def render_all(found: QuerySet[Organisation]) -> list[dict[str, Any]]:
    """Every one of ``found``, by id, in one query."""
    return [render(row) for row in rows_of(found)]
