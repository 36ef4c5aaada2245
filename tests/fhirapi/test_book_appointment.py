"""Book an appointment: what is accepted, what is refused and why, what is stored and answered."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.http import parse_http_date

from fhirapi import renderers
from fhirapi.resources import appointment, organization, schedule
from fhirapi.resources.common import ODS_CODE, uk_time
from practice import clock
from practice.models import Appointment, AppointmentSlot, AuditEvent, Patient, Schedule, Slot
from practice.services import diary as diary_services
from tests import profiles
from tests.fhirapi.answers import violations
from tests.fhirapi.appointments import (
    actors,
    answer,
    appointment_in,
    assert_refused,
    diary,
    example,
    extension,
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
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db

INVALID = (422, "INVALID_RESOURCE")
NO_REFERENCE = (422, "REFERENCE_NOT_FOUND")
NO_PATIENT = (404, "PATIENT_NOT_FOUND")
TAKEN = (409, "DUPLICATE_REJECTED")


@dataclass
class World:
    """A session with three adjacent free slots, and who else there is, here and elsewhere."""

    patient: Patient
    schedule: Schedule
    slots: list[Slot]
    branch: Any
    colleague: Any
    foreign_slot: Slot
    foreign_patient: Patient
    foreign_location: Any

    def body(self, **overrides: Any) -> dict[str, Any]:
        """A valid booking of the first two slots."""
        arguments = {"slots": self.slots[:2], "patient": self.patient}
        return appointment_body(**{**arguments, **overrides})


@pytest.fixture
def world(practice) -> World:
    schedule = make_schedule(session_holder=practice.practitioner)
    elsewhere = make_organisation()
    return World(
        patient=practice.patient,
        schedule=schedule,
        slots=make_slots(3, schedule),
        branch=make_location(),
        colleague=make_practitioner(),
        foreign_slot=make_slot(organisation=elsewhere),
        foreign_patient=make_patient(elsewhere),
        foreign_location=make_location(elsewhere),
    )


# ---------------------------------------------------------------- what makes a booking invalid

Spoil = Callable[[dict[str, Any], World], Any]


def without(name: str) -> Spoil:
    return lambda body, world: body.pop(name)


def having(**elements: Any) -> Spoil:
    return lambda body, world: body.update(elements)


def with_organisation(**overrides: Any) -> Spoil:
    """The contained organisation with elements replaced, or left out by None."""
    return lambda body, world: body.update(contained=[booking_organisation(**overrides)])


def with_participants(*references: str) -> Spoil:
    """Participants by their references, in which names of the world are filled in."""

    def spoil(body: dict[str, Any], world: World) -> None:
        named = {
            "patient": f"Patient/{world.patient.pk}",
            "location": f"Location/{world.schedule.location_id}",
            "practitioner": f"Practitioner/{world.schedule.session_holder_id}",
            "colleague": f"Practitioner/{world.colleague.pk}",
            "branch": f"Location/{world.branch.pk}",
            "foreign_patient": f"Patient/{world.foreign_patient.pk}",
            "foreign_location": f"Location/{world.foreign_location.pk}",
        }
        body["participant"] = [participant(named.get(each, each)) for each in references]

    return spoil


def with_extension(*added: dict[str, Any]) -> Spoil:
    return lambda body, world: body["extension"].extend(added)


def with_link(**link: Any) -> Spoil:
    """The extension that names the booking organisation, with another value."""
    found = {"url": appointment.BOOKING_ORGANISATION, **link}
    return lambda body, world: body.update(extension=[found])


def first_participant(**overrides: Any) -> Spoil:
    return lambda body, world: body["participant"][0].update(overrides)


REASON = {"url": appointment.CANCELLATION_REASON, "valueString": "No longer needed."}
CODEABLE = {"text": "Something"}
ODS_IDENTIFIER = {"system": ODS_CODE, "value": "A1001"}

REFUSALS: dict[str, tuple[Spoil, tuple[int, str], str]] = {
    # id and case: (what spoils a valid booking, the refusal, words of the diagnostics)
    "BOOK-001 another resource": (
        lambda body, world: (body.clear(), body.update(resourceType="Bundle", type="collection")),
        INVALID,
        "A resource of type Appointment is expected",
    ),
    "BOOK-002 no meta": (without("meta"), INVALID, "Appointment.meta.profile"),
    "BOOK-002 no profile": (having(meta={"versionId": "1"}), INVALID, "Appointment.meta.profile"),
    "BOOK-002 another profile": (
        having(meta={"profile": [organization.PROFILE]}),
        INVALID,
        "Appointment.meta.profile",
    ),
    "BOOK-002 a profile of another case": (
        having(meta={"profile": [appointment.PROFILE.lower()]}),
        INVALID,
        "Appointment.meta.profile",
    ),
    "BOOK-003 no patient": (with_participants("location"), INVALID, "exactly one Patient"),
    "BOOK-004 no location": (with_participants("patient"), INVALID, "exactly one Location"),
    "BOOK-004 no participant": (without("participant"), INVALID, "Appointment.participant"),
    "BOOK-005 two patients": (
        with_participants("patient", "patient", "location"),
        INVALID,
        "exactly one Patient",
    ),
    "BOOK-005 two locations": (
        with_participants("patient", "location", "branch"),
        INVALID,
        "exactly one Location",
    ),
    "BOOK-005 two practitioners": (
        with_participants("patient", "location", "practitioner", "colleague"),
        INVALID,
        "one Practitioner only",
    ),
    "BOOK-007 no actor": (
        lambda body, world: body["participant"][0].pop("actor"),
        INVALID,
        "Appointment.participant[0].actor",
    ),
    "BOOK-007 no reference": (
        first_participant(actor={"display": "Somebody"}),
        INVALID,
        "Appointment.participant[0].actor",
    ),
    "BOOK-007 only an identifier": (
        first_participant(actor={"identifier": {"system": "https://x.example", "value": "1"}}),
        INVALID,
        "Appointment.participant[0].actor",
    ),
    "BOOK-008 no participation status": (
        lambda body, world: body["participant"][0].pop("status"),
        INVALID,
        "Appointment.participant[0].status",
    ),
    "BOOK-008 unknown participation status": (
        first_participant(status="agreed"),
        INVALID,
        "Appointment.participant[0].status",
    ),
    "BOOK-009 no start": (without("start"), INVALID, "Appointment.start"),
    "BOOK-009 no end": (without("end"), INVALID, "Appointment.end"),
    "BOOK-010 no status": (without("status"), INVALID, "Appointment.status"),
    "BOOK-010 unknown status": (having(status="confirmed"), INVALID, "Appointment.status"),
    **{
        f"BOOK-010 BOOK-075 {status}": (
            having(status=status),
            INVALID,
            "Appointment.status must be booked",
        )
        for status in ("proposed", "pending", "arrived", "fulfilled", "cancelled", "noshow")
    },
    "BOOK-011 no slot": (without("slot"), INVALID, "Appointment.slot"),
    "BOOK-011 a slot without reference": (
        having(slot=[{"display": "10 o'clock"}]),
        INVALID,
        "Appointment.slot",
    ),
    "BOOK-012 no created": (without("created"), INVALID, "Appointment.created"),
    "BOOK-013 no description": (without("description"), INVALID, "Appointment.description"),
    "BOOK-013 empty description": (
        having(description=""),
        INVALID,
        "Appointment.description must not be empty",
    ),
    "BOOK-013 blank description": (
        having(description=" \n\t "),
        INVALID,
        "Appointment.description must not be empty",
    ),
    "BOOK-014 BOOK-081 description of 101": (
        having(description="x" * 101),
        INVALID,
        "Appointment.description may have at most 100 characters",
    ),
    "BOOK-084 description of 101 by code point": (
        having(description="\U0001f637" * 101),
        INVALID,
        "Appointment.description may have at most 100 characters",
    ),
    "BOOK-015 BOOK-081 comment of 501": (
        having(comment="x" * 501),
        INVALID,
        "Appointment.comment may have at most 500 characters",
    ),
    "BOOK-016 reason": (having(reason=[CODEABLE]), INVALID, "Appointment.reason must not be sent"),
    "BOOK-017 specialty": (
        having(specialty=[CODEABLE]),
        INVALID,
        "Appointment.specialty must not be sent",
    ),
    "BOOK-018 appointmentType": (
        having(appointmentType=CODEABLE),
        INVALID,
        "Appointment.appointmentType must not be sent",
    ),
    **{
        f"BOOK-018 {name}": (
            having(**{name: [{"reference": f"{kind}/1"}]}),
            INVALID,
            f"Appointment.{name} must not be sent",
        )
        for name, kind in (
            ("indication", "Condition"),
            ("supportingInformation", "DocumentReference"),
            ("incomingReferral", "ReferralRequest"),
        )
    },
    "BOOK-018 requestedPeriod": (
        having(requestedPeriod=[{"start": "2026-06-01"}]),
        INVALID,
        "Appointment.requestedPeriod must not be sent",
    ),
    "BOOK-021 identifier without system": (
        having(identifier=[{"value": "1"}]),
        INVALID,
        "Appointment.identifier[0] needs a system and a value",
    ),
    "BOOK-021 identifier without value": (
        having(identifier=[{"system": "https://x.example"}]),
        INVALID,
        "Appointment.identifier[0] needs a system and a value",
    ),
    "BOOK-021 identifier with use": (
        having(identifier=[{"use": "official", "system": "https://x.example", "value": "1"}]),
        INVALID,
        "Appointment.identifier[0].use must not be sent",
    ),
    "BOOK-022 start without offset": (
        lambda body, world: body.update(start=body["start"][:19]),
        INVALID,
        "Appointment.start",
    ),
    "BOOK-022 start as a date": (
        lambda body, world: body.update(start=body["start"][:10]),
        INVALID,
        "Appointment.start",
    ),
    "BOOK-022 no such day": (
        having(end="2027-02-30T10:00:00+00:00"),
        INVALID,
        "Appointment.end",
    ),
    "BOOK-022 created as a date": (having(created="2026-05-25"), INVALID, "Appointment.created"),
    "BOOK-022 created before our calendar": (
        having(created="0001-01-01T00:00:00Z"),
        INVALID,
        "Appointment.created",
    ),
    "BOOK-022 created beyond the calendar": (
        having(created="9999-12-31T23:59:59-12:00"),
        INVALID,
        "Appointment.created",
    ),
    "BOOK-023 cancellation reason": (
        with_extension(REASON),
        INVALID,
        "A booking has no cancellation reason",
    ),
    "BOOK-024 unknown element": (
        having(firstName="Edie"),
        INVALID,
        "Appointment.firstName is not an element",
    ),
    "BOOK-024 misspelt element": (
        having(descripton="Cough"),
        INVALID,
        "Appointment.descripton is not an element",
    ),
    "BOOK-024 unknown element of the contained": (
        with_organisation(nickname="Test"),
        INVALID,
        "nickname is not an element",
    ),
    "BOOK-030 no extension": (
        without("extension"),
        INVALID,
        "The extension with the booking organisation is required",
    ),
    "BOOK-030 not contained": (
        with_link(valueReference={"reference": "Organization/1"}),
        INVALID,
        "must refer to a contained Organization by #id",
    ),
    "BOOK-030 no reference": (
        with_link(valueReference={"display": "Test Hospital"}),
        INVALID,
        "must refer to a contained Organization by #id",
    ),
    "BOOK-030 another type of value": (
        with_link(valueString="#1"),
        INVALID,
        "must refer to a contained Organization by #id",
    ),
    "BOOK-030 two booking organisations": (
        with_extension(
            {"url": appointment.BOOKING_ORGANISATION, "valueReference": {"reference": "#1"}}
        ),
        INVALID,
        "must not be repeated",
    ),
    "BOOK-031 another resource contained": (
        having(contained=[{"resourceType": "Location", "id": "1", "name": "Test Hospital"}]),
        INVALID,
        "must refer to a contained Organization by #id",
    ),
    "BOOK-031 contained without profile": (
        with_organisation(meta=None),
        INVALID,
        "The contained Organization.meta.profile",
    ),
    "BOOK-031 contained of another profile": (
        with_organisation(
            meta={"profile": ["http://hl7.org/fhir/StructureDefinition/Organization"]}
        ),
        INVALID,
        "The contained Organization.meta.profile",
    ),
    "BOOK-032 no identifier": (with_organisation(identifier=None), INVALID, "its ODS code"),
    "BOOK-032 identifier of another system": (
        with_organisation(identifier=[{"system": "https://x.example", "value": "A1001"}]),
        INVALID,
        "its ODS code",
    ),
    "BOOK-032 the retired system": (
        with_organisation(identifier=[{"system": "http://fhir.nhs.net/Id/ods-organization-code"}]),
        INVALID,
        "its ODS code",
    ),
    "BOOK-032 identifier without value": (
        with_organisation(identifier=[{"system": ODS_CODE}]),
        INVALID,
        "its ODS code",
    ),
    "BOOK-032 two ODS codes": (
        with_organisation(identifier=[ODS_IDENTIFIER, {**ODS_IDENTIFIER, "value": "B1"}]),
        INVALID,
        "its ODS code",
    ),
    "BOOK-032 no possible ODS code": (
        with_organisation(identifier=[{**ODS_IDENTIFIER, "value": "A 1001"}]),
        INVALID,
        "an ODS code is made of letters and digits",
    ),
    "BOOK-032 ODS code with use": (
        with_organisation(identifier=[{**ODS_IDENTIFIER, "use": "official"}]),
        INVALID,
        "identifier.use must not be sent",
    ),
    "BOOK-033 no name": (with_organisation(name=None), INVALID, "name is required"),
    "BOOK-034 no telecom": (with_organisation(telecom=None), INVALID, "telecom needs"),
    "BOOK-034 telecom without system": (
        with_organisation(telecom=[{"value": "0113 496 0005"}]),
        INVALID,
        "telecom needs a system and a value",
    ),
    "BOOK-034 telecom without value": (
        with_organisation(telecom=[{"system": "phone", "use": "work"}]),
        INVALID,
        "telecom needs a system and a value",
    ),
    "BOOK-031 two types": (
        with_organisation(
            type=[organisation_type("urgent-care"), organisation_type("gp-practice")]
        ),
        INVALID,
        "type must not be repeated",
    ),
    "BOOK-031 address with state": (
        with_organisation(address=[{"city": "Leeds", "state": "West Yorkshire"}]),
        INVALID,
        "address.state must not be sent",
    ),
    "BOOK-037 dangling reference": (
        with_link(valueReference={"reference": "#2"}),
        INVALID,
        "must refer to a contained Organization by #id",
    ),
    "BOOK-037 nothing contained": (
        without("contained"),
        INVALID,
        "must refer to a contained Organization by #id",
    ),
    "BOOK-050 unknown patient": (with_participants("Patient/999999", "location"), NO_REFERENCE, ""),
    "BOOK-050 no id of ours": (with_participants("Patient/01-a.b", "location"), NO_REFERENCE, ""),
    "BOOK-050 patient of another practice": (
        with_participants("foreign_patient", "location"),
        NO_REFERENCE,
        "The patient to book for is not registered at this practice",
    ),
    "BOOK-051 inactive": (
        lambda body, world: Patient.objects.update(active=False),
        NO_REFERENCE,
        "The patient to book for is not registered at this practice",
    ),
    "BOOK-051 deceased": (
        lambda body, world: Patient.objects.update(deceased_at="2026-01-01"),
        NO_REFERENCE,
        "The patient to book for is not registered at this practice",
    ),
    "BOOK-051 unverified": (
        lambda body, world: Patient.objects.update(nhs_number_verification="02"),
        NO_REFERENCE,
        "The patient to book for is not registered at this practice",
    ),
    "BOOK-052 sensitive": (
        lambda body, world: Patient.objects.update(sensitive=True),
        NO_PATIENT,
        "There is no such patient at this practice",
    ),
    "BOOK-053 unknown location": (
        with_participants("patient", "Location/999999"),
        NO_REFERENCE,
        "The location does not exist",
    ),
    "BOOK-053 location of another practice": (
        with_participants("patient", "foreign_location"),
        NO_REFERENCE,
        "The location does not exist",
    ),
    "BOOK-054 another location": (
        with_participants("patient", "branch"),
        INVALID,
        "The location is not the session's",
    ),
    "BOOK-055 unknown practitioner": (
        with_participants("patient", "location", "Practitioner/999999"),
        NO_REFERENCE,
        "The practitioner does not exist",
    ),
    "BOOK-055 another practitioner": (
        with_participants("patient", "location", "colleague"),
        INVALID,
        "The practitioner is not the session's",
    ),
    **{
        f"BOOK-056 {kind}": (
            with_participants("patient", "location", f"{kind}/1"),
            NO_REFERENCE,
            "does not exist at this practice",
        )
        for kind in ("RelatedPerson", "HealthcareService", "Device")
    },
    "BOOK-056 another type": (
        with_participants("patient", "location", "Group/1"),
        INVALID,
        "Appointment.participant[2].actor",
    ),
    "GEN-024 absolute patient": (
        with_participants("https://provider.example/A1/STU3/1/gpconnect/Patient/1", "location"),
        INVALID,
        "Appointment.participant[0].actor",
    ),
    "GEN-024 contained patient": (
        with_participants("#1", "location"),
        INVALID,
        "Appointment.participant[0].actor",
    ),
    "GEN-024 a version of a patient": (
        with_participants("Patient/1/_history/1", "location"),
        INVALID,
        "Appointment.participant[0].actor must hold a relative reference",
    ),
    "GEN-024 absolute slot": (
        having(slot=[{"reference": "https://provider.example/Slot/1"}]),
        INVALID,
        "Appointment.slot must hold a relative reference to a Slot",
    ),
    "GEN-024 not a slot": (
        having(slot=[{"reference": "Schedule/1"}]),
        INVALID,
        "Appointment.slot must hold a relative reference to a Slot",
    ),
    "BOOK-060 unknown slot": (
        having(slot=[{"reference": "Slot/999999"}]),
        NO_REFERENCE,
        "A slot does not exist at this practice",
    ),
    "BOOK-060 one of two unknown": (
        lambda body, world: body["slot"].append({"reference": "Slot/999999"}),
        NO_REFERENCE,
        "A slot does not exist at this practice",
    ),
    "BOOK-060 slot of another practice": (
        lambda body, world: body.update(slot=[{"reference": f"Slot/{world.foreign_slot.pk}"}]),
        NO_REFERENCE,
        "A slot does not exist at this practice",
    ),
    "BOOK-061 blocked": (
        lambda body, world: Slot.objects.update(status="busy-unavailable"),
        TAKEN,
        "A slot has been taken since it was searched for",
    ),
    "BOOK-061 BOOK-070 one of two taken": (
        lambda body, world: make_appointment([world.slots[1]]),
        TAKEN,
        "A slot has been taken since it was searched for",
    ),
    "BOOK-062 another start": (
        lambda body, world: body.update(start=uk_time(world.slots[0].start + timedelta(minutes=1))),
        INVALID,
        "Appointment.start is not the start of the earliest slot",
    ),
    "BOOK-062 another end": (
        lambda body, world: body.update(end=uk_time(world.slots[0].end)),
        INVALID,
        "Appointment.end is not the end of the latest slot",
    ),
    "BOOK-062 the offset of another instant": (
        lambda body, world: body.update(start=re.sub(r"[+-]\d\d:\d\d$", "-03:00", body["start"])),
        INVALID,
        "Appointment.start is not the start of the earliest slot",
    ),
    "BOOK-069 the same slot twice": (
        lambda body, world: body["slot"].append(body["slot"][0]),
        INVALID,
        "The same slot is named twice",
    ),
    "BOOK-072 one unknown, one taken": (
        lambda body, world: (
            make_appointment([world.slots[0]]),
            body["slot"].append({"reference": "Slot/999999"}),
        ),
        NO_REFERENCE,
        "A slot does not exist at this practice",
    ),
}

# JSON that has no counterpart in XML.
JSON_REFUSALS: dict[str, tuple[Spoil, tuple[int, str], str]] = {
    "BOOK-024 object for array": (
        lambda body, world: body.update(participant=body["participant"][0]),
        INVALID,
        "Appointment.participant must be a list",
    ),
    "BOOK-024 array for object": (
        lambda body, world: body.update(meta=[body["meta"]]),
        INVALID,
        "Appointment.meta must not be a list",
    ),
    "BOOK-024 number for string": (
        having(description=3),
        INVALID,
        "Appointment.description must be a string",
    ),
    "BOOK-024 empty array": (having(identifier=[]), INVALID, "Appointment.identifier"),
    "BOOK-024 empty object": (having(serviceCategory={}), INVALID, "Appointment.serviceCategory"),
    "BOOK-024 null": (having(comment=None), INVALID, "Appointment.comment must not be null"),
    "BOOK-011 empty list of slots": (having(slot=[]), INVALID, "Appointment.slot"),
}


@pytest.mark.req("BOOK-001", "BOOK-002", "BOOK-003", "BOOK-004", "BOOK-005", "BOOK-007", "BOOK-008")
@pytest.mark.req("BOOK-009", "BOOK-010", "BOOK-011", "BOOK-012", "BOOK-013", "BOOK-014", "BOOK-015")
@pytest.mark.req("BOOK-016", "BOOK-017", "BOOK-018", "BOOK-021", "BOOK-022", "BOOK-023", "BOOK-024")
@pytest.mark.req("BOOK-030", "BOOK-031", "BOOK-032", "BOOK-033", "BOOK-034", "BOOK-037")
@pytest.mark.req("BOOK-050", "BOOK-051", "BOOK-052", "BOOK-053", "BOOK-054", "BOOK-055", "BOOK-056")
@pytest.mark.req("BOOK-060", "BOOK-061", "BOOK-062", "BOOK-069", "BOOK-070", "BOOK-072", "BOOK-075")
@pytest.mark.req("BOOK-081", "BOOK-084", "GEN-024", "GEN-026", "GEN-033", "GEN-035", "GEN-162")
@pytest.mark.parametrize(
    ("spoil", "expected", "words", "format"),
    [
        pytest.param(*case, format, id=f"{name} {format}")
        for table, formats in ((REFUSALS, ("json", "xml")), (JSON_REFUSALS, ("json",)))
        for name, case in table.items()
        for format in formats
    ],
)
def test_a_booking_that_breaks_a_rule_changes_nothing(
    consumer, world, spoil, expected, words, format
):
    body = world.body()
    spoil(body, world)
    before = diary()

    response = consumer.book(body, format=format)

    assert_refused(response, expected, words, before=before)


@pytest.mark.req("BOOK-024", "ERR-064")
def test_all_problems_of_the_form_are_told_at_once(consumer, world):
    body = world.body(reason=[CODEABLE], specialty=[CODEABLE])

    response = consumer.book(body)

    assert [issue["diagnostics"] for issue in as_dict(response)["issue"]] == [
        "Appointment.reason must not be sent.",
        "Appointment.specialty must not be sent.",
    ]


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


# ---------------------------------------------------------------- what is kept of what was sent


@pytest.mark.req("BOOK-019")
def test_an_id_in_the_body_is_not_used(consumer, world):
    booked = appointment_in(consumer.book(world.body(id="424242")))

    assert booked["id"] == str(Appointment.objects.get().pk) != "424242"


@pytest.mark.req("BOOK-020", "BOOK-104", "BOOK-105", "BOOK-106", "BOOK-110", "GEN-036", "DEC-062")
def test_what_the_practice_knows_better_is_taken_from_the_slot(consumer, world):
    """Consumers add a serviceType of their own, and may send anything the provider derives."""
    body = world.body(
        serviceCategory={"text": "Theirs"},
        serviceType=[{"text": "Theirs"}, {"text": "And another"}],
        minutesDuration=999,
    )
    body["extension"] += [
        {"url": appointment.DELIVERY_CHANNEL, "valueCode": "Video"},
        {"url": schedule.PRACTITIONER_ROLE, "valueCodeableConcept": {"text": "Theirs"}},
    ]

    booked = appointment_in(consumer.book(body))

    assert booked["serviceCategory"] == {"text": "Morning surgery"}
    assert booked["serviceType"] == [{"text": "Routine"}]
    assert booked["minutesDuration"] == 20
    (role,) = extension(booked, "Extension-GPConnect-PractitionerRole-1")
    (coding,) = role["valueCodeableConcept"]["coding"]
    assert (coding["code"], coding["display"]) == ("R0260", "General Medical Practitioner")
    (channel,) = extension(booked, "Extension-GPConnect-DeliveryChannel-2")
    assert channel["valueCode"] == "In-person"


@pytest.mark.req("BOOK-021", "BOOK-112", "READ-022", "GEN-146")
def test_identifiers_and_priority_are_kept(consumer, world):
    identifiers = [
        {"system": "https://x.example/id", "value": "2"},
        {"system": "https://x.example/id", "value": "1"},
    ]

    booked = appointment_in(consumer.book(world.body(identifier=identifiers, priority=5)))

    assert (booked["identifier"], booked["priority"]) == (identifiers, 5)
    assert as_dict(consumer.read_appointment(booked["id"])) == booked


@pytest.mark.req("GEN-079", "DEC-060")
def test_unknown_extensions_are_tolerated_and_not_kept(consumer, world):
    body = world.body()
    body["extension"].append({"url": "https://x.example/extension", "valueString": "ours"})

    booked = appointment_in(consumer.book(body))

    assert "https://x.example/extension" not in {each["url"] for each in booked["extension"]}


@pytest.mark.req("BOOK-080", "BOOK-082", "BOOK-084", "BOOK-015")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize(
    "letter",
    ["x", "é", "\U0001f637", "<", "&", '"', "\n", "\t", "ﷺ"],
    ids=["plain", "accented", "emoji", "less-than", "ampersand", "quote", "newline", "tab", "long"],
)
def test_texts_are_kept_to_the_last_character(consumer, world, letter, format):
    """Counted as Unicode characters, whatever they need in UTF-8 or in XML."""
    body = world.body(description="a" + letter * 98 + "z", comment="a" + letter * 498 + "z")

    booked = appointment_in(consumer.book(body, format=format))
    read = appointment_in(consumer.read_appointment(booked["id"], format=format))

    assert (booked["description"], booked["comment"]) == (body["description"], body["comment"])
    assert read == booked


@pytest.mark.req("BOOK-015")
def test_a_booking_needs_no_comment(consumer, world):
    booked = appointment_in(consumer.book(world.body(comment=None)))

    assert "comment" not in booked


@pytest.mark.req("BOOK-022", "BOOK-111", "GEN-130", "DEC-062")
@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("2026-05-25T13:48:41+01:00", "2026-05-25T13:48:41+01:00"),
        ("2026-05-25T12:48:41Z", "2026-05-25T13:48:41+01:00"),
        ("2026-05-25T12:48:41.123Z", "2026-05-25T13:48:41+01:00"),
        ("2026-05-25T13:48:41.9999999+01:00", "2026-05-25T13:48:41+01:00"),
        ("2026-05-25T08:48:41-04:00", "2026-05-25T13:48:41+01:00"),
        ("2026-01-25T12:48:41+00:00", "2026-01-25T12:48:41+00:00"),
        ("1901-01-01T00:00:00Z", "1901-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59+00:00"),
    ],
)
def test_created_is_answered_as_sent_in_uk_time(consumer, world, sent, answered):
    booked = appointment_in(consumer.book(world.body(created=sent)))

    assert booked["created"] == answered
    assert appointment_in(consumer.read_appointment(booked["id"])) == booked


def in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.req("BOOK-022", "BOOK-062", "GEN-130", "DEC-062")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize(
    "write",
    [
        in_utc,
        lambda moment: in_utc(moment).replace("Z", ".0000000Z"),
        lambda moment: in_utc(moment).replace("Z", ".000+00:00"),
        lambda moment: f"{in_utc(moment + timedelta(hours=5, minutes=30))[:-1]}+05:30",
        lambda moment: f"{in_utc(moment - timedelta(hours=5))[:-1]}.0000000-05:00",
    ],
    ids=["Z", "seven digits", "three digits", "India", "seven digits in New York"],
)
def test_the_same_instant_may_be_written_in_other_ways(consumer, world, write, format):
    body = world.body(start=write(world.slots[0].start), end=write(world.slots[1].end))

    booked = appointment_in(consumer.book(body, format=format))

    assert (booked["start"], booked["end"]) == (
        uk_time(world.slots[0].start),
        uk_time(world.slots[1].end),
    )
    assert profiles.uk_times(booked) == []


# ---------------------------------------------------------------- the booking organisation

# In FHIR's order, with repeating elements, an extension, and texts beside a primitive.
FULL_ORGANISATION = {
    "resourceType": "Organization",
    "id": "1",
    "meta": {"profile": [organization.PROFILE]},
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/organization-period",
            "valuePeriod": {"start": "2020-04-01"},
        }
    ],
    "identifier": [
        {"system": ODS_CODE, "value": "A1001"},
        {"use": "secondary", "system": "https://x.example/id", "value": "77"},
    ],
    "active": True,
    "type": [organisation_type("urgent-care")],
    "name": "Test Hospital & Son",
    "alias": ["Zebra House", "Aardvark House"],
    "telecom": [
        {"system": "phone", "value": "0113 496 0005", "use": "work", "rank": 2},
        {"system": "email", "value": "desk@example.nhs.uk", "use": "work", "rank": 1},
    ],
    "address": [
        {
            "use": "work",
            "line": ["Unit 2", "1 Any Street"],
            "city": "Leeds",
            "district": "West Yorkshire",
            "postalCode": "LS1 1AA",
        }
    ],
    "partOf": {"reference": "Organization/99", "display": "The Trust"},
    "contact": [
        {
            "purpose": {"text": "Bookings"},
            "name": {"family": "Desk", "given": ["Dot", "Ann"]},
            "telecom": [{"system": "phone", "value": "0113 496 0006", "use": "work"}],
        }
    ],
}


def reversed_members(value: Any) -> Any:
    """The same value, the members of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: reversed_members(value[name]) for name in reversed(value)}
    return [reversed_members(item) for item in value] if isinstance(value, list) else value


@pytest.mark.req("BOOK-038", "BOOK-107", "GEN-138", "AUD-033")
@pytest.mark.parametrize("sent_as", ["json", "xml"])
@pytest.mark.parametrize("answered_as", ["json", "xml"])
def test_the_booking_organisation_comes_back_as_it_was_sent(consumer, world, sent_as, answered_as):
    """From JSON to XML and back: content, and the order of what repeats."""
    consumer.book(world.body(organisation=FULL_ORGANISATION), format=sent_as)
    pk = Appointment.objects.get().pk

    read = appointment_in(consumer.read_appointment(pk, format=answered_as))

    assert read["contained"] == [FULL_ORGANISATION]
    (link,) = extension(read, "Extension-GPConnect-BookingOrganisation-1")
    assert link["valueReference"] == {"reference": "#1"}


@pytest.mark.req("BOOK-107", "GEN-138")
def test_a_json_object_has_no_order_but_xml_has(consumer, world):
    """Members sent in any order are answered in FHIR's."""
    body = reversed_members(world.body(organisation=FULL_ORGANISATION))

    response = consumer.book(body)

    assert response.status_code == 201, response.content
    read = consumer.read_appointment(as_dict(response)["id"], format="xml")
    wanted = renderers.to_xml(FULL_ORGANISATION).partition(b'xmlns="http://hl7.org/fhir">')[2]
    assert wanted in read.content


@pytest.mark.req("BOOK-107", "GEN-138")
def test_texts_and_what_stands_beside_them_keep_their_places(consumer, world):
    """A null in a list of primitives holds the place of an extension."""
    beside = {"extension": [{"url": "https://x.example/e", "valueString": "no text"}]}
    organisation = booking_organisation(
        alias=[None, "Second"], _alias=[beside, None], _name={"id": "name-1"}
    )

    booked = appointment_in(consumer.book(world.body(organisation=organisation)))
    read = appointment_in(consumer.read_appointment(booked["id"], format="xml"))

    for answered in (booked, read):
        (contained,) = answered["contained"]
        assert contained["alias"] == [None, "Second"]
        assert contained["_alias"] == [beside, None]
        assert contained["_name"] == {"id": "name-1"}


@pytest.mark.req("BOOK-107", "GEN-039")
def test_what_a_contained_resource_may_not_have_is_left_out(consumer, world):
    """FHIR forbids it a narrative, a version and resources of its own (dom-1, dom-2, dom-4)."""
    organisation = {
        **booking_organisation(),
        "meta": {"versionId": "7", "profile": [organization.PROFILE]},
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml">Test Hospital</div>',
        },
    }

    booked = appointment_in(consumer.book(world.body(organisation=organisation)))

    assert booked["contained"] == [booking_organisation()]
    echoed = {**booked, "contained": [organisation]}
    assert consumer.amend(booked["id"], echoed).status_code == 200


@pytest.mark.req("BOOK-038", "BOOK-085")
def test_staff_can_see_who_booked_and_what_they_wrote(consumer, world):
    """Name, ODS code and telephone of the booking organisation are kept for the diary."""
    consumer.book(world.body(description="Call on 0113 496 0007"))

    booked = Appointment.objects.get()
    assert booked.booked_via == Appointment.Door.GP_CONNECT
    assert booked.booking_organisation_name == "Test Hospital"
    assert booked.booking_organisation_ods_code == "A1001"
    assert "0113 496 0005" in booked.booking_organisation_json
    assert booked.description == "Call on 0113 496 0007"


def test_a_long_name_of_the_booking_organisation_is_no_reason_to_fail(consumer, world):
    """PostgreSQL refuses what is too long for a column; the name is answered whole all the same."""
    name = "Trust " * 50 + "End"

    booked = appointment_in(consumer.book(world.body(organisation=booking_organisation(name=name))))

    assert booked["contained"][0]["name"] == name
    assert len(Appointment.objects.get().booking_organisation_name) == 200


@pytest.mark.req("DEC-063")
def test_a_hub_may_book_for_another_organisation_than_its_token_names(consumer, world):
    """The appointment shows the booking organisation, the trail the token's."""
    organisation = booking_organisation(identifier=[{"system": ODS_CODE, "value": "H9009"}])

    consumer.book(world.body(organisation=organisation))

    assert Appointment.objects.get().booking_organisation_ods_code == "H9009"
    assert AuditEvent.objects.get().user_organisation == "Test Hospital (A1001)"


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
    diary_services.block_slots(
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
