"""The rows of the weekly return: all of them, once each, in the sums of the page of measures."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from practice.models import Appointment, AppointmentSlot, ExceptionReason, Slot, SlotTypeMapping
from practice.reads import weekly_return
from practice.reads.measures import BANDS, UNKNOWN, measures
from practice.reads.weekly_return import COLUMNS, became, monday_of, rows_of_week
from workbench.factories import make_organisation, make_patient, make_schedule, make_slot_type
from workbench.paths import ROOT

LONDON = ZoneInfo("Europe/London")
# The weeks around both clock changes, and that of the new year.
MONDAYS = [date(2026, 10, 19), date(2026, 10, 26), date(2027, 3, 22), date(2026, 12, 28)]
# Midnights between weeks, and the hour that comes twice or never.
EDGES = [
    datetime(2026, 10, 18, 23, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 10, 26, 0, tzinfo=UTC),
    datetime(2027, 1, 1, 0, tzinfo=UTC),
    datetime(2027, 3, 28, 1, tzinfo=UTC),
    datetime(2027, 3, 28, 23, tzinfo=UTC),
]
CATEGORIES = {
    "Routine": "General Consultation Routine",
    "Urgent": "General Consultation Acute",
    "Round": "Patient contact during Care Home Round",
    "New": None,
}

bookings = st.lists(
    st.tuples(
        st.sampled_from(EDGES),
        st.sampled_from([-1, 0, 1, 30, 60 * 24 * 3]),  # minutes from the edge
        st.sampled_from([-30, 0, 600, 1440, 20160, 21600, 70000]),  # minutes of waiting
        st.sampled_from(Appointment.Status.values),
        st.sampled_from([*CATEGORIES, "Never a record"]),
        st.integers(0, 3),  # slots
        st.booleans(),  # a reason was given
    ),
    min_size=1,
    max_size=12,
)
slots = st.lists(
    st.tuples(
        st.sampled_from(EDGES),
        st.sampled_from(Slot.Status.values),
        st.booleans(),  # withdrawn
    ),
    max_size=6,
)


def london(moment):
    return moment.astimezone(LONDON).date()


def made(organisation, wanted, unbooked):
    """Appointments and slots as they may be stored, whether or not a service would book them."""
    schedule, patient = make_schedule(organisation), make_patient(organisation)
    shared = {"organisation": organisation, "schedule": schedule, "delivery_channel": "In-person"}
    for edge, minutes, wait, status, name, number, has_reason in wanted:
        start = edge + timedelta(minutes=minutes)
        appointment = Appointment.objects.create(
            **shared, patient=patient, location=schedule.location, status=status, slot_type=name,
            start=start, end=start + timedelta(minutes=10), created=start - timedelta(minutes=wait),
            description="x",
        )  # fmt: skip
        is_live = status not in Appointment.GONE
        for n in range(number):
            at = start + timedelta(minutes=10 * n)
            slot = Slot.objects.create(
                **shared, slot_type=name, start=at, end=at + timedelta(minutes=10),
                overbooked=True, status="busy" if is_live else "free",
            )  # fmt: skip
            AppointmentSlot.objects.create(appointment=appointment, slot=slot, released=not is_live)
        if has_reason:
            for reason in ("Two", "One"):
                ExceptionReason.objects.create(
                    appointment=appointment, reason=reason, given_at=start, given_by_name="Rita"
                )
    for edge, status, withdrawn in unbooked:
        Slot.objects.create(
            **shared, slot_type="Routine", start=edge, end=edge + timedelta(minutes=10),
            overbooked=True, status=status, withdrawn=withdrawn and status != "busy",
        )  # fmt: skip


@pytest.mark.django_db
@settings(max_examples=8, derandomize=True, deadline=None, database=None)
@given(bookings, slots)
def test_every_appointment_of_every_status_is_in_exactly_one_place_and_the_sums_agree(
    wanted, unbooked
):
    with transaction.atomic():
        organisation = make_organisation()
        for name, category in CATEGORIES.items():
            make_slot_type(organisation, name, category=category)
        made(organisation, wanted, unbooked)
        made(make_organisation(), wanted[:1], unbooked)
        stored = Appointment.objects.filter(organisation=organisation)
        starts = stored.values_list("start", flat=True)
        mondays = sorted({MONDAYS[0], *(monday_of(london(each)) for each in starts)})

        weeks = {
            monday: list(rows_of_week(organisation=organisation, first_day=monday))
            for monday in mondays
        }

        places = Counter(
            row.pk for rows in weeks.values() for row in rows if row.kind == "appointment"
        )
        assert places == Counter(stored.values_list("pk", flat=True))
        held = AppointmentSlot.objects.filter(released=False).values("slot")
        free = Slot.objects.filter(organisation=organisation, withdrawn=False)
        free = free.exclude(status="entered-in-error").exclude(pk__in=held)
        found = Counter(row.pk for rows in weeks.values() for row in rows if row.kind == "slot")
        assert found == Counter(
            pk for pk, at in free.values_list("pk", "start") if monday_of(london(at)) in weeks
        )
        for monday, rows in weeks.items():
            assert all(monday <= london(row.start) <= monday + timedelta(6) for row in rows)
            assert rows == sorted(rows, key=lambda row: row.order)
            agree(organisation, monday, rows)
        transaction.set_rollback(True)


def agree(organisation, monday, rows):
    """Count the file as a reader of it would: the page says the same."""
    said = [
        json.loads(json.dumps({each.name: each.value(row) for each in COLUMNS})) for row in rows
    ]
    counted = [
        each
        for each in said
        if each["kind"] == "appointment"
        and each["status"] in ("booked", "arrived", "fulfilled", "noshow")
    ]

    def wait(each):
        start, booked = (datetime.fromisoformat(each[name]) for name in ("start", "booked_at"))
        return (start.date() - booked.date()).days

    def band(each):
        if wait(each) < 0:
            return UNKNOWN
        return next(name for most, name in BANDS if wait(each) <= most)

    page = measures(
        organisation=organisation,
        first=monday,
        last=monday + timedelta(6),
        now=datetime(2027, 6, 1, tzinfo=UTC),
    )
    assert page.total == len(counted)
    assert page.categories == Counter(each["national_category"] for each in counted)
    assert page.waits == Counter(map(band, counted))
    assert page.with_reason == sum(bool(each["exception_reasons"]) for each in counted)
    urgent = [each for each in counted if each["national_category"] == CATEGORIES["Urgent"]]
    share = page.shares["urgent_same_day"]
    assert (share.fulfilled, share.total) == (sum(wait(e) == 0 for e in urgent), len(urgent))
    assert page.inconsistent == sum(
        each["national_category"] != each["category_when_booked"]
        and "Unmapped" not in (each["national_category"], each["category_when_booked"])
        for each in counted
    )


@pytest.mark.django_db
def test_pages_of_any_length_read_the_same(practice, monkeypatch):
    """Also where several rows have one start, across the end of a page."""
    wanted = [(EDGES[1], 0, 600, "booked", "Routine", 2, False)] * 5
    made(practice.organisation, wanted, [(EDGES[1], "free", False)] * 5)
    whole = list(rows_of_week(organisation=practice.organisation, first_day=MONDAYS[0]))
    assert len(whole) == 10

    monkeypatch.setattr(weekly_return, "PAGE", 2)

    assert list(rows_of_week(organisation=practice.organisation, first_day=MONDAYS[0])) == whole


@pytest.mark.django_db
def test_a_row_says_nothing_of_who_the_patient_is(practice):
    made(practice.organisation, [(EDGES[1], 0, 600, "booked", "Routine", 1, True)], [])
    [row] = rows_of_week(organisation=practice.organisation, first_day=MONDAYS[0])

    said = {column.name: column.value(row) for column in COLUMNS}

    patient = Appointment.objects.get().patient
    text = json.dumps(said)
    assert said["patient"] == patient.pk
    for secret in (patient.nhs_number, patient.family_name, str(patient.birth_date)):
        assert secret not in text
    assert said["exception_reasons"] == ["One", "Two"]
    assert said["start"] == "2026-10-25T01:30:00+01:00"


def test_when_an_appointment_became_what_it_is():
    def step(action, before, after, minute):
        at = f"2026-06-01T09:{minute:02}:00+00:00"
        return {"action": action, "at": at, "changes": {"status": {"from": before, "to": after}}}

    booked = {"action": "booked", "at": "2026-05-01T09:00:00+00:00"}
    arrived = step("marked", "booked", "arrived", 1)

    assert became([booked, arrived]) == {"arrived": "2026-06-01T10:01:00+01:00"}
    assert became([booked, arrived, step("undone", "arrived", "booked", 2)]) == {}
    assert became([booked, step("cancelled", "booked", "cancelled", 3)]) == {
        "cancelled": "2026-06-01T10:03:00+01:00"
    }


def test_the_columns_are_those_of_the_documents():
    table = "".join(f"| `{each.name}` | {each.says} |\n" for each in COLUMNS)

    assert table in (ROOT / "docs" / "data.md").read_text(encoding="utf-8")


def test_a_mapping_that_a_row_names_is_the_one_of_its_day(practice, db):
    slot_type = make_slot_type(practice.organisation, "Routine", category=CATEGORIES["Routine"])
    SlotTypeMapping.objects.filter(slot_type=slot_type).update(last_day=date(2026, 10, 24))
    made(practice.organisation, [(EDGES[1], 0, 2000, "booked", "Routine", 0, False)], [])

    [row] = rows_of_week(organisation=practice.organisation, first_day=MONDAYS[0])

    said = {column.name: column.value(row) for column in COLUMNS}
    assert (said["national_category"], said["mode"]) == ("Unmapped", None)
    assert said["category_when_booked"] == CATEGORIES["Routine"]
