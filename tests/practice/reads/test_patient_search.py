"""Finding a patient by what reception is told, and what reception should know."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from practice.reads.patient_search import find_patients, warnings
from workbench.factories import make_appointment, make_organisation, make_patient, make_slot

pytestmark = pytest.mark.django_db


def names(practice, words: str, born: date | None = None) -> list[str]:
    found = find_patients(organisation=practice.organisation, words=words, born=born, most=10)
    return [patient.family_name for patient in found]


def test_several_words_are_a_family_name_and_first_letters_in_either_order(practice):
    make_patient(family_name="Van Faux", given_names="Edie", birth_date="1940-05-17")
    make_patient(family_name="Fauxley", given_names="Fay", birth_date="1941-05-17")
    make_patient(make_organisation(), family_name="Van Faux", given_names="Edie")

    for words in ("van faux edie", "edie van faux", "van faux", "van faux, e"):
        assert names(practice, words) == ["Van Faux"], words
    assert names(practice, "fauxley", date(1941, 5, 17)) == ["Fauxley"]
    assert names(practice, "fauxley", date(1940, 5, 17)) == []


def test_registered_people_come_before_those_who_have_left(practice):
    make_patient(family_name="Fauxa", active=False)
    make_patient(family_name="Fauxb")

    assert names(practice, "faux") == ["Fauxb", "Fauxa"]


def test_reception_is_warned_of_a_registration_that_will_end_and_of_another_booking(practice):
    now = timezone.now()
    visitor = make_patient(registration_type="T", registration_end=now.date() + timedelta(days=3))
    slot = make_slot()
    make_appointment(slots=[slot], patient=practice.patient)

    assert warnings(practice.patient, [], now=now) == []
    [booked] = warnings(practice.patient, [slot.start.date()], now=now)
    assert booked.startswith("Already booked that day")
    [ends] = warnings(visitor, [], now=now)
    assert ends.startswith("Registered for a time, until")
