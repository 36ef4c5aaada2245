"""Organization: the practice itself. Source: GP Connect, "Read an organisation"."""

from fhirapi.resources import common
from fhirapi.resources.common import Element
from practice.reads.directory import PracticeRow

PROFILE = f"{common.STRUCTURES}/CareConnect-GPC-Organization-1"
MAIN_LOCATION = f"{common.STRUCTURES}/Extension-CareConnect-GPC-MainLocation-1"


def render(row: PracticeRow) -> Element:
    """A row as CareConnect-GPC-Organization-1."""
    main = common.reference("Location", row.main_location)
    return common.prune(
        {
            "resourceType": "Organization",
            "id": str(row.pk),
            "meta": common.meta(PROFILE, row.version),
            "extension": [{"url": MAIN_LOCATION, "valueReference": main}] if main else None,
            "identifier": [common.identifier(common.ODS_CODE, row.ods_code)],
            "type": [common.codeable_concept("organisation_type", row.organisation_type)],
            "name": row.name,
            "telecom": common.work_telecom(row.telephone, row.email),
            "address": [common.address(row, use="work")],
        }
    )
