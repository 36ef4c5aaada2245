"""What a rehearsal makes, and that nothing of it is left, whoever books at the moment it ends."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock, nhs_number
from practice.exceptions import (
    BookedPatientNotFound,
    DemographicsNotConfirmed,
    NotOffered,
    RehearsalRefused,
)
from practice.models import Appointment, Patient, Rehearsal, Slot
from practice.reads import diary_check, rehearsals
from practice.services import rehearsals as rehearsing
from practice.services.appointments.booking import book_appointment
from practice.services.registration import check_may_come_back
from tests.practice.rehearsal_world import OtherSide
from workbench.factories import make_actor, make_location, make_organisation, make_slots

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def begun(practice, ods_code="A1001", now=NOW):
    return rehearsing.begin(
        organisation=practice.organisation,
        name="Test call centre",
        ods_code=ods_code,
        actor=make_actor(door="staff"),
        now=now,
    )


def test_its_people_are_obviously_nobody_and_its_slots_are_at_fixed_times(practice):
    rehearsal = begun(practice)

    for each in rehearsals.test_patients(rehearsal):
        assert nhs_number.is_valid(each.nhs_number)
        assert each.nhs_number.startswith("999")
        assert each.family_name == "XXTESTPATIENT"
    starts = [clock.local(each.start) for each in rehearsals.test_slots(rehearsal)]
    assert [f"{each:%H:%M}" for each in starts] == ["10:00", "10:10", "10:20", "10:30"]
    assert {each.date() for each in starts} == {clock.today(NOW) + timedelta(days=7)}
    assert rehearsal.ends_at == NOW + timedelta(days=1)


def test_two_organisations_rehearse_at_once_each_with_its_own(practice):
    one, other = begun(practice), begun(practice, "B2002")
    theirs = OtherSide(practice, one)

    assert {each.pk for each in rehearsals.test_slots(other)}.isdisjoint(theirs.found_slots())
    assert len(theirs.found_slots()) == 3
    rehearsing.end_by_staff(one, actor=make_actor(door="staff"), now=NOW)
    practice.organisation.refresh_from_db()
    assert practice.organisation.rehearsing_until == other.ends_at, "the other one goes on"
    with pytest.raises(RehearsalRefused):
        begun(practice, "B2002")


def test_one_whose_time_is_over_makes_room_for_the_next(practice):
    first = begun(practice)

    second = begun(practice, now=NOW + timedelta(days=2))

    first.refresh_from_db()
    assert first.ending == "over"
    assert second.ended_at is None


def test_a_practice_without_a_place_cannot_rehearse():
    with pytest.raises(RehearsalRefused):
        begun(type("Bare", (), {"organisation": make_organisation()}))


def book(practice, patient, slots, **given):
    return book_appointment(
        organisation=practice.organisation,
        patient_id=patient.pk,
        slot_ids=[each.pk for each in slots],
        description="Sore throat",
        actor=make_actor(**{"door": "staff", **given}),
        now=NOW,
    )


@pytest.mark.parametrize("door", ["staff", "gp-connect"])
def test_nobody_real_has_a_test_slot_and_a_test_patient_no_real_one(practice, door):
    """Whichever door: the patient of another rehearsal is no better."""
    rehearsal, other = begun(practice), begun(practice, "B2002")
    test, _ = rehearsals.test_patients(rehearsal)
    tests, real = rehearsals.test_slots(rehearsal), make_slots(1)
    by = {"door": door, "ods_code": "A1001" if door == "gp-connect" else ""}

    with pytest.raises(NotOffered):
        book(practice, practice.patient, tests[:1], **by)
    with pytest.raises((NotOffered, BookedPatientNotFound)):
        book(practice, test, real, **by)
    with pytest.raises((NotOffered, BookedPatientNotFound)):
        book(practice, test, rehearsals.test_slots(other)[:1], **by)
    assert not Appointment.with_tests.exists()


def test_a_test_patient_is_never_registered_for_real(practice):
    for each in rehearsals.test_patients(begun(practice)):
        with pytest.raises(DemographicsNotConfirmed):
            check_may_come_back(each, person=None, today=clock.today(NOW))


def test_what_is_left_of_one_that_ended_is_in_order(practice):
    rehearsal = begun(practice)
    theirs = OtherSide(practice, rehearsal)
    theirs.book()

    ended = rehearsing.end_by_staff(rehearsal, actor=make_actor(door="staff"), now=timezone.now())

    assert ended.ending == Rehearsal.Ending.GIVEN_UP
    assert rehearsing.end_by_staff(ended, actor=make_actor(), now=NOW).ended_at == ended.ended_at
    assert Appointment.with_tests.get().cancellation_reason == rehearsing.ENDED
    assert not Slot.with_tests.filter(withdrawn=False).exists()
    assert not Patient.with_tests.filter(rehearsal=rehearsal, active=True).exists()
    assert diary_check.faults(now=timezone.now(), organisation=practice.organisation) == []


def test_it_is_ended_days_later_though_its_slots_are_past(practice):
    rehearsal = begun(practice)
    OtherSide(practice, rehearsal).book()

    ended = rehearsing.end_what_is_over(
        organisation=practice.organisation, actor=make_actor(), now=NOW + timedelta(days=30)
    )

    assert ended == 1
    assert Slot.with_tests.filter(withdrawn=True).count() == 3
    assert Slot.with_tests.get(withdrawn=False).start < NOW + timedelta(days=30)


def test_the_place_is_the_main_surgery(practice):
    make_location(name="AAA branch")

    slot = rehearsals.test_slots(begun(practice))[0]

    assert slot.schedule.location == practice.location
