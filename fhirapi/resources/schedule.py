"""Schedule: one session on one date. Sent by the search for free slots only."""

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

from fhirapi.formats import Format
from fhirapi.resources import fragments
from fhirapi.resources.common import (
    STRUCTURES,
    Element,
    UKTimes,
    codeable_concept,
    meta,
    reference,
)
from practice.reads.slot_search import SessionRow, Version

PROFILE = f"{STRUCTURES}/GPConnect-Schedule-1"
PRACTITIONER_ROLE = f"{STRUCTURES}/Extension-GPConnect-PractitionerRole-1"
NO_SERVICES: Mapping[int, Version] = {}


@cache
def practitioner_role(code: str) -> Element:
    """The extension that holds an SDS job role with its display (SLOT-116)."""
    return {
        "url": PRACTITIONER_ROLE,
        "valueCodeableConcept": codeable_concept("sds_job_role_name", code),
    }


def render(row: SessionRow, times: UKTimes, service: int | str | None = None) -> Element:
    """A row as GPConnect-Schedule-1. A search shows none without a role (AVAIL-050).

    ``service`` is the id of the service that it belongs to, where that is shown (SF-024).
    """
    pk, version, role, session_name, location, session_holder, start, end = row
    actors = [reference("Location", location)]
    if session_holder is not None:
        actors.append(reference("Practitioner", session_holder))
    if service is not None:
        actors.append(reference("HealthcareService", service))
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


def encode(
    rows: Iterable[SessionRow],
    times: UKTimes,
    as_format: Format,
    services: Mapping[int, Version] = NO_SERVICES,
) -> list[str]:
    """Rows as entries of a Bundle. ``services``: which session belongs to which, by its id."""
    entries = []
    for pk, version, role, session_name, location, session_holder, start, end in rows:
        service = services.get(pk)
        a, b, c, d, *e, f, g = _cut(
            as_format, role, session_name, session_holder is not None, service is not None
        )
        holder = f"{session_holder}{e[0]}" if session_holder is not None else ""
        of = f"{service.pk}{e[-1]}" if service is not None else ""
        entries.append(
            f"{a}{pk}{b}{version}{c}{location}{d}{holder}{of}{times[start]}{f}{times[end]}{g}"
        )
    return entries


@lru_cache(fragments.MOST_KINDS)
def _cut(
    as_format: Format, role: str, session_name: str, has_holder: bool, has_service: bool
) -> tuple[str, ...]:
    """The entry of every session of a kind, without its ids, version, start and end."""

    def marked(mark: str) -> Element:
        holder = mark if has_holder else None
        # A row with the mark instead of numbers.
        row: Any = (mark, mark, role, session_name, mark, holder, 0, 0)
        return render(row, UKTimes({0: mark}), mark if has_service else None)

    return fragments.cut(as_format, marked, role, session_name)
