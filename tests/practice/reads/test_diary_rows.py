"""What the diary is made of: as many questions on a full day as on an empty one."""

from datetime import timedelta

import pytest

from practice.models import PractitionerRole
from practice.reads.diary_rows import Choice, filling_of, people_and_places, sessions_between
from workbench.factories import (
    make_appointment,
    make_location,
    make_organisation,
    make_schedule,
    make_slots,
    tomorrow,
)

pytestmark = pytest.mark.django_db

DAY = tomorrow() + timedelta(days=7)


def test_what_fills_a_day_are_its_appointments_and_the_slots_that_nobody_has(practice):
    schedule = make_schedule(date=DAY)
    taken, *free = make_slots(3, schedule)
    appointment = make_appointment(slots=[taken])
    make_slots(2, make_schedule(make_organisation(), date=DAY))

    sessions = sessions_between(practice.organisation, DAY, DAY, Choice())
    filling = filling_of(practice.organisation, DAY, DAY, sessions)

    assert sessions == [schedule]
    assert [row.pk for row in filling.appointments] == [appointment.pk]
    assert {row.pk for row in filling.slots} == {slot.pk for slot in free}
    assert filling.only([]).slots == filling.only([]).appointments == []
    assert filling.only(sessions) == filling


def test_sessions_are_narrowed_to_a_person_a_place_or_one_of_them(practice):
    here, there = make_schedule(date=DAY), make_schedule(date=DAY)
    branch = make_schedule(date=DAY, location=make_location(practice.organisation))

    def found(**choice) -> list:
        return sessions_between(practice.organisation, DAY, DAY, Choice(**choice))

    assert found(holder=here.session_holder_id) == [here]
    assert found(schedule=there.pk) == [there]
    assert found(location=branch.location_id) == [branch]
    assert found(location=branch.location_id, holder=here.session_holder_id) == []


def test_a_role_that_has_not_ended_names_somebody_who_has_several(practice):
    schedule = make_schedule(date=DAY)
    person = schedule.session_holder
    PractitionerRole.objects.filter(practitioner=person).delete()
    for role, active in (("R0600", True), ("R0260", False)):
        PractitionerRole.objects.create(
            organisation=practice.organisation, practitioner=person, role=role, active=active
        )

    filling = filling_of(practice.organisation, DAY, DAY, [schedule])

    assert filling.roles == {person.pk: person.roles.get(active=True).get_role_display()}


def test_the_questions_are_as_many_on_a_full_day_as_on_an_empty_one(
    practice, django_assert_num_queries
):
    def ask() -> None:
        people_and_places(practice.organisation)
        sessions = sessions_between(practice.organisation, DAY, DAY, Choice())
        filling_of(practice.organisation, DAY, DAY, sessions)

    with django_assert_num_queries(9):
        ask()
    for _ in range(3):
        slots = make_slots(3, make_schedule(date=DAY))
        make_appointment(slots=slots[:1])

    with django_assert_num_queries(9):
        ask()
