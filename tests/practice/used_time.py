"""Time that was used: sessions on a Monday, and bookings in them."""

from datetime import date, time, timedelta

from practice import clock
from practice.reads.utilisation import utilisation
from workbench.factories import (
    make_appointment,
    make_patient,
    make_schedule,
)

MONDAY = date(2026, 11, 16)


def session(day=MONDAY, hour=9, **overrides):
    return make_schedule(start=clock.instant(day, time(hour)), **overrides)


def use(practice, first=MONDAY, last=MONDAY, now=None):
    return utilisation(
        organisation=practice.organisation,
        first=first,
        last=last,
        now=now or clock.instant(MONDAY, time(10)),
    )


def booked(slot, days_before=3, **arguments):
    return make_appointment(
        slots=[slot],
        patient=make_patient(),
        now=slot.start - timedelta(days=days_before, hours=1),
        **arguments,
    )
