"""HealthcareService: a service of the practice that the Directory of Services knows.

Of GP Connect 1.2.8. Source: "Read a healthcare service", "Find a healthcare service".
"""

from fhirapi.resources import common
from fhirapi.resources.common import Element
from practice.reads.service_filtering import ServiceRow

PROFILE = f"{common.STRUCTURES}/CareConnect-GPC-HealthcareService-1"


def render(row: ServiceRow) -> Element:
    """A row as CareConnect-GPC-HealthcareService-1 (SF-030)."""
    return {
        "resourceType": "HealthcareService",
        "id": str(row.pk),
        "meta": common.meta(PROFILE, row.version),
        "identifier": [common.identifier(common.DOS_SERVICE_ID, row.service_id)],
        "providedBy": common.reference("Organization", row.organisation),
        "name": row.name,
    }
