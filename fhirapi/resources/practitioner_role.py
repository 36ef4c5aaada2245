"""PractitionerRole: what somebody does at the practice. No interaction sends it, an export does."""

from fhirapi.resources import common
from fhirapi.resources.common import Element
from practice.reads.whole_book import RoleRow

PROFILE = f"{common.STRUCTURES}/CareConnect-GPC-PractitionerRole-1"


def render(row: RoleRow) -> Element:
    """A row as CareConnect-GPC-PractitionerRole-1; ``active``: they work there."""
    profile_id = row.sds_role_profile_id
    return common.prune(
        {
            "resourceType": "PractitionerRole",
            "id": str(row.pk),
            "meta": common.meta(PROFILE, row.version),
            "identifier": [common.identifier(common.SDS_ROLE_PROFILE_ID, profile_id)]
            if profile_id
            else None,
            "active": row.active,
            "practitioner": common.reference("Practitioner", row.practitioner),
            "organization": common.reference("Organization", row.organisation),
            "code": [common.codeable_concept("sds_job_role_name", row.role)],
        }
    )
