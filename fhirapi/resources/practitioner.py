"""Practitioner: a clinician of the practice. Source: GP Connect, "Read a practitioner".

The role is no part of it; it travels with Schedule and Appointment (PRAC-028).
"""

from fhirapi.resources import common
from fhirapi.resources.common import Element
from practice.reads.directory import PractitionerRow

PROFILE = f"{common.STRUCTURES}/CareConnect-GPC-Practitioner-1"


def render(row: PractitionerRow) -> Element:
    """A row, with the role profiles held at this practice, as a GPC-Practitioner-1."""
    user_ids = [row.sds_user_id] if row.sds_user_id else []
    name = common.human_name(
        prefix=row.prefix, given_names=row.given_names, family_name=row.family_name
    )
    return common.prune(
        {
            "resourceType": "Practitioner",
            "id": str(row.pk),
            "meta": common.meta(PROFILE, row.version),
            "extension": [common.nhs_communication(language) for language in row.languages],
            "identifier": [
                *(common.identifier(common.SDS_USER_ID, each) for each in user_ids),
                *(
                    common.identifier(common.SDS_ROLE_PROFILE_ID, each)
                    for each in row.sds_role_profile_ids
                ),
            ],
            "active": row.active,
            "name": [name],
            "gender": row.gender,
        }
    )
