"""The page of measures: numbers, what is behind them, and a file without patients."""

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.models import Appointment, AuditEvent
from practice.reads import measures as asked
from practice.staff import measures
from tests.practice.admin_world import words
from workbench.factories import make_appointment, make_organisation, make_slot, make_slot_type

pytestmark = pytest.mark.django_db

PAGE = "/admin/measures/?period="


@pytest.fixture
def urgent(practice):
    """A booking for tomorrow of what should be dealt with on the same day."""
    make_slot_type(practice.organisation, "Urgent", category="General Consultation Acute")
    return make_appointment([make_slot(slot_type="Urgent")], practice.patient)


def test_numerator_and_denominator_stand_beside_the_share(manager, urgent):
    year = timezone.now()
    expected = "0 of 1" if (year.month, year.day) != (3, 31) else "0 of 0"

    assert expected in words(manager.get(f"{PAGE}year"))
    assert "Two weeks or less (ACC-08)" in words(manager.get(f"{PAGE}week"))


def test_the_appointments_behind_a_number_are_a_click_away_and_recorded(
    practice, manager, urgent, monkeypatch
):
    monkeypatch.setitem(
        measures.PERIODS,
        "week",
        ("This week", lambda today: (today, today.fromordinal(today.toordinal() + 9))),
    )
    before = words(manager.get(f"{PAGE}week"))
    assert "list=urgent_same_day" in before
    assert practice.patient.family_name not in before

    page = words(manager.get(f"{PAGE}week&list=urgent_same_day"))

    assert practice.patient.full_name in page
    [event] = AuditEvent.objects.filter(event="measures.viewed")
    assert event.detail["patients"] == [practice.patient.pk]
    assert manager.get(f"{PAGE}week&list=nothing").status_code == 200


@pytest.fixture
def a_month_of(practice):
    """Make so many bookings of the month before, and one of this; every other waited a day."""
    make_slot_type(practice.organisation, "Urgent", category="General Consultation Acute")

    def make(number):
        today = clock.today(timezone.now())
        this, _ = asked.this_month(today)
        before, _ = asked.this_month(this - timedelta(days=1))
        for n, first in enumerate([*[before] * number, this]):
            appointment = make_appointment([make_slot(slot_type="Urgent")], practice.patient)
            start = clock.day_start(first) + timedelta(hours=9)
            Appointment.objects.filter(pk=appointment.pk).update(
                start=start,
                end=start + timedelta(minutes=10),
                created=start - timedelta(days=n % 2),
                practitioner_role=["R0260", ""][n % 2],
            )
        return before

    return make


def links_to_lists(page):
    """The address of each link to a list, with the number that it bears, if it does."""
    found = re.findall(r'href="(\?[^"#]*list=[^"#]*)#list">([0-9,]*)', page.content.decode())
    return {(html.unescape(href), number) for href, number in found}


def test_every_number_leads_to_as_many_appointments(manager, a_month_of):
    before = a_month_of(2)
    page = manager.get(f"{PAGE}{before:%Y-%m}")

    links = links_to_lists(page)

    assert f"1 {before:%B %Y} to" in words(page)
    for key, number in {
        "all": 2,
        "still_booked": "",
        "wait-0": 1,
        "wait-1": 1,
        "urgent_same_day": "",
        "acc_08-met": 2,
        "urgent_same_day-of&role=R0260": 1,
        "urgent_same_day-of&role=": 1,
    }.items():
        assert (f"?period={before:%Y-%m}&list={key}", f"{number}") in links
    assert any("&location=" in href for href, _ in links)
    for href, number in links:
        listed = manager.get("/admin/measures/" + href).content.decode()
        rows = listed.split('id="list"')[1].split("</table>")[0].count("?ask=how")
        assert rows == int(number or rows) > 0


def test_a_long_list_is_turned_over(practice, manager, a_month_of, monkeypatch):
    monkeypatch.setattr(measures, "MOST", 2)
    before = a_month_of(3)

    first = manager.get(f"{PAGE}{before:%Y-%m}&list=all").content.decode()
    second = manager.get(f"{PAGE}{before:%Y-%m}&list=all&skip=2").content.decode()

    assert (first.count("?ask=how"), second.count("?ask=how")) == (2, 1)
    assert ("skip=2#list" in first, "Later ones" in second) == (True, False)
    assert "skip=0#list" in second


def test_the_last_twelve_months_are_a_picture_and_a_table(manager, a_month_of):
    before = a_month_of(2)
    page = manager.get(f"{PAGE}{before:%Y-%m}").content.decode()

    assert page.count('class="measures-column') == 4 * 12
    assert "style=" not in page.split('id="months"')[1].split("</section>")[0]
    assert f"{before:%B %Y}: 50.0%, 1 of 2</title>" in page
    assert page.count("no appointments</title>") == 2 * 12 + 2 * 10
    table = page.split("<summary>As a table</summary>")[1].split("</table>")[0]
    assert table.count("<tr>") == 1 + 12
    row = table.split(f">{before:%B %Y}</a>")[1].split("</tr>")[0]
    assert "50.0%" in row
    assert f"?period={before:%Y-%m}&amp;list=urgent_same_day-met#list" in row


def test_the_months_are_in_the_file(manager, a_month_of):
    before = a_month_of(2)

    text = manager.get(f"{PAGE}week&csv=1").content.decode()

    assert f"Urgent on the same day,month {before:%Y-%m},1,2" in text
    assert text.count(",month ") == 4 * 12


@pytest.mark.parametrize(
    "asks", ["2026-13", "2026-1", "9999-01", "x&list=all&skip=-1", "week&list=all&location=x&role="]
)
def test_what_nobody_can_mean_is_no_failure(manager, urgent, asks):
    assert manager.get(f"{PAGE}{asks}").status_code == 200


def test_the_file_has_every_number_and_no_patient(practice, manager, urgent):
    answer = manager.get(f"{PAGE}year&csv=1")

    text = answer.content.decode()
    assert answer["Content-Type"].startswith("text/csv")
    assert "Urgent on the same day,all," in text
    assert "Wait: Same day,all," in text
    assert practice.patient.family_name not in text


def test_another_practice_counts_nothing(manager, practice):
    other = make_organisation()
    make_slot_type(other, "Urgent", category="General Consultation Acute")

    assert "0 appointments" in words(manager.get(f"{PAGE}year"))


def test_the_page_makes_as_many_queries_for_many(
    practice, manager, urgent, django_assert_max_num_queries
):
    make_appointment([make_slot()])
    manager.get(f"{PAGE}year")
    with django_assert_max_num_queries(40) as few:
        manager.get(f"{PAGE}year")
    for _ in range(5):
        make_appointment([make_slot()])
    with django_assert_max_num_queries(40) as many:
        manager.get(f"{PAGE}year")

    assert len(many) == len(few)
