"""A practice to be visited, and a way to it that needs no network."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from urllib.parse import urlsplit

from django.test import Client
from django.utils import timezone

from consumer.check.about.clocks import last_sunday
from consumer.check.exchange import Answered, Exchange
from consumer.check.kit import Kit
from consumer.check.wire import Send, Wire
from consumer.identity import Device, Identity, Organisation, Provider, User
from consumer.transport import Request
from practice import clock
from practice.models import Patient
from workbench import factories

IDENTITY = Identity(
    "200000000115",
    Organisation("A1001", "Test Hospital", "urgent-care", "0113 496 0005"),
    User("10019", "Jones", "Claire", "Dr", "111222333444"),
    Device("KIT-1", "Conformance kit", "0.1"),
)


def in_process(request: Request) -> Answered:
    """Send by Django's test client."""
    headers = dict(request.headers)
    content_type = next((v for n, v in headers.items() if n.lower() == "content-type"), "")
    parts = urlsplit(request.url)
    response = Client().generic(
        request.verb,
        f"{parts.path}?{parts.query}" if parts.query else parts.path,
        data=request.body,
        content_type=content_type,
        headers=headers,
        secure=True,
    )
    return Answered(response.status_code, dict(response.headers), response.content)


def in_turns(calls: Sequence[Callable[[], Exchange]]) -> list[Exchange]:
    """One after the other: a test's transaction is seen by its own thread only."""
    return [call() for call in calls]


def make_world() -> Patient:
    """A practice with a patient, and slots in the coming days and around both changes of clocks."""
    organisation = factories.make_organisation()
    place = factories.make_location(organisation)
    holders = [factories.make_practitioner(organisation) for _ in range(2)]
    today = clock.today(timezone.now())
    for holder, days in zip(holders, (3, 9), strict=True):
        start = clock.instant(today + timedelta(days=days), time(9))
        schedule = factories.make_schedule(organisation, start=start, session_holder=holder)
        factories.make_slots(4, schedule)
        factories.make_slots(2, schedule, start=start + timedelta(minutes=80))
    for day in clock_changes(today):
        for start in around(day):
            schedule = factories.make_schedule(organisation, start=start, location=place)
            factories.make_slots(2, schedule)
    last_week = clock.instant(today - timedelta(days=3), time(9))
    factories.make_slot(factories.make_schedule(organisation, start=last_week))
    return factories.make_patient(organisation)


def clock_changes(today: date) -> list[date]:
    """The next Sunday in March, and the next in October, on which clocks change."""
    found = [last_sunday(today.year + more, month) for more in (0, 1) for month in (3, 10)]
    return [day for day in found if day > today + timedelta(days=20)][:2]


def around(day: date) -> list[datetime]:
    """The day before a change, and the afternoon behind it."""
    return [clock.instant(day - timedelta(days=1), time(15)), clock.instant(day, time(15))]


def kit_for(patient: Patient, send: Send = in_process) -> Kit:
    practice = patient.organisation
    provider = Provider(
        f"https://testserver/{practice.ods_code}/STU3/1/gpconnect", practice.asid, practice.ods_code
    )
    wire = Wire(provider, IDENTITY, send, together=in_turns)
    return Kit(wire, patient.nhs_number or "")
