"""The page of measures: numbers, what is behind them, and a file without patients."""

import pytest
from django.utils import timezone

from practice.models import AuditEvent
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
