"""Cancel an appointment: the reason is kept, the slots are free before the answer is sent."""

from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.http import parse_http_date

from fhirapi import ssp
from fhirapi.resources import appointment
from practice import clock
from practice.models import Appointment, AppointmentSlot, AuditEvent, Organisation, Patient, Slot
from tests.fhirapi.answers import resources, violations
from tests.fhirapi.appointments import (
    CONFLICT,
    INVALID,
    NO_RECORD,
    answer,
    appointment_in,
    assert_refused,
    changed,
    diary,
    example,
    extension,
    published,
    status_of,
)
from tests.fhirapi.copies_sent_back import without_derived
from tests.shared import needs_shared
from workbench.bodies import appointment_body, cancelled
from workbench.consumer import Consumer, as_dict, read_back
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_organisation,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db


REASON = "Extension-GPConnect-AppointmentCancellationReason-1"


def reason_in(resource: dict[str, Any]) -> str:
    (found,) = extension(resource, REASON)
    return found["valueString"]


# ---------------------------------------------------------------- the answer


@pytest.mark.req("CANC-001", "CANC-002", "CANC-003", "CANC-004", "CANC-005", "CANC-030", "GEN-092")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_the_whole_answer(practice, consumer, format):
    """Compared with tests/examples, which were written after the specification."""
    slot = make_slot()
    body = appointment_body(slots=[slot], patient=practice.patient)
    booked = consumer.book(body)
    values = {
        "appointment": as_dict(booked)["id"],
        "slot": slot.pk,
        "patient": practice.patient.pk,
        "location": slot.schedule.location_id,
        "practitioner": slot.schedule.session_holder_id,
        "start": body["start"],
        "end": body["end"],
    }

    response = consumer.cancel(
        values["appointment"],
        example("cancel_appointment_request", **values),
        if_match=booked["ETag"],
        format=format,
    )

    assert response.status_code == 200
    assert appointment_in(response) == example("cancel_appointment_response", **values)


@pytest.mark.req("CANC-030", "GEN-090", "GEN-091", "GEN-097")
def test_the_headers_are_those_of_the_new_version(consumer, received):
    response = consumer.cancel(received["id"], cancelled(received), if_match='W/"1"')

    address = f"http://testserver{consumer.base}/Appointment/{received['id']}/_history/2"
    assert appointment_in(response)["meta"]["versionId"] == "2"
    assert (response["ETag"], response["Content-Location"]) == ('W/"2"', address)
    assert abs(parse_http_date(response["Last-Modified"]) - timezone.now().timestamp()) < 10
    assert "Location" not in response.headers


@pytest.mark.req("GEN-099", "DEC-064")
def test_a_consumer_may_prefer_an_answer_without_body(consumer, received):
    response = consumer.cancel(
        received["id"], cancelled(received), headers={"Prefer": "return=minimal"}
    )

    assert (response.status_code, response.content, response["ETag"]) == (200, b"", 'W/"2"')


@pytest.mark.req("CANC-006")
@pytest.mark.parametrize("door", ["staff", "gp-connect"])
def test_anybody_taking_part_may_cancel_whoever_booked(practice, consumer, door):
    made = make_appointment(patient=practice.patient, door=door)
    held = consumer.read_appointment(made.pk)

    response = consumer.cancel(made.pk, cancelled(as_dict(held)), if_match=held["ETag"])

    assert appointment_in(response)["status"] == "cancelled"


REASONS = {
    "one letter": "x",
    "very long": "No longer needed. " * 2_000 + "End",
    "what XML must escape": "a\n<b> & \"c\"\t'd' \U0001f637",
    "spaces around": "  No longer needed.  ",
}


@pytest.mark.req("CANC-007", "CANC-035", "DEC-039")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS.keys())
def test_the_reason_is_kept_whole(consumer, received, reason, format):
    response = consumer.cancel(received["id"], cancelled(received, reason), format=format)

    assert reason_in(appointment_in(response)) == reason
    assert reason_in(appointment_in(consumer.read_appointment(received["id"]))) == reason


@pytest.mark.req("CANC-003")
def test_a_reason_that_came_as_an_id_is_understood_and_answered_as_a_string(consumer, received):
    """One consumer in the field writes valueId."""
    body = cancelled(received)
    body["extension"][-1] = {
        "url": appointment.CANCELLATION_REASON,
        "valueId": "PATIENT-CANCELLED",
    }

    response = consumer.cancel(received["id"], body)

    (found,) = extension(appointment_in(response), REASON)
    assert found == {
        "url": appointment.CANCELLATION_REASON,
        "valueString": "PATIENT-CANCELLED",
    }


# ---------------------------------------------------------------- the slots


@pytest.mark.req("CANC-031", "CANC-032")
def test_the_slots_can_be_found_and_booked_at_once(consumer, practice, received):
    """The cancelled appointment keeps its slots, start and end, whoever has the slots now."""
    slots = list(Slot.objects.order_by("start"))
    day = clock.local(slots[0].start).date()
    query = {
        "status": "free",
        "start": f"ge{day}",
        "end": f"le{day}",
        "_include": "Slot:schedule",
    }

    ended = appointment_in(consumer.cancel(received["id"], cancelled(received)))
    found = resources(as_dict(consumer.search_slots(query)))
    again = consumer.book(appointment_body(slots=slots, patient=practice.patient))
    read = appointment_in(consumer.read_appointment(received["id"]))

    free = [each["id"] for each in found if each["resourceType"] == "Slot"]
    assert free == [str(slot.pk) for slot in slots]
    assert again.status_code == 201
    assert as_dict(again)["id"] != received["id"]
    assert read == ended
    assert [read[name] for name in ("slot", "start", "end")] == [
        received[name] for name in ("slot", "start", "end")
    ]
    assert AppointmentSlot.objects.filter(released=True).count() == 2


@pytest.mark.req("CANC-031", "GEN-032")
def test_the_versions_of_the_freed_slots_count_up(consumer, received):
    consumer.cancel(received["id"], cancelled(received))

    assert list(Slot.objects.values_list("status", "version")) == [("free", 3), ("free", 3)]


@pytest.mark.req("CANC-031")
def test_slots_that_are_no_longer_planned_are_withdrawn_instead(consumer, received):
    """An orphaned appointment's: nobody works there any more, so nobody is to be booked there."""
    Appointment.objects.update(orphaned=True)

    consumer.cancel(received["id"], cancelled(received))

    assert set(Slot.objects.values_list("status", "withdrawn")) == {("free", True)}
    assert not Appointment.objects.get().orphaned


@pytest.mark.req("CANC-039", "AVAIL-007")
def test_a_cancellation_gives_back_the_share_of_a_limit(consumer, practice):
    schedule = make_schedule(access_profile=make_access_profile(slots_per_session=1))
    first, second = make_slots(2, schedule)
    booked = as_dict(consumer.book(appointment_body(slots=[first], patient=practice.patient)))
    body = appointment_body(slots=[second], patient=practice.patient)

    refused = consumer.book(body)
    consumer.cancel(booked["id"], cancelled(booked))
    accepted = consumer.book(body)

    assert answer(refused) == INVALID
    assert accepted.status_code == 201


# ---------------------------------------------------------------- which appointment, and when


@pytest.mark.req("CANC-017", "GEN-100")
@pytest.mark.parametrize("pk", ["999999", "0", "null", "01"])
def test_an_unknown_appointment_is_not_found(consumer, received, pk):
    before = diary()

    response = consumer.cancel(pk, cancelled(changed(received, id=pk)))

    assert_refused(response, NO_RECORD, "There is no such appointment", before=before)


@pytest.mark.req("CANC-017", "GEN-160")
def test_an_appointment_of_another_practice_is_not_found(received):
    before = diary()

    response = Consumer(make_organisation()).cancel(received["id"], cancelled(received))

    assert_refused(response, NO_RECORD, "There is no such appointment", before=before)


@pytest.mark.req("CANC-018", "GEN-101", "DEC-018")
@pytest.mark.parametrize("pk", [None, "999999"])
def test_the_id_in_the_body_is_the_one_in_the_address(consumer, received, pk):
    before = diary()

    response = consumer.cancel(received["id"], cancelled(changed(received, id=pk)))

    words = "Appointment.id must be the id in the address"
    assert_refused(response, (400, "BAD_REQUEST"), words, before=before)


@pytest.mark.req("CANC-011")
@pytest.mark.parametrize("begun", [timedelta(seconds=1), timedelta(hours=1), timedelta(days=40)])
def test_what_has_begun_is_not_cancelled(consumer, practice, received, begun):
    """The stored start counts, whatever the body says."""
    slot = make_slot(start=timezone.now() - begun)
    past = make_appointment([slot], practice.patient, now=slot.start - timedelta(days=1))
    before = diary()

    response = consumer.cancel(past.pk, cancelled(changed(received, id=str(past.pk))))

    words = "Appointments in the past cannot be changed"
    assert_refused(response, INVALID, words, before=before)


@pytest.mark.req("CANC-001", "CANC-011")
@pytest.mark.parametrize("status", ["arrived", "fulfilled"])
def test_whoever_came_early_is_not_cancelled_from_outside(consumer, received, status):
    """The specification is silent before the start; that the patient came would be lost (H24)."""
    Appointment.objects.update(status=status)
    before = diary()

    response = consumer.cancel(received["id"], cancelled(received))

    words = "it can no longer be cancelled or moved"
    assert_refused(response, INVALID, words, before=before)


@pytest.mark.req("CANC-015", "CANC-038")
def test_a_cancelled_appointment_is_not_cancelled_again(consumer, received):
    ended = consumer.cancel(received["id"], cancelled(received))
    before = diary()

    again = consumer.cancel(received["id"], as_dict(ended), if_match=ended["ETag"])

    assert_refused(again, INVALID, "has been cancelled", before=before)


@pytest.mark.req("CANC-019", "PAT-022", "AUD-003", "AUD-007")
def test_an_appointment_of_a_sensitive_patient_is_not_cancelled(consumer, practice, received):
    Patient.objects.filter(pk=practice.patient.pk).update(sensitive=True)
    before = diary()

    response = consumer.cancel(received["id"], cancelled(received))

    words = "There is no such patient"
    assert_refused(response, (404, "PATIENT_NOT_FOUND"), words, before=before)
    event = AuditEvent.objects.latest("pk")
    assert (event.patient_id, event.resource) == (
        practice.patient.pk,
        f"Appointment/{received['id']}",
    )


@pytest.mark.req("DEC-059")
@pytest.mark.parametrize("state", [{"active": False}, {"deceased_at": "2026-01-01"}])
def test_an_appointment_of_a_patient_who_is_gone_can_be_cancelled(consumer, received, state):
    """So that somebody else can have the time."""
    Patient.objects.update(**state)

    assert consumer.cancel(received["id"], cancelled(received)).status_code == 200


@pytest.mark.req("AVAIL-075")
def test_what_is_no_longer_offered_can_still_be_cancelled(consumer, received):
    Slot.objects.update(
        gp_connect_bookable=False,
        embargo_minutes=1,
        access_profile=make_access_profile(ods_codes=["X"], slots_per_session=1),
    )
    Organisation.objects.update(booking_window_days=0)

    assert consumer.cancel(received["id"], cancelled(received)).status_code == 200


# ---------------------------------------------------------------- versions


@pytest.mark.req("CANC-012", "CANC-013", "GEN-093", "GEN-094", "DEC-007", "DEC-008")
@pytest.mark.parametrize("if_match", ['W/"2"', '"2"', "1", '""', "", "*", "nonsense"])
def test_an_if_match_that_is_not_the_current_etag_is_a_conflict(consumer, received, if_match):
    before = diary()

    response = consumer.cancel(received["id"], cancelled(received), if_match=if_match)

    words = "The record was changed since the copy was read"
    assert_refused(response, CONFLICT, words, before=before)


@pytest.mark.req("CANC-005", "CANC-013", "GEN-094")
@pytest.mark.parametrize("sent", [{"if_match": 'W/"1"'}, {}], ids=["current", "none"])
def test_the_current_etag_or_none_is_accepted(consumer, received, sent):
    assert consumer.cancel(received["id"], cancelled(received), **sent).status_code == 200


@pytest.mark.req("CANC-010", "CANC-013", "GEN-094")
def test_without_if_match_a_stale_copy_is_refused_for_what_differs(consumer, received):
    consumer.amend(received["id"], changed(received, description="Worse"))
    before = diary()

    response = consumer.cancel(received["id"], cancelled(received))

    words = "Appointment.description cannot be changed by a cancellation"
    assert_refused(response, INVALID, words, before=before)


# ---------------------------------------------------------------- what it leaves behind


@pytest.mark.req("CANC-036", "CANC-037", "AUD-030", "AUD-031", "AUD-032")
def test_who_cancelled_when_and_why_is_kept_for_staff(consumer, practice, received):
    consumer.cancel(received["id"], cancelled(received, "Feeling better"))

    ended = Appointment.objects.get()
    cancellation = ended.provenance[-1]
    assert ended.cancellation_reason == "Feeling better"
    assert {name: cancellation[name] for name in ("action", "door", "interaction")} == {
        "action": "cancelled",
        "door": "gp-connect",
        "interaction": ssp.CANCEL_APPOINTMENT.id,
    }
    assert cancellation["organisation"] == "Test Hospital (A1001)"
    assert abs(timezone.now() - datetime.fromisoformat(cancellation["at"])) < timedelta(minutes=1)
    event = AuditEvent.objects.latest("pk")
    assert (event.event, event.outcome) == (ssp.CANCEL_APPOINTMENT.id, "200")
    assert (event.patient_id, event.resource) == (
        practice.patient.pk,
        f"Appointment/{received['id']}",
    )


# ---------------------------------------------------------------- beside amending


@pytest.mark.req("AMEND-018", "CANC-016", "DEC-019")
def test_the_interaction_id_and_the_status_must_agree(consumer, received):
    before = diary()

    cancellation_as_amendment = consumer.amend(received["id"], cancelled(received))
    amendment_as_cancellation = consumer.cancel(
        received["id"], changed(received, description="Worse")
    )

    assert answer(cancellation_as_amendment) == INVALID
    assert answer(amendment_as_cancellation) == INVALID
    assert diary() == before


# ---------------------------------------------------------------- formats, profiles, examples


@needs_shared
@pytest.mark.req("CANC-004", "CANC-033", "CANC-034", "AMEND-044")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_answers_keep_to_the_profile(consumer, received, format):
    body = deepcopy(received)
    without_derived(body)

    ended = appointment_in(consumer.cancel(received["id"], cancelled(body), format=format))

    assert violations(ended) == []
    assert not {"reason", "specialty", "text"} & ended.keys()
    assert ended["serviceType"] == [{"text": "Routine"}]
    assert ended["serviceCategory"] == {"text": "Morning surgery"}


def test_json_and_xml_of_one_cancellation_are_equal(consumer, received):
    as_xml = consumer.cancel(received["id"], cancelled(received), format="xml")
    as_json = consumer.read_appointment(received["id"], format="json")

    assert read_back(as_xml) == read_back(as_json)
    assert as_dict(as_xml) == as_dict(as_json)


@needs_shared
@pytest.mark.req("CANC-003", "CANC-020", "DEC-020")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_the_published_request_is_accepted(consumer, practice, format):
    """After the published booking and amendment, with the ids and times of this practice."""
    slot = make_slot()
    here = {"slot": slot, "patient": practice.patient}
    booked = as_dict(consumer.book(published("book_appointment.request", **here)))
    consumer.amend(booked["id"], published("amend_appointment.request", **here, id=booked["id"]))
    body = published("cancel_appointment.request", **here, id=booked["id"])

    ended = appointment_in(consumer.cancel(booked["id"], body, format=format))

    assert reason_in(ended) == "Free text cancellation reason."
    assert status_of([slot]) == ["free"]
