"""What belongs to a rehearsal is met by nothing that does not ask for it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.models import Appointment, Patient, Schedule, Slot
from practice.reads import rehearsals, whole_book
from tests.practice.rehearsal_world import OtherSide
from tests.practice.services.test_rehearsals import begun

pytestmark = pytest.mark.django_db


def test_no_question_meets_a_test_that_does_not_ask_for_one(practice):
    theirs = OtherSide(practice, begun(practice))
    theirs.book()

    for model in (Patient, Schedule, Slot, Appointment):
        assert model.with_tests.filter(rehearsal__isnull=False).exists()
        assert not model.objects.filter(rehearsal__isnull=False).exists()
        assert model._default_manager is model.objects, "lists of the site, forms and dumps"
    assert theirs.test.appointments.count() == 0


def test_the_whole_book_goes_without_tests(practice):
    theirs = OtherSide(practice, begun(practice))
    theirs.book()

    patients = list(whole_book.patients(organisation=practice.organisation))

    assert [each.record.patient.pk for each in patients] == [practice.patient.pk]


def test_it_stands_with_one_organisation_until_its_time_is_over(practice):
    now = timezone.now()
    rehearsal = begun(practice, now=now)

    for moment, code, stands in (
        (now, "A1001", True),
        (now, "B2002", False),
        (now + timedelta(days=1), "A1001", False),
    ):
        assert rehearsals.is_with(rehearsal.pk, ods_code=code, now=moment) is stands
        assert (
            rehearsals.standing(
                organisation=practice.organisation, ods_code=code, now=moment
            ).exists()
            is stands
        )
    assert rehearsals.is_with(None, ods_code="B2002", now=now)


def test_nothing_is_asked_while_none_stands(practice, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert not rehearsals.may_stand(practice.organisation, now=timezone.now())
        assert rehearsals.is_with(None, ods_code="A1001", now=timezone.now())
