"""The clinic list: everybody who is expected, nobody else, and a trace of who looked."""

import pytest
from django.contrib.auth.models import User

from practice import nhs_number
from practice.models import AuditEvent, Schedule
from workbench.factories import (
    make_appointment,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
)
from workbench.staff import make_staff


@pytest.fixture
def receptionist(practice, client) -> User:
    user = make_staff(practice.organisation)
    client.force_login(user)
    return user


def test_the_list_of_a_session_names_who_is_expected_and_how_to_reach_them(
    practice, client, receptionist
):
    schedule = make_schedule()
    first, second = make_slots(2, schedule)
    expected = make_patient(family_name="Expected")
    make_appointment(slots=[first], patient=expected)
    make_appointment(slots=[second], patient=make_patient(family_name="Lateron"))

    page = client.get("/admin/clinic-list/", {"schedule": schedule.pk}).content.decode()

    assert page.index("EXPECTED") < page.index("LATERON")
    assert nhs_number.spaced(expected.nhs_number) in page
    assert expected.telecoms.get().value in page
    event = AuditEvent.objects.get(event="clinic_list.viewed")
    assert expected.pk in event.detail["patients"]


def test_the_list_of_another_practice_cannot_be_seen(practice, client, receptionist):
    theirs = make_schedule(make_organisation())
    make_appointment(
        slots=make_slots(1, theirs), patient=make_patient(theirs.organisation, family_name="Theirs")
    )

    page = client.get("/admin/clinic-list/", {"schedule": theirs.pk})

    assert "THEIRS" not in page.content.decode()


def test_the_list_makes_as_many_queries_for_thirty_patients_as_for_three(
    practice, client, receptionist, django_assert_max_num_queries
):
    def queries(patients: int) -> int:
        schedule = make_schedule()
        for slot in make_slots(patients, schedule):
            make_appointment(slots=[slot], patient=make_patient())
        with django_assert_max_num_queries(60) as made:
            client.get("/admin/clinic-list/", {"schedule": schedule.pk})
        return len(made.captured_queries)

    assert queries(3) == queries(30)


def test_holders_are_chosen_from_by_family_name_whatever_their_titles(
    practice, client, receptionist
):
    zulu = make_practitioner(prefix="Dr", given_names="Amy", family_name="Zulu")
    aaron = make_practitioner(prefix="Ms", given_names="Zoe", family_name="Aaron")
    for holder in (zulu, aaron):
        make_schedule(session_holder=holder)
    day = Schedule.objects.first().date

    page = client.get("/admin/clinic-list/", {"date": str(day)})

    assert page.context["holders"] == [aaron, zulu]
