"""What is handed out of the trail: to whom, of whom, and that it is recorded."""

import csv
import io
import json
import stat
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from practice import clock
from practice.models import AuditEvent
from practice.services.audit import recording, sealing
from practice.services.audit.recording import Actor
from workbench import factories
from workbench.factories import (
    make_actor,
    make_appointment,
    make_organisation,
    make_patient,
    make_slots,
)

STAFF = Actor(
    door="staff",
    user_id="rita",
    name="Rita Reception",
    role="Receptionist",
    organisation="Practice 1",
    on_authority_of="Dr Ada Clinician",
    device="Firefox",
    address="10.0.0.7",
)


def record(organisation, **overrides):
    fields = {
        "organisation": organisation,
        "actor": make_actor(),
        "event": "test.event",
        "outcome": "ok",
        "now": timezone.now(),
    }
    recording.record(**{**fields, **overrides})


def exported(**options):
    output = io.StringIO()
    call_command("export_audit", stdout=output, **options)
    return output.getvalue()


def exported_rows(**options):
    return json.loads(exported(format="json", **options))


@pytest.mark.req("AUD-014")
@pytest.mark.django_db
def test_a_range_of_dates_is_exported_with_both_ends_and_no_other_practice(practice):
    today = clock.today(timezone.now())
    for days in (3, 2, 1, 0):
        noon = clock.day_start(today - timedelta(days=days)) + timedelta(hours=12)
        record(practice.organisation, event=f"{days} days ago", now=noon)
    record(make_organisation(), now=timezone.now() - timedelta(days=2))
    sealing.seal_everything(now=timezone.now())

    rows = exported_rows(
        practice=practice.organisation.ods_code,
        from_date=today - timedelta(days=2),
        to_date=today - timedelta(days=1),
    )

    assert [row["event"] for row in rows] == ["2 days ago", "1 days ago"]
    assert [row["number"] for row in rows] == [2, 3]
    assert all(len(row["hash"]) == 64 for row in rows)


@pytest.mark.req("AUD-014")
@pytest.mark.django_db
def test_a_patients_access_history_holds_what_concerns_them_and_nobody_else(consumer, practice):
    patient, other = practice.patient, make_patient(practice.organisation)
    consumer.find_patient(patient.nhs_number)
    consumer.find_patient(patient.nhs_number, headers={"Ssp-From": ""})  # refused
    consumer.find_patient(other.nhs_number)
    tomorrow = factories.tomorrow()
    consumer.retrieve(patient.pk, start=tomorrow, end=tomorrow)
    make_appointment(make_slots(1), patient, door="staff")
    shown = {"event": "diary.viewed", "actor": STAFF}
    record(practice.organisation, **shown, detail={"patients": [other.pk, patient.pk]})
    record(practice.organisation, **shown, detail={"patients": [other.pk, patient.pk + 10**6]})

    rows = exported_rows(practice=practice.organisation.ods_code, patient=patient.nhs_number)

    assert [row["event"].rsplit(":", 1)[-1] for row in rows] == [
        "patient-1",
        "patient-1",
        "patient_appointments-1",
        "appointment.booked",
        "diary.viewed",
    ]
    assert [row["outcome"][0] for row in rows] == ["2", "4", "2", "o", "o"]


@pytest.mark.req("AUD-001")
@pytest.mark.django_db
def test_the_export_itself_is_recorded_before_anything_is_handed_out(practice):
    rows = exported_rows(
        practice=practice.organisation.ods_code, patient=practice.patient.nhs_number
    )

    assert rows == []
    event = AuditEvent.objects.get()
    assert (event.event, event.door) == ("audit.export", "command")
    assert event.patient_id == practice.patient.pk
    assert event.user_id
    assert practice.patient.nhs_number not in json.dumps(event.detail)


@pytest.mark.django_db
def test_csv_can_be_opened_in_a_spreadsheet_without_running_what_was_sent(practice):
    record(practice.organisation, actor=make_actor(name="=HYPERLINK(1)", detail={"a": "é"}))

    header, row = csv.reader(io.StringIO(exported(practice=practice.organisation.ods_code)))

    found = dict(zip(header, row, strict=True))
    assert found["user_name"] == "'=HYPERLINK(1)"
    assert json.loads(found["detail"]) == {"a": "é"}


@pytest.mark.django_db
def test_a_file_is_made_anew_and_readable_by_its_owner_only(practice, tmp_path):
    record(practice.organisation)
    path = tmp_path / "trail.csv"

    said = exported(practice=practice.organisation.ods_code, output=path)

    assert said == f"1 events written to {path}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().splitlines()) == 2
    with pytest.raises(CommandError, match="File exists"):
        exported(practice=practice.organisation.ods_code, output=path)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"practice": "NONE"}, "No practice"),
        ({"patient": "9990000000"}, "no such patient"),
    ],
)
def test_what_does_not_exist_is_refused(practice, options, why):
    options = {"practice": practice.organisation.ods_code, **options}

    with pytest.raises(CommandError, match=why):
        exported(**options)

    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
def test_another_practices_patient_does_not_exist(practice):
    elsewhere = make_patient(make_organisation())

    with pytest.raises(CommandError, match="no such patient"):
        exported(practice=practice.organisation.ods_code, patient=elsewhere.nhs_number)


def test_a_mistyped_number_is_refused_on_the_command_line():
    with pytest.raises(CommandError, match="not an NHS number"):
        call_command("export_audit", "--practice=A1", "--patient=9990000001", "--from=2026-01-01")
