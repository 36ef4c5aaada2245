"""Booking slots: every booking passes here, from outside and by staff.

The order of locks is that of practice.services.locks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import IntegrityError
from django.db.models import DateTimeField, F, QuerySet

from practice.db.journeys import one_journey
from practice.db.prepared import NextId, Numbers, PreparedInsert, PreparedUpdate, QueryParameter
from practice.db.transactions import atomic_service
from practice.exceptions import (
    AppointmentInPast,
    BookedPatientNotFound,
    BookingRefused,
    LocationNotFound,
    NotOffered,
    PatientNotFound,
    PractitionerNotFound,
    ReferenceNotFound,
    SlotNotFound,
    SlotNotFree,
    SlotRepeated,
    SlotsNotAdjacent,
    SlotsNotAlike,
    TextTooLong,
    TimesDiffer,
    WrongLocation,
    WrongPractitioner,
    WrongService,
)
from practice.models import (
    AccessProfile,
    Appointment,
    AppointmentSlot,
    AuditEvent,
    Organisation,
    Patient,
    Schedule,
    Slot,
)
from practice.reads import bookability, profile_limits, rehearsals
from practice.reads.bookability import Reason
from practice.reads.directory import is_held, locations, practitioners
from practice.reads.patients import PATIENT_OR_TEST, VERIFIED, why_nobody_books_for
from practice.reads.profile_limits import ANYBODY, BookingParty
from practice.services import locks
from practice.services.appointments import how_booked, listed
from practice.services.appointments.provenance import provenance, record_in_trail
from practice.services.audit.recording import Actor

NO_DESCRIPTION = "Appointment"
DESCRIPTION_LENGTH = 100
COMMENT_LENGTH = 500
BOOKING_ORGANISATION_NAME_LENGTH = 200  # of the column; the JSON text keeps the whole name


@dataclass(frozen=True)
class BookingOrganisation:
    """The organisation that books, as it described itself (BOOK-030 to BOOK-038).

    ``json`` is the contained FHIR Organization as it was sent, in FHIR's element order.
    """

    ods_code: str
    name: str
    organisation_types: frozenset[str]
    json: str

    @property
    def requester(self) -> BookingParty:
        """Whom the restrictions are checked against (AVAIL-071)."""
        return BookingParty(frozenset({self.ods_code}), self.organisation_types)


class Referred(NamedTuple):
    """Something else that the request names: by what, of which kind (Location), with which id."""

    by: str
    kind: str
    pk: int


# ---------------------------------------------------------------- booking


@atomic_service
def book_appointment(
    *,
    organisation: Organisation,
    patient_id: int,
    slot_ids: Sequence[int],
    description: str,
    actor: Actor,
    now: datetime,
    comment: str = "",
    booking_organisation: BookingOrganisation | None = None,
    location_id: int | None = None,
    practitioner_id: int | None = None,
    references: Sequence[Referred] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    created: datetime | None = None,
    priority: int | None = None,
    identifiers: Sequence[dict[str, str]] = (),
    booked_by: User | None = None,
    moved_from: Appointment | None = None,
    how: how_booked.Said | None = None,
) -> Appointment:
    """Book one slot, or several adjacent ones, for a patient: all or nothing.

    ``now`` and the other instants are timezone-aware; ``description`` holds 1 to 100 characters,
    ``comment`` at most 500. ``location_id``, ``practitioner_id``, ``start`` and ``end`` are what a
    consumer says of the appointment: they must agree with the slots. ``references`` must exist
    here, and no more. ``how`` is what staff say of how it was booked. Whether a slot is offered is
    asked for the door ``gp-connect`` only; staff may take any free slot of theirs that is not over,
    and may leave out the description: it is the slot type then (DEC-055).

    Raises the refusals of the checks below. Source: GP Connect, "Book an appointment".
    """
    through_gp_connect = actor.door == AuditEvent.Door.GP_CONNECT
    undescribed = not through_gp_connect and not description.strip()
    check_texts(NO_DESCRIPTION if undescribed else description, comment)
    with one_journey():
        locked = locks.lock_slots_later(organisation, slot_ids)
        found = PATIENT_OR_TEST.later("default", organisation=organisation.pk, patient=patient_id)
        taken = APPOINTMENTS.id_later()
    slots = locks.by_start(locked.objects())
    patient = check_patient(
        found.first(),
        through_gp_connect=through_gp_connect,
        now=now,
        asked_by=actor.ods_code,
    )
    check_references(
        organisation,
        slots,
        wanted=slot_ids,
        location=location_id,
        practitioner=practitioner_id,
        references=references,
    )
    check_slots(slots, wanted=slot_ids, start=start, end=end)
    check_rehearsal(patient, slots, booking_organisation)
    if through_gp_connect:
        requester = booking_organisation.requester if booking_organisation else ANYBODY
        check_start(slots[0], now=now)
        check_session(slots[0].schedule, location=location_id, practitioner=practitioner_id)
        check_service(slots[0].schedule, references)
        profile = check_offered(slots, organisation=organisation, requester=requester, now=now)
    else:
        check_free_for_staff(slots, now=now)
        profile = None
    if undescribed:
        description = slots[0].slot_type or NO_DESCRIPTION
    booked = _take(
        taken,
        slots,
        organisation=organisation,
        patient=patient,
        description=description,
        comment=comment,
        priority=priority,
        created=(created or now).replace(microsecond=0),
        identifiers=list(identifiers),
        access_profile=profile,
        booked_via=Appointment.Door.GP_CONNECT if through_gp_connect else Appointment.Door.STAFF,
        booked_by=booked_by,
        booking_organisation_json=booking_organisation.json if booking_organisation else "",
        booking_organisation_ods_code=booking_organisation.ods_code if booking_organisation else "",
        booking_organisation_name=(
            booking_organisation.name[:BOOKING_ORGANISATION_NAME_LENGTH]
            if booking_organisation
            else ""
        ),
        moved_from=moved_from,
        actor=actor,
        now=now,
    )
    if how is not None:
        how_booked.keep(booked, how, actor=actor, now=now)
    if not through_gp_connect:
        listed.follow(booked, actor=actor, now=now)
    return booked


def _take(
    taken: NextId,
    slots: list[Slot],
    *,
    organisation: Organisation,
    patient: Patient,
    actor: Actor,
    now: datetime,
    **fields: Any,
) -> Appointment:
    """Write the appointment and mark its slots. The unique constraint has the last word."""
    first, schedule = slots[0], slots[0].schedule
    appointment = Appointment(
        organisation=organisation,
        patient=patient,
        rehearsal_id=patient.rehearsal_id,
        schedule=schedule,
        location_id=schedule.location_id,
        start=first.start,
        end=slots[-1].end,
        session_name=schedule.session_name,
        practitioner_role=schedule.practitioner_role,
        slot_type=first.slot_type,
        delivery_channel=first.delivery_channel,
        provenance=[provenance("booked", actor, now)],
        **fields,
    )
    slot_ids = [slot.pk for slot in slots]
    try:
        with one_journey():
            APPOINTMENTS.one_with(taken, appointment)
            APPOINTMENT_SLOTS.all(
                AppointmentSlot(appointment=appointment, slot=slot) for slot in slots
            )
            MARK_BUSY.later(ids=slot_ids, now=now)
    except IntegrityError as error:
        if any(name in str(error) for name in BOOKED_ONCE):
            raise SlotNotFree from error
        raise
    record_in_trail("booked", appointment, actor=actor, now=now, slots=slot_ids)
    return appointment


# The constraint, as PostgreSQL and as SQLite name it.
BOOKED_ONCE = ("slot_booked_once", "practice_appointmentslot.slot_id")
APPOINTMENTS, APPOINTMENT_SLOTS = PreparedInsert(Appointment), PreparedInsert(AppointmentSlot)
MARK_BUSY = PreparedUpdate(
    lambda: Slot.with_tests.filter(pk__among=Numbers("ids")),
    status=Slot.Status.BUSY,
    version=F("version") + 1,
    updated_at=QueryParameter("now", DateTimeField()),
)


# ---------------------------------------------------------------- the refusals, in the order of the
# table "Suggested validation sequence" of the requirements


def check_texts(description: str, comment: str) -> None:
    """Raise TextTooLong, or BookingRefused for an empty description (BOOK-013 to BOOK-015)."""
    if not description.strip():
        raise BookingRefused("An appointment needs a description.")
    if len(description) > DESCRIPTION_LENGTH:
        raise TextTooLong(f"The description may have at most {DESCRIPTION_LENGTH} characters.")
    if len(comment) > COMMENT_LENGTH:
        raise TextTooLong(f"The comment may have at most {COMMENT_LENGTH} characters.")


def check_patient(
    patient: Patient | None, *, through_gp_connect: bool, asked_by: str, now: datetime
) -> Patient:
    """Raise PatientNotFound (sensitive) or BookedPatientNotFound (DEC-024); return the patient.

    Staff may book for any registered patient who is alive, the sensitive and unverified included,
    and are told what became of others; from outside those are as unknown as any. So is a test
    patient to everybody but the organisation that the rehearsal is with.
    """
    if patient is None or not rehearsals.is_with(patient.rehearsal_id, ods_code=asked_by, now=now):
        raise BookedPatientNotFound
    if through_gp_connect and patient.sensitive:
        raise PatientNotFound
    if why := why_nobody_books_for(patient, now=now):
        raise BookedPatientNotFound("" if through_gp_connect else why)
    if through_gp_connect and patient.nhs_number_verification != VERIFIED:
        raise BookedPatientNotFound
    return patient


def check_references(
    organisation: Organisation,
    slots: list[Slot],
    *,
    wanted: Sequence[int],
    location: int | None,
    practitioner: int | None,
    references: Sequence[Referred] = (),
) -> None:
    """Raise a ReferenceNotFound for the first place, person, thing or slot that is not there.

    What the slots' own session names exists, so that the usual booking asks nothing here.
    """
    places = {None, *(slot.schedule.location_id for slot in slots)}
    holders = {None, *(slot.schedule.session_holder_id for slot in slots)}
    if location not in places and not _exists(locations(organisation=organisation), location):
        raise LocationNotFound
    if practitioner not in holders and not _exists(
        practitioners(organisation=organisation), practitioner
    ):
        raise PractitionerNotFound
    for by, kind, pk in references:
        if not is_held(organisation=organisation, kind=kind, pk=pk):
            raise ReferenceNotFound(f"{by} refers to a {kind} that is not at this practice.")
    if {slot.pk for slot in slots} != set(wanted) or not slots:
        raise SlotNotFound


def _exists(records: QuerySet[Any], pk: int | None) -> bool:
    return records.filter(pk=pk).exists()


def check_slots(
    slots: list[Slot], *, wanted: Sequence[int], start: datetime | None, end: datetime | None
) -> None:
    """Raise SlotRepeated, SlotsNotAlike, SlotsNotAdjacent or TimesDiffer; slots are by start."""
    if len(set(wanted)) != len(wanted):
        raise SlotRepeated
    if len({(s.schedule.pk, s.delivery_channel, s.slot_type) for s in slots}) > 1:
        raise SlotsNotAlike
    if any(one.end != following.start for one, following in zip(slots, slots[1:], strict=False)):
        raise SlotsNotAdjacent
    if start is not None and start != slots[0].start:
        raise TimesDiffer("Appointment.start is not the start of the earliest slot.")
    if end is not None and end != slots[-1].end:
        raise TimesDiffer("Appointment.end is not the end of the latest slot.")


def check_rehearsal(patient: Patient, slots: list[Slot], by: BookingOrganisation | None) -> None:
    """Raise NotOffered unless patient and slots are of one rehearsal, or all of them real.

    So nobody real has a slot that does not take place, and no real slot is lost to a test.
    """
    if any(slot.rehearsal_id != patient.rehearsal_id for slot in slots):
        raise NotOffered("A test patient has test slots only, and nobody else has one.")
    rehearsal = patient.rehearsal
    if rehearsal and by and by.ods_code != rehearsal.ods_code:
        raise NotOffered("The booking organisation is not the one that the rehearsal is with.")


def check_start(first: Slot, *, now: datetime) -> None:
    """Raise AppointmentInPast unless the appointment starts after now (BOOK-063)."""
    if first.start <= now:
        raise AppointmentInPast


def check_session(schedule: Schedule, *, location: int | None, practitioner: int | None) -> None:
    """Raise WrongLocation or WrongPractitioner for what is not the session's (DEC-025)."""
    if location is not None and location != schedule.location_id:
        raise WrongLocation
    if practitioner is not None and practitioner != schedule.session_holder_id:
        raise WrongPractitioner


def check_service(schedule: Schedule, references: Sequence[Referred]) -> None:
    """Raise WrongService for a service that is not the session's."""
    for _, kind, pk in references:
        if kind == "HealthcareService" and pk != schedule.healthcare_service_id:
            raise WrongService


def check_offered(
    slots: list[Slot], *, organisation: Organisation, requester: BookingParty, now: datetime
) -> AccessProfile | None:
    """Raise NotOffered or SlotNotFree; return the access profile that the booking counts against.

    A limit is counted under the lock on its profile, which all bookings under that profile queue
    for, so that many at once do not exceed it (AVAIL-074). An appointment counts against one limit
    only: slots under two different ones cannot be booked as one.
    """
    profiles = {p.pk: p for slot in slots if (p := bookability.effective_profile(slot))}
    limited = [pk for pk, profile in profiles.items() if profile.is_limited]
    if limited:
        list(
            AccessProfile.objects.filter(pk__in=limited)
            .select_for_update(no_key=True)
            .order_by("pk")
        )
    taken = profile_limits.usage(profiles.values(), now)
    found = [
        refusal
        for slot in slots
        for refusal in bookability.refusals(
            slot,
            organisation=organisation,
            requester=requester,
            now=now,
            taken=taken,
            wanted=len(slots),
        )
    ]
    reasons = {refusal.reason for refusal in found}
    if others := reasons - {Reason.NOT_FREE, Reason.LIMIT_USED_UP}:
        raise NotOffered(f"The slot is not offered: {'; '.join(sorted(others))}.")
    if Reason.NOT_FREE in reasons:
        raise SlotNotFree
    if reasons:
        raise NotOffered("The slot is not offered: the organisation's limit is used up.")
    if len(limited) > 1:
        raise NotOffered("The slots count against different limits: book them one by one.")
    return profiles[limited[0]] if limited else bookability.effective_profile(slots[0])


def check_free_for_staff(slots: list[Slot], *, now: datetime) -> None:
    """Raise SlotNotFree or BookingRefused: staff take what is free, planned and not yet over."""
    if any(slot.status != Slot.Status.FREE for slot in slots):
        raise SlotNotFree
    if any(slot.withdrawn or slot.schedule.withdrawn for slot in slots):
        raise BookingRefused("The slot has been withdrawn.")
    if slots[-1].end <= now:
        raise AppointmentInPast("The slot is over.")
