"""The search for free slots: checked parameters to the bytes of a Bundle.

practice.reads finds the slots on offer and their sessions; here they become JSON or XML, and with
them the practitioners, places, services and the practice that the search asked to be included.
"""

from datetime import datetime
from typing import NamedTuple

from fhirapi import rendered_directory
from fhirapi.errors import NO_RECORD_FOUND, FHIRError
from fhirapi.filters import (
    SCHEDULE_LOCATION,
    SCHEDULE_PRACTITIONER,
    SCHEDULE_SERVICE,
    SERVICE,
    SlotFilter,
    names_service,
    wanted_service,
)
from fhirapi.formats import Format
from fhirapi.resources import bundle, schedule, slot
from fhirapi.resources.common import UK_TIMES
from practice.models import Organisation
from practice.reads import service_filtering, slot_search
from practice.reads.profile_limits import AskedProfiles, BookingParty
from practice.reads.slot_search import FoundSession, Version


class FoundSlots(NamedTuple):
    """The Bundle of a search, finished, and what the trail is to know: for whom, how many slots."""

    body: bytes
    requester: BookingParty
    number: int


def find_slots(
    search: SlotFilter,
    *,
    organisation: Organisation,
    now: datetime,
    profiles: AskedProfiles | None = None,
    asked_by: str = "",
    as_format: Format = Format.JSON,
) -> FoundSlots:
    """The answer to a search. Raises what is wrong with the parameters.

    A query for each type of resource, however many slots there are. ``profiles``: the practice's
    access profiles, if they have been asked for. ``asked_by``: the ODS code that the token names.
    """
    asked = search.checked()
    filtering = ""
    if names_service(search.data) and service_filtering.is_spoken_of(organisation):
        filtering = service_filtering.status(organisation)
    by_service = organisation.filters_by_service
    service = service_asked_for(search, organisation) if by_service else None
    slots = slot_search.free_slots(
        organisation=organisation,
        requester=asked.requester,
        start=asked.start.instant,
        end=asked.end.instant,
        now=now,
        profiles=profiles,
        asked_by=asked_by,
        service=service,
    )
    sessions = slot_search.sessions_of(slots, organisation=organisation)
    rows = [session.row for session in sessions]
    services = slot_search.services_of(sessions, organisation=organisation)
    entries = slot.encode(slots, UK_TIMES, as_format)
    entries += schedule.encode(rows, UK_TIMES, as_format, services)
    included = included_entries(sessions, asked.includes, organisation, as_format) if slots else []
    if services and SCHEDULE_SERVICE in search.data.getlist("_include:recurse"):
        shown = set(services.values())
        included += rendered_directory.SERVICES.entries_of(organisation, shown, as_format)
    body = bundle.encoded_searchset(entries, included, as_format, filtering)
    return FoundSlots(body, asked.requester, len(slots))


def service_asked_for(search: SlotFilter, organisation: Organisation) -> int | None:
    """The id of the service whose slots alone are asked for; NO_RECORD_FOUND if it is none here.

    None: none is asked for, so that nothing is filtered by it (SF-021, SF-022).
    """
    service_id = wanted_service(search.data)
    if service_id is None:
        return None
    found = service_filtering.service_rows_by_service_id(
        organisation=organisation, service_id=service_id
    )
    if not found:
        raise FHIRError(
            NO_RECORD_FOUND,
            f"The HealthcareService identified by the {SERVICE.name} parameter was not found.",
        )
    return found[0].pk


def included_entries(
    sessions: list[FoundSession],
    includes: set[str],
    organisation: Organisation,
    as_format: Format,
) -> list[bytes]:
    """Entries of holders, places and practice of sessions, each once (SLOT-072 to SLOT-077)."""
    found = []
    if SCHEDULE_PRACTITIONER in includes:
        holders = {session.holder for session in sessions if session.holder}
        found += rendered_directory.PRACTITIONERS.entries_of(organisation, holders, as_format)
    if SCHEDULE_LOCATION in includes:
        places = {session.location for session in sessions}
        found += rendered_directory.LOCATIONS.entries_of(organisation, places, as_format)
    practice = Version(organisation.pk, organisation.version, organisation.updated_at.isoformat())
    return found + rendered_directory.PRACTICES.entries_of(organisation, [practice], as_format)
