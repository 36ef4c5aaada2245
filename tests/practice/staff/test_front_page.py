"""The front page: today at a glance, what waits for a person, how the practice is open."""

import json
from datetime import UTC, datetime, time, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from practice import clock
from practice.models import Appointment, AuditEvent, GenerationRun
from practice.services.appointments import attendance
from tests.practice.admin_world import words
from workbench.factories import (
    make_actor,
    make_appointment,
    make_booking_organisation,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
)
from workbench.staff import RECEPTIONIST, make_staff, signed_in, superuser

pytestmark = pytest.mark.django_db

PAGE = "/admin/"
NOW = datetime(2026, 11, 19, 10, 47, tzinfo=UTC)


@pytest.fixture(autouse=True)
def thursday_morning(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def receptionist(practice, client):
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))
    return client


def session(hour=9, days=0, **overrides):
    day = NOW.date() + timedelta(days=days)
    return make_schedule(start=clock.instant(day, time(hour)), **overrides)


def booked(slot, **arguments):
    arguments = {"now": NOW - timedelta(days=1), "door": "staff", **arguments}
    return make_appointment(slots=[slot], patient=make_patient(), **arguments)


def mark(appointment, status, now=NOW):
    return attendance.mark(
        organisation=appointment.organisation,
        appointment_id=appointment.pk,
        status=status,
        actor=make_actor(door="staff"),
        now=now,
    )


def test_it_counts_the_day(practice, receptionist):
    holder = make_practitioner()
    slots = make_slots(18, session(session_holder=holder))  # to 12:00
    make_slots(2, session(hour=16, session_holder=holder))
    make_slots(2, session(withdrawn=True))
    make_slots(2, session(days=1))
    for slot, status in zip(slots, ["fulfilled", "fulfilled", "noshow", "arrived"], strict=False):
        mark(booked(slot), status)

    glance = receptionist.get(PAGE).context["glance"]

    assert (glance.sessions, glance.holders, glance.locations) == (2, 1, 1)
    assert clock.local(glance.until).hour == 19
    assert glance.free == 7 + 2  # from 10:50 on
    assert (glance.waiting, glance.missed, glance.seen) == (1, 1, 2)


def test_who_waits_longest_stands_first(practice, receptionist):
    slots = make_slots(3, session(hour=11))
    first, second = booked(slots[0]), booked(slots[1])
    mark(first, "arrived", now=NOW - timedelta(minutes=4))
    mark(second, "arrived", now=NOW - timedelta(minutes=21))

    response = receptionist.get(PAGE)

    assert [(a.pk, minutes) for a, minutes, _ in response.context["waiting"]] == [
        (second.pk, 21),
        (first.pk, 4),
    ]
    assert ">21</span> min" in words(response)


def test_bookings_from_outside_are_those_for_today_and_those_made_today(practice, receptionist):
    today, later = make_slots(6, session(hour=14)), make_slots(2, session(days=3))
    hub = make_booking_organisation("Z99992", "Mockshire Hub")
    outside = {"door": "gp-connect", "booking_organisation": hub}
    for_today = booked(today[0], **outside)
    made_today = booked(later[0], **outside, now=NOW - timedelta(minutes=5))
    booked(later[1], **outside)
    booked(today[1])

    response = receptionist.get(PAGE)

    assert [a.pk for a in response.context["outside"]] == [for_today.pk, made_today.pk]
    assert response.context["glance"].outside == 1
    assert "Mockshire Hub (Z99992)" in words(response)


def test_it_counts_the_worklist_as_the_worklist_does(practice, receptionist):
    slots = make_slots(5, session(hour=14))
    both, orphaned, told, _ = (booked(slot) for slot in slots[:4])
    Appointment.objects.filter(pk__in=[both.pk, orphaned.pk]).update(orphaned=True)
    Appointment.objects.filter(pk__in=[both.pk, told.pk]).update(to_be_told=True)
    make_slots(1, session(days=2, practitioner_role=""))

    to_do = receptionist.get(PAGE).context["to_do"]
    worklist = receptionist.get("/admin/worklist/").context

    assert (to_do.orphaned, to_do.orphaned_today, to_do.to_be_told) == (2, 2, 1)
    assert to_do.orphaned == len(worklist["orphaned"])
    assert to_do.to_be_told == len(worklist["to_be_told"])
    assert to_do.never_offered == len(worklist["never_offered"]) == 1
    assert to_do.days_left == worklist["days_left"] == 2


@pytest.mark.parametrize("switch", ["gp_connect_enabled", "appointment_management_enabled"])
def test_it_says_when_nobody_outside_can_book(practice, receptionist, switch):
    setattr(practice.organisation, switch, False)
    practice.organisation.save()

    assert "Nobody outside can search or book." in words(receptionist.get(PAGE))


def run(practice, hours_ago, **overrides):
    return GenerationRun.objects.create(
        organisation=practice.organisation,
        status="done",
        from_date=NOW.date(),
        to_date=NOW.date(),
        started_at=NOW - timedelta(hours=hours_ago),
        **overrides,
    )


def test_the_next_generation_is_expected_when_the_last_one_came_by_itself(practice, receptionist):
    run(practice, 9)  # at 01:47
    by_hand = run(practice, 1, started_by=make_staff(practice.organisation, role=""))

    runs = receptionist.get(PAGE).context["runs"]

    assert runs.last == by_hand
    assert clock.local(runs.next) == clock.local(NOW - timedelta(hours=9) + timedelta(days=1))


def test_no_generation_is_expected_once_one_was_missed(practice, receptionist):
    run(practice, 33)

    response = receptionist.get(PAGE)

    assert response.context["runs"].next is None
    assert "None is expected" in words(response)


def test_who_was_shown_is_on_the_record(practice, receptionist):
    (slot,) = make_slots(1, session(hour=11))
    appointment = mark(booked(slot), "arrived")

    receptionist.get(PAGE)

    event = AuditEvent.objects.get(event="front_page.viewed")
    assert event.detail["patients"] == [appointment.patient_id]


def test_nothing_of_another_practice_is_shown(practice, receptionist):
    other = make_organisation()
    (slot,) = make_slots(1, session(hour=11, organisation=other))
    theirs = make_appointment(
        slots=[slot],
        patient=make_patient(other, family_name="Theirs"),
        now=NOW - timedelta(days=1),
    )
    mark(theirs, "arrived")

    response = receptionist.get(PAGE)

    assert "Theirs" not in words(response)
    assert response.context["glance"].sessions == 0


def test_somebody_without_a_practice_is_told_whom_to_ask():
    page = words(signed_in(role=RECEPTIONIST).get(PAGE))

    assert "You work at no practice yet" in page


def test_an_empty_installation_tells_a_superuser_how_to_begin():
    page = words(superuser().get(PAGE))

    assert "There is no practice yet" in page
    assert "load_practice" in page


def test_who_may_not_see_appointments_gets_the_menu_alone(practice):
    client = signed_in(practice.organisation)
    client.user.user_permissions.add(Permission.objects.get(codename="view_location"))

    response = client.get(PAGE)

    assert "glance" not in response.context
    assert "Locations" in words(response)


def test_it_makes_as_many_queries_on_a_full_day_as_on_a_quiet_one(
    receptionist, django_assert_max_num_queries
):
    def queries(number):
        for hour in range(9, 9 + number):
            slots = make_slots(3, session(hour=hour))
            mark(booked(slots[0], door="gp-connect"), "arrived")
            orphaned = booked(slots[1])
            Appointment.objects.filter(pk=orphaned.pk).update(orphaned=True)
        with django_assert_max_num_queries(60) as made:
            receptionist.get(PAGE)
        return len(made.captured_queries)

    assert queries(1) == queries(9)


def test_an_open_page_is_sent_the_parts_that_changed_and_nothing_is_written_down_for_nothing(
    practice, receptionist
):
    slots = make_slots(3, session(hour=11))
    booked(slots[0], door="gp-connect", booking_organisation=make_booking_organisation())
    parts = receptionist.get(PAGE).context["parts"]
    have = {part.name: part.digest for part in parts}
    written = AuditEvent.objects.count()

    def ask():
        return receptionist.get("/admin/changes/front-page/", {"have": json.dumps(have)}).json()

    assert ask()["parts"] == {}
    assert AuditEvent.objects.count() == written

    new = booked(slots[1], door="gp-connect", booking_organisation=make_booking_organisation())
    sent = ask()["parts"]

    assert set(sent) == {"front-glance", "front-people"}
    assert new.patient.full_name in sent["front-people"]
    assert new.patient_id in AuditEvent.objects.latest("pk").detail["patients"]
