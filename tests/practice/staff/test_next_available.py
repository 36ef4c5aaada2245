"""Next available: the grid on the page, its cells' times, and what goes with every step."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from practice import clock
from practice.models import Patient
from practice.reads.next_available import Place
from workbench.factories import make_practitioner, make_schedule, make_slots, tomorrow
from workbench.staff import AUDITOR, make_staff, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def receptionist(practice, client):
    client.force_login(make_staff(practice.organisation))
    return client


@pytest.fixture
def weekday():
    day = tomorrow()
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)


@pytest.fixture
def ada(practice, weekday):
    """A clinician with four free slots from 09:00, the usual one of the practice's patient."""
    holder = make_practitioner(given_names="Ada", family_name="Ahead")
    slots = make_slots(4, make_schedule(session_holder=holder, date=weekday))
    Patient.objects.filter(pk=practice.patient.pk).update(general_practitioner=holder)
    return holder, slots


def text(response) -> str:
    return response.content.decode()


def test_a_cell_leads_to_its_times_and_a_time_to_booking_it(receptionist, ada, weekday):
    holder, slots = ada
    make_slots(4, make_schedule(date=weekday))
    place = Place(holder.pk, weekday, "am")
    address = reverse("admin:next_available")

    grid = text(receptionist.get(address))
    times = text(receptionist.get(address, {"cell": str(place), "slot_type": "Routine"}))

    words = f"{weekday:%a} {weekday.day} {weekday:%b} am: 9:00, 4 free"
    assert f'value={place} aria-label="Dr Ada Ahead, {words}"' in grid
    assert f'value={place} aria-current="true"' in times
    offered = [int(pk) for pk in re.findall(r'<button name="slot" value="(\d+)"', times)]
    assert offered == [slot.pk for slot in slots]
    assert f'action="{reverse("admin:practice_appointment_add")}"' in times
    assert '<input type="hidden" name="slot_type" value="Routine">' in times


def test_the_usual_clinician_comes_first_and_says_when(practice, receptionist, ada, weekday):
    make_slots(1, make_schedule(date=weekday, session_holder=make_practitioner(family_name="Aaa")))

    page = text(
        receptionist.get(
            reverse("admin:practice_appointment_add"), {"patient": practice.patient.pk}
        )
    )

    assert page.index("Ada Ahead</span> <span class=staff-tag>usual") < page.index("Aaa</span>")
    assert f"first on {weekday:%a} {weekday.day} {weekday:%b} at 09:00" in page


def test_names_are_escaped(practice, receptionist, weekday):
    holder = make_practitioner(family_name='<script>"x"')
    make_slots(1, make_schedule(date=weekday, session_holder=holder))

    page = text(receptionist.get(reverse("admin:next_available")))

    assert "<script>&quot;" not in page
    assert '<script>"x"' not in page
    assert "&lt;script&gt;&quot;x&quot;" in page


def test_what_makes_no_sense_in_the_address_shows_the_next_times(receptionist, ada):
    page = receptionist.get(reverse("admin:next_available"), {"cell": "no place", "part": "night"})

    assert page.status_code == 200
    assert "Select a valid choice" in text(page)


def test_there_is_a_way_on_where_nothing_is_free(practice, receptionist):
    page = text(receptionist.get(reverse("admin:next_available")))

    assert "Nothing is free that fits. Try other days" in page
    assert "Nobody has a session in these four weeks" in page
    assert "Four weeks later" in page
    assert "Four weeks earlier" not in page


def test_only_the_step_is_sent_where_the_page_is_open(receptionist, ada):
    address = reverse("admin:next_available")

    step = text(receptionist.get(address, headers={"HX-Request": "true", "HX-Boosted": "true"}))

    assert "<html" not in step
    assert '<div id="content"' in step
    assert "Ada Ahead" in step


def test_as_many_queries_for_many_as_for_one(practice, receptionist, django_assert_max_num_queries):
    def queries() -> int:
        with django_assert_max_num_queries(40) as made:
            receptionist.get(reverse("admin:next_available"))
        return len(made.captured_queries)

    make_slots(2)
    few = queries()
    for day in range(5):
        make_slots(20, make_schedule(date=tomorrow() + timedelta(days=day)))

    assert queries() == few


def test_who_may_not_book_is_not_offered_times(practice):
    auditor = signed_in(practice.organisation, role=AUDITOR)

    assert auditor.get(reverse("admin:next_available")).status_code == 403


def test_the_weeks_after_begin_on_their_monday(receptionist, ada):
    page = text(receptionist.get(reverse("admin:next_available")))
    later = re.search(r'href="\?first=([\d-]+)[^"]*"[^>]*>Four weeks later', page)
    assert later

    onward = text(receptionist.get(reverse("admin:next_available"), {"first": later[1]}))

    assert clock.read_date(later[1]).weekday() == 0
    assert "Four weeks earlier" in onward
