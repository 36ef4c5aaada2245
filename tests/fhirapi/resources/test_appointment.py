"""What is understood of a booking: every rule of its form, and what is kept of what was sent."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhirapi.resources import appointment, organization, schedule
from fhirapi.resources.booking_organisation import BOOKING_ORGANISATION
from fhirapi.resources.common import ODS_CODE, uk_time
from practice.models import Appointment, Patient, Slot
from tests import profiles
from tests.fhirapi.appointments import (
    INVALID,
    NO_PATIENT,
    NO_REFERENCE,
    TAKEN,
    World,
    appointment_in,
    assert_refused,
    diary,
    extension,
)
from workbench.bodies import booking_organisation, organisation_type, participant
from workbench.consumer import as_dict
from workbench.factories import (
    make_appointment,
)

pytestmark = pytest.mark.django_db


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
    found = {"url": BOOKING_ORGANISATION, **link}
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
        with_extension({"url": BOOKING_ORGANISATION, "valueReference": {"reference": "#1"}}),
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
        "Appointment.contained[0].telecom[0] needs a system",
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
        "address[0].state must not be sent",
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
            f"A participant refers to a {kind} that is not at this practice",
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
        "Appointment.slot[0] must hold a relative reference to a Slot",
    ),
    "GEN-024 not a slot": (
        having(slot=[{"reference": "Schedule/1"}]),
        INVALID,
        "Appointment.slot[0] must hold a relative reference to a Slot",
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
