"""The adjectives of slots, sessions and appointments, each against records that it leaves out."""

from datetime import UTC, date, datetime, timedelta

import pytest

from practice.models import Appointment, AppointmentSlot, Schedule, Slot
from workbench.factories import make_appointment, make_schedule, make_slot

NOW = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # in the hour that comes twice in London
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


def visit(**fields):
    """An appointment that is what the fields say, however it became so."""
    made = make_appointment(now=NOW - timedelta(days=7))
    Appointment.objects.filter(pk=made.pk).update(**fields)
    return made


def slot_at(start, **fields):
    return make_slot(make_schedule(start=start, end=start + 8 * HOUR), start=start, **fields)


def test_slots_in_the_diary_are_withdrawn_neither_themselves_nor_with_their_session():
    kept = slot_at(NOW)
    slot_at(NOW, withdrawn=True)
    make_slot(make_schedule(start=NOW, withdrawn=True), start=NOW)

    assert list(Slot.objects.in_diary()) == [kept]


@pytest.mark.parametrize(
    ("adjective", "left_out"),
    [
        ("free", {"busy", "busy-unavailable", "busy-tentative", "entered-in-error"}),
        ("valid", {"entered-in-error"}),
    ],
)
def test_slots_by_status(adjective, left_out):
    for status in Slot.Status.values:
        slot_at(NOW, status=status)

    found = getattr(Slot.objects, adjective)().values_list("status", flat=True)

    assert set(found) == set(Slot.Status.values) - left_out


def test_slots_that_have_not_begun_and_that_are_not_over():
    over, begun, now, later = (slot_at(NOW + n * HOUR / 12) for n in (-6, -1, 0, 1))

    assert list(Slot.objects.coming(NOW)) == [later]
    assert list(Slot.objects.not_over(NOW)) == [begun, now, later]
    assert over not in Slot.objects.not_over(over.end)


def test_days_are_those_of_london_both_ends_included():
    """The 25th of October has 25 hours there, and begins an hour before it does in UTC."""
    day = date(2026, 10, 25)
    first, last = datetime(2026, 10, 24, 23, tzinfo=UTC), datetime(2026, 10, 25, 23, 50, tzinfo=UTC)
    inside = [slot_at(first), slot_at(last)]
    slot_at(first - HOUR / 6), slot_at(last + HOUR / 6)
    visits = [
        make_appointment(slots=[slot], now=NOW - timedelta(days=7))
        for slot in Slot.objects.order_by("pk")
    ]

    assert list(Slot.objects.on_days(day, day)) == inside
    assert list(Appointment.objects.on_days(day, day).order_by("pk")) == visits[:2]
    assert len(Slot.objects.on_days(day - timedelta(days=1), day + timedelta(days=1))) == 4


def test_sessions_take_place_unless_they_are_withdrawn():
    kept = make_schedule()
    make_schedule(withdrawn=True)

    assert list(Schedule.objects.taking_place()) == [kept]


@pytest.mark.parametrize(
    ("adjective", "statuses"),
    [
        ("gone", {"cancelled", "entered-in-error"}),
        ("live", set(Appointment.Status.values) - {"cancelled", "entered-in-error"}),
        ("valid", set(Appointment.Status.values) - {"entered-in-error"}),
        ("booked", {"booked"}),
    ],
)
def test_appointments_by_status(adjective, statuses):
    for status in Appointment.Status.values:
        visit(status=status)

    found = getattr(Appointment.objects, adjective)().values_list("status", flat=True)

    assert set(found) == statuses


def test_appointments_that_wait_for_a_person():
    orphaned = visit(orphaned=True)
    untold = visit(to_be_told=True)
    both = visit(orphaned=True, to_be_told=True)
    visit()

    assert set(Appointment.objects.orphaned()) == {orphaned, both}
    assert set(Appointment.objects.to_be_told()) == {untold, both}
    assert set(Appointment.objects.on_worklist()) == {orphaned, untold, both}


def test_held_links_are_those_of_live_appointments():
    held, cancelled = visit(), visit()
    AppointmentSlot.objects.filter(appointment=cancelled).update(released=True)

    links = AppointmentSlot.objects.held()

    assert [link.appointment for link in links] == [held]
