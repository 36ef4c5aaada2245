"""Schedule: one session on one date. Sent by the search for free slots only."""

from collections.abc import Iterable
from typing import Any

from fhirapi.resources.common import (
    STRUCTURES,
    UKTimes,
    codeable_concept,
    meta,
    prune,
    reference,
)
from practice import selectors
from practice.models import Organisation
from practice.models.expressions import Epoch

PROFILE = f"{STRUCTURES}/GPConnect-Schedule-1"
PRACTITIONER_ROLE = f"{STRUCTURES}/Extension-GPConnect-PractitionerRole-1"

ANNOTATIONS = {"start_epoch": Epoch("start"), "end_epoch": Epoch("end")}
COLUMNS = (
    "pk",
    "version",
    "practitioner_role",
    "session_name",
    "location_id",
    "session_holder_id",
    "start_epoch",
    "end_epoch",
)


def practitioner_role(code: str) -> dict[str, Any]:
    """The extension that holds an SDS job role with its display (SLOT-116)."""
    return {
        "url": PRACTITIONER_ROLE,
        "valueCodeableConcept": codeable_concept("sds_job_role_name", code),
    }


def rows(organisation: Organisation, ids: Iterable[int]) -> list[tuple[Any, ...]]:
    """The rows of these sessions of a practice, in one query."""
    found = selectors.schedules(organisation=organisation, ids=ids)
    return list(found.annotate(**ANNOTATIONS).order_by("pk").values_list(*COLUMNS))


def render(row: tuple[Any, ...], times: UKTimes) -> dict[str, Any]:
    """A row of COLUMNS as GPConnect-Schedule-1."""
    pk, version, role, session_name, location, session_holder, start, end = row
    return prune(
        {
            "resourceType": "Schedule",
            "id": str(pk),
            "meta": meta(PROFILE, version),
            "extension": [practitioner_role(role)],
            "serviceCategory": {"text": session_name},
            "actor": [
                reference("Location", location),
                reference("Practitioner", session_holder),
            ],
            "planningHorizon": {"start": times[start], "end": times[end]},
        }
    )
