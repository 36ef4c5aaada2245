"""Schedule: one session on one date. Sent by the search for free slots only."""

from functools import cache
from typing import Any

from django.db.models import QuerySet

from fhirapi.resources.common import (
    STRUCTURES,
    UKTimes,
    codeable_concept,
    meta,
    reference,
)
from practice.models import Schedule
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


@cache
def practitioner_role(code: str) -> dict[str, Any]:
    """The extension that holds an SDS job role with its display (SLOT-116)."""
    return {
        "url": PRACTITIONER_ROLE,
        "valueCodeableConcept": codeable_concept("sds_job_role_name", code),
    }


def rows_of(found: QuerySet[Schedule]) -> QuerySet[Any, Any]:
    """The rows of sessions, by id."""
    return found.annotate(**ANNOTATIONS).order_by("pk").values_list(*COLUMNS)


def render(row: tuple[Any, ...], times: UKTimes) -> dict[str, Any]:
    """A row of COLUMNS as GPConnect-Schedule-1. A search shows none without a role (AVAIL-050)."""
    pk, version, role, session_name, location, session_holder, start, end = row
    actors = [reference("Location", location)]
    if session_holder is not None:
        actors.append(reference("Practitioner", session_holder))
    rendered = {
        "resourceType": "Schedule",
        "id": str(pk),
        "meta": meta(PROFILE, version),
        "extension": [practitioner_role(role)],
        "serviceCategory": {"text": session_name},
        "actor": actors,
        "planningHorizon": {"start": times[start], "end": times[end]},
    }
    if not session_name:
        del rendered["serviceCategory"]
    return rendered
