"""Amend an appointment: two texts may change, whoever asks, and nothing else."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.http import parse_http_date

from fhirapi import ssp
from fhirapi.resources import appointment
from practice.models import Appointment, AuditEvent, Organisation, Patient, Slot
from tests.fhirapi.answers import violations
from tests.fhirapi.appointments import (
    CONFLICT,
    INVALID,
    NO_RECORD,
    appointment_in,
    assert_refused,
    cancel,
    changed,
    diary,
    example,
    extension,
    published,
)
from tests.fhirapi.copies_sent_back import (
    without_derived,
)
from tests.shared import needs_shared
from workbench.bodies import appointment_body, cancelled
from workbench.consumer import Consumer, as_dict, read_back
from workbench.factories import make_access_profile, make_appointment, make_organisation, make_slot

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- what may change


@pytest.mark.req("AMEND-001", "AMEND-002", "AMEND-003", "AMEND-041", "GEN-092")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_the_whole_answer(practice, consumer, format):
    """Compared with tests/examples, which were written after the specification."""
    slot = make_slot()
    body = appointment_body(slots=[slot], patient=practice.patient)
    booked = consumer.book(body)
    pk = as_dict(booked)["id"]
    values = {
        "appointment": pk,
        "slot": slot.pk,
        "patient": practice.patient.pk,
        "location": slot.schedule.location_id,
        "practitioner": slot.schedule.session_holder_id,
        "start": body["start"],
        "end": body["end"],
    }

    response = consumer.amend(
        pk,
        example("amend_appointment_request", **values),
        if_match=booked["ETag"],
        format=format,
    )

    assert appointment_in(response) == example("amend_appointment_response", **values)
    assert response.status_code == 200


@pytest.mark.req("AMEND-041", "GEN-090", "GEN-091", "GEN-097", "GEN-098")
def test_the_headers_are_those_of_the_new_version(consumer, received):
    body = changed(received, description="Worse since the morning.")

    response = consumer.amend(received["id"], body, if_match='W/"1"')

    amended = appointment_in(response)
    address = f"http://testserver{consumer.base}/Appointment/{received['id']}/_history/2"
    assert amended["meta"] == {"versionId": "2", "profile": [appointment.PROFILE]}
    assert (response["ETag"], response["Content-Location"]) == ('W/"2"', address)
    assert abs(parse_http_date(response["Last-Modified"]) - timezone.now().timestamp()) < 10
    assert "Location" not in response.headers


@pytest.mark.req("GEN-099", "DEC-064")
def test_a_consumer_may_prefer_an_answer_without_body(consumer, received):
    body = changed(received, description="Worse since the morning.")

    response = consumer.amend(received["id"], body, headers={"Prefer": "return=minimal"})

    assert (response.status_code, response.content, response["ETag"]) == (200, b"", 'W/"2"')
    assert "Content-Type" not in response.headers


@pytest.mark.req("AMEND-001", "AMEND-034", "AMEND-040")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({}, {"description": "Other"}, id="another description"),
        pytest.param({}, {"comment": "Other"}, id="another comment"),
        pytest.param({}, {"description": "Other", "comment": "Other"}, id="both"),
        pytest.param({}, {"comment": None}, id="the comment removed"),
        pytest.param({"comment": None}, {"comment": "New"}, id="a comment added"),
        pytest.param({"comment": None}, {"description": "Other"}, id="still no comment"),
        pytest.param({}, {"description": "x" * 100, "comment": "y" * 500}, id="the longest"),
        pytest.param({}, {"description": "\U0001f637" * 100}, id="the longest by code point"),
        pytest.param({}, {"description": "a\n<b> & \"c\"\t'd'"}, id="what XML must escape"),
    ],
)
def test_description_and_comment_change(practice, consumer, before, after, format):
    body = appointment_body(slots=[make_slot()], patient=practice.patient, **before)
    booked = appointment_in(consumer.book(body))
    wanted = changed(booked, **after)

    response = consumer.amend(booked["id"], wanted, format=format)

    amended = appointment_in(response)
    assert amended == {**wanted, "meta": amended["meta"]}
    assert amended == as_dict(consumer.read_appointment(booked["id"]))


@pytest.mark.req("AMEND-035", "DEC-062")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_a_change_that_changes_nothing_succeeds(consumer, received, format):
    """And makes no new version, so that nobody's copy grows old by it."""
    before = diary()

    response = consumer.amend(received["id"], received, format=format)

    assert appointment_in(response) == received
    assert response["ETag"] == 'W/"1"'
    assert diary() == before


@pytest.mark.req("AMEND-004", "GEN-038")
@pytest.mark.parametrize("door", ["staff", "gp-connect"])
def test_anybody_taking_part_may_amend_whoever_booked(practice, door):
    """Another organisation than the one that booked, or an appointment that staff made."""
    made = make_appointment(patient=practice.patient, door=door)
    organisation = {
        "resourceType": "Organization",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Z9Z9"}],
        "name": "Somebody Else",
    }
    other = Consumer(practice.organisation, claims={"requesting_organization": organisation})
    held = other.read_appointment(made.pk)

    response = other.amend(
        made.pk, changed(as_dict(held), description="Other"), if_match=held["ETag"]
    )

    assert appointment_in(response)["description"] == "Other"


# ---------------------------------------------------------------- which appointment, and when


@pytest.mark.req("AMEND-020", "GEN-100")
@pytest.mark.parametrize("pk", ["999999", "0", "null", "01", "a.b"])
def test_an_unknown_appointment_is_neither_amended_nor_made(consumer, received, pk):
    before = diary()

    response = consumer.amend(pk, changed(received, id=pk))

    assert_refused(response, NO_RECORD, "There is no such appointment", before=before)


@pytest.mark.req("AMEND-020", "GEN-160")
def test_an_appointment_of_another_practice_is_not_found(received):
    before = diary()

    response = Consumer(make_organisation()).amend(received["id"], received)

    assert_refused(response, NO_RECORD, "There is no such appointment", before=before)


@pytest.mark.req("AMEND-012")
@pytest.mark.parametrize("begun", [timedelta(seconds=1), timedelta(hours=1), timedelta(days=40)])
def test_what_has_begun_is_not_amended(consumer, practice, received, begun):
    """The stored start counts, whatever the body says."""
    slot = make_slot(start=timezone.now() - begun)
    past = make_appointment([slot], practice.patient, now=slot.start - timedelta(days=1))
    before = diary()

    response = consumer.amend(past.pk, changed(received, id=str(past.pk)))

    assert_refused(response, INVALID, "Appointments in the past cannot be changed", before=before)


@pytest.mark.req("AMEND-012")
def test_what_begins_in_a_moment_is_amended(consumer, practice):
    soon = make_appointment([make_slot(start=timezone.now() + timedelta(minutes=1))])
    body = as_dict(consumer.read_appointment(soon.pk))

    assert consumer.amend(soon.pk, changed(body, description="Late")).status_code == 200


@pytest.mark.req("AMEND-011", "CANC-038")
@pytest.mark.parametrize("status", ["booked", "cancelled"])
def test_a_cancelled_appointment_is_neither_amended_nor_reinstated(consumer, received, status):
    """Not even with its current ETag."""
    ended = consumer.cancel(received["id"], cancelled(received))
    body = changed(as_dict(ended), status=status, description="Better after all.")
    if status == "booked":
        body["extension"] = received["extension"]
    before = diary()

    response = consumer.amend(received["id"], body, if_match=ended["ETag"])

    assert_refused(response, INVALID, "has been cancelled", before=before)


@pytest.mark.req("AMEND-022", "PAT-022", "PAT-024", "AUD-003", "AUD-007")
def test_an_appointment_of_a_sensitive_patient_is_not_amended(consumer, practice, received):
    Patient.objects.filter(pk=practice.patient.pk).update(sensitive=True)
    before = diary()

    response = consumer.amend(received["id"], received)

    assert_refused(response, (404, "PATIENT_NOT_FOUND"), "There is no such patient", before=before)
    event = AuditEvent.objects.latest("pk")
    assert event.patient_id == practice.patient.pk
    assert event.resource == f"Appointment/{received['id']}"


# ---------------------------------------------------------------- what it leaves behind


@pytest.mark.req("AMEND-045", "AMEND-046", "AUD-030", "AUD-031")
def test_who_amended_what_is_kept_for_staff(consumer, received):
    consumer.amend(received["id"], changed(received, description="Worse", comment=None))

    amended = Appointment.objects.get()
    booking, amendment = amended.provenance
    assert booking["action"] == "booked"
    assert {name: amendment[name] for name in ("action", "door", "user_id", "interaction")} == {
        "action": "amended",
        "door": "gp-connect",
        "user_id": "111222333444",
        "interaction": ssp.AMEND_APPOINTMENT.id,
    }
    assert amendment["organisation"] == "Test Hospital (A1001)"
    assert amendment["changes"] == {
        "description": {"from": received["description"], "to": "Worse"},
        "comment": {"from": received["comment"], "to": ""},
    }
    assert (amended.description, amended.comment) == ("Worse", "")


@pytest.mark.req("AUD-002", "AUD-003", "AUD-007")
def test_amendments_and_refused_ones_are_recorded_alike(consumer, practice, received):
    consumer.amend(received["id"], changed(received, description="Worse"))
    consumer.amend(received["id"], changed(received, priority=1))

    accepted, refused = AuditEvent.objects.order_by("pk")[1:]
    assert (accepted.outcome, refused.outcome) == ("200", "422")
    for event in (accepted, refused):
        assert event.event == ssp.AMEND_APPOINTMENT.id
        assert event.patient_id == practice.patient.pk
        assert event.resource == f"Appointment/{received['id']}"


@pytest.mark.req("AMEND-001")
def test_an_amendment_touches_neither_slots_nor_session(consumer, received):
    def rest() -> dict:
        return {name: rows for name, rows in diary().items() if name != "Appointment"}

    before = rest()

    consumer.amend(received["id"], changed(received, description="Worse"))

    assert rest() == before


@pytest.mark.req("AVAIL-075")
def test_what_is_no_longer_offered_can_still_be_amended(consumer, received):
    Slot.objects.update(
        gp_connect_bookable=False,
        embargo_minutes=1,
        access_profile=make_access_profile(ods_codes=["X"], slots_per_session=1),
    )
    Organisation.objects.update(booking_window_days=0)

    response = consumer.amend(received["id"], changed(received, description="Worse"))

    assert response.status_code == 200


@pytest.mark.req("DEC-059")
@pytest.mark.parametrize("state", [{"active": False}, {"deceased_at": "2026-01-01"}])
def test_an_appointment_of_a_patient_who_is_gone_can_be_amended(consumer, received, state):
    Patient.objects.update(**state)

    response = consumer.amend(received["id"], changed(received, description="Worse"))

    assert response.status_code == 200


# ---------------------------------------------------------------- formats, profiles, examples


@needs_shared
@pytest.mark.req("AMEND-002", "AMEND-042", "AMEND-043", "AMEND-044")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_answers_keep_to_the_profile(consumer, received, format):
    body = changed(received, description="Worse since the morning.")
    without_derived(body)

    amended = appointment_in(consumer.amend(received["id"], body, format=format))

    assert violations(amended) == []
    assert not {"reason", "specialty", "text"} & amended.keys()
    assert amended["serviceType"] == [{"text": "Routine"}]
    assert amended["serviceCategory"] == {"text": "Morning surgery"}
    assert extension(amended, "Extension-GPConnect-DeliveryChannel-2")


def test_json_and_xml_of_one_amendment_are_equal(consumer, received):
    body = changed(received, description="Worse since the morning.")

    as_xml = consumer.amend(received["id"], body, format="xml")
    as_json = consumer.amend(received["id"], body, format="json")

    assert read_back(as_xml) == read_back(as_json)
    assert as_dict(as_xml) == as_dict(as_json)


@needs_shared
@pytest.mark.req("AMEND-002", "AMEND-030", "DEC-020")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_the_published_request_is_accepted(consumer, practice, format):
    """After the published booking, with the ids and times of this practice."""
    here = {"slot": make_slot(), "patient": practice.patient}
    booked = as_dict(consumer.book(published("book_appointment.request", **here)))
    body = published("amend_appointment.request", **here, id=booked["id"])

    amended = appointment_in(consumer.amend(booked["id"], body, format=format))

    assert amended["description"] == "Free text description updated."
    assert amended["meta"]["versionId"] == "2"


def test_a_cancellation_through_the_service_makes_received_copies_stale(consumer, received):
    """Staff cancelled meanwhile: the consumer learns of it as of any other change."""
    cancel(Appointment.objects.get(), now=timezone.now())
    before = diary()

    response = consumer.amend(received["id"], received, if_match='W/"1"')

    assert_refused(response, CONFLICT, "The record was changed", before=before)
