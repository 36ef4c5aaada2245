"""How time was used: the counts, in London hours."""

from datetime import date, time, timedelta

import pytest

from practice import clock
from practice.models import Appointment, Slot
from practice.reads.utilisation import Use, median
from tests.practice.used_time import MONDAY, booked, session, use
from workbench.factories import (
    make_booking_organisation,
    make_organisation,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db


def test_slots_are_offered_booked_missed_unused_or_still_free(practice):
    slots = make_slots(8, session(), minutes=15)  # 09:00 to 11:00; it is 10:00
    booked(slots[0])
    missed = booked(slots[1])
    Appointment.objects.filter(pk=missed.pk).update(status="noshow")
    Slot.objects.filter(pk=slots[2].pk).update(status="busy-unavailable")
    Slot.objects.filter(pk=slots[7].pk).update(withdrawn=True)

    total = use(practice).total

    assert total == Use(offered=6, booked=2, missed=1, unused=1)
    assert (total.free, total.percent) == (3, 33)


def test_what_does_not_take_place_or_belongs_to_others_is_not_counted(practice):
    make_slots(1, session(withdrawn=True))
    make_slots(1, session(day=MONDAY + timedelta(days=1)))
    make_slots(1, make_schedule(make_organisation(), start=clock.instant(MONDAY, time(9))))

    assert use(practice).total == Use()


def test_a_slot_booked_again_after_a_cancellation_counts_once(practice):
    (slot,) = make_slots(1, session())
    first = booked(slot)
    Appointment.objects.filter(pk=first.pk).update(status="cancelled")
    first.appointment_slots.update(released=True)
    Slot.objects.filter(pk=slot.pk).update(status="free")
    booked(slot, days_before=1)

    found = use(practice)

    assert found.total == Use(offered=1, booked=1)
    (outside,) = found.bookings
    assert (outside.booked, outside.cancelled) == (1, 1)


@pytest.mark.parametrize(
    "day", [date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 24), date(2026, 10, 25)]
)
def test_hours_are_those_of_the_clock_on_the_wall(practice, day):
    make_slots(2, session(day=day, hour=9))
    make_slots(1, session(day=day, hour=23))

    found = use(practice, day, day)

    assert {key: use.offered for key, use in found.by(lambda c: (c.day, c.hour)).items()} == {
        (day, 9): 2,
        (day, 23): 1,
    }


def test_by_holder_type_channel_and_to_whom_it_was_offered(practice):
    holder = practice.practitioner
    schedule = session(session_holder=holder)
    make_slots(3, schedule)
    make_slots(
        2,
        schedule,
        slot_type="Urgent",
        delivery_channel="Telephone",
        gp_connect_bookable=False,
    )
    make_slots(1, session(session_holder=None, session_name="Walk-in"))
    found = use(practice)

    def offered(key):
        return {name: use.offered for name, use in found.by(key).items()}

    assert offered(lambda c: c.holder) == {holder.full_name: 5, "Walk-in": 1}
    assert offered(lambda c: c.slot_type) == {"Routine": 4, "Urgent": 2}
    assert offered(lambda c: c.channel) == {"In-person": 4, "Telephone": 2}
    assert offered(lambda c: c.outside) == {False: 2, True: 4}


def test_bookings_of_staff_and_of_each_organisation_stand_apart(practice):
    slots = make_slots(5, session())
    booked(slots[0], door="staff", days_before=0)
    for slot, days in zip(slots[1:3], (1, 5), strict=True):
        booked(slot, days, booking_organisation=make_booking_organisation("X9X01", "NHS 111"))
    hub = booked(slots[3], 20, booking_organisation=make_booking_organisation("Z99992", "A hub"))
    Appointment.objects.filter(pk=hub.pk).update(status="noshow")

    found = use(practice)

    assert [(b.name, b.ods_code, b.outside, b.booked, b.missed) for b in found.bookings] == [
        ("Practice staff", "", False, 1, 0),
        ("NHS 111", "X9X01", True, 2, 0),
        ("A hub", "Z99992", True, 1, 1),
    ]
    assert dict(found.lead_groups) == {
        "Within 24 hours": 1,
        "1 to 2 days": 1,
        "3 to 6 days": 1,
        "1 to 2 weeks": 0,
        "2 to 4 weeks": 1,
        "Longer": 0,
    }
    assert median(found.leads) == 1
