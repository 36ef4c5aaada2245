"""What is recorded, whoever acts, whatever they send; and what is handed out of it."""

import csv
import io
import json
import stat
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from practice import clock
from practice.models import Appointment, AuditEvent, Slot
from practice.services import enablement
from practice.services.audit import recording, sealing
from practice.services.audit.recording import Actor, record_done, record_done_to_user, storable
from workbench import factories
from workbench.bodies import appointment_body, cancelled
from workbench.consumer import as_dict, make_claims
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


# ---------------------------------------------------------------- recording


@pytest.mark.req("AUD-004", "AUD-005", "AUD-006", "AUD-009", "AUD-011")
@pytest.mark.django_db
def test_a_record_keeps_who_acted_on_whose_authority_as_they_were_then(practice):
    now = timezone.now()

    record(practice.organisation, actor=STAFF, now=now)

    event = AuditEvent.objects.get()
    assert event.recorded_at == now
    assert (event.user_id, event.user_name) == ("rita", "Rita Reception")
    assert (event.user_role, event.user_organisation) == ("Receptionist", "Practice 1")
    assert (event.on_authority_of, event.device) == ("Dr Ada Clinician", "Firefox")
    assert event.address == "10.0.0.7"


@pytest.mark.req("AUD-015")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a\x00b", "a�b"),
        ("half a \ud83d pair", "half a � pair"),
        ({"k\x00": ["\x00", 1, None]}, {"k�": ["�", 1, None]}),
        ("Zoë 😀", "Zoë 😀"),
    ],
)
def test_what_no_database_stores_is_recorded_with_a_replacement(sent, kept):
    assert storable(sent) == kept


@pytest.mark.req("AUD-015")
@pytest.mark.django_db
def test_nothing_that_a_stranger_sends_keeps_a_request_out_of_the_trail(practice):
    odd = "\x00" + "x" * 5000 + "\udc00"

    record(
        practice.organisation,
        actor=make_actor(user_id=odd, name=odd, trace_id=odd, device=odd, detail={"url": odd}),
        event=odd,
        resource=odd,
        diagnostics=odd,
        patient_id=10**30,
    )

    event = AuditEvent.objects.get()
    assert len(event.user_name) == 200
    assert len(event.detail["url"]) == len(odd)
    assert event.patient_id is None


@pytest.mark.req("AUD-015")
@pytest.mark.django_db
def test_a_token_with_characters_that_cannot_be_stored_is_answered_and_recorded(consumer):
    practitioner = make_claims(scope="")["requesting_practitioner"]
    practitioner["name"] = [{"family": "Jo\x00nes\ud800", "given": ["Claire"]}]

    response = consumer.read_metadata(claims={"requesting_practitioner": practitioner})

    assert response.status_code < 500
    assert AuditEvent.objects.get().outcome == str(response.status_code)


@pytest.mark.req("AUD-018", "ENA-006")
@pytest.mark.django_db
def test_turning_gp_connect_off_is_recorded_with_old_and_new_value(practice):
    enablement.switch(
        organisation=practice.organisation,
        actor=STAFF,
        now=timezone.now(),
        gp_connect_enabled=False,
    )

    event = AuditEvent.objects.get()
    assert (event.event, event.user_name) == ("organisation.switch", "Rita Reception")
    assert event.detail["changes"] == {"gp_connect_enabled": {"from": True, "to": False}}


# ---------------------------------------------------------------- what was done to a record


@pytest.mark.django_db
def test_what_was_done_to_a_record_names_its_practice_patient_and_resource(practice):
    appointment = make_appointment(patient=practice.patient)
    now = timezone.now()

    record_done("test.done", appointment, actor=STAFF, now=now, detail={"from": 1})

    event = AuditEvent.objects.get(event="test.done")
    assert event.organisation == practice.organisation
    assert event.patient_id == appointment.patient_id
    assert event.resource == f"Appointment/{appointment.pk}"
    assert (event.outcome, event.recorded_at, event.detail) == ("ok", now, {"from": 1})


@pytest.mark.django_db
def test_a_practice_and_a_patient_are_records_of_themselves(practice):
    patient = practice.patient

    record_done("test.practice", practice.organisation, actor=STAFF, now=timezone.now())
    record_done("test.patient", patient, actor=STAFF, now=timezone.now(), outcome="refused")

    of_practice, of_patient = AuditEvent.objects.order_by("pk")
    assert of_practice.organisation == of_patient.organisation == practice.organisation
    assert of_practice.resource == f"Organization/{practice.organisation.pk}"
    assert (of_practice.patient_id, of_patient.patient_id) == (None, patient.pk)
    assert (of_patient.resource, of_patient.outcome) == (f"Patient/{patient.pk}", "refused")


@pytest.mark.django_db
def test_several_records_are_one_event_without_a_resource(practice):
    slots = make_slots(2)

    record_done("test.several", *slots, actor=STAFF, now=timezone.now())

    event = AuditEvent.objects.get()
    assert event.organisation == practice.organisation
    assert (event.resource, event.patient_id) == ("", None)


@pytest.mark.django_db
def test_what_was_done_to_no_record_belongs_to_the_practice_given_or_to_none(practice):
    record_done("test.given", actor=STAFF, now=timezone.now(), practice=practice.organisation)
    record_done("test.none", actor=STAFF, now=timezone.now())

    assert list(AuditEvent.objects.order_by("pk").values_list("organisation", "resource")) == [
        (practice.organisation.pk, ""),
        (None, ""),
    ]


@pytest.mark.django_db
def test_what_was_done_needs_no_query_for_the_practice(practice, django_assert_num_queries):
    slot = Slot.objects.get(pk=make_slots(1)[0].pk)

    with django_assert_num_queries(1):
        record_done("test.done", slot, actor=STAFF, now=timezone.now())


@pytest.mark.django_db
def test_what_concerns_a_person_is_told_to_every_practice_where_they_work(practice):
    works, works_nowhere = (User.objects.create(username=name) for name in ("rita", "noor"))
    other = make_organisation(ods_code="B83002")
    for organisation in (practice.organisation, other):
        organisation.memberships.create(user=works)
    now = timezone.now()

    record_done_to_user("test.works", works, actor=STAFF, now=now, detail={"why": "told"})
    record_done_to_user("test.nowhere", works_nowhere, actor=STAFF, now=now)
    record_done_to_user("test.unknown", None, actor=STAFF, now=now, outcome="refused")

    told = AuditEvent.objects.order_by("pk").values_list("event", "organisation", "resource")
    assert sorted(told[:2], key=str) == sorted(
        (("test.works", each.pk, f"User/{works.pk}") for each in (practice.organisation, other)),
        key=str,
    )
    assert list(told[2:]) == [
        ("test.nowhere", None, f"User/{works_nowhere.pk}"),
        ("test.unknown", None, ""),
    ]


# ---------------------------------------------------------------- provenance


@pytest.mark.req("AUD-030", "AUD-031", "AUD-032")
@pytest.mark.django_db
def test_booked_amended_and_cancelled_from_outside_each_step_says_who_when_and_how(
    consumer, practice
):
    slots = make_slots(1)
    booked = as_dict(consumer.book(appointment_body(slots=slots, patient=practice.patient)))
    amended = as_dict(consumer.amend(booked["id"], {**booked, "comment": "Uses a wheelchair."}))
    consumer.cancel(booked["id"], cancelled(amended))

    appointment = Appointment.objects.get()
    assert [entry["action"] for entry in appointment.provenance] == [
        "booked",
        "amended",
        "cancelled",
    ]
    for entry in appointment.provenance:
        assert entry["door"] == "gp-connect"
        assert entry["user_id"] == "111222333444"
        assert entry["name"] == "Dr Claire Jones"
        assert entry["role"] == "444555666777"
        assert entry["organisation"] == "Test Hospital (A1001)"
        assert entry["device"] == "CONS-APP-4 Consumer product 5.3.0"
        assert entry["interaction"].startswith("urn:nhs:names:services:gpconnect:fhir:rest:")
        assert len(entry["at"]) == len("2026-11-25T19:00:00+00:00")
    assert appointment.provenance[1]["changes"]["comment"]["to"] == "Uses a wheelchair."
    assert appointment.booked_via == "gp-connect"


@pytest.mark.req("AUD-033")
@pytest.mark.django_db
def test_the_booking_organisation_is_stored_and_returned(consumer, practice):
    slots = make_slots(1)

    booked = as_dict(consumer.book(appointment_body(slots=slots, patient=practice.patient)))

    appointment = Appointment.objects.get()
    assert appointment.booking_organisation_ods_code == "A1001"
    assert appointment.booking_organisation_name == "Test Hospital"
    assert booked["contained"][0]["name"] == "Test Hospital"


@pytest.mark.req("AUD-034")
@pytest.mark.django_db
def test_provenance_without_a_smartcard_role_says_unknown(consumer, practice):
    practitioner = make_claims(scope="")["requesting_practitioner"]
    practitioner["identifier"] = practitioner["identifier"][:1]

    consumer.book(
        appointment_body(slots=make_slots(1), patient=practice.patient),
        claims={"requesting_practitioner": practitioner},
    )

    assert Appointment.objects.get().provenance[0]["role"] == "unknown"


# ---------------------------------------------------------------- handing it out


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
