"""The search for free slots: checked parameters to the bytes of a Bundle.

practice.reads finds the slots on offer and their sessions; here they become JSON, and with them the
practitioners, places and the practice that the search asked to be included.
"""

from collections.abc import Iterator
from datetime import datetime

from fhirapi import rendered_directory
from fhirapi.filters import SCHEDULE_LOCATION, SCHEDULE_PRACTITIONER, SlotFilter
from fhirapi.resources import bundle, schedule, slot
from fhirapi.resources.common import UKTimes
from practice.models import Organisation
from practice.reads import slot_search
from practice.reads.slot_search import FoundSession, Version


def free_slots(search: SlotFilter, *, organisation: Organisation, now: datetime) -> bytes:
    """The Bundle of a search as JSON. Raises what is wrong with the parameters.

    A query for each type of resource, however many slots there are.
    """
    asked = search.checked()
    slots = slot_search.free_slots(
        organisation=organisation,
        requester=asked.requester,
        start=asked.start.instant,
        end=asked.end.instant,
        now=now,
    )
    sessions = slot_search.sessions_of(slots, organisation=organisation)
    times = UKTimes()
    entries = slot.encode(slots, times) + schedule.encode((row for row, *_ in sessions), times)
    included = included_resources(sessions, asked.includes, organisation) if slots else ()
    return bundle.encoded_searchset(entries, included)


def included_resources(
    sessions: list[FoundSession], includes: set[str], organisation: Organisation
) -> Iterator[bytes]:
    """Holders, places and the practice of sessions as JSON, each once (SLOT-072 to SLOT-077)."""
    if SCHEDULE_PRACTITIONER in includes:
        holders = {session.holder for session in sessions if session.holder}
        yield from rendered_directory.PRACTITIONERS.json_of(organisation, holders)
    if SCHEDULE_LOCATION in includes:
        places = {session.location for session in sessions}
        yield from rendered_directory.LOCATIONS.json_of(organisation, places)
    practice = Version(organisation.pk, organisation.version, organisation.updated_at.isoformat())
    yield from rendered_directory.PRACTICES.json_of(organisation, [practice])
