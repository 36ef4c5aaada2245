"""Putting patients on the cancellation list, asking them, and taking them off it.

Booking and moving them is practice.services.appointments, which takes off the list who was met.
"""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction

from practice import clock
from practice.exceptions import (
    AppointmentNotFound,
    BookedPatientNotFound,
    ChangeRefused,
    NotFound,
    PractitionerNotFound,
)
from practice.models import (
    Appointment,
    CancellationListCall,
    CancellationListClinician,
    CancellationListEntry,
    Organisation,
    Patient,
)
from practice.reads import directory
from practice.reads.patients import patient_by_id, why_nobody_books_for
from practice.services.appointments import listed
from practice.services.audit.recording import Actor, record_done

USUAL_WEEKS = 4  # that somebody stays on the list unless they say otherwise


class Wish(NamedTuple):
    """What somebody would come for; what is empty or None may be anything."""

    first_day: date
    last_day: date
    weekdays: tuple[int, ...] = ()
    start_time: time | None = None
    end_time: time | None = None
    slot_type: str = ""
    minutes: int | None = None
    note: str = ""
    clinician_ids: tuple[int, ...] = ()


def usual_wish(appointment: Appointment | None, *, now: datetime) -> Wish:
    """What is offered to be noted: the next weeks, until the day of their appointment if sooner.

    Of an appointment that has lost its time, its type and its length, with anybody.
    """
    today = clock.today(now)
    last = today + timedelta(weeks=USUAL_WEEKS)
    if appointment is None:
        return Wish(today, last)
    keeps_it = appointment.status == Appointment.Status.BOOKED and not appointment.orphaned
    own_day = clock.local(appointment.start).date()
    return Wish(
        today,
        max(today, min(last, own_day)) if keeps_it else last,
        slot_type=appointment.slot_type,
        minutes=(appointment.end - appointment.start) // timedelta(minutes=1),
    )


@transaction.atomic
def join(
    *,
    organisation: Organisation,
    patient_id: int,
    wish: Wish,
    actor: Actor,
    now: datetime,
    appointment_id: int | None = None,
) -> CancellationListEntry:
    """Put a patient on the list, for an earlier time than an appointment's or for one at all.

    Raises BookedPatientNotFound, AppointmentNotFound, PractitionerNotFound, ChangeRefused.
    """
    patient = patient_by_id(organisation=organisation, patient_id=patient_id)
    if patient is None:
        raise BookedPatientNotFound
    if why := why_nobody_books_for(patient, now=now):
        raise BookedPatientNotFound(why)
    appointment = _own_appointment(organisation, patient, appointment_id)
    _check(organisation, wish, now=now)
    entry = CancellationListEntry(
        organisation=organisation,
        patient=patient,
        appointment=appointment,
        noted_at=now,
        noted_by_name=actor.name[:200],
    )
    try:
        with transaction.atomic():
            _store(entry, wish)
    except IntegrityError as error:
        raise ChangeRefused("The patient is on the list for this appointment already.") from error
    said = {"wish": _shown(wish), "appointment": appointment_id}
    record_done("cancellation_list.joined", entry, actor=actor, now=now, detail=said)
    return entry


@transaction.atomic
def join_after_closure(
    *, organisation: Organisation, appointment_id: int, actor: Actor, now: datetime
) -> CancellationListEntry:
    """Put whom a closure took the time from on the list, for the usual weeks.

    Whose appointment was cancelled has none that could be moved. Raises what ``join`` raises.
    """
    found = Appointment.objects.filter(organisation=organisation, pk=appointment_id).first()
    if found is None:
        raise AppointmentNotFound
    is_gone = found.status == Appointment.Status.CANCELLED
    if not (is_gone or found.orphaned):
        raise ChangeRefused("This appointment still takes place.")
    wish = usual_wish(found, now=now)
    if is_gone and _waits_for(found, wish):
        raise ChangeRefused("The patient is on the list already.")
    return join(
        organisation=organisation,
        patient_id=found.patient_id,
        appointment_id=None if is_gone else found.pk,
        wish=wish,
        actor=actor,
        now=now,
    )


@transaction.atomic
def change(
    *, organisation: Organisation, entry_id: int, wish: Wish, actor: Actor, now: datetime
) -> None:
    """Note what a patient would come for by now; their place stays the same.

    Raises NotFound, ChangeRefused, PractitionerNotFound.
    """
    entry = _locked(organisation, entry_id)
    _check(organisation, wish, now=now)
    before = _shown(wish_of(entry))
    _store(entry, wish)
    after = _shown(wish)
    changes = {
        name: {"from": before[name], "to": value}
        for name, value in after.items()
        if before[name] != value
    }
    if changes:
        detail = {"changes": changes}
        record_done("cancellation_list.changed", entry, actor=actor, now=now, detail=detail)


@transaction.atomic
def withdraw(*, organisation: Organisation, entry_id: int, actor: Actor, now: datetime) -> None:
    """Take a patient off the list, who does not want to wait any more. Raises NotFound."""
    entry = _locked(organisation, entry_id)
    listed.end(entry, CancellationListEntry.End.WITHDRAWN, actor=actor, now=now)


@transaction.atomic
def note_call(
    *,
    organisation: Organisation,
    entry_id: int,
    start: datetime,
    outcome: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Remember that somebody was asked about a time, and did not answer or does not want it.

    They keep their place for others. Raises NotFound, ChangeRefused.
    """
    if outcome not in CancellationListCall.Outcome.values:
        raise ChangeRefused("Say whether nobody answered, or they do not want this time.")
    entry = _locked(organisation, entry_id)
    entry.calls.create(start=start, outcome=outcome, at=now, by_name=actor.name[:200])
    detail = {"time": start.isoformat(), "outcome": outcome}
    record_done("cancellation_list.asked", entry, actor=actor, now=now, detail=detail)


# ---------------------------------------------------------------- the checks


def _own_appointment(
    organisation: Organisation, patient: Patient, appointment_id: int | None
) -> Appointment | None:
    if appointment_id is None:
        return None
    found = Appointment.objects.filter(organisation=organisation, patient=patient)
    # Locked, so that it is not moved or cancelled meanwhile.
    appointment = found.select_for_update(of=("self",), no_key=True).filter(pk=appointment_id)
    if not (one := appointment.first()):
        raise AppointmentNotFound
    if one.status != Appointment.Status.BOOKED:
        raise ChangeRefused(f"The appointment is {one.get_status_display().lower()}.")
    return one


def _check(organisation: Organisation, wish: Wish, *, now: datetime) -> None:
    if wish.last_day < wish.first_day:
        raise ChangeRefused("The last day is before the first.")
    if wish.last_day < clock.today(now):
        raise ChangeRefused("The last day is over.")
    if wish.start_time and wish.end_time and wish.end_time <= wish.start_time:
        raise ChangeRefused("The hours end before they begin.")
    people = directory.practitioners(organisation=organisation).filter(pk__in=wish.clinician_ids)
    if people.count() != len(set(wish.clinician_ids)):
        raise PractitionerNotFound


def _locked(organisation: Organisation, entry_id: int) -> CancellationListEntry:
    found = CancellationListEntry.objects.filter(
        organisation=organisation, pk=entry_id, ended_at__isnull=True
    )
    entry = found.select_for_update(of=("self",), no_key=True).first()
    if entry is None:
        raise NotFound("This patient is not on the list any more.")
    return entry


def _waits_for(appointment: Appointment, wish: Wish) -> bool:
    """Whether the patient waits for such a time already, without an appointment."""
    return CancellationListEntry.objects.filter(
        organisation=appointment.organisation_id,
        patient=appointment.patient_id,
        appointment__isnull=True,
        slot_type__in=["", wish.slot_type],
        ended_at__isnull=True,
        last_day__gte=wish.first_day,
    ).exists()


def _store(entry: CancellationListEntry, wish: Wish) -> None:
    values: dict[str, Any] = wish._asdict()
    clinicians: Collection[int] = values.pop("clinician_ids")
    for name, value in values.items():
        setattr(entry, name, list(value) if name == "weekdays" else value)
    entry.save()
    entry.clinicians.all().delete()
    CancellationListClinician.objects.bulk_create(
        CancellationListClinician(entry=entry, practitioner_id=pk) for pk in sorted(clinicians)
    )


def wish_of(entry: CancellationListEntry) -> Wish:
    """What an entry says that a patient would come for."""
    values = {name: getattr(entry, name) for name in Wish._fields if name != "clinician_ids"}
    values["weekdays"] = tuple(entry.weekdays)
    people = (each.practitioner_id for each in entry.clinicians.all())
    return Wish(**values, clinician_ids=tuple(sorted(people)))


def _shown(wish: Wish) -> dict[str, Any]:
    """A wish as the trail keeps it."""
    return {
        name: list(value) if isinstance(value, tuple) else value if value is None else str(value)
        for name, value in wish._asdict().items()
    }
