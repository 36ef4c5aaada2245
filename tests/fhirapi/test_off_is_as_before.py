"""With service filtering switched off, every answer is byte for byte what it was without it.

``answers_of_1_2_7.json`` was written by the code as it stood before service filtering (GP Connect
1.2.8) was built, and holds every kind of answer, refusals included. A change that means to alter
answers of 1.2.7 alters it there too: ``answers`` gives what it holds of a format.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse

from fhirapi import ssp
from fhirapi.ssp import Interaction
from practice.models import Organisation, Schedule
from workbench.bodies import appointment_body, cancelled, participant, registration_body
from workbench.consumer import ABSENT, Consumer, as_dict
from workbench.factories import (
    make_appointment,
    make_healthcare_service,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
)

pytestmark = pytest.mark.django_db

STORED = Path(__file__).with_name("answers_of_1_2_7.json")
NOW = datetime(2026, 10, 20, 7, 30, tzinfo=UTC)
FIRST = 9_000_001  # the id of each kind's first record, the same on both databases
SERVICE = "https://fhir.nhs.uk/Id/uec-dos-service-id|1000123"
OF_SERVICES = [
    Interaction(
        f"{word} a healthcare service",
        f"{ssp.PREFIX}rest:{word}:healthcareservice-1",
        "GET",
        path,
        ssp.ORGANISATION_READ,
        ssp.FOUNDATIONS,
    )
    for word, path in (("search", "/HealthcareService"), ("read", "/HealthcareService/1"))
]
KEPT_HEADERS = ("Content-Type", "ETag", "Location", "Content-Location", "Last-Modified", "Allow")


@pytest.fixture
def frozen(monkeypatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


def world() -> dict[str, Any]:
    """A practice whose records have fixed ids and say the same each time."""
    practice = make_organisation(
        pk=FIRST,
        ods_code="A99001",
        name="Canonical Surgery",
        asid="200000009001",
        address_line_1="1 High Street",
        email="canonical@example.nhs.uk",
    )
    place = make_location(
        practice, pk=FIRST, name="Main", address_line_1="1 High Street", email="main@example.nhs.uk"
    )
    holder = make_practitioner(
        practice, pk=FIRST, sds_user_id="G99999001", family_name="Specimen", role=None
    )
    holder.roles.create(organisation=practice, role="R0260", sds_role_profile_id="PT999001")
    patient = make_patient(practice, pk=FIRST, nhs_number="9990000018", family_name="Example")
    schedules = [
        make_schedule(
            practice, pk=FIRST + n, location=place, session_holder=who, date=date(2026, 10, 21 + n)
        )
        for n, who in enumerate((holder, None))
    ]
    slots = []
    for n, schedule in enumerate(schedules):
        slots.append([make_slot(schedule, pk=FIRST + 10 * n + k) for k in range(4)])
    return {"practice": practice, "patient": patient, "slots": slots, "holder": holder}


def prepare_services(practice: Organisation) -> None:
    """All that can stand in the database while the supplier's switch is off."""
    service = make_healthcare_service(practice, pk=1, service_id="1000123")
    Schedule.objects.update(healthcare_service=service)
    Organisation.objects.update(service_filtering_enabled=True)
    practice.refresh_from_db()


def requests(format: str, *, prepared: bool = False) -> Iterator[tuple[str, HttpResponse]]:
    """Every interaction, well asked and badly; each with its name and its answer.

    ``prepared``: the practice has services, its sessions are linked, and its own switch is on.
    """
    made = world()
    if prepared:
        prepare_services(made["practice"])
    practice, patient, (slots, others) = made["practice"], made["patient"], made["slots"]
    consumer = Consumer(practice, format=format)
    day = {"status": "free", "start": "ge2026-10-20", "end": "le2026-10-30"}
    recurse = [
        "Schedule:actor:Practitioner",
        "Schedule:actor:Location",
        "Location:managingOrganization",
    ]
    search = {**day, "_include": "Slot:schedule", "_include:recurse": recurse}
    with_service = {
        **search,
        "_include:recurse": [*recurse, "Schedule:actor:HealthcareService"],
        "service.identifier": SERVICE,
    }
    yield "metadata", consumer.read_metadata()
    yield "search", consumer.search_slots(search)
    yield "search, least", consumer.search_slots({**day, "_include": "Slot:schedule"})
    yield "search, of a service", consumer.search_slots(with_service)
    yield (
        "search, of what is no service",
        consumer.search_slots({**search, "service.identifier": ["nothing", "two"]}),
    )
    nothing = {"start": "ge2026-12-01", "end": "le2026-12-02"}
    yield "search, nothing there", consumer.search_slots({**with_service, **nothing})
    yield "search, refused", consumer.search_slots({**with_service, "status": "busy"})
    yield "find a patient", consumer.find_patient(patient.nhs_number)
    yield "read a patient", consumer.read_patient(patient.pk)
    yield "find a practitioner", consumer.find_practitioner("G99999001")
    yield "read a practitioner", consumer.read_practitioner(FIRST)
    yield "find an organisation", consumer.find_organisation("A99001")
    yield "read an organisation", consumer.read_organisation(FIRST)
    yield "read a location", consumer.read_location(FIRST)
    yield "read a location, none", consumer.read_location(FIRST + 9)
    for interaction in OF_SERVICES:
        yield interaction.name, consumer.send(interaction)
        yield f"{interaction.name}, bare", consumer.send(interaction, headers=ALL_ABSENT)
        yield f"{interaction.name}, posted", consumer.send(interaction, verb="POST", body=b"{}")
        yield f"{interaction.name}, elsewhere", consumer.send(interaction, "/Location/9000001")
    service = participant("HealthcareService/1")
    body = appointment_body(slots=slots[:2], patient=patient)
    strange = {**body, "participant": [*body["participant"], service]}
    yield "book, naming a service", consumer.book(strange)
    count_on_from(FIRST + 500)
    yield "book", (booked := consumer.book(body))
    resource = as_dict(booked)
    yield "book, again", consumer.book(body)
    yield "book, nobody", consumer.book({**body, "participant": body["participant"][1:]})
    pk = resource["id"]
    yield "read", consumer.read_appointment(pk)
    yield "read, none", consumer.read_appointment(FIRST + 77)
    yield "retrieve", consumer.retrieve(patient.pk, "2026-10-20", "2026-10-30")
    yield "retrieve, none", consumer.retrieve(patient.pk, "2026-11-20", "2026-11-30")
    changed = {**resource, "comment": "Uses a wheelchair."}
    yield (
        "amend, naming a service",
        consumer.amend(pk, {**changed, "participant": [*resource["participant"], service]}),
    )
    yield "amend", (amended := consumer.amend(pk, changed, if_match=booked["ETag"]))
    yield "amend, too late", consumer.amend(pk, changed, if_match=booked["ETag"])
    yield "cancel", consumer.cancel(pk, cancelled(as_dict(amended)), if_match=amended["ETag"])
    count_on_from(FIRST + 501)
    make_appointment(others[:1], patient, now=NOW)
    yield "retrieve, others", consumer.retrieve(patient.pk, "2026-10-20", "2026-10-30")
    yield "search, afterwards", consumer.search_slots(search)
    yield "register, refused", consumer.register(registration_body(patient.nhs_number))
    yield "no such path", consumer.send(ssp.READ_LOCATION, "/Device/1")
    Organisation.objects.filter(pk=practice.pk).update(appointment_management_enabled=False)
    yield "search, disabled", consumer.search_slots(with_service)
    Organisation.objects.filter(pk=practice.pk).update(gp_connect_enabled=False)
    yield "read a location, disabled", consumer.read_location(FIRST)
    for interaction in OF_SERVICES:
        yield f"{interaction.name}, disabled", consumer.send(interaction)
    yield "metadata, disabled", consumer.read_metadata()


ALL_ABSENT = dict.fromkeys((ssp.TRACE_ID, ssp.SENT_FROM, ssp.SENT_TO, ssp.INTERACTION_ID), ABSENT)


def answers(format: str, *, prepared: bool = False) -> dict[str, Any]:
    """What was answered to each, to the byte, but for which version of this software it was."""
    found = {}
    for name, response in requests(format, prepared=prepared):
        headers = {each: response[each] for each in KEPT_HEADERS if each in response}
        written = response.content.decode()
        for pattern in SOFTWARE:
            written = re.sub(pattern, "SOFTWARE", written)
        found[name] = {"status": response.status_code, "headers": headers, "body": written}
    return found


SOFTWARE = (
    r'"date":"[-0-9]{10}","publisher"',
    r'<date value="[-0-9]{10}"/><publisher',
    r'"version":"[0-9.]+","releaseDate":"[-0-9]+"',
    r'<version value="[0-9.]+"/><releaseDate value="[-0-9]+"/>',
)


def count_on_from(pk: int) -> None:
    """Let the next appointment have this id, whichever ids were used before."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            named = "pg_get_serial_sequence('practice_appointment', 'id')"
            cursor.execute(f"SELECT setval({named}, %s, false)", [pk])
        else:
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = 'practice_appointment'")
            cursor.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ('practice_appointment', %s)",
                [pk - 1],
            )


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.req("SF-001", "SF-003", "SF-023", "SF-026")
def test_with_the_suppliers_switch_off_every_answer_is_as_it_was(frozen, format, prepared):
    stored = json.loads(STORED.read_text("utf-8"))[format]
    found = answers(format, prepared=prepared)
    assert found.keys() == stored.keys()
    for name, answer in found.items():
        assert answer == stored[name], name
