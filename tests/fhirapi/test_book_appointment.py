"""Book an appointment: what is accepted, what is refused and why, what is stored and answered."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.http import parse_http_date

from fhirapi.resources import appointment
from fhirapi.resources.common import uk_time
from practice import clock
from practice.models import Appointment, AppointmentSlot, AuditEvent, Patient, Slot
from practice.services import slots
from tests.fhirapi.answers import violations
from tests.fhirapi.appointments import (
    FULL_ORGANISATION,
    INVALID,
    TAKEN,
    actors,
    answer,
    appointment_in,
    assert_refused,
    diary,
    example,
    published,
    status_of,
)
from tests.shared import needs_shared
from workbench.bodies import appointment_body, booking_organisation, organisation_type, participant
from workbench.consumer import as_dict, read_back
from workbench.factories import (
    make_access_profile,
    make_actor,
    make_appointment,
    make_patient,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- rules about several slots


@pytest.mark.req("BOOK-064", "BOOK-065", "BOOK-066", "BOOK-067")
@pytest.mark.parametrize(
    ("make_second", "words"),
    [
        pytest.param(
            lambda first: make_slot(make_schedule(start=first.end), start=first.end),
            "in one session",
            id="BOOK-064 different schedules",
        ),
        pytest.param(
            lambda first: make_slot(first.schedule, start=first.end + timedelta(minutes=10)),
            "each starts when the one before it ends",
            id="BOOK-065 a gap",
        ),
        pytest.param(
            lambda first: make_slot(
                first.schedule, start=first.end - timedelta(minutes=5), minutes=10
            ),
            "each starts when the one before it ends",
            id="BOOK-065 an overlap",
        ),
        pytest.param(
            lambda first: make_slot(first.schedule, delivery_channel="Telephone"),
            "one channel",
            id="BOOK-066 another delivery channel",
        ),
        pytest.param(
            lambda first: make_slot(first.schedule, slot_type="Health check"),
            "one type",
            id="BOOK-067 another slot type",
        ),
    ],
)
def test_slots_that_do_not_belong_together_make_no_appointment(
    consumer, practice, make_second, words
):
    first = make_slot()
    slots = [first, make_second(first)]
    before = diary()

    response = consumer.book(appointment_body(slots=slots, patient=practice.patient))

    assert_refused(response, INVALID, words, before=before)


@pytest.mark.req("BOOK-064", "BOOK-065", "BOOK-066", "BOOK-067", "BOOK-068", "BOOK-070", "BOOK-074")
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_adjacent_slots_are_booked_whatever_their_order(consumer, world, order):
    """They are answered by start."""
    body = world.body(slots=world.slots)
    body["slot"] = [body["slot"][place] for place in order]

    booked = appointment_in(consumer.book(body))

    assert (booked["start"], booked["end"]) == (body["start"], body["end"])
    assert booked["minutesDuration"] == 30
    assert booked["slot"] == [{"reference": f"Slot/{slot.pk}"} for slot in world.slots]
    assert status_of(world.slots) == ["busy", "busy", "busy"]
    assert AppointmentSlot.objects.filter(released=False).count() == 3


@pytest.mark.req("BOOK-062", "BOOK-065", "GEN-131")
def test_slots_that_meet_at_the_clock_change_are_adjacent(consumer, practice):
    """01:50 summer time to 01:00 winter time is ten minutes, on the night the clocks go back."""
    change = next(
        moment
        for moment, offset in clock.offset_changes(
            timezone.now() + timedelta(days=2), timezone.now() + timedelta(days=400)
        )
        if not offset
    )
    slots = make_slots(2, start=change - timedelta(minutes=10))

    booked = appointment_in(consumer.book(appointment_body(slots=slots, patient=practice.patient)))

    assert (booked["start"][11:], booked["end"][11:]) == ("01:50:00+01:00", "01:10:00+00:00")
    assert booked["minutesDuration"] == 20


# ---------------------------------------------------------------- now, and who may


@pytest.mark.req("BOOK-063")
@pytest.mark.parametrize("begun", [timedelta(0), timedelta(minutes=5), timedelta(days=3)])
def test_what_has_begun_is_not_booked_any_more(consumer, practice, begun):
    """By date and time, and by the slot's own: the request may say what it likes."""
    slot = make_slot(start=timezone.now().replace(microsecond=0) - begun)
    before = diary()

    response = consumer.book(appointment_body(slots=[slot], patient=practice.patient))

    assert_refused(response, INVALID, "The appointment starts in the past", before=before)


@pytest.mark.req("BOOK-063")
def test_what_begins_in_a_moment_can_be_booked(consumer, practice):
    slot = make_slot(start=timezone.now().replace(microsecond=0) + timedelta(minutes=1))

    response = consumer.book(appointment_body(slots=[slot], patient=practice.patient))

    assert response.status_code == 201


UNAVAILABLE = {
    "not bookable": ({"gp_connect_bookable": False}, "Not marked GP Connect bookable"),
    "withdrawn": ({"withdrawn": True}, "Withdrawn"),
    "before its window": ({"booking_window_days": 0}, "Not yet in its booking window"),
    "under embargo": ({"embargo_minutes": 1}, "Still under embargo"),
    "too late": ({"minimum_notice_minutes": 40_000}, "Too close to its start"),
}


@pytest.mark.req("BOOK-071", "AVAIL-004")
@pytest.mark.parametrize(("fields", "words"), UNAVAILABLE.values(), ids=UNAVAILABLE.keys())
def test_what_a_search_would_not_show_is_not_booked_by_its_id(consumer, world, fields, words):
    Slot.objects.filter(schedule=world.schedule).update(**fields)
    before = diary()

    response = consumer.book(world.body())

    assert_refused(response, INVALID, words, before=before)


@pytest.mark.req("BOOK-035", "BOOK-036", "BOOK-071", "GEN-136")
@pytest.mark.parametrize(
    ("restriction", "organisation", "expected"),
    [
        pytest.param({"organisation_types": ["urgent-care"]}, {}, 201, id="its type"),
        pytest.param({"organisation_types": ["gp-practice"]}, {}, 422, id="another type"),
        pytest.param({"organisation_types": ["urgent-care"]}, {"type": None}, 422, id="no type"),
        pytest.param(
            {"organisation_types": ["urgent-care"]},
            {"type": [organisation_type("space-station")]},
            422,
            id="unknown type",
        ),
        pytest.param(
            {"organisation_types": ["urgent-care"]},
            {"type": [{"coding": [{"system": "https://x.example", "code": "urgent-care"}]}]},
            422,
            id="type of another system",
        ),
        pytest.param({}, {"type": [organisation_type("space-station")]}, 201, id="no restriction"),
        pytest.param({}, {"type": None}, 201, id="no restriction, no type"),
        pytest.param({"ods_codes": ["A1001"]}, {}, 201, id="its code"),
        pytest.param({"ods_codes": ["B2002"]}, {}, 422, id="another code"),
    ],
)
def test_restrictions_are_checked_against_the_booking_organisation(
    consumer, world, restriction, organisation, expected
):
    world.schedule.access_profile = make_access_profile(**restriction)
    world.schedule.save()

    response = consumer.book(world.body(organisation=booking_organisation(**organisation)))

    assert response.status_code == expected, response.content
    if expected == 422:
        assert answer(response) == INVALID


@pytest.mark.req("BOOK-071")
def test_a_limit_is_checked_for_all_slots_of_the_booking(consumer, world):
    """Two at once under a limit of three, of which two are taken already."""
    world.schedule.access_profile = make_access_profile(slots_per_session=3)
    world.schedule.save()
    world.slots += make_slots(1, world.schedule)
    first = consumer.book(world.body(slots=world.slots[:2]))
    before = diary()

    two_more = consumer.book(world.body(slots=world.slots[2:4]))

    assert first.status_code == 201
    assert_refused(two_more, INVALID, "limit is used up", before=before)
    assert consumer.book(world.body(slots=world.slots[2:3])).status_code == 201


@pytest.mark.req("BOOK-057")
@pytest.mark.parametrize("registration_type", ["R", "T", "E", "S"])
def test_a_patient_of_any_registration_type_is_booked(consumer, world, registration_type):
    Patient.objects.update(registration_type=registration_type)

    assert consumer.book(world.body()).status_code == 201


@pytest.mark.req("BOOK-006", "BOOK-109")
def test_the_session_holder_may_be_named_and_is_always_answered(consumer, world):
    named = world.body(slots=world.slots[:1])
    named["participant"].append(participant(f"Practitioner/{world.schedule.session_holder_id}"))
    unnamed = world.body(slots=world.slots[1:2])

    answers = [appointment_in(consumer.book(body)) for body in (named, unnamed)]

    for booked in answers:
        assert actors(booked) == [
            f"Patient/{world.patient.pk}",
            f"Location/{world.schedule.location_id}",
            f"Practitioner/{world.schedule.session_holder_id}",
        ]
        assert {each["status"] for each in booked["participant"]} == {"accepted"}


@pytest.mark.req("BOOK-055", "BOOK-109")
def test_a_session_without_a_holder_has_no_practitioner(consumer, practice):
    slot = make_slot(make_schedule(session_holder=None))
    body = appointment_body(slots=[slot], patient=practice.patient)
    named = {
        **body,
        "participant": [
            *body["participant"],
            participant(f"Practitioner/{practice.practitioner.pk}"),
        ],
    }

    refused = consumer.book(named)
    booked = appointment_in(consumer.book(body))

    assert answer(refused) == INVALID
    assert [actor.split("/")[0] for actor in actors(booked)] == ["Patient", "Location"]


# ---------------------------------------------------------------- the answer


@pytest.mark.req("BOOK-103", "BOOK-104", "BOOK-105", "BOOK-106", "BOOK-107", "BOOK-109")
@pytest.mark.req("BOOK-110", "BOOK-111")
def test_the_whole_answer(consumer, world):
    """Compared with tests/examples, which were written after the specification."""
    values = {
        "patient": world.patient.pk,
        "location": world.schedule.location_id,
        "practitioner": world.schedule.session_holder_id,
        "first": world.slots[0].pk,
        "second": world.slots[1].pk,
        "start": uk_time(world.slots[0].start),
        "end": uk_time(world.slots[1].end),
    }

    response = consumer.book(example("book_appointment_request", **values))

    booked = Appointment.objects.get()
    assert appointment_in(response) == example(
        "book_appointment_response", appointment=booked.pk, **values
    )


@pytest.mark.req("BOOK-100", "BOOK-101", "BOOK-102", "BOOK-103", "GEN-090", "GEN-096", "GEN-097")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_the_headers_of_a_booking(consumer, world, format):
    """Addresses are below the provider's own service root; the proxy is not in them."""
    sent_at = timezone.now()

    response = consumer.book(world.body(), format=format)

    booked = appointment_in(response)
    address = f"http://testserver{consumer.base}/Appointment/{booked['id']}/_history/1"
    assert response.status_code == 201
    assert response["Location"] == response["Content-Location"] == address
    assert response["ETag"] == 'W/"1"'
    assert booked["meta"] == {"versionId": "1", "profile": [appointment.PROFILE]}
    assert abs(parse_http_date(response["Last-Modified"]) - sent_at.timestamp()) < 10
    assert response["Content-Type"] == f"application/fhir+{format};charset=utf-8"
    assert response["Cache-Control"] == "no-store"


@pytest.mark.req("GEN-098", "GEN-099")
@pytest.mark.parametrize(
    ("prefer", "has_body"),
    [
        ("return=minimal", False),
        ("respond-async, return=minimal", False),
        ("return=representation", True),
        ("return=something", True),
    ],
)
def test_a_consumer_may_prefer_an_answer_without_body(consumer, world, prefer, has_body):
    response = consumer.book(world.body(), headers={"Prefer": prefer})

    assert (response.status_code, bool(response.content)) == (201, has_body)
    assert ("Content-Type" in response.headers) is has_body
    assert {"Location", "Content-Location", "ETag", "Last-Modified"} <= set(response.headers)


@pytest.mark.req("BOOK-103", "BOOK-107")
def test_json_and_xml_of_one_booking_are_equal(consumer, world):
    booked = consumer.book(world.body(), format="xml")
    as_json = consumer.read_appointment(Appointment.objects.get().pk, format="json")

    assert read_back(booked) == read_back(as_json)
    assert as_dict(booked) == as_dict(as_json)


@pytest.mark.req("BOOK-108", "BOOK-113")
def test_what_must_not_be_in_the_answer_is_not(consumer, world):
    booked = appointment_in(consumer.book(world.body()))

    assert not {"reason", "specialty", "text"} & booked.keys()
    assert booked["resourceType"] == "Appointment"


@needs_shared
@pytest.mark.req("BOOK-103", "BOOK-106")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_answers_keep_to_the_profile(consumer, world, format):
    """Also with everything in it that a consumer may send."""
    body = world.body(
        identifier=[{"system": "https://x.example/id", "value": "1"}],
        priority=3,
        organisation=FULL_ORGANISATION,
    )

    booked = appointment_in(consumer.book(body, format=format))

    assert violations(booked) == []


# ---------------------------------------------------------------- what is stored and recorded


@pytest.mark.req("BOOK-074", "BOOK-061")
def test_a_booked_slot_is_gone_from_the_search_and_cannot_be_booked_again(consumer, world):
    body = world.body()
    consumer.book(body)
    before = diary()
    day = clock.local(world.slots[0].start).date()
    query = {
        "status": "free",
        "start": f"ge{day}",
        "end": f"le{day}",
        "_include": "Slot:schedule",
    }

    found = as_dict(consumer.search_slots(query))
    again = consumer.book(body)

    slots = [e["resource"]["id"] for e in found["entry"] if e["resource"]["resourceType"] == "Slot"]
    assert slots == [str(world.slots[2].pk)]
    assert_refused(again, TAKEN, "A slot has been taken", before=before)


@pytest.mark.req("BOOK-074", "GEN-032")
def test_the_versions_of_the_booked_slots_count_up(consumer, world):
    consumer.book(world.body())

    versions = Slot.objects.filter(schedule=world.schedule).order_by("start")
    assert list(versions.values_list("version", flat=True)) == [2, 2, 1]


@pytest.mark.req("AUD-001", "AUD-002", "AUD-004", "AUD-007", "AUD-030", "AUD-031", "AUD-032")
def test_a_booking_leaves_a_record_and_its_provenance(consumer, world):
    response = consumer.book(world.body(), headers={"Ssp-TraceID": "trace-1"})

    booked = Appointment.objects.get()
    event = AuditEvent.objects.get()
    (entry,) = booked.provenance
    interaction = "urn:nhs:names:services:gpconnect:fhir:rest:create:appointment-1"
    assert (event.event, event.outcome, event.trace_id) == (interaction, "201", "trace-1")
    assert (event.patient_id, event.resource) == (world.patient.pk, f"Appointment/{booked.pk}")
    assert response["ETag"] == f'W/"{booked.version}"'
    assert {name: entry[name] for name in ("action", "door", "user_id", "role", "interaction")} == {
        "action": "booked",
        "door": "gp-connect",
        "user_id": "111222333444",
        "role": "444555666777",
        "interaction": interaction,
    }
    assert entry["organisation"] == "Test Hospital (A1001)"
    assert "Jones" in entry["name"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", entry["at"])


@pytest.mark.req("AUD-003", "AUD-007")
def test_a_refused_booking_is_recorded_with_its_patient(consumer, world):
    make_appointment(world.slots[:1])

    consumer.book(world.body())

    event = AuditEvent.objects.latest("pk")
    assert (event.outcome, event.spine_code) == ("409", "DUPLICATE_REJECTED")
    assert event.patient_id == world.patient.pk
    assert event.detail["slots"] == [slot.pk for slot in world.slots[:2]]


@pytest.mark.req("BOOK-061", "BOOK-073")
def test_book_refuses_a_slot_taken_since_the_search(consumer, world):
    """Two consumers saw the same free slot; the later one is refused, not double-booked."""
    rival = make_patient()
    first = consumer.book(world.body(patient=rival))

    second = consumer.book(world.body())

    assert (first.status_code, *answer(second)) == (201, *TAKEN)
    assert Appointment.objects.get().patient == rival


@pytest.mark.req("BOOK-071")
def test_a_slot_blocked_by_staff_is_no_longer_free(consumer, world, practice):
    slots.block_slots(
        organisation=practice.organisation,
        slot_ids=[world.slots[0].pk],
        actor=make_actor(door="staff"),
        now=timezone.now(),
    )
    before = diary()

    response = consumer.book(world.body())

    assert_refused(response, TAKEN, "A slot has been taken", before=before)


# ---------------------------------------------------------------- the published example


@needs_shared
@pytest.mark.req("BOOK-003", "BOOK-035", "BOOK-100")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_the_published_request_is_accepted(consumer, world, format):
    """With the ids and times of this practice in place of the example's."""
    body = published("book_appointment.request", slot=world.slots[0], patient=world.patient)

    booked = appointment_in(consumer.book(body, format=format))

    kept = body.keys() - {"meta", "extension", "participant"}
    assert {name: booked[name] for name in kept} == {name: body[name] for name in kept}
    assert violations(booked) == []
