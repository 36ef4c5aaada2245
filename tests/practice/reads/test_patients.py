"""Which patients others may know of, and their records with all of their parts."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.models import Patient, PatientLanguage, PatientTelecom
from practice.reads import patients
from workbench.factories import make_organisation, make_patient

pytestmark = pytest.mark.django_db

YESTERDAY = clock.today(timezone.now()) - timedelta(days=1)


def add_telecom(patient: Patient, value: str) -> None:
    PatientTelecom.objects.create(patient=patient, system="phone", value=value, use="home")


def test_records_come_by_id_each_with_its_own_parts_in_the_order_of_storing(practice):
    first, second = practice.patient, make_patient()
    before = len(patients.patient_record(patient_id=first.pk).telecoms)
    for patient, value in ((second, "1"), (first, "2"), (second, "3")):
        add_telecom(patient, value)
    PatientLanguage.objects.create(patient=second, language="cy", interpreter_required=True)

    one, two = patients.patient_records(Patient.objects.filter(pk__in=[first.pk, second.pk]))

    assert (one.patient.pk, two.patient.pk) == (first.pk, second.pk)
    assert [each.value for each in one.telecoms[before:]] == ["2"]
    assert [each.value for each in two.telecoms[-2:]] == ["1", "3"]
    assert [(each.language, each.interpreter_required) for each in two.languages] == [("cy", True)]
    for name in ("nhs_number", "family_name", "birth_date", "version"):
        assert getattr(two.patient, name) == getattr(second, name)


def test_records_take_as_many_queries_however_many_there_are(practice, django_assert_num_queries):
    for _ in range(3):
        add_telecom(make_patient(), "1")

    with django_assert_num_queries(5):
        assert len(patients.patient_records(Patient.objects.all())) > 3
    with django_assert_num_queries(1):
        assert patients.patient_records(Patient.objects.filter(pk=0)) == []


def test_a_patient_is_found_at_the_practice_whatever_is_to_be_known_of_them(practice):
    Patient.objects.filter(pk=practice.patient.pk).update(sensitive=True, active=False)
    pk = practice.patient.pk

    assert patients.patient_by_id(organisation=practice.organisation, patient_id=pk)
    assert patients.patient_by_id(organisation=make_organisation(), patient_id=pk) is None


@pytest.mark.req("PAT-011")
@pytest.mark.parametrize(
    ("fields", "known", "visible"),
    [
        ({}, True, True),
        ({"nhs_number_verification": "02"}, True, False),
        ({"active": False}, False, False),
        ({"sensitive": True}, False, False),
        ({"deceased_at": YESTERDAY}, False, False),
        ({"registration_type": "T", "registration_end": YESTERDAY}, False, False),
        ({"registration_type": "T", "registration_end": date(2999, 1, 1)}, True, True),
    ],
    ids=["as ever", "never verified", "inactive", "sensitive", "dead", "gone", "for a time"],
)
def test_whom_others_may_know_of_and_whom_they_may_see(practice, fields, known, visible):
    Patient.objects.filter(pk=practice.patient.pk).update(**fields)
    of = {"organisation": practice.organisation, "now": timezone.now()}

    assert patients.known_patients(**of).filter(pk=practice.patient.pk).exists() is known
    seen = patients.visible_patients(**of, asked_by="A1001")
    assert seen.filter(pk=practice.patient.pk).exists() is visible
