"""Read an appointment: which are shown, and that they are shown as they are now."""

from datetime import timedelta

import pytest
from django.utils import timezone

from fhirapi import ssp
from fhirapi.resources.common import uk_time
from practice import clock
from practice.models import Appointment, AppointmentSlot, AuditEvent, Organisation, Patient, Slot
from practice.services import sessions
from tests.fhirapi.answers import in_both_formats, violations
from tests.fhirapi.appointments import (
    INVALID,
    NO_RECORD,
    actors,
    answer,
    appointment_in,
    assert_refused,
    cancel,
    diary,
    example,
    extension,
)
from tests.shared import needs_shared
from workbench.consumer import Consumer, as_dict, diagnostics, read_back
from workbench.factories import (
    make_access_profile,
    make_actor,
    make_appointment,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def booked(practice) -> Appointment:
    """An appointment of the small practice's patient, made by another organisation."""
    return make_appointment(make_slots(2), practice.patient)


# ---------------------------------------------------------------- which


@pytest.mark.req("READ-002", "GEN-021", "DEC-065")
@pytest.mark.parametrize(
    "pk", ["999999", "0", "-1", "01", "null", "undefined", "a.b-C", "9" * 19, "9" * 64, "1%20", ""]
)
def test_what_is_no_id_of_an_appointment_is_not_found(consumer, booked, pk):
    before = diary()

    response = consumer.read_appointment(pk)

    assert_refused(response, NO_RECORD, "There is no such appointment", before=before)


@pytest.mark.req("READ-001", "READ-002", "GEN-020", "GEN-021")
def test_only_the_very_id_is_the_id(consumer, booked):
    """No leading noughts, signs or spaces."""
    assert appointment_in(consumer.read_appointment(booked.pk))["id"] == str(booked.pk)
    for other in (f"0{booked.pk}", f"+{booked.pk}", f"{booked.pk}%20", f"{booked.pk}.0"):
        assert answer(consumer.read_appointment(other)) == NO_RECORD


@pytest.mark.req("READ-006", "GEN-160")
def test_an_appointment_of_another_practice_is_not_found(practice, booked):
    elsewhere = Consumer(make_organisation())
    before = diary()

    response = elsewhere.read_appointment(booked.pk)

    assert_refused(response, NO_RECORD, "There is no such appointment", before=before)
    assert AuditEvent.objects.latest("pk").patient_id is None


@pytest.mark.req("READ-003", "READ-004", "READ-009")
@pytest.mark.parametrize(
    "begun", [timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(days=400)]
)
def test_what_has_begun_cannot_be_read(consumer, practice, begun):
    """By date and time: earlier today is past, unlike when a patient's are retrieved."""
    start = timezone.now() - begun
    past = make_appointment(
        [make_slot(start=start)], practice.patient, now=start - timedelta(days=1)
    )
    before = diary()

    response = consumer.read_appointment(past.pk)

    assert_refused(response, INVALID, "Appointments in the past cannot be read", before=before)


@pytest.mark.req("READ-004")
def test_what_begins_in_a_moment_can_be_read(consumer, practice):
    soon = make_appointment([make_slot(start=timezone.now() + timedelta(minutes=1))])

    assert consumer.read_appointment(soon.pk).status_code == 200


@pytest.mark.req("READ-007", "PAT-022", "PAT-024", "GEN-162", "AUD-003", "AUD-007")
def test_an_appointment_of_a_sensitive_patient_is_not_shown(consumer, booked):
    """The answer does not say why; the trail says whom it was about."""
    Patient.objects.update(sensitive=True)
    before = diary()

    response = consumer.read_appointment(booked.pk)

    assert_refused(response, (404, "PATIENT_NOT_FOUND"), "There is no such patient", before=before)
    event = AuditEvent.objects.latest("pk")
    assert (event.patient_id, event.resource) == (booked.patient_id, f"Appointment/{booked.pk}")


@pytest.mark.req("READ-008", "GEN-095")
def test_earlier_versions_are_not_kept(consumer, booked):
    """The Location of a booking leads somewhere while it is current (DEC-068)."""
    current = consumer.send(ssp.READ_APPOINTMENT, f"/Appointment/{booked.pk}/_history/1")
    history = consumer.send(ssp.READ_APPOINTMENT, f"/Appointment/{booked.pk}/_history")
    body = as_dict(current)
    consumer.amend(body["id"], {**body, "description": "Another reason"})
    earlier = consumer.send(ssp.READ_APPOINTMENT, f"/Appointment/{booked.pk}/_history/1")

    assert current.status_code == 200
    assert answer(history) == (501, "NOT_IMPLEMENTED")
    assert earlier.status_code == 404


@pytest.mark.req("READ-005", "GEN-037", "RETR-054")
@pytest.mark.parametrize("missing", ["slots", "booking organisation"])
def test_an_appointment_that_cannot_be_told_whole_is_not_told(consumer, booked, caplog, missing):
    """Nothing is made up, and nothing internal is said: the log has it in full."""
    if missing == "slots":
        AppointmentSlot.objects.all().delete()
    else:
        Appointment.objects.update(booking_organisation_json="{")
    day = clock.local(booked.start).date()

    read = consumer.read_appointment(booked.pk)
    retrieved = consumer.retrieve(booked.patient_id, f"{day}", f"{day}")

    for response in (read, retrieved):
        assert answer(response) == (500, "INTERNAL_SERVER_ERROR")
        assert diagnostics(response).startswith("The request could not be completed (trace id ")
    logged = [record for record in caplog.records if record.name == "fhirapi.errors"]
    assert len(logged) == 2
    assert all(record.exc_info for record in logged)


# ---------------------------------------------------------------- the answer


@pytest.mark.req("READ-020", "READ-021", "READ-024", "READ-026", "RETR-058", "GEN-090", "GEN-091")
def test_the_whole_answer_for_an_appointment_made_by_staff(consumer, practice):
    """By telephone, with nobody in particular, and without a description."""
    schedule = make_schedule(session_holder=None, session_name="", practitioner_role="")
    slot = make_slot(
        schedule, slot_type="Call back", delivery_channel="Telephone", gp_connect_bookable=False
    )
    created = timezone.now()
    made = make_appointment([slot], practice.patient, door="staff", description="", now=created)

    response = consumer.read_appointment(made.pk)

    assert response["ETag"] == 'W/"1"'
    assert appointment_in(response) == example(
        "read_appointment_response",
        appointment=made.pk,
        slot=slot.pk,
        patient=practice.patient.pk,
        location=schedule.location_id,
        start=uk_time(slot.start),
        end=uk_time(slot.end),
        created=uk_time(created),
    )


@pytest.mark.req("READ-020", "GEN-090", "GEN-091", "GEN-097")
def test_the_headers_are_those_of_the_version(consumer, booked):
    Appointment.objects.filter(pk=booked.pk).update(version=7)

    response = consumer.read_appointment(booked.pk)

    read = appointment_in(response)
    assert response["ETag"] == 'W/"7"'
    assert read["meta"]["versionId"] == "7"
    assert response["Content-Location"].endswith(f"/Appointment/{booked.pk}/_history/7")
    assert "Last-Modified" in response.headers
    assert "Location" not in response.headers


@needs_shared
@pytest.mark.req("READ-021", "READ-023", "READ-025", "READ-027", "CANC-034")
@pytest.mark.parametrize("door", ["gp-connect", "staff"])
def test_answers_keep_to_the_profile_in_both_formats(consumer, practice, door):
    """Booked or cancelled, through either door."""
    appointments = [make_appointment([slot], practice.patient, door=door) for slot in make_slots(2)]
    cancel(appointments[1], now=timezone.now())

    for each in appointments:
        read = in_both_formats(
            lambda format, pk=each.pk: consumer.read_appointment(pk, format=format)
        )
        assert violations(read) == []
        assert not {"reason", "specialty", "text"} & read.keys()


@pytest.mark.req("READ-027", "RETR-056")
def test_a_cancelled_appointment_can_be_read_with_the_reason(consumer, booked):
    cancel(booked, now=timezone.now(), reason="Feeling better")

    read = appointment_in(consumer.read_appointment(booked.pk))

    assert read["status"] == "cancelled"
    (reason,) = extension(read, "Extension-GPConnect-AppointmentCancellationReason-1")
    assert reason["valueString"] == "Feeling better"
    assert len(read["slot"]) == 2


@pytest.mark.req("READ-023", "GEN-130", "GEN-131", "GEN-132")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_times_are_uk_times_on_both_sides_of_a_clock_change(consumer, practice, zone):
    """Whatever zone the server or a visitor has chosen."""
    changes = clock.offset_changes(
        timezone.now() + timedelta(days=2), timezone.now() + timedelta(days=400)
    )
    summer = next(moment for moment, offset in changes if offset)
    winter = next(moment for moment, offset in changes if not offset)
    appointments = [
        make_appointment([make_slot(start=change + timedelta(hours=9))])
        for change in (summer, winter)
    ]

    with timezone.override(zone):
        read = [appointment_in(consumer.read_appointment(each.pk)) for each in appointments]

    # The clocks change at 01:00 UTC: nine hours later it is 10:00 UTC.
    assert [each["start"][11:] for each in read] == ["11:00:00+01:00", "10:00:00+00:00"]


@pytest.mark.req("READ-029")
def test_reading_and_retrieving_say_the_same(consumer, booked):
    day = clock.local(booked.start).date()

    read = as_dict(consumer.read_appointment(booked.pk))
    retrieved = as_dict(consumer.retrieve(booked.patient_id, f"{day}", f"{day}"))

    assert retrieved["entry"] == [{"resource": read}]


# ---------------------------------------------------------------- as things are now


@pytest.mark.req("READ-028", "GEN-032", "GEN-164", "AVAIL-082")
def test_a_locum_is_shown_at_once_in_a_new_version(consumer, practice, booked):
    """A copy that names the doctor who is away is a copy of an old version."""
    locum = make_practitioner()
    before = consumer.read_appointment(booked.pk)

    sessions.change_session_holder(
        organisation=practice.organisation,
        schedule_id=booked.schedule_id,
        practitioner_id=locum.pk,
        actor=make_actor(door="staff"),
        now=timezone.now(),
    )

    after = consumer.read_appointment(booked.pk)
    stale = consumer.amend(booked.pk, as_dict(before), if_match=before["ETag"])
    assert f"Practitioner/{locum.pk}" in actors(appointment_in(after))
    assert f"Practitioner/{booked.schedule.session_holder_id}" not in actors(as_dict(after))
    assert (before["ETag"], after["ETag"]) == ('W/"1"', 'W/"2"')
    assert answer(stale) == (409, "FHIR_CONSTRAINT_VIOLATION")


@pytest.mark.req("READ-021", "READ-024")
def test_an_appointment_keeps_what_it_said_whatever_is_done_to_its_session(consumer, booked):
    """Place, words, role and channel are those of the booking; only the practitioner moves on."""
    before = appointment_in(consumer.read_appointment(booked.pk))
    schedule = booked.schedule

    schedule.location = make_location()
    schedule.session_name, schedule.practitioner_role = "Renamed", "R0600"
    schedule.save()
    Slot.objects.update(slot_type="Renamed", delivery_channel="Video")

    assert appointment_in(consumer.read_appointment(booked.pk)) == before


@pytest.mark.req("AVAIL-075", "RETR-036")
def test_what_is_no_longer_offered_can_still_be_read(consumer, booked):
    """Availability rules are about booking only."""
    Slot.objects.update(
        gp_connect_bookable=False,
        booking_window_days=0,
        embargo_minutes=1,
        access_profile=make_access_profile(ods_codes=["X"], slots_per_session=1),
    )
    Organisation.objects.update(booking_window_days=0)
    day = clock.local(booked.start).date()

    assert consumer.read_appointment(booked.pk).status_code == 200
    assert "entry" in as_dict(consumer.retrieve(booked.patient_id, f"{day}", f"{day}"))


@pytest.mark.req("AUD-001", "AUD-002", "AUD-007")
def test_a_reading_is_recorded(consumer, booked):
    consumer.read_appointment(booked.pk)

    event = AuditEvent.objects.get()
    assert event.event == ssp.READ_APPOINTMENT.id
    assert (event.outcome, event.patient_id) == ("200", booked.patient_id)
    assert event.resource == f"Appointment/{booked.pk}"


def test_reading_takes_few_queries(consumer, booked, django_assert_max_num_queries):
    """The practice, the appointment, whom it is about, its slots, and the record."""
    with django_assert_max_num_queries(8):
        assert consumer.read_appointment(booked.pk).status_code == 200


def test_json_and_xml_are_equal(consumer, booked):
    answers = [consumer.read_appointment(booked.pk, format=format) for format in ("json", "xml")]

    assert read_back(answers[0]) == read_back(answers[1])
    assert as_dict(answers[0]) == as_dict(answers[1])
