"""FHIR in: what a practice has after an import, and after the same again."""

import pytest
from django.utils import timezone

from practice.models import (
    Appointment,
    ImportedRecord,
    Organisation,
    Patient,
    PractitionerRole,
    Schedule,
    Slot,
)
from practice.reads import diary_check
from tests.fhirapi.exchange.incoming.world import ODS, bundle, eight, imported


def faults() -> list[str]:
    return [str(fault) for fault in diary_check.check(now=timezone.now()).faults]


@pytest.mark.django_db
def test_a_bundle_of_all_eight_types_makes_a_practice(tmp_path):
    done = imported(tmp_path, bundle(eight()))

    assert done.refused == "", done.text
    practice = Organisation.objects.get()
    assert practice.ods_code == ODS
    assert not practice.gp_connect_enabled
    assert PractitionerRole.objects.get().role == "R0260"
    edie = Patient.objects.get()
    assert (edie.full_name, str(edie.birth_date)) == ("Mrs Edie Fauxley", "1980-02-29")
    assert edie.nhs_number_verification == "01"
    assert edie.general_practitioner.family_name == "Specimen"
    assert [str(name) for name in edie.other_names.all()] == ["Sample"]
    assert edie.addresses.get().district == "Yorks"
    session = Schedule.objects.get()
    assert session.session_name == "Morning surgery"
    booked, free = Slot.objects.order_by("start")
    assert (booked.status, free.status) == ("busy", "free")
    assert not Slot.objects.filter(gp_connect_bookable=True).exists()
    appointment = Appointment.objects.get()
    assert appointment.patient == edie
    assert list(appointment.slots.all()) == [booked]
    assert appointment.description == "Cough"
    assert faults() == []
    assert "Appointment: 1 new" in done.text


@pytest.mark.django_db
def test_the_same_again_changes_nothing(tmp_path):
    file = bundle(eight())
    imported(tmp_path, file)
    before = [list(model.objects.order_by("pk").values()) for model in STORED]

    done = imported(tmp_path, file)

    assert done.refused == "", done.text
    assert before == [list(model.objects.order_by("pk").values()) for model in STORED]
    assert "Appointment: 1 here already" in done.text
    assert done.report["made"] == {}


STORED = (
    Organisation, PractitionerRole, Patient, Schedule, Slot, Appointment, ImportedRecord,
)  # fmt: skip
