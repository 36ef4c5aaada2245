"""The typed client against a live server of ours, and against answers that are wrong."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest

from consumer import formats, times
from consumer.bodies import NewPatient
from consumer.client import Client
from consumer.errors import BadAnswer, FateUnknown, NoAnswer, NotSent, Refused
from consumer.identity import Provider
from consumer.transport import Answer, Limits
from tests.consumer.here import ME, provider
from tests.consumer.wire import nobody, served, trickles
from workbench.factories import make_patient, make_schedule, make_slots

DAYS = timedelta(days=13)


@pytest.fixture
def live(practice, live_server):
    """Our practice on a real server, with three free slots tomorrow."""
    make_slots(3, make_schedule(session_holder=practice.practitioner))
    return provider(live_server.url, practice.organisation)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.req("SLOT-008", "BOOK-030", "RETR-001", "AMEND-003", "CANC-005")
def test_from_a_search_to_a_cancellation(live, practice, format):
    with Client(ME, format=format) as client:
        found = client.search(live, times.today(), times.today() + DAYS)
        patient = client.find_patient(live, practice.patient.nhs_number)
        booked = client.book(live, patient.id, found.slots[:2], description="Cough <& fever>")
        read = client.read_appointment(live, booked.id)
        retrieved = client.retrieve(live, patient.id, times.today(), times.today() + DAYS)
        amended = client.amend(live, read, comment="Uses the\nside door")
        cancelled = client.cancel(live, amended, "Feels better")

    assert len(found.slots) == 3
    assert (found.problems, booked.problems) == ((), ())
    first = found.slots[0]
    assert first.schedule.practitioner.name.family == practice.practitioner.family_name
    assert first.schedule.location.name == practice.location.name
    assert (first.delivery_channel, first.schedule.role) != ("", "")
    assert (booked.start, booked.end) == (found.slots[0].start, found.slots[1].end)
    assert booked.booked_by == ME.organisation
    assert read == booked == retrieved[0]
    assert (amended.comment, amended.description) == ("Uses the\nside door", "Cough <& fever>")
    assert cancelled.is_cancelled
    assert cancelled.cancellation_reason == "Feels better"
    assert client.format == format


@pytest.mark.django_db(transaction=True)
def test_a_patient_is_found_or_else_registered(live, practice, national_record):
    here = make_patient()
    known = NewPatient(here.nhs_number, "X", "Y", here.birth_date)
    person = {"family_name": "Trial", "given_names": "Nora", "birth_date": "1985-06-18"}
    number = national_record.add(**person)
    new = NewPatient(number, "Trial", "Nora", date(1985, 6, 18), telephone="0113 496 0100")
    with Client(ME) as client:
        found = client.find_or_register(live, known)
        nobody_yet = client.find_patient(live, number)
        registered = client.find_or_register(live, new)
        again = client.find_patient(live, number)
        read = client.read_patient(live, registered.id)
        with pytest.raises(Refused) as raised:
            client.register_patient(live, new)

    assert found.id == str(here.pk)
    assert nobody_yet is None
    assert registered.id == again.id == read.id
    assert (str(read.name), read.birth_date, read.nhs_number) == (
        "Miss Nora Trial",
        date(1985, 6, 18),
        number,
    )
    assert raised.value.spine_code == "DUPLICATE_REJECTED"


@pytest.mark.django_db(transaction=True)
def test_a_slot_that_was_taken_meanwhile_is_refused_in_the_practices_words(live, practice):
    patient = str(practice.patient.pk)
    with Client(ME) as client:
        slot = client.search(live, times.today(), times.today() + DAYS).slots[0]
        booked = client.book(live, patient, [slot], description="First")
        assert client.settle_booking(live, patient, [slot]).id == booked.id
        with pytest.raises(Refused) as raised:
            client.book(live, patient, [slot], description="Second")
        client.cancel(live, booked, "Both wanted it")
        assert client.settle_booking(live, patient, [slot]) is None

    error = raised.value
    assert (error.status, error.spine_code) == (409, "DUPLICATE_REJECTED")
    assert error.diagnostics in str(error)
    assert str(error).startswith(f"{practice.organisation.name}, Book an appointment: 409")
    assert error.trace_id


@pytest.mark.django_db(transaction=True)
def test_what_somebody_else_changed_meanwhile_is_not_overwritten(live, practice):
    with Client(ME) as client:
        slots = client.search(live, times.today(), times.today() + DAYS).slots[:1]
        booked = client.book(live, str(practice.patient.pk), slots, description="Cough")
        client.amend(live, booked, description="Cough and fever")
        with pytest.raises(Refused) as raised:
            client.cancel(live, booked, "Too late")

    assert raised.value.spine_code == "FHIR_CONSTRAINT_VIOLATION"


@pytest.mark.django_db(transaction=True)
def test_a_practice_that_is_down_or_hangs_takes_nothing_from_the_others(live):
    limits = Limits(connect=0.5, total=1.0)
    began = time.monotonic()
    with (
        nobody() as down,
        served(trickles(b"HTTP/1.1 200 OK\r\n\r\n")) as (hangs, _),
        Client(ME, limits=limits) as client,
    ):
        others = [Provider(f"{address}/X/STU3/1/gpconnect", "2", "X") for address in (down, hangs)]
        results = client.search_many(
            [others[0], live, others[1]], times.today(), times.today() + DAYS
        )

    assert time.monotonic() - began < 3
    assert [result.provider for result in results] == [others[0], live, others[1]]
    assert isinstance(results[0].error, NotSent)
    assert isinstance(results[2].error, NoAnswer)
    assert results[1].error is None
    assert len(results[1].found.slots) == 3


# ---------------------------------------------------------------- answers that are wrong


class Says:
    """A transport that answers what it is told."""

    limits = Limits()

    def __init__(self, status, body, content_type="application/fhir+json"):
        self.answer = (status, {"Content-Type": content_type}, body)

    def send(self, request, limits):
        return Answer(*self.answer, request, 0.1)

    def close(self):
        pass


def told(status, body, content_type="application/fhir+json"):
    if isinstance(body, dict):
        body = formats.write(body, "json")
    return Client(ME, transport=Says(status, body, content_type))


PRACTICE = Provider("https://gp.example/X/STU3/1/gpconnect", "2", "X")
TODAY = date(2026, 11, 30)
OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"details": {"coding": [{"code": "NO_RECORD_FOUND"}]}, "diagnostics": "Not here."}],
}


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, OUTCOME, Refused, "404 NO_RECORD_FOUND: Not here."),
        (404, {"resourceType": "OperationOutcome", "issue": "none"}, Refused, "404"),
        (500, b"<html>", BadAnswer, "500: its body is not well-formed JSON"),
        (302, b"", BadAnswer, "302: it redirects, which would lose the token"),
        (200, OUTCOME, BadAnswer, "it answered 200 with a OperationOutcome, not a Bundle"),
        (200, b"[1]", BadAnswer, "it has no resourceType"),
    ],
)
def test_what_is_wrong_with_an_answer_to_a_question_is_named(status, body, kind, words):
    with pytest.raises(kind) as raised:
        told(status, body).retrieve(PRACTICE, "1", TODAY, TODAY)

    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (504, OUTCOME, FateUnknown),  # the proxy gave up; the practice may have gone on
        (502, b"", FateUnknown),
        (500, b"<html>", FateUnknown),
        (201, b"<html>", FateUnknown),
        (201, {"resourceType": "Appointment"}, FateUnknown),
        (500, OUTCOME, Refused),
        (409, OUTCOME, Refused),
        (400, b"<html>", BadAnswer),
    ],
)
def test_what_became_of_a_change_is_unknown_unless_the_practice_says_it(status, body, kind):
    patient = NewPatient("9999999999", "Trial", "Nora", TODAY)
    with pytest.raises(kind) as raised:
        told(status, body).register_patient(PRACTICE, patient)

    assert type(raised.value) is kind


def bundle(slot=None, schedule=None):
    """A searchset of one slot that is right but for what is given (None leaves an element out)."""
    right = {
        "resourceType": "Slot",
        "id": "1",
        "meta": {
            "versionId": "1",
            "profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Slot-1"],
        },
        "extension": [
            {
                "url": "https://fhir.nhs.uk/STU3/StructureDefinition/"
                "Extension-GPConnect-DeliveryChannel-2",
                "valueCode": "In-person",
            }
        ],
        "serviceType": [{"text": "Ordinary"}],
        "schedule": {"reference": "Schedule/14"},
        "status": "free",
        "start": "2026-12-01T10:00:00+00:00",
        "end": "2026-12-01T10:10:00+00:00",
    }
    session = {
        "resourceType": "Schedule",
        "id": "14",
        "meta": {
            "versionId": "1",
            "profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Schedule-1"],
        },
        "extension": [
            {
                "url": "https://fhir.nhs.uk/STU3/StructureDefinition/"
                "Extension-GPConnect-PractitionerRole-1",
                "valueCodeableConcept": {"coding": [{"code": "R0260", "display": "GP"}]},
            }
        ],
        "actor": [{"reference": "Location/17"}],
        "planningHorizon": {"start": "x", "end": "y"},
    }
    both = []
    for resource, given in ((right, slot), (session, schedule)):
        changed = {**resource, **(given or {})}
        both.append({"resource": {k: v for k, v in changed.items() if v is not None}})
    return {"resourceType": "Bundle", "type": "searchset", "entry": both}


def test_a_slot_that_is_right_has_no_problems():
    found = told(200, bundle()).search(PRACTICE, TODAY, TODAY)

    assert (len(found.slots), found.problems) == (1, ())
    assert found.slots[0].schedule.location.id == "17"


@pytest.mark.parametrize(
    ("slot", "schedule", "problem"),
    [
        ({"start": None}, {}, "Slot 1: Slot.start is no date and time with an offset"),
        ({"start": "2026-12-01T10:00:00"}, {}, "Slot.start is no date and time with an offset"),
        ({"end": "2026-12-01T09:00:00+00:00"}, {}, "Slot.end is not after Slot.start"),
        ({"status": "busy"}, {}, "Slot.status is not free"),
        ({"schedule": {"reference": "Schedule/9"}}, {}, "Schedule 9 is not in the Bundle"),
        ({"schedule": None}, {}, "Slot.schedule is no reference to a Schedule"),
        ({"id": None}, {}, "Slot without id: Slot has no id"),
        ({}, {"actor": [{"reference": "Practitioner/2"}]}, "has no Location among its actors"),
        ({}, {"actor": {"reference": "Location/2"}}, "has no Location among its actors"),
    ],
)
@pytest.mark.req("SLOT-091", "SLOT-094", "SLOT-114")
def test_a_slot_that_cannot_be_booked_is_left_out_and_named(slot, schedule, problem):
    found = told(200, bundle(slot, schedule)).search(PRACTICE, TODAY, TODAY)

    assert found.slots == ()
    assert problem in found.left_out[0]


@pytest.mark.parametrize(
    ("slot", "schedule", "problem"),
    [
        ({"start": "2026-12-01T10:00:00Z"}, {}, "Slot.start is not in UK local form"),
        ({"start": "2026-12-01T11:00:00+01:00"}, {}, "has not the UK's offset at that time"),
        ({"meta": {}}, {}, "Slot.meta.versionId is missing"),
        ({"meta": {}}, {}, "Slot.meta.profile does not name GPConnect-Slot-1"),
        ({"extension": None}, {}, "Slot has no delivery channel that is known"),
        ({"serviceType": {"text": "x"}}, {}, "Slot.serviceType.text is missing"),
        ({}, {"planningHorizon": {"start": "x"}}, "Schedule.planningHorizon.end is missing"),
        ({}, {"extension": None}, "Schedule has no practitioner's role"),
    ],
)
@pytest.mark.req("SLOT-090", "SLOT-091", "SLOT-092", "SLOT-093", "SLOT-111", "SLOT-116")
def test_a_slot_that_breaks_its_profile_is_kept_and_the_breach_named(slot, schedule, problem):
    found = told(200, bundle(slot, schedule)).search(PRACTICE, TODAY, TODAY)

    assert len(found.slots) == 1
    assert any(problem in each for each in found.problems)
    assert found.slots[0].start == datetime(2026, 12, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("days", [-1, 15])
def test_a_range_that_no_practice_accepts_is_not_asked_for(days):
    with pytest.raises(ValueError, match="two weeks"):
        told(200, bundle()).search_many([PRACTICE], TODAY, TODAY + timedelta(days=days))


def test_slots_that_do_not_belong_together_are_not_sent():
    client = told(200, bundle())
    slot = client.search(PRACTICE, TODAY, TODAY).slots[0]
    with pytest.raises(ValueError, match="without a gap"):
        client.book(PRACTICE, "1", [slot, slot], description="Twice")
