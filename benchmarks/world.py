"""Practices with a full diary, made set by set: a thousand of them in minutes.

Every practice has the same shape: a surgery, session holders who each hold two sessions a weekday,
and in each session ten-minute slots, three quarters of them GP Connect bookable. ``book`` takes
some of them.
"""

import contextlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from practice import clock
from practice.models import (
    Location,
    Organisation,
    Patient,
    Practitioner,
    PractitionerRole,
    Schedule,
    Slot,
    SlotType,
)
from workbench.factories import new_nhs_number

SESSIONS = ((time(8, 30), 18), (time(14, 0), 18))  # when they begin, and how many slots
SLOT_TYPES = ("Routine", "Urgent", "Review")
TEN_MINUTES = timedelta(minutes=10)


def weekdays(first: date, days: int) -> Iterator[date]:
    """The working days among ``days`` days from the first."""
    for offset in range(days):
        day = first + timedelta(days=offset)
        if day.weekday() < 5:
            yield day


def make_practices(number: int, prefix: str, *, holidays_to: date) -> list[Organisation]:
    """Switched on; their bank holidays are known to that day."""
    return Organisation.objects.bulk_create(
        Organisation(
            ods_code=f"{prefix}{n:05}",
            name=f"Benchmark Surgery {n}",
            asid=f"2{n:011}",
            city="Leeds",
            postal_code="LS1 4DY",
            telephone="0113 496 0001",
            gp_connect_enabled=True,
            appointment_management_enabled=True,
            bank_holidays_seeded_to=holidays_to,
        )
        for n in range(number)
    )


def make_locations(organisations: list[Organisation]) -> list[Location]:
    """A surgery for each practice."""
    return Location.objects.bulk_create(
        Location(
            organisation=organisation,
            name="Main surgery",
            is_main=True,
            address_line_1="1 High Street",
            city="Leeds",
            postal_code="LS1 4DY",
            telephone="0113 496 0002",
        )
        for organisation in organisations
    )


def make_holders(organisations: list[Organisation], number: int, prefix: str) -> list[Practitioner]:
    """So many session holders for each practice."""
    return Practitioner.objects.bulk_create(
        Practitioner(
            sds_user_id=f"{prefix}{organisation.pk:06}{n:03}",
            prefix="Dr",
            given_names="Ada",
            family_name=f"Specimen-{n}",
            gender="female",
        )
        for organisation in organisations
        for n in range(number)
    )


def make_patients(organisations: list[Organisation], number: int) -> None:
    """So many patients for each practice."""
    Patient.objects.bulk_create(
        Patient(
            organisation=organisation,
            nhs_number=new_nhs_number(),
            nhs_number_verification="01",
            given_names="Edie",
            family_name=f"Fauxley-{n}",
            birth_date=date(1950 + n % 60, 1, 1),
            gender="female",
        )
        for organisation in organisations
        for n in range(number)
    )


@transaction.atomic
def build(
    *,
    practices: int,
    holders: int,
    first: date,
    days: int,
    patients: int = 4,
    prefix: str = "B",
) -> list[Organisation]:
    """Make the practices, switched on, and return them."""
    now = timezone.now()
    organisations = make_practices(practices, prefix, holidays_to=first)
    locations = make_locations(organisations)
    people = make_holders(organisations, holders, prefix)
    homes = [organisation for organisation in organisations for _ in range(holders)]
    PractitionerRole.objects.bulk_create(
        PractitionerRole(organisation=home, practitioner=person, role="R0260")
        for home, person in zip(homes, people, strict=True)
    )
    make_patients(organisations, patients)
    places = {location.organisation_id: location for location in locations}
    fill_sessions(
        [(home, places[home.pk], person) for home, person in zip(homes, people, strict=True)],
        list(weekdays(first, days)),
    )
    fill_slots([organisation.pk for organisation in organisations], now)
    return organisations


def fill_sessions(
    holders: list[tuple[Organisation, Location, Practitioner]], days: list[date]
) -> None:
    """Two sessions for each holder on each day."""
    starts = [
        (day, clock.instant(day, begins), slots) for day in days for begins, slots in SESSIONS
    ]
    Schedule.objects.bulk_create(
        (
            Schedule(
                organisation=organisation,
                location=location,
                session_holder=holder,
                practitioner_role="R0260",
                session_name="Morning surgery" if start.hour < 12 else "Afternoon surgery",
                date=day,
                start=start,
                end=start + slots * TEN_MINUTES,
            )
            for organisation, location, holder in holders
            for day, start, slots in starts
        ),
        batch_size=5000,
    )


@contextlib.contextmanager
def unchecked(cursor: Any) -> Iterator[None]:
    """Spare PostgreSQL its triggers, which check each reference of millions of rows at the end.

    What is written in this block refers to what was made just before. Needs a superuser.
    """
    if connection.vendor == "postgresql":
        cursor.execute("SET LOCAL session_replication_role = replica")
    yield
    if connection.vendor == "postgresql":
        cursor.execute("SET LOCAL session_replication_role = origin")


def fill_slots(organisation_ids: list[int], now: datetime) -> None:
    """Free slots for every session: three quarters of them GP Connect bookable."""
    SlotType.objects.bulk_create(
        SlotType(organisation_id=pk, name=name) for pk in organisation_ids for name in SLOT_TYPES
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor, unchecked(cursor):
            cursor.execute(
                """
                INSERT INTO practice_slot (version, updated_at, organisation_id, schedule_id,
                    start, "end", status, slot_type, delivery_channel, gp_connect_bookable,
                    overbooked, note, withdrawn, withdrawn_by_plan, changed_by_hand)
                SELECT 1, %s, s.organisation_id, s.id, at, at + interval '10 minutes', 'free',
                    (ARRAY['Routine', 'Urgent', 'Review'])[1 + n %% 3], 'In-person', n %% 4 <> 0,
                    false, '', false, false, false
                FROM practice_schedule s,
                    generate_series(s.start, s."end" - interval '10 minutes', interval '10 minutes')
                    WITH ORDINALITY AS slot(at, n)
                WHERE s.organisation_id = ANY(%s)
                """,
                [now, organisation_ids],
            )
            cursor.execute("ANALYZE")
        return
    sessions = Schedule.objects.filter(organisation__in=organisation_ids)
    Slot.objects.bulk_create(
        (
            Slot(
                organisation_id=session.organisation_id,
                schedule=session,
                start=session.start + n * TEN_MINUTES,
                end=session.start + (n + 1) * TEN_MINUTES,
                slot_type=SLOT_TYPES[(n + 1) % 3],
                delivery_channel="In-person",
                gp_connect_bookable=(n + 1) % 4 != 0,
            )
            for session in sessions.iterator()
            for n in range((session.end - session.start) // TEN_MINUTES)
        ),
        batch_size=5000,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@transaction.atomic
def book(*, every: int, now: datetime) -> int:
    """Book every so many-th slot of all practices for their patients in turn; how many there are.

    In sets, for both databases; without audit, since nobody did it.
    """
    with connection.cursor() as cursor, unchecked(cursor):
        cursor.execute(APPOINTMENTS, {"now": now, "every": every})
        cursor.execute(
            """
            INSERT INTO practice_appointmentslot (appointment_id, slot_id, released)
            SELECT a.id, s.id, false
            FROM practice_appointment a
            JOIN practice_slot s ON s.schedule_id = a.schedule_id AND s.start = a.start
            """
        )
        cursor.execute(
            """
            UPDATE practice_slot SET status = 'busy', version = 2
            WHERE id IN (SELECT slot_id FROM practice_appointmentslot)
            """
        )
        booked: int = cursor.rowcount
        cursor.execute("ANALYZE")
    return booked


APPOINTMENTS = """
INSERT INTO practice_appointment (version, updated_at, organisation_id, patient_id, schedule_id,
    location_id, status, start, "end", description, comment, created, session_name,
    practitioner_role, slot_type, delivery_channel, identifiers, booking_organisation_json,
    booking_organisation_ods_code, booking_organisation_name, cancellation_reason, orphaned,
    booked_via, provenance, to_be_told)
SELECT 1, %(now)s, s.organisation_id, p.id, c.id,
    c.location_id, 'booked', s.start, s."end", 'Sore throat', '', %(now)s, c.session_name,
    c.practitioner_role, s.slot_type, s.delivery_channel, '[]', '',
    '', '', '', false,
    'staff', '[]', false
FROM practice_slot s
JOIN practice_schedule c ON c.id = s.schedule_id
JOIN (
    SELECT id, organisation_id,
        row_number() OVER (PARTITION BY organisation_id ORDER BY id) - 1 AS n,
        count(*) OVER (PARTITION BY organisation_id) AS number
    FROM practice_patient
) p ON p.organisation_id = s.organisation_id AND p.n = (s.id / %(every)s) %% p.number
WHERE s.id %% %(every)s = 0
"""
