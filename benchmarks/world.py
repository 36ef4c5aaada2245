"""Practices with a full diary, made set by set: a thousand of them in minutes.

Every practice has the same shape: a surgery, session holders who each hold two sessions a weekday,
and in each session ten-minute slots, some of them taken, some not GP Connect bookable.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection, transaction

from practice import clock
from practice.models import (
    Location,
    Organisation,
    Patient,
    Practitioner,
    PractitionerRole,
    Schedule,
    Slot,
)
from tests.factories import new_nhs_number

SESSIONS = ((time(8, 30), 18), (time(14, 0), 18))  # when they begin, and how many slots
SLOT_TYPES = ("Routine", "Urgent", "Review")
TEN_MINUTES = timedelta(minutes=10)


def weekdays(first: date, days: int) -> Iterator[date]:
    """The working days among ``days`` days from the first."""
    for offset in range(days):
        day = first + timedelta(days=offset)
        if day.weekday() < 5:
            yield day


@transaction.atomic
def build(
    *, practices: int, holders: int, first: date, days: int, prefix: str = "B"
) -> list[Organisation]:
    """Make the practices, switched on, and return them."""
    now = datetime.now(UTC)
    organisations = Organisation.objects.bulk_create(
        Organisation(
            ods_code=f"{prefix}{n:05}",
            name=f"Benchmark Surgery {n}",
            asid=f"2{n:011}",
            city="Leeds",
            postal_code="LS1 4DY",
            telephone="0113 496 0001",
            gp_connect_enabled=True,
            appointment_management_enabled=True,
            bank_holidays_seeded_to=first,
        )
        for n in range(practices)
    )
    locations = Location.objects.bulk_create(
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
    people = Practitioner.objects.bulk_create(
        Practitioner(
            sds_user_id=f"{prefix}{organisation.pk:06}{n:03}",
            prefix="Dr",
            given_names="Ada",
            family_name=f"Specimen-{n}",
            gender="female",
        )
        for organisation in organisations
        for n in range(holders)
    )
    homes = [organisation for organisation in organisations for _ in range(holders)]
    PractitionerRole.objects.bulk_create(
        PractitionerRole(organisation=home, practitioner=person, role="R0260")
        for home, person in zip(homes, people, strict=True)
    )
    Patient.objects.bulk_create(
        Patient(
            organisation=organisation,
            nhs_number=new_nhs_number(),
            nhs_number_verification="01",
            given_names="Edie",
            family_name=f"Fauxley-{n}",
            birth_date=date(1950 + n, 1, 1),
            gender="female",
        )
        for organisation in organisations
        for n in range(4)
    )
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


def fill_slots(organisation_ids: list[int], now: datetime) -> None:
    """Slots for every session: three quarters of them free and GP Connect bookable."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
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
