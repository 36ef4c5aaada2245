"""What is recorded, whoever acts, whatever they send."""

from dataclasses import fields

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from practice.models import AuditEvent, Slot
from practice.models.audit import NewEvent
from practice.services.audit import recording
from practice.services.audit.recording import Actor, record_done, record_done_to_user, storable
from workbench.consumer import make_claims
from workbench.factories import make_actor, make_appointment, make_organisation, make_slots

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
    facts = {
        "organisation": organisation,
        "actor": make_actor(),
        "event": "test.event",
        "outcome": "ok",
        "now": timezone.now(),
    }
    recording.record(**{**facts, **overrides})


# ---------------------------------------------------------------- recording


def test_what_is_recorded_fills_every_column_of_the_trail():
    columns = {field.attname for field in AuditEvent._meta.concrete_fields}

    assert {field.name for field in fields(NewEvent)} == columns - {"id"}


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
