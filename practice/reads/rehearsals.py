"""Which rehearsals there are, and whether one stands with whoever asks.

Nothing is asked of the database while none stands, which is nearly always: ``may_stand`` goes by
the practice's own row, that is at hand.
"""

from datetime import datetime

from django.db.models import QuerySet

from practice.models import (
    Appointment,
    Organisation,
    Patient,
    Rehearsal,
    Slot,
)


def may_stand(organisation: Organisation, *, now: datetime) -> bool:
    """Whether a rehearsal may be going on at a practice."""
    until = organisation.rehearsing_until
    return until is not None and until > now


def standing(*, organisation: Organisation, ods_code: str, now: datetime) -> QuerySet[Rehearsal]:
    """Those that stand with one organisation: one, or none."""
    return _standing(now).filter(organisation=organisation, ods_code=ods_code)


def _standing(now: datetime) -> QuerySet[Rehearsal]:
    return Rehearsal.objects.filter(ended_at__isnull=True, ends_at__gt=now)


def is_with(rehearsal_id: int | None, *, ods_code: str, now: datetime) -> bool:
    """Whether a record may be met by an organisation: it is real, or of its own rehearsal."""
    if rehearsal_id is None:
        return True
    return _standing(now).filter(pk=rehearsal_id, ods_code=ods_code).exists()


def of_practice(*, organisation: Organisation) -> QuerySet[Rehearsal]:
    """All that were ever held, the latest first."""
    return Rehearsal.objects.filter(organisation=organisation)


def rehearsal_of(*, organisation: Organisation, pk: int) -> Rehearsal | None:
    """Return one of the practice's."""
    return of_practice(organisation=organisation).filter(pk=pk).first()


def over(*, organisation: Organisation, now: datetime) -> QuerySet[Rehearsal]:
    """Those whose time is over, and which nobody has ended."""
    return of_practice(organisation=organisation).filter(ended_at__isnull=True, ends_at__lte=now)


def test_patients(rehearsal: Rehearsal) -> tuple[Patient, Patient]:
    """Return the patient to book for, and the one who is not registered."""
    found = Patient.with_tests.filter(rehearsal=rehearsal).order_by("pk")
    registered, not_registered = found
    return registered, not_registered


def test_slots(rehearsal: Rehearsal) -> list[Slot]:
    """Return its slots, by start: those that are offered, and the last one, which never is."""
    found = Slot.with_tests.filter(rehearsal=rehearsal).select_related("schedule__location")
    return list(found.order_by("start", "pk"))


def booked(rehearsal: Rehearsal) -> Appointment | None:
    """Return what the other side has booked and not cancelled, the last of it."""
    found = Appointment.with_tests.filter(rehearsal=rehearsal).live()
    return found.select_related("patient", "schedule").order_by("pk").last()
