"""The demo's bookings: a share of the diary that falls with the days, and the same each time."""

from collections import Counter
from datetime import datetime, time, timedelta
from random import Random

import pytest
from django.utils import timezone

from demo import bookings
from practice import clock
from practice.models import Appointment, AuditEvent
from workbench.factories import make_patient, make_schedule, make_slots


@pytest.mark.parametrize(
    ("days_ahead", "share"), [(0, 0.65), (1, 0.45), (2, 0.45), (3, 0.25), (21, 0.05)]
)
def test_a_diary_fills_as_its_days_come_near(days_ahead, share):
    assert bookings.share_taken(days_ahead) == share


@pytest.fixture
def diary(practice) -> datetime:
    """Sessions of twelve slots on the next three days, and patients enough; the moment of it."""
    now = timezone.now()
    for day in (1, 2, 3):
        start = clock.day_start(clock.today(now) + timedelta(days=day)) + timedelta(hours=9)
        make_slots(12, make_schedule(start=start, end=start + timedelta(hours=4)))
    for _ in range(20):
        make_patient()
    return now


def booked() -> list[tuple[datetime, str]]:
    return list(Appointment.objects.order_by("start").values_list("start", "booked_via"))


@pytest.mark.django_db
def test_some_slots_are_booked_and_a_diary_with_appointments_is_left_as_it_is(practice, diary):
    made = bookings.book_a_share(organisation=practice.organisation, now=diary)
    first = booked()

    assert 0 < made < 36
    assert len(first) == made
    assert bookings.book_a_share(organisation=practice.organisation, now=diary) == 0
    assert booked() == first


@pytest.mark.django_db
def test_a_booking_from_outside_is_on_the_trail_as_the_api_records_it(practice, diary, monkeypatch):
    monkeypatch.setattr(bookings, "FROM_OUTSIDE", 1.1)

    made = bookings.book_a_share(organisation=practice.organisation, now=diary)

    requests = AuditEvent.objects.filter(event=bookings.ssp.BOOK_APPOINTMENT.id, outcome="201")
    assert Counter(door for _, door in booked()) == {"gp-connect": made}
    assert set(requests.values_list("resource", flat=True)) == {
        f"Appointment/{pk}" for pk in Appointment.objects.values_list("pk", flat=True)
    }


@pytest.mark.django_db
def test_somebody_has_the_same_time_three_weeks_running_once(practice):
    now = timezone.now()
    for week in range(3):
        start = clock.instant(clock.today(now) + timedelta(days=1, weeks=week), time(9))
        make_slots(2, make_schedule(start=start, session_holder=practice.practitioner))

    for _ in range(2):
        bookings.book_together(organisation=practice.organisation, now=now)

    starts = [clock.local(start) for start, _ in booked()]
    assert {start.time() for start in starts} == {time(9)}
    assert [(start - starts[0]).days for start in starts] == [0, 7, 14]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("missed", "status"),
    [(1.1, Appointment.Status.NO_SHOW), (0, Appointment.Status.FULFILLED)],
    ids=["missed", "attended"],
)
def test_what_was_earlier_today_has_been_attended_or_not(practice, monkeypatch, missed, status):
    monkeypatch.setattr(bookings, "DID_NOT_ATTEND", missed)
    now = timezone.now()
    start = clock.day_start(clock.today(now))
    slots = make_slots(1, make_schedule(start=start, end=start + timedelta(hours=4)))
    chance = Random(1)
    later = start + timedelta(hours=3)
    appointment = bookings.book(
        practice.organisation, practice.patient, slots, chance=chance, now=later
    )
    assert appointment

    bookings.add_outcomes(practice.organisation, appointment, chance=chance, now=later)

    appointment.refresh_from_db()
    assert appointment.status == status
