"""What a search for free slots finds: the slots on offer between two instants, and their sessions.

Two statements, made once: one for the slots (``bookability`` says which are on offer), one for the
sessions that they belong to. fhirapi.slot_search turns their rows into an answer.
"""

from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias, TypeVar

from django.db.models import CharField, DateTimeField, F, FilteredRelation, Q, QuerySet
from django.db.models.functions import Cast

from practice.db.expressions import Epoch
from practice.db.prepared import Number, Numbers, Prepared, QueryParameter
from practice.models import Organisation, Schedule
from practice.reads import rehearsals
from practice.reads.offered_slots import OfferedRows, offered_in_rehearsal
from practice.reads.profile_limits import AskedProfiles, BookingParty

Found = TypeVar("Found", bound=QuerySet[Any, Any])

# Seconds since 1970 are cheaper to read than a datetime, and thousands of them are read.
EPOCHS = {"start_epoch": Epoch("start"), "end_epoch": Epoch("end")}

# A slot, with the values of SLOT_COLUMNS. Thousands travel in one answer, so they stay the tuples
# that the driver makes: a NamedTuple for each took a tenth of the time in which they are encoded.
SlotRow: TypeAlias = tuple[int, int, str, str, int, str, int, int]
SLOT_COLUMNS = (
    "pk",
    "version",
    "delivery_channel",
    "slot_type",
    "schedule_id",
    "status",
    "start_epoch",
    "end_epoch",
)


class SessionRow(NamedTuple):
    """A session that slots belong to; times are seconds since 1970."""

    pk: int
    version: int
    practitioner_role: str
    session_name: str
    location_id: int
    session_holder_id: int | None
    start_epoch: int
    end_epoch: int


class Version(NamedTuple):
    """What a resource's content depends on: its id, its version, and when that was written."""

    pk: int
    version: int
    changed: str  # as text: it is compared, never read


class FoundSession(NamedTuple):
    """A session's row, and today's versions of its holder (roles here included) and its place."""

    row: SessionRow
    holder: Version | None
    location: Version


def within(found: Found, *, start: Any, end: Any) -> Found:
    """Narrow a query set of slots to those that lie fully between two instants (SLOT-052, 056)."""
    # That they start before the end is implied; it is said so that the index can stop there.
    return found.filter(start__gte=start, end__lte=end, start__lt=end)


def _rows(found: Any, *, service: Any = None, **span: Any) -> Any:
    if service is not None:
        found = found.filter(schedule__healthcare_service=service)
    found = within(found, **span).annotate(**EPOCHS)
    return found.order_by("start", "pk").values_list(*SLOT_COLUMNS)


SPAN = {name: QueryParameter(name, DateTimeField()) for name in ("start", "end")}
OFFERED = OfferedRows(_rows, **SPAN)
OFFERED_OF_SERVICE = OfferedRows(_rows, service=Number("service"), **SPAN)

PLACE_AND_PERSON = (
    *("location__version", "location_changed"),
    *("session_holder__version", "holder_changed"),
)
# One row for each role that the holder has or had here, or one without a role.
SESSIONS = Prepared(
    lambda: (
        Schedule.with_tests.filter(organisation=Number("organisation"), pk__among=Numbers("ids"))
        .annotate(
            role_here=FilteredRelation(
                "session_holder__roles",
                condition=Q(session_holder__roles__organisation=Number("organisation")),
            )
        )
        .annotate(
            **EPOCHS,
            holder_changed=Cast("session_holder__updated_at", CharField()),
            location_changed=Cast("location__updated_at", CharField()),
            role_changed=Cast("role_here__updated_at", CharField()),
        )
        .order_by("pk", "role_here__pk")
        .values_list(*SessionRow._fields, *PLACE_AND_PERSON, "role_here__version", "role_changed")
    )
)


def free_slots(
    *,
    organisation: Organisation,
    requester: BookingParty,
    start: datetime,
    end: datetime,
    now: datetime,
    profiles: AskedProfiles | None = None,
    asked_by: str = "",
    service: int | None = None,
) -> list[SlotRow]:
    """Return the slots between two instants that are on offer to a requester, by their start.

    ``profiles``: those of the practice, if they have been asked for. ``asked_by``: the ODS code of
    whoever asks, as only those are shown the test slots of their rehearsal. ``service``: the id of
    the only one whose sessions count (SF-021).
    """
    span: dict[str, Any] = {"start": start, "end": end}
    offered = OFFERED
    if service is not None:
        span["service"] = service
        offered = OFFERED_OF_SERVICE
    found = offered.rows(
        organisation=organisation, requester=requester, now=now, profiles=profiles, **span
    )
    if asked_by and rehearsals.may_stand(organisation, now=now):
        tests = offered_in_rehearsal(
            organisation=organisation, requester=requester, asked_by=asked_by, now=now
        )
        found = sorted([*found, *_rows(tests, **span)], key=_by_start)
    return found


def _by_start(row: SlotRow) -> tuple[int, int]:
    return row[6], row[0]  # start_epoch and pk


def sessions_of(slots: list[SlotRow], *, organisation: Organisation) -> list[FoundSession]:
    """Return the sessions of slots, each once, by id; no query without a slot (SLOT-071)."""
    if not slots:
        return []
    # Unpacked by name, and without a star: that would make a list for each of thousands.
    ids = {schedule for pk, version, channel, kind, schedule, status, start, end in slots}
    rows = SESSIONS.rows(organisation=organisation.pk, ids=ids)
    found = []
    for once, same in groupby(rows, key=lambda each: each[:-2]):
        *own, version, changed, holder_version, holder_changed = once
        row = SessionRow(*own)
        holder = None
        if row.session_holder_id is not None:
            roles = [each[-2:] for each in same if each[-1]]
            holder = Version(
                row.session_holder_id,
                holder_version + sum(count for count, _ in roles),
                " ".join([holder_changed, *(at for _, at in roles)]),
            )
        found.append(FoundSession(row, holder, Version(row.location_id, version, changed)))
    return found


# Of which service each session is, with what the service's content depends on.
SERVICES_OF_SESSIONS = Prepared(
    lambda: (
        Schedule.with_tests.filter(
            organisation=Number("organisation"),
            pk__among=Numbers("ids"),
            healthcare_service__isnull=False,
        )
        .annotate(
            service_version=F("healthcare_service__version"),
            service_changed=Cast("healthcare_service__updated_at", CharField()),
        )
        .order_by("pk")
        .values_list("pk", "healthcare_service_id", "service_version", "service_changed")
    )
)


def services_of(sessions: list[FoundSession], *, organisation: Organisation) -> dict[int, Version]:
    """Return the service of each session that belongs to one, by the session's id (SF-024).

    While the practice does not filter by service there is none, and nothing is asked.
    """
    if not sessions or not organisation.filters_by_service:
        return {}
    ids = [session.row.pk for session in sessions]
    rows = SERVICES_OF_SESSIONS.rows(organisation=organisation.pk, ids=ids)
    return {pk: Version(*service) for pk, *service in rows}
