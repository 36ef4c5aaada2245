"""Measures and waits, against the same counted from raw rows by other code."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from practice.models import Appointment, ExceptionReason
from practice.reads import measures as asked
from practice.reads.measures import BANDS, measures
from practice.services.audit.recording import Actor
from practice.services.slot_types import CountsAs, map_slot_types
from workbench.factories import make_location, make_schedule, make_slot_type

pytestmark = pytest.mark.django_db

LONDON = ZoneInfo("Europe/London")
FIRST, LAST = date(2026, 4, 1), date(2027, 3, 31)
NOW = datetime(2027, 2, 1, 12, tzinfo=UTC)
CHANGED = date(2026, 10, 25)  # the day on which the clocks go back
STATUSES = ["booked", "arrived", "fulfilled", "noshow", "cancelled", "entered-in-error"]
TYPES = {
    "Routine": "General Consultation Routine",
    "Urgent": "General Consultation Acute",
    "Round": "Patient contact during Care Home Round",
    "Clinic": "Planned Clinics",
    "Visit": "Home Visit",
    "New": None,
}
ACC_08 = {  # as the national lists say, written down here once more
    "General Consultation Routine",
    "General Consultation Acute",
    "Home Visit",
}
EXCEPTION = {"General Consultation Routine", "Home Visit"}


@pytest.fixture
def year(practice):
    """A year of appointments, with both clock changes and a type that is mapped anew within it."""
    types = {
        name: make_slot_type(practice.organisation, name, category=category)
        for name, category in TYPES.items()
    }
    map_slot_types(
        organisation=practice.organisation,
        wanted={types["Clinic"].pk: CountsAs("General Consultation Acute", "Other")},
        first_day=CHANGED,
        actor=Actor(door="staff"),
        now=datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    )
    dice = random.Random(14)  # noqa: S311
    places = [practice.location, make_location(practice.organisation)]
    schedule = make_schedule(practice.organisation)
    made = []
    edges = [date(2026, 4, 1), date(2026, 10, 25), date(2026, 10, 26), date(2027, 3, 28)]
    for n in range(900):
        day = edges[n % 4] if n < 200 else FIRST + timedelta(days=dice.randrange(-5, 375))
        minute = dice.choice([0, 30, 59, 60, 90, 540, 1000, 1380, 1439])
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute - 60)
        wait = dice.choice(
            [-30, 5, 600, 1440, 4000, 9000, 11000, 20159, 20161, 21600, 40000, 70000]
        )
        made.append(
            Appointment(
                organisation=practice.organisation,
                patient=practice.patient,
                schedule=schedule,
                location=dice.choice(places),
                start=start,
                end=start + timedelta(minutes=10),
                created=start - timedelta(minutes=wait),
                description="x",
                slot_type=dice.choice([*TYPES, "Never a record"]),
                status=dice.choice(STATUSES),
                orphaned=dice.random() < 0.1,
                practitioner_role=dice.choice(["R0260", "R0600", ""]),
            )
        )
    made = Appointment.objects.bulk_create(made)
    ExceptionReason.objects.bulk_create(
        ExceptionReason(appointment=each, reason=reason, given_at=NOW, given_by_name="Rita")
        for each in made
        for reason in ("One", "Two")
        if dice.random() < 0.2
    )
    return made


def recounted():
    """The same from raw rows: SQL without the ORM, and rules written once more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT appointment_id FROM practice_exceptionreason")
        reasons = {pk for (pk,) in cursor.fetchall()}
        cursor.execute(
            "SELECT id, start, created, slot_type, status, location_id FROM practice_appointment"
        )
        rows = cursor.fetchall()
    found = {"total": 0, "unmapped": 0, "round": 0, "waits": {}, "places": {}, "inconsistent": 0}
    found |= {name: [0, 0] for name in ("same", "seven", "fourteen", "acc")}
    for pk, start, created, name, status, place in rows:
        start, created = (
            datetime.fromisoformat(each) if isinstance(each, str) else each
            for each in (start, created)
        )
        start, created = (
            (each if each.tzinfo else each.replace(tzinfo=UTC)).astimezone(LONDON).date()
            for each in (start, created)
        )
        if not FIRST <= start <= LAST or status in ("cancelled", "entered-in-error"):
            continue

        def counts(day, name=name):
            if name == "Clinic" and day >= CHANGED:
                return "General Consultation Acute"
            return TYPES.get(name)

        wait, category = (start - created).days, counts(start)
        found["total"] += 1
        found["unmapped"] += category is None
        found["inconsistent"] += category is not None and counts(created) != category
        found["round"] += name == "Round"
        edges = [0, 1, 7, 14, 21, 28]
        band = -1 if wait < 0 else sum(wait > edge for edge in edges)
        found["waits"][band] = found["waits"].get(band, 0) + 1
        shares = [
            ("same", category == "General Consultation Acute", wait == 0),
            ("seven", category == "General Consultation Routine", 0 <= wait < 8),
            ("fourteen", category == "General Consultation Routine", 0 <= wait < 15),
            ("acc", category in ACC_08 and pk not in reasons, 0 <= wait < 15),
        ]
        for key, is_of, fulfils in shares:
            found[key][0] += is_of and fulfils
            found[key][1] += is_of
        if category == "General Consultation Acute":
            there = found["places"].setdefault(place, [0, 0])
            there[0] += wait == 0
            there[1] += 1
    return found


def test_a_year_is_counted_as_other_code_counts_it_from_raw_rows(practice, year):
    found = measures(organisation=practice.organisation, first=FIRST, last=LAST, now=NOW)

    expected = recounted()
    assert expected["total"] > 400
    assert (found.total, found.unmapped) == (expected["total"], expected["unmapped"])
    assert found.inconsistent == expected["inconsistent"] > 0
    assert found.care_home_round == expected["round"]
    names = ["Unknown", *(name for _, name in BANDS)]
    assert dict(found.waits) == {names[band + 1]: n for band, n in expected["waits"].items()}
    shares = [found.shares[each.key] for each in asked.MEASURES]
    assert [[each.fulfilled, each.total] for each in shares] == [
        expected[key] for key in ("same", "seven", "fourteen", "acc")
    ]
    assert {
        pk: [there["urgent_same_day"].fulfilled, there["urgent_same_day"].total]
        for pk, there in found.by_location.items()
        if "urgent_same_day" in there
    } == expected["places"]


def test_the_parts_of_a_year_add_up_to_it(practice, year):
    def total(first, last):
        return measures(organisation=practice.organisation, first=first, last=last, now=NOW).total

    months = [asked.this_month(date(2026 + (n > 9), (n + 2) % 12 + 1, 15)) for n in range(1, 13)]
    assert months[0][0] == FIRST
    assert months[-1][1] == LAST
    assert sum(total(*month) for month in months) == total(FIRST, LAST)


@pytest.mark.parametrize("key", [each.key for each in asked.MEASURES])
def test_behind_a_number_are_as_many_appointments(practice, year, key):
    found = measures(organisation=practice.organisation, first=FIRST, last=LAST, now=NOW)

    behind = asked.behind(
        key, organisation=practice.organisation, first=FIRST, last=LAST, now=NOW, most=5
    )

    assert behind.number == found.shares[key].missing > 0
    assert len(behind.shown) == 5


def number_behind(practice, key, **of):
    which = {"organisation": practice.organisation, "first": FIRST, "last": LAST, "now": NOW}
    return asked.behind(key, most=1, **which, **of).number


def test_every_number_has_as_many_appointments_behind_it(practice, year):
    found = measures(organisation=practice.organisation, first=FIRST, last=LAST, now=NOW)
    expected = {
        "all": found.total,
        "care_home_round": found.care_home_round,
        "with_reason": found.with_reason,
        **{key: found.waits[name] for key, name in asked.WAITS.items()},
        **{f"{key}-met": share.fulfilled for key, share in found.shares.items()},
        **{f"{key}-of": share.total for key, share in found.shares.items()},
        **{key: number for key, _, number in asked.lists_of(found, NOW.date())},
    }

    assert {key: number_behind(practice, key) for key in expected} == expected
    assert set(expected) == set(asked.numbers(found.lists, NOW.date()))
    for kind, groups in (("role", found.by_role), ("location", found.by_location)):
        for code, shares in groups.items():
            share, of = shares["acc_08"], {kind: str(code)}
            assert number_behind(practice, "acc_08-met", **of) == share.fulfilled > 0
            assert number_behind(practice, "acc_08-of", **of) == share.total


def test_the_appointments_behind_a_number_come_page_by_page(practice, year):
    which = {"organisation": practice.organisation, "first": FIRST, "last": LAST, "now": NOW}

    pages = [asked.behind("acc_08", most=40, skip=skip, **which) for skip in range(0, 200, 40)]

    shown = [each.pk for page in pages for each in page.shown]
    assert 40 < len(shown) == len(set(shown)) == pages[0].number < 200


@pytest.mark.parametrize("today", [date(2026, 10, 25), date(2027, 3, 31)])
def test_each_of_twelve_months_is_what_that_month_says_by_itself(practice, year, today):
    months = asked.last_twelve_months(organisation=practice.organisation, today=today)

    assert len(months) == 12
    assert months[-1][0] == today.replace(day=1)
    for month, shares in months:
        first, last = asked.this_month(month)
        by_itself = measures(organisation=practice.organisation, first=first, last=last, now=NOW)
        assert shares == by_itself.shares
    assert sum(share.total for _, shares in months for share in shares.values()) > 200


def test_twelve_months_take_four_queries(practice, year, django_assert_num_queries):
    with django_assert_num_queries(4):
        asked.last_twelve_months(organisation=practice.organisation, today=LAST)


def test_a_year_takes_five_queries(practice, year, django_assert_num_queries):
    with django_assert_num_queries(5):
        measures(organisation=practice.organisation, first=FIRST, last=LAST, now=NOW)


@pytest.mark.parametrize(
    ("today", "week", "month", "year"),
    [
        ("2026-12-31", "2026-12-28 2027-01-03", "2026-12-01 2026-12-31", "2026-04-01 2027-03-31"),
        ("2026-03-31", "2026-03-30 2026-04-05", "2026-03-01 2026-03-31", "2025-04-01 2026-03-31"),
        ("2028-02-01", "2028-01-31 2028-02-06", "2028-02-01 2028-02-29", "2027-04-01 2028-03-31"),
    ],
)
def test_the_stretches_of_days(today, week, month, year):
    day = date.fromisoformat(today)

    found = [asked.this_week(day), asked.this_month(day), asked.this_financial_year(day)]

    assert [f"{first} {last}" for first, last in found] == [week, month, year]
