"""What the pictures show: the demo's first practice on a Monday, always the same one.

The clock stands still at NOW, whatever day it is, so the same pages come out every time.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from io import StringIO
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command

from demo import bookings
from demo.management.commands.demo import promise_to_others
from practice import clock, nhs_number
from practice.exceptions import PracticeError
from practice.models import Appointment, Organisation, Patient, Practitioner, Slot
from practice.services.appointments.attendance import call_in, mark
from practice.services.appointments.booking import book_appointment
from workbench.factories import make_patient

MONDAY = date(2026, 10, 5)
NOW: datetime = clock.instant(MONDAY, time(10, 41))
FRIDAY = MONDAY + timedelta(days=4)
BEFORE: datetime = clock.instant(MONDAY - timedelta(days=3), time(18, 30))
FILE = settings.BASE_DIR / "demo" / "samplebrook.yaml"
WEEKS = 3

SetClock = Callable[[datetime], None]


@dataclass
class World:
    """A practice, and those who look at its pages."""

    practice: Organisation
    known: dict[str, int] = field(default_factory=dict)

    def user(self, name: str) -> User:
        return User.objects.get(username=name)

    def holder(self, name: str) -> Practitioner:
        return Practitioner.objects.get(family_name=name)

    def patient(self, given: str, family: str) -> Patient:
        of_practice = Patient.objects.filter(organisation=self.practice)
        return of_practice.filter(given_names=given, family_name=family).earliest("pk")

    def slot(self, holder: str, at: time, day: date = MONDAY) -> Slot:
        return Slot.objects.get(
            organisation=self.practice,
            schedule__session_holder__family_name=holder,
            start=clock.instant(day, at),
        )


def make_world(set_clock: SetClock) -> World:
    """Samplebrook Surgery with three weeks of diary, made on Friday evening, booked, at NOW."""
    set_clock(BEFORE)
    call_command("load_practice", str(FILE), stdout=StringIO())
    practice = Organisation.objects.get(name="Samplebrook Surgery")
    call_command("generate_slots", practice=practice.ods_code, weeks=WEEKS, stdout=StringIO())
    set_clock(NOW)
    world = World(practice)
    more_people(world)
    bookings.book_a_share(organisation=practice, now=NOW)
    promise_to_others(practice, now=NOW)
    waiting_room(world)
    return world


def more_people(world: World) -> None:
    """Enough for a diary that is as full as one usually is; they have the names of the others."""
    known = list(Patient.objects.filter(organisation=world.practice).order_by("pk"))
    for number, (one, other) in enumerate(zip(known, [*known[7:], *known[:7]], strict=True)):
        make_patient(
            world.practice,
            nhs_number=nhs_number_after(f"99977{number:03}0"),
            prefix=one.prefix,
            given_names=one.given_names,
            family_name=other.family_name,
            gender=one.gender,
            birth_date=other.birth_date + timedelta(days=400),
            telephone=f"01632 9603{number:02}",
        )


def nhs_number_after(nine: str) -> str:
    """The first valid number that begins so, or with the next nine digits."""
    numbers = (f"{int(nine) * 10 + n:010}" for n in range(100))
    return next(each for each in numbers if nhs_number.is_valid(each))


def waiting_room(world: World) -> None:
    """Of those who come next, some are there, and one of them is in."""
    coming = Appointment.objects.filter(
        organisation=world.practice,
        status=Appointment.Status.BOOKED,
        start__gte=NOW - timedelta(minutes=15),
        start__lte=NOW + timedelta(minutes=25),
    )
    for number, each in enumerate(coming.order_by("start", "pk")[:4]):
        arrived = NOW - timedelta(minutes=17 - 4 * number)
        said: dict[str, Any] = {
            "organisation": world.practice,
            "appointment_id": each.pk,
            "actor": bookings.staff(),
        }
        mark(status=Appointment.Status.ARRIVED, now=arrived, **said)
        if number == 0:
            call_in(now=NOW - timedelta(minutes=6), **said)


def somebody_rings_111(world: World) -> Appointment:
    """A booking from outside that comes while the diary is open."""
    today = (
        Slot.objects.in_diary()
        .free()
        .filter(
            organisation=world.practice,
            schedule__session_holder=world.holder("Specimen"),
            start__gt=NOW + timedelta(minutes=20),
        )
    )
    for slot in today.order_by("start"):
        with suppress(PracticeError):
            return book_appointment(
                organisation=world.practice,
                patient_id=world.patient("Lila", "Pseudonym").pk,
                slot_ids=[slot.pk],
                description="Rash, and a temperature since yesterday",
                actor=bookings.call_handler(),
                now=NOW,
                booking_organisation=bookings.booking_organisation(),
            )
    raise AssertionError("nothing is on offer to 111 any more today")
