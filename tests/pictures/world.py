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
from django.test import Client

from demo import above, bookings, past, rehearsal, sandbox_page, sandboxes
from demo.management.commands.demo import promise_to_others
from practice import clock, nhs_number
from practice.exceptions import PracticeError
from practice.management.operator import operator
from practice.models import Appointment, Closure, Organisation, Patient, Practitioner, Promise, Slot
from practice.reads.sandboxes import patients as people
from practice.services.appointments.attendance import call_in, mark
from practice.services.appointments.booking import book_appointment
from practice.services.closures import closing
from practice.services.promises import watch
from workbench.bodies import appointment_body
from workbench.consumer import ABSENT, Consumer
from workbench.factories import make_patient

MONDAY = date(2026, 10, 5)
NOW: datetime = clock.instant(MONDAY, time(10, 41))
TUESDAY, WEDNESDAY, FRIDAY = (MONDAY + timedelta(days=days) for days in (1, 2, 4))
BEFORE: datetime = clock.instant(MONDAY - timedelta(days=3), time(15, 30))
FILE = settings.BASE_DIR / "demo" / "samplebrook.yaml"
WEEKS = 5
HOST = "book.samplebrook.example"  # that others call
TRACE = "5c3abc52-255e-4124-bc19-702fee7b5639"  # of a picture: a consumer makes a new one each time
OPERATOR = operator("demo")

SetClock = Callable[[datetime], None]


@dataclass
class World:
    """A practice, and those who look at its pages."""

    practice: Organisation
    sick: Closure = field(init=False)
    sandbox: Organisation = field(init=False)

    def user(self, name: str) -> User:
        return User.objects.get(username=name)

    def holder(self, name: str) -> Practitioner:
        return Practitioner.objects.filter(family_name=name).earliest("pk")  # not the sandbox's

    def patient(self, given: str, family: str) -> Patient:
        of_practice = Patient.objects.filter(organisation=self.practice)
        return of_practice.filter(given_names=given, family_name=family).earliest("pk")

    def free(self, holder: str, day: date) -> Slot:
        """The first time of somebody on a day that nobody has yet, after lunch."""
        found = (
            Slot.objects.in_diary()
            .free()
            .filter(
                organisation=self.practice,
                schedule__session_holder__family_name=holder,
                start__range=(clock.instant(day, time(13)), clock.day_end(day)),
            )
        )
        return found.earliest("start")

    def booked(self, *, after: time) -> Appointment:
        """The first of today's appointments after a time, of whom has a comment."""
        found = Appointment.objects.filter(
            organisation=self.practice,
            status=Appointment.Status.BOOKED,
            start__range=(clock.instant(MONDAY, after), clock.day_end(MONDAY)),
        )
        return found.exclude(comment="").earliest("start", "pk")


def make_world(set_clock: SetClock) -> World:
    """Samplebrook Surgery with five weeks of diary, made on Friday, booked, at NOW."""
    set_clock(BEFORE)
    call_command("load_practice", str(FILE), stdout=StringIO())
    practice = Organisation.objects.get(name="Samplebrook Surgery")
    call_command("generate_slots", practice=practice.ods_code, weeks=WEEKS, stdout=StringIO())
    User.objects.update(last_login=BEFORE)
    set_clock(NOW)
    world = World(practice)
    past.give_a_past(organisation=practice, actor=OPERATOR, now=NOW)
    more_people(world)
    bookings.book_a_share(organisation=practice, now=NOW)
    bookings.book_together(organisation=practice, now=NOW)
    bookings.ask_for_earlier_times(organisation=practice, now=NOW)
    above.area_and_group([practice], actor=OPERATOR, now=NOW)
    promise_to_others(practice, now=NOW)
    Promise.objects.filter(organisation=practice).update(slots_a_day=16, made_at=BEFORE)
    watch(organisation=practice, now=NOW)
    rehearsal.half_way(organisation=practice, actor=OPERATOR)
    waiting_room(world)
    looked_up(world, set_clock)
    world.sick = off_sick(world)
    world.sandbox = supplier_at_work()
    return world


def off_sick(world: World) -> Closure:
    """The nurse of tomorrow rang this morning; nobody has told her patients yet."""
    closure = Closure(
        organisation=world.practice,
        kind="sick",
        name="Clinician unwell",
        practitioner=world.holder("Sampleton"),
        start_date=TUESDAY,
        end_date=TUESDAY,
    )
    closing.close(closure, actor=bookings.staff(), now=NOW)
    return closure


def supplier_at_work() -> Organisation:
    """A sandbox into which a supplier has just sent a few requests, two of them wrong."""
    sandbox_page.resets.left.clear()
    sandbox = sandboxes.make("Mocksoft", actor=OPERATOR, now=NOW)
    supplier = Consumer(sandbox)
    patient = next(each for each in people(organisation=sandbox) if not each.sensitive)
    assert patient.nhs_number
    free = bookings.free_slots(sandbox, TUESDAY)
    open_to_all = next(s for s in free if s.gp_connect_bookable and not s.access_profile_id)
    supplier.find_patient(patient.nhs_number)
    for _ in range(2):
        supplier.book(
            appointment_body(slots=[open_to_all], patient=patient), headers={"Ssp-TraceID": TRACE}
        )
    supplier.find_patient(patient.nhs_number, headers={"Ssp-To": ABSENT})
    return sandbox


def looked_up(world: World, set_clock: SetClock) -> None:
    """What was seen of a patient on Friday: by reception, the manager and another system."""
    patient = world.patient("Ivy", "Dummyson")
    assert patient.nhs_number
    for minutes, user, address in (
        (0, "reception", f"/admin/practice/patient/{patient.pk}/"),
        (47, "manager", f"/admin/practice/patient/{patient.pk}/"),
        (92, "manager", f"/admin/diary/?date={MONDAY}"),
    ):
        set_clock(BEFORE + timedelta(minutes=minutes))
        client = Client()
        client.force_login(world.user(user))
        client.get(address)
    set_clock(BEFORE + timedelta(minutes=104))
    Consumer(world.practice).find_patient(patient.nhs_number)
    set_clock(NOW)


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
