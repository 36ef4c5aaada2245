"""Booking several together, and their page: who may, what is asked, what is done at once."""

import re
from datetime import time, timedelta

import pytest

from practice import clock
from practice.models import Appointment, AuditEvent, Series
from practice.reads.series import appointments_of
from tests.practice.admin_world import words
from workbench.factories import (
    make_appointment,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
    tomorrow,
)
from workbench.staff import AUDITOR, CLINICIAN, RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db
ADD = "/admin/series/add/"


@pytest.fixture
def receptionist(practice, client):
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))
    return client


@pytest.fixture
def weeks(practice):
    """The first slots of a holder, tomorrow and one, two, three weeks later."""
    gp, day = make_practitioner(), tomorrow()
    found = []
    for n in range(4):
        on = day + timedelta(weeks=n)
        start = clock.instant(on, time(9))
        schedule = make_schedule(start=start, date=on, session_holder=gp)
        found.append(make_slots(3, schedule))
    return found


def asked(practice, weeks, **more):
    return {"patient": practice.patient.pk, "slot": weeks[0][0].pk, **more}


def repeat(practice, weeks, **more):
    return asked(practice, weeks, every=1, times=4, **more)


def test_the_page_shows_the_same_time_and_books_all(practice, receptionist, weeks):
    page = receptionist.get(ADD, repeat(practice, weeks))
    picked = {f"place-{n}": pk for n, _, pk in page.context["places"]}
    assert list(picked.values()) == [week[0].pk for week in weeks[1:]]

    answer = receptionist.post(
        ADD, repeat(practice, weeks, description="Injection", **picked), follow=True
    )

    series = Series.objects.get()
    assert (series.every_weeks, series.patient) == (1, practice.patient)
    assert len(appointments_of(series)) == 4
    assert "Booked: 4 appointments." in words(answer)
    viewed = AuditEvent.objects.get(event="series.viewed")
    assert viewed.detail["patients"] == [practice.patient.pk]


def test_one_is_left_out_and_one_has_to_be_decided(practice, receptionist, weeks):
    make_appointment(slots=[weeks[1][0]], patient=make_patient())
    places = receptionist.get(ADD, repeat(practice, weeks)).context["places"]
    assert [pk for *_, pk in places] == [None, weeks[2][0].pk, weeks[3][0].pk]
    sent = {"description": "Injection", "place-1": weeks[2][0].pk, "place-2": 0}

    undecided = receptionist.post(ADD, repeat(practice, weeks, **sent))
    assert undecided.status_code == 422
    assert not Series.objects.exists()

    receptionist.post(ADD, repeat(practice, weeks, **sent, **{"place-0": weeks[1][1].pk}))
    booked = appointments_of(Series.objects.get())
    assert [each.start for each in booked] == [
        weeks[0][0].start,
        weeks[1][1].start,
        weeks[2][0].start,
    ]


def test_what_was_taken_meanwhile_is_said_and_nothing_is_booked(practice, receptionist, weeks):
    sent = {f"place-{n}": week[0].pk for n, week in enumerate(weeks[1:])}
    make_appointment(slots=[weeks[2][0]], patient=make_patient())

    answer = receptionist.post(ADD, repeat(practice, weeks, description="x", **sent))

    assert answer.status_code == 409
    assert "not free any more. Nothing was booked" in words(answer)
    assert Appointment.objects.count() == 1


def test_a_set_of_two_types(practice, receptionist, weeks):
    review = make_slots(2, make_schedule(start=weeks[2][2].end), slot_type="Review")
    query = asked(practice, weeks, type=["Review", ""], days=["7", "0"])
    page = receptionist.get(ADD, query)
    [(_, place, picked)] = page.context["places"]
    assert (place.offered, picked) == (review, None)

    receptionist.post(ADD, {**query, "description": "Both", "place-0": review[0].pk})

    series = Series.objects.get()
    assert series.every_weeks is None
    assert [each.slot_type for each in appointments_of(series)] == ["Routine", "Review"]


def booked(practice, receptionist, weeks):
    sent = {f"place-{n}": week[0].pk for n, week in enumerate(weeks[1:])}
    receptionist.post(ADD, repeat(practice, weeks, description="x", **sent))
    return Series.objects.get()


def test_they_are_seen_together_and_all_cancelled(practice, receptionist, weeks):
    series = booked(practice, receptionist, weeks)
    first, *_ = appointments_of(series)
    address = f"/admin/series/{series.pk}/"
    for page in (
        f"/admin/practice/patient/{practice.patient.pk}/",
        f"/admin/practice/appointment/{first.pk}/change/",
    ):
        assert address in words(receptionist.get(page))
    seen = re.findall(r'name="seen" value="([\d.]+)"', words(receptionist.get(address)))
    assert len(seen) == 4

    refused = receptionist.post(address, {"seen": seen[:2], "reason": "Moved away"})
    assert refused.status_code == 409
    answer = receptionist.post(address, {"seen": seen, "reason": "Moved away"}, follow=True)

    assert "4 appointments cancelled." in words(answer)
    assert {each.status for each in appointments_of(series)} == {"cancelled"}


def test_who_may_book_see_and_cancel_them(practice, client, weeks):
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))
    series = booked(practice, client, weeks)
    address = f"/admin/series/{series.pk}/"
    found = {}
    for role in (AUDITOR, CLINICIAN):
        client.force_login(make_staff(practice.organisation, role=role))
        found[role] = (
            client.get(ADD, repeat(practice, weeks)).status_code,
            client.get(address).status_code,
            client.post(address, {"reason": "x"}).status_code,
        )
    client.force_login(make_staff(make_organisation(), role=RECEPTIONIST))
    found["elsewhere"] = (
        client.get(ADD, repeat(practice, weeks)).status_code,
        client.get(address).status_code,
        client.post(address, {"reason": "x"}).status_code,
    )

    assert found == {
        AUDITOR: (403, 200, 403),
        CLINICIAN: (403, 403, 403),
        "elsewhere": (404, 404, 404),
    }
    assert {each.status for each in appointments_of(series)} == {"booked"}


def test_as_many_queries_for_a_long_series_as_for_a_short_one(
    practice, receptionist, weeks, django_assert_max_num_queries
):
    def queries(times):
        query = asked(practice, weeks, every=1, times=times)
        with django_assert_max_num_queries(60) as made:
            receptionist.get(ADD, query)
        return len(made.captured_queries)

    assert queries(2) == queries(26)
