"""Rehearsals with other organisations' systems: begun, seen, ended, with nothing left behind."""

import secrets
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.db.models import F, Max

from practice import clock, nhs_number
from practice.exceptions import RehearsalRefused
from practice.models import (
    Appointment,
    Location,
    Organisation,
    Patient,
    PatientAddress,
    Rehearsal,
    Schedule,
    Slot,
)
from practice.reads import bookability, rehearsals
from practice.reads.patients import VERIFIED
from practice.reads.rehearsal_report import Report
from practice.services.appointments import changing
from practice.services.audit.recording import Actor, record_done
from practice.services.locks import lock_practice

LASTS = timedelta(days=1)
DAYS_AHEAD = 7  # of the test slots: they are to come for as long as it lasts, whenever it is ended
FIRST, SLOT_MINUTES = time(10), 10
OFFERED = 3  # slots; the one after them is restricted
TEST = "TEST, not a real appointment"
FAMILY_NAME = "XXTESTPATIENT"  # as national tests name theirs
GIVEN_NAMES, NOT_REGISTERED = "Rehearsal Donotuse", "Notregistered Donotuse"
GENERAL_PRACTITIONER = "R0260"
ENDED = "The rehearsal has ended."


@transaction.atomic
def begin(
    *, organisation: Organisation, name: str, ods_code: str, actor: Actor, now: datetime
) -> Rehearsal:
    """Begin a rehearsal, with a patient, one who is not registered, and slots, all of them tests.

    Raises RehearsalRefused: it stands already, GP Connect is off, or there is no place.
    """
    practice = lock_practice(organisation)
    for each in rehearsals.over(organisation=organisation, now=now):
        end(each, Rehearsal.Ending.OVER, actor=actor, now=now)
    if not bookability.is_open(practice):
        raise RehearsalRefused(
            "Switch GP Connect and appointment management on first: nobody is let in till then."
        )
    place = Location.objects.filter(
        organisation=organisation, status=Location.Status.ACTIVE
    ).first()
    if place is None:
        raise RehearsalRefused("Add a location first: test slots are at one.")
    if rehearsals.standing(organisation=organisation, ods_code=ods_code, now=now).exists():
        raise RehearsalRefused(f"A rehearsal with {ods_code} stands already: end that one first.")
    rehearsal = Rehearsal.objects.create(
        organisation=organisation,
        name=name,
        ods_code=ods_code,
        begun_at=now,
        begun_by_name=actor.name,
        ends_at=now + LASTS,
    )
    _make_patients(rehearsal, clock.today(now))
    _make_slots(rehearsal, place, clock.today(now) + timedelta(days=DAYS_AHEAD))
    _say_until_when(organisation)
    detail = {"name": name, "ods_code": ods_code}
    record_done("rehearsal.begun", rehearsal, actor=actor, now=now, detail=detail)
    return rehearsal


def _make_patients(rehearsal: Rehearsal, today: date) -> None:
    """One to book for, and one whose registration has ended."""
    for given_names, is_registered in ((GIVEN_NAMES, True), (NOT_REGISTERED, False)):
        patient = Patient.with_tests.create(
            organisation_id=rehearsal.organisation_id,
            rehearsal=rehearsal,
            nhs_number=_unused_number(rehearsal.organisation_id),
            nhs_number_verification=VERIFIED,
            given_names=given_names,
            family_name=FAMILY_NAME,
            birth_date=date(1980, 1, 1),
            active=is_registered,
            registration_start=today - timedelta(days=365),
            registration_end=None if is_registered else today - timedelta(days=1),
        )
        PatientAddress.objects.create(patient=patient, address_line_1="Test only, no such address")


def _unused_number(organisation_id: int) -> str:
    """An NHS number of the range that is set aside for tests, which nobody here has."""
    while True:
        first_nine = f"999{secrets.randbelow(1_000_000):06}"
        for check in range(10):
            found = f"{first_nine}{check}"
            if nhs_number.is_valid(found) and not (
                Patient.with_tests.filter(organisation=organisation_id, nhs_number=found).exists()
            ):
                return found


def _make_slots(rehearsal: Rehearsal, place: Location, day: date) -> None:
    """A session of nobody's, whose slots can be booked at once, whatever the practice's limits."""
    starts = [
        clock.instant(day, FIRST) + timedelta(minutes=SLOT_MINUTES) * number
        for number in range(OFFERED + 1)
    ]
    schedule = Schedule.with_tests.create(
        organisation_id=rehearsal.organisation_id,
        rehearsal=rehearsal,
        date=day,
        start=starts[0],
        end=starts[-1] + timedelta(minutes=SLOT_MINUTES),
        session_name=TEST,
        location=place,
        practitioner_role=GENERAL_PRACTITIONER,
        booking_window_days=DAYS_AHEAD + 1,
        embargo_minutes=0,
        minimum_notice_minutes=0,
        changed_by_hand=True,
    )
    for start in starts:
        Slot.with_tests.create(
            organisation_id=rehearsal.organisation_id,
            rehearsal=rehearsal,
            schedule=schedule,
            start=start,
            end=start + timedelta(minutes=SLOT_MINUTES),
            slot_type=TEST,
            delivery_channel="In-person",
            gp_connect_bookable=start != starts[-1],
            changed_by_hand=True,
        )


def _say_until_when(organisation: Organisation) -> None:
    """Keep at the practice until when one may stand, which every request reads."""
    stand = rehearsals.of_practice(organisation=organisation).filter(ended_at__isnull=True)
    until = stand.aggregate(until=Max("ends_at"))["until"]
    Organisation.objects.filter(pk=organisation.pk).update(rehearsing_until=until)
    organisation.rehearsing_until = until


@transaction.atomic
def see_booking(rehearsal: Rehearsal, *, actor: Actor, now: datetime) -> None:
    """Somebody at the practice sees what was booked, and that it is as the other side says.

    Raises RehearsalRefused if nothing is booked now.
    """
    booked = rehearsals.booked(rehearsal)
    if rehearsal.ended_at or booked is None:
        raise RehearsalRefused("Nothing is booked now: ask them to book again.")
    rehearsal.seen_at, rehearsal.seen_by_name = now, actor.name
    rehearsal.save(update_fields=["seen_at", "seen_by_name"])
    detail = {"appointment": booked.pk}
    record_done("rehearsal.booking_seen", rehearsal, actor=actor, now=now, detail=detail)


@transaction.atomic
def end_by_staff(rehearsal: Rehearsal, *, actor: Actor, now: datetime) -> Rehearsal:
    """End a rehearsal that stands: finished if every step was done, else given up."""
    lock_practice(rehearsal.organisation)
    return end(rehearsal, None, actor=actor, now=now)


@transaction.atomic
def end(
    rehearsal: Rehearsal, ending: Rehearsal.Ending | None, *, actor: Actor, now: datetime
) -> Rehearsal:
    """Keep what it came to, cancel what was booked, withdraw the slots, and forget the patients.

    Nothing is done to one that has ended already. ``ending`` of None: as its steps say.
    """
    rehearsal = Rehearsal.objects.select_for_update(of=("self",), no_key=True).get(pk=rehearsal.pk)
    if rehearsal.ended_at is not None:
        return rehearsal
    # Who is booking one waits, and is refused then; who has just booked one is cancelled below.
    list(Slot.with_tests.filter(rehearsal=rehearsal).select_for_update(no_key=True).order_by("pk"))
    report = Report.of(rehearsal)
    if ending is None or report.is_complete:
        ending = Rehearsal.Ending.FINISHED if report.is_complete else Rehearsal.Ending.GIVEN_UP
    _cancel(rehearsal, actor=actor, now=now)
    next_version = {"version": F("version") + 1, "updated_at": now}
    slots = Slot.with_tests.filter(rehearsal=rehearsal).exclude(status=Slot.Status.BUSY)
    slots.update(withdrawn=True, **next_version)
    Schedule.with_tests.filter(rehearsal=rehearsal).update(withdrawn=True, **next_version)
    Patient.with_tests.filter(rehearsal=rehearsal).update(active=False, **next_version)
    rehearsal.ended_at, rehearsal.ending = now, ending
    rehearsal.record = report.record()
    rehearsal.save(update_fields=["ended_at", "ending", "record"])
    _say_until_when(rehearsal.organisation)
    detail = {"ending": str(ending), "done": sorted(report.done)}
    record_done("rehearsal.ended", rehearsal, actor=actor, now=now, detail=detail)
    return rehearsal


def _cancel(rehearsal: Rehearsal, *, actor: Actor, now: datetime) -> None:
    """Cancel what is still booked; what is past stays, if nobody ended it for days."""
    live = Appointment.with_tests.filter(rehearsal=rehearsal).live().order_by("pk")
    for pk in live.filter(start__gt=now).values_list("pk", flat=True):
        locked = changing.appointment_for_change(
            organisation=rehearsal.organisation, appointment_id=pk, actor=actor, now=now
        )
        changing.cancel_appointment(appointment=locked, reason=ENDED, actor=actor, now=now)


def end_what_is_over(*, organisation: Organisation, actor: Actor, now: datetime) -> int:
    """End the practice's rehearsals whose time is over; return how many that were."""
    found = list(rehearsals.over(organisation=organisation, now=now))
    for each in found:
        with transaction.atomic():
            lock_practice(organisation)
            end(each, Rehearsal.Ending.OVER, actor=actor, now=now)
    return len(found)
