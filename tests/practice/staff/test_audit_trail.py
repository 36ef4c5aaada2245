"""A privacy officer's questions to the trail, and that asking them is in the trail too."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from practice import clock
from practice.models import AuditEvent
from practice.services.audit import recording
from practice.services.audit.recording import Actor
from practice.site.shown import record_shown
from practice.staff import audit_trail
from tests.practice.admin_world import words
from tests.practice.staff.diary_world import words_of
from workbench import factories
from workbench.staff import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.req("AUD-014")]

NURSE = Actor(door="staff", user_id="nina", name="Nina Nurse", role="Receptionist")
PAGE = "admin:audit_trail"


def record(organisation, *, days_ago=0, actor=NURSE, **values):
    fields = {"event": "patient.viewed", "outcome": "ok", **values}
    now = timezone.now() - timedelta(days=days_ago)
    recording.record(organisation=organisation, actor=actor, now=now, **fields)
    return AuditEvent.objects.order_by("-pk").first()


@pytest.fixture
def auditor(practice):
    return signed_in(practice.organisation, role="Auditor")


def found(client, **asked) -> list[int]:
    answer = client.get(reverse(PAGE), asked)
    assert answer.status_code == 200
    return [line.event.pk for line in answer.context["lines"]]


@pytest.mark.req("STAFF-080", "AUD-001")
def test_who_looked_at_this_patient_between_two_dates(practice, auditor):
    patient, other = practice.patient, factories.make_patient()
    today = clock.today(timezone.now())
    record(practice.organisation, patient_id=patient.pk, days_ago=9)
    opened = record(practice.organisation, patient_id=patient.pk, days_ago=2)
    listed = record(practice.organisation, detail={"patients": [other.pk, patient.pk]}, days_ago=1)
    record(practice.organisation, patient_id=other.pk, days_ago=1)
    record(practice.organisation, patient_id=patient.pk)
    dates = {"from_date": today - timedelta(days=2), "to_date": today - timedelta(days=1)}

    ids = found(auditor, nhs_number=f" {patient.nhs_number} ", **dates)

    assert ids == [listed.pk, opened.pk]


CRITERIA = {
    "user": "nina",
    "user_organisation": "out of hours",
    "door": "gp-connect",
    "outcome": "refused",
    "event": "appointment",
    "resource": "Appointment/9",
    "trace_id": "4fd1",
}


@pytest.mark.req("STAFF-080", "STAFF-081")
@pytest.mark.parametrize("name", CRITERIA)
def test_each_criterion_finds_what_it_names_and_no_more(practice, auditor, name):
    record(practice.organisation, actor=Actor(door="command", user_id="other"))
    actor = Actor(
        door="gp-connect",
        user_id="nina",
        name="Nina",
        organisation="Out of Hours Service (B00001)",
        trace_id="4fd1",
    )
    wanted = record(
        practice.organisation,
        actor=actor,
        event="urn:nhs:names:services:gpconnect:fhir:rest:read:appointment-1",
        outcome="404",
        spine_code="NO_RECORD_FOUND",
        resource="Appointment/9",
    )

    assert found(auditor, **{name: CRITERIA[name]}) == [wanted.pk]
    assert "NO_RECORD_FOUND" in words(auditor.get(reverse(PAGE), {name: CRITERIA[name]}))


@pytest.mark.req("AUD-001", "AUD-007")
def test_the_look_into_the_trail_is_in_the_trail(practice, auditor):
    patient = practice.patient
    record(practice.organisation, patient_id=patient.pk)

    found(auditor, nhs_number=patient.nhs_number, user="nina")

    event = AuditEvent.objects.get(event="audit.searched")
    assert event.user_id == auditor.user.username
    assert event.patient_id == patient.pk
    assert event.detail["user"] == "nina"
    assert event.detail["patients"] == [patient.pk]
    assert patient.nhs_number not in str(event.detail)


def test_opening_one_event_is_in_the_trail(practice, auditor):
    event = record(practice.organisation)

    auditor.get(reverse("admin:practice_auditevent_change", args=[event.pk]))

    assert AuditEvent.objects.get(event="auditevent.viewed").resource == f"AuditEvent/{event.pk}"


def test_the_list_of_every_column_is_in_the_trail_too(practice, auditor):
    record(practice.organisation)
    record(factories.make_organisation())

    auditor.get(reverse("admin:practice_auditevent_changelist"), {"user_id": "nina"})

    event = AuditEvent.objects.get(event="auditevent.searched")
    assert event.organisation == practice.organisation
    assert event.detail == {"user_id": ["nina"]}


def test_a_practice_finds_its_own_trail_and_its_own_patients_only(practice, auditor):
    neighbour = factories.make_organisation()
    stranger = factories.make_patient(neighbour)
    record(neighbour, patient_id=stranger.pk)

    assert found(auditor) == []
    answer = auditor.get(reverse(PAGE), {"nhs_number": stranger.nhs_number})
    assert answer.status_code == 422
    assert "No patient of this practice" in words(answer)
    assert not AuditEvent.objects.filter(event="audit.searched", patient_id=stranger.pk).exists()


@pytest.mark.parametrize("asked", [{}, {"csv": "1"}])
def test_who_may_not_see_the_trail_gets_neither_page_nor_file(practice, asked):
    client = signed_in(practice.organisation, role="Receptionist")

    assert client.get(reverse(PAGE), asked).status_code == 403
    assert not AuditEvent.objects.filter(event__startswith="audit.").exists()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"nhs_number": "123"}, "not an NHS number"),
        ({"from_date": "2026-02-02", "to_date": "2026-02-01"}, "before the first"),
        ({"outcome": "anything"}, "not one of the available choices"),
    ],
)
def test_what_makes_no_sense_is_said_so(auditor, asked, says):
    answer = auditor.get(reverse(PAGE), asked)

    assert answer.status_code == 422
    assert says in words(answer)


def test_older_events_follow_page_by_page_without_a_count(
    practice, auditor, monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr(audit_trail, "PAGE", 2)
    ids = [record(practice.organisation).pk for _ in range(5)]
    pages, older = [], ""
    with django_assert_max_num_queries(60) as queries:
        for _ in range(3):
            page = found(auditor, older=older, event="patient.viewed")
            pages.append(page)
            older = page[-1]

    assert pages == [ids[:2:-1], ids[2:0:-1], ids[:1]]
    asked = [query["sql"] for query in queries if 'FROM "practice_auditevent"' in query["sql"]]
    assert asked
    assert not [sql for sql in asked if "COUNT(" in sql]


def test_what_is_found_comes_as_a_file_and_the_file_is_recorded_first(practice, auditor):
    wanted = record(practice.organisation, resource="Appointment/9", detail={"why": "=1+1"})
    record(practice.organisation, resource="Appointment/10")

    answer = auditor.get(reverse(PAGE), {"resource": "Appointment/9", "csv": "1"})

    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(content))
    assert row["id"] == str(wanted.pk)
    assert practice.organisation.ods_code in answer["Content-Disposition"]
    event = AuditEvent.objects.get(event="audit.export")
    assert event.user_id == auditor.user.username
    assert event.detail["resource"] == "Appointment/9"


def test_whoever_a_page_named_is_named_and_linked(practice, auditor):
    people = [factories.make_patient(practice.organisation) for _ in range(5)]
    record_shown(
        "call_list.viewed",
        [each.pk for each in people],
        practice=practice.organisation,
        actor=Actor(door="staff", name="Mo Managerson"),
        now=timezone.now(),
        detail={"of": "Off sick, Dr Specimen"},
    )

    page = auditor.get("/admin/audit/?event=call_list")

    said = words_of(page.content.decode())
    assert "Mo Managerson looked at the call list of Off sick, Dr Specimen: 5 patients" in said
    assert "and 2 more" in said
    event = AuditEvent.objects.get(event="call_list.viewed")
    whole = auditor.get(f"/admin/practice/auditevent/{event.pk}/change/").content.decode()
    for each in people:
        assert f'href="/admin/practice/patient/{each.pk}/"' in whole
    seen = AuditEvent.objects.filter(event="auditevent.viewed").get()
    assert seen.detail["patients"] == sorted(each.pk for each in people)
