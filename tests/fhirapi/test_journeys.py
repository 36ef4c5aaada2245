"""How often each interaction goes to the database and waits: cold, and once everything is warm.

``pytest -s`` prints the table; ``INTERACTION="book" pytest -s`` also what a booking's are for.
"""

import os
import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection

from practice import clock, terminology
from practice.models import Slot
from tests.fhirapi.journeys import ServerClient, followed
from tests.fhirapi.test_walk import search_query
from workbench.bodies import appointment_body, cancelled, registration_body
from workbench.consumer import Consumer, as_dict
from workbench.factories import make_access_profile, make_schedule, make_slots

Asks = dict[str, list[Callable[[], Any]]]

TIMES = 3  # the first time an interaction is cold, the last time it is warm

LINE = 120  # characters of a statement are shown
ORGANISATION_TYPES = terminology.value_set("organisation_type").system

# The most journeys: of the first request of a process that has kept nothing, on a new connection,
# and of a later one.
MOST = {
    "capability statement": (2, 2),
    "search": (7, 4),
    "search, as XML": (7, 4),
    "search under a limit": (8, 5),
    "read": (2, 2),
    "retrieve": (2, 2),
    "find a patient": (7, 7),
    "read a patient": (7, 7),
    "find a practitioner": (3, 3),
    "read a practitioner": (3, 3),
    "find an organisation": (3, 3),
    "read an organisation": (3, 3),
    "read a location": (3, 3),
    "refusal: token": (2, 2),
    "refusal: no such record": (2, 2),
    "refusal: slot taken": (4, 4),
    "book": (4, 4),
    "book two slots": (5, 5),
    "book under a limit": (6, 6),
    "amend": (4, 4),
    "cancel": (4, 4),
    "register a patient": (22, 18),
}


@pytest.fixture
def asks(practice, national_record) -> Asks:
    """What asks for each interaction, TIMES times, by its name."""
    consumer = Consumer(practice.organisation, client=ServerClient())
    session = make_schedule(session_holder=practice.practitioner)
    newcomers = [national_record.add() for _ in range(TIMES)]
    return {
        **questions(consumer, practice, make_slots(3, session, minutes=5)),
        **changes(consumer, practice, session, newcomers),
    }


def questions(consumer: Consumer, practice: Any, slots: list[Slot]) -> Asks:
    """What changes nothing; refusals are among them."""
    patient, day = practice.patient, clock.local(slots[0].start).date()
    booked = as_dict(Consumer(practice.organisation).book(body(practice, slots[0])))
    asked: dict[str, Callable[[], Any]] = {
        "capability statement": consumer.read_metadata,
        "search": lambda: consumer.search_slots(search_query()),
        "search, as XML": lambda: consumer.search_slots(search_query(), format="xml"),
        "search under a limit": lambda: consumer.search_slots(
            {**search_query(), "searchFilter": f"{ORGANISATION_TYPES}|urgent-care"}
        ),
        "read": lambda: consumer.read_appointment(booked["id"]),
        "retrieve": lambda: consumer.retrieve(patient.pk, f"{day}", f"{day}"),
        "find a patient": lambda: consumer.find_patient(patient.nhs_number),
        "read a patient": lambda: consumer.read_patient(patient.pk),
        "find a practitioner": lambda: consumer.find_practitioner(
            practice.practitioner.sds_user_id
        ),
        "read a practitioner": lambda: consumer.read_practitioner(practice.practitioner.pk),
        "find an organisation": lambda: consumer.find_organisation(practice.organisation.ods_code),
        "read an organisation": lambda: consumer.read_organisation(practice.organisation.pk),
        "read a location": lambda: consumer.read_location(practice.location.pk),
        "refusal: token": lambda: consumer.read_appointment(booked["id"], token="bad"),
        "refusal: no such record": lambda: consumer.read_appointment(2**40),
        "refusal: slot taken": lambda: consumer.book(body(practice, slots[0])),
    }
    return {name: [ask] * TIMES for name, ask in asked.items()}


def changes(consumer: Consumer, practice: Any, session: Any, newcomers: list[str]) -> Asks:
    """Bookings of slots that are free, changes of what was booked, new patients."""
    limited = make_access_profile(
        organisation_types=["urgent-care"], slots_per_session=TIMES, slots_per_day=TIMES
    )
    single, paired, to_amend, to_cancel = (
        make_slots(number, session, minutes=5) for number in (TIMES, 2 * TIMES, TIMES, TIMES)
    )
    under_limit = make_slots(TIMES, session, minutes=5, access_profile=limited)
    before = Consumer(practice.organisation)

    def booking(*slots: Slot) -> Callable[[], Any]:
        return lambda: consumer.book(body(practice, *slots))

    def amending(slot: Slot) -> Callable[[], Any]:
        held = as_dict(before.book(body(practice, slot)))
        return lambda: consumer.amend(
            held["id"], {**held, "description": "Worse"}, if_match='W/"1"'
        )

    def cancelling(slot: Slot) -> Callable[[], Any]:
        held = as_dict(before.book(body(practice, slot)))
        return lambda: consumer.cancel(held["id"], cancelled(held), if_match='W/"1"')

    def registering(nhs_number: str) -> Callable[[], Any]:
        return lambda: consumer.register(registration_body(nhs_number))

    return {
        "book": [booking(slot) for slot in single],
        "book two slots": [booking(*both) for both in zip(paired[::2], paired[1::2], strict=True)],
        "book under a limit": [booking(slot) for slot in under_limit],
        "amend": [amending(slot) for slot in to_amend],
        "cancel": [cancelling(slot) for slot in to_cancel],
        "register a patient": [registering(each) for each in newcomers],
    }


def body(practice: Any, *slots: Slot) -> dict[str, Any]:
    return appointment_body(slots=[*slots], patient=practice.patient)


STATUSES = {
    "refusal: token": 400,
    "refusal: no such record": 404,
    "refusal: slot taken": 409,
    **dict.fromkeys(("book", "book two slots", "book under a limit"), 201),
}


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_no_interaction_makes_more_journeys_than_these(asks, nothing_kept):
    counted = {}
    for name, several in asks.items():
        nothing_kept()
        with followed() as wire:
            made = []
            for ask in several:
                response = ask()
                made.append(wire.journeys())
                assert response.status_code == STATUSES.get(name, 200), (name, response.content)
        counted[name] = len(made[0]), len(made[-1])
        if name in os.environ.get("INTERACTION", "").split(","):
            print(*shown("cold", made[0]), *shown("warm", made[-1]), sep="\n")
    for name, (cold, warm) in counted.items():
        print(f"  {name:<26}{cold:4} cold{warm:4} warm")

    assert {name: made for name, made in counted.items() if is_more(made, MOST[name])} == {}
    assert set(counted) == set(MOST)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("interaction", "reads"), [("refusal: token", False), ("read", True)])
def test_nothing_is_read_for_those_who_do_not_say_who_they_are(asks, interaction, reads):
    with followed() as wire:
        asks[interaction][0]()
        sent = [each for journey in wire.journeys() for each in journey]

    assert any('FROM "practice_appointment"' in each for each in sent) is reads


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_what_travels_together_is_one_journey_and_a_preparation_one_of_its_own():
    with followed() as wire:
        connection.ensure_connection()
        connection.connection.prepare_threshold = 0
        cursor = psycopg.Cursor(connection.connection)
        cursor.execute("SELECT 1")
        one_by_one = wire.journeys()
        with connection.connection.pipeline():
            for _ in range(3):
                cursor.execute("SELECT 1")
        together = wire.journeys()
        connection.connection.prepare_threshold = None  # as others want it

    assert one_by_one == [["prepare SELECT 1"], ["SELECT 1"]]
    assert together == [["SELECT 1"] * 3]


def is_more(made: tuple[int, int], most: tuple[int, int]) -> bool:
    return any(mine > limit for mine, limit in zip(made, most, strict=True))


def shown(title: str, journeys: list[list[str]]) -> list[str]:
    """What each journey was for."""
    lines = [f"\n{title}:"]
    for number, sent in enumerate(journeys, start=1):
        words = [re.sub("SELECT .*? FROM", "SELECT ... FROM", each)[:LINE] for each in sent]
        lines.append(f"{number:3} " + "\n    ".join(words))
    return lines
