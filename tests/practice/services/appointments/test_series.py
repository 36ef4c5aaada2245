"""Appointments that are booked together: all or nothing, one moved, all cancelled."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.exceptions import (
    BookingRefused,
    ChangeRefused,
    NotFound,
    ReasonMissing,
    SlotNotFound,
    SlotNotFree,
    VersionConflict,
)
from practice.models import Appointment, AuditEvent, Series, Slot
from practice.reads.series import appointments_of
from practice.services.appointments.changing import cancel_by_staff
from practice.services.appointments.rescheduling import move_appointment
from practice.services.appointments.series import MOST, book_series, cancel_series
from workbench.factories import (
    make_actor,
    make_appointment,
    make_organisation,
    make_patient,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db
RITA = make_actor(door="staff", name="Rita Reception")


@pytest.fixture
def slots(practice):
    return make_slots(5, make_schedule())


def book(practice, slots, **arguments):
    return book_series(
        organisation=practice.organisation,
        patient_id=practice.patient.pk,
        slot_ids=[getattr(slot, "pk", slot) for slot in slots],
        actor=RITA,
        now=timezone.now(),
        **{"every_weeks": 4, "description": "", "comment": "", **arguments},
    )


def cancel(series, expected=None, **arguments):
    if expected is None:
        expected = {each.pk: str(each.version) for each in appointments_of(series)}
    return cancel_series(
        organisation=series.organisation,
        series_id=series.pk,
        expected=expected,
        actor=RITA,
        now=timezone.now(),
        **{"reason": "Moved away", **arguments},
    )


def test_all_are_booked_and_each_is_an_appointment_of_its_own(practice, slots):
    series = book(practice, slots[:3])

    booked = appointments_of(series)
    assert [each.start for each in booked] == [slot.start for slot in slots[:3]]
    assert {each.description for each in booked} == {slots[0].slot_type}
    assert [each.provenance[0]["action"] for each in booked] == ["booked"] * 3
    assert AuditEvent.objects.filter(event="appointment.booked").count() == 3
    event = AuditEvent.objects.get(event="series.booked")
    assert event.detail["appointments"] == [each.pk for each in booked]
    assert event.patient_id == practice.patient.pk


def test_none_is_booked_where_one_cannot_be(practice, slots):
    make_appointment(slots=[slots[2]], patient=make_patient())

    for wanted, why in (
        (slots[:3], SlotNotFree),
        ([slots[0], 10**6], SlotNotFound),
        ([slots[0], make_slots(1, make_schedule(make_organisation()))[0]], SlotNotFound),
        ([slots[0]], BookingRefused),
        ([slots[0], slots[0]], BookingRefused),
        (range(MOST + 1), BookingRefused),
    ):
        with pytest.raises(why):
            book(practice, wanted)

    assert Appointment.objects.count() == 1
    assert not Series.objects.exists()
    assert Slot.objects.filter(pk__in=[slot.pk for slot in slots], status="busy").count() == 1


def test_one_is_moved_and_the_others_stay(practice, slots):
    series = book(practice, slots[:3])
    first, second, third = appointments_of(series)

    new = move_appointment(
        organisation=practice.organisation,
        appointment_id=second.pk,
        slot_ids=[slots[4].pk],
        actor=RITA,
        now=timezone.now(),
    )

    assert appointments_of(series) == [first, third, new]
    assert [each.version for each in appointments_of(series)[:2]] == [first.version, third.version]


def test_one_is_cancelled_alone_and_then_the_rest(practice, slots):
    series = book(practice, slots[:3])
    _, second, _ = appointments_of(series)
    cancel_by_staff(
        organisation=practice.organisation,
        appointment_id=second.pk,
        reason="Holiday",
        actor=RITA,
        now=timezone.now(),
        expected_version=str(second.version),
    )
    left = [each for each in appointments_of(series) if each.status == "booked"]

    gone = cancel(series, {each.pk: str(each.version) for each in left})

    assert gone == left
    assert [each.status for each in appointments_of(series)] == ["cancelled"] * 3
    reasons = [each.cancellation_reason for each in appointments_of(series)]
    assert reasons == ["Moved away", "Holiday", "Moved away"]
    assert not Slot.objects.filter(status="busy").exists()
    event = AuditEvent.objects.get(event="series.cancelled")
    assert event.detail["appointments"] == [each.pk for each in gone]


def test_none_is_cancelled_where_somebody_has_changed_one(practice, slots):
    series = book(practice, slots[:2])
    seen = {each.pk: str(each.version) for each in appointments_of(series)}
    Appointment.objects.filter(pk=max(seen)).update(version=9)

    for expected in (seen, {}, {min(seen): "1"}):
        with pytest.raises(VersionConflict):
            cancel(series, expected)

    assert {each.status for each in appointments_of(series)} == {"booked"}


def test_it_needs_a_reason_a_series_of_the_practice_and_something_left(practice, slots):
    series = book(practice, slots[:2])
    with pytest.raises(ReasonMissing):
        cancel(series, reason=" ")
    with pytest.raises(NotFound):
        cancel(Series(pk=series.pk, organisation=make_organisation()), {})
    assert {each.status for each in appointments_of(series)} == {"booked"}

    cancel(series)

    with pytest.raises(ChangeRefused):
        cancel(series)


def test_who_has_been_seen_stays_seen(practice):
    now = timezone.now()
    past = make_schedule(start=now - timedelta(days=1))
    slots = [*make_slots(1, past), *make_slots(1, make_schedule())]
    Slot.objects.filter(pk=slots[0].pk).update(end=now + timedelta(hours=1))
    series = book(practice, slots)
    seen, coming = appointments_of(series)
    Appointment.objects.filter(pk=seen.pk).update(status="fulfilled")

    assert cancel(series, {coming.pk: str(coming.version)}) == [coming]

    assert [each.status for each in appointments_of(series)] == ["fulfilled", "cancelled"]
