"""Retrieve a patient's appointments: which range may be asked for, and what is found in it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from fhirapi import ssp
from fhirapi.resources.common import uk_time
from practice import clock
from practice.models import Appointment, AuditEvent, Patient
from practice.services.appointments import attendance
from tests.fhirapi.answers import in_both_formats, resources, violations
from tests.fhirapi.appointments import answer, assert_refused, cancel, diary, example
from tests.shared import needs_shared
from workbench.consumer import Consumer, as_dict, read_back
from workbench.factories import (
    make_actor,
    make_appointment,
    make_organisation,
    make_patient,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db

INVALID = (422, "INVALID_PARAMETER")
NO_PATIENT = (404, "PATIENT_NOT_FOUND")

TODAY = clock.today(timezone.now())
TOMORROW, YESTERDAY = TODAY + timedelta(days=1), TODAY - timedelta(days=1)
NEXT_MONTH = TODAY + timedelta(days=30)


def ids(response) -> list[str]:
    """The ids of the appointments in an answer, in their order."""
    assert response.status_code == 200, response.content
    assert read_back(response).get_resource_type() == "Bundle"
    return [each["id"] for each in resources(as_dict(response))]


def booked_at(start: datetime, patient: Patient, *, minutes: int = 10, **given) -> Appointment:
    """An appointment that starts at a moment, perhaps a past one."""
    slot = make_slot(start=start, minutes=minutes)
    return make_appointment([slot], patient, now=start - timedelta(days=7), **given)


# ---------------------------------------------------------------- which range

REFUSALS = {
    # id and case: (values of start, words of the diagnostics)
    "RETR-010 none": ([], "start is required"),
    "RETR-010 only the first day": ([f"ge{TODAY}"], "must be sent twice"),
    "RETR-010 only the last day": ([f"le{TODAY}"], "must be sent twice"),
    "RETR-011 ge twice": ([f"ge{TODAY}", f"ge{TOMORROW}"], "must be sent twice"),
    "RETR-011 le twice": ([f"le{TODAY}", f"le{TOMORROW}"], "must be sent twice"),
    "RETR-011 three": ([f"ge{TODAY}", f"le{TOMORROW}", f"le{NEXT_MONTH}"], "must be sent twice"),
    "RETR-012 no prefixes": ([f"{TODAY}", f"{TOMORROW}"], "must be sent twice"),
    "RETR-012 one prefix": ([f"ge{TODAY}", f"{TOMORROW}"], "must be sent twice"),
    **{
        f"RETR-004 RETR-012 {one} and {other}": (
            [f"{one}{TODAY}", f"{other}{TOMORROW}"],
            "must be sent twice",
        )
        for one, other in (
            *(("gt", "lt"), ("ge", "lt"), ("gt", "le"), ("eq", "eq"), ("sa", "eb"), ("GE", "LE")),
            ("ge", "ap"),
        )
    },
    "RETR-002 RETR-013 times": ([f"ge{TODAY}T00:00:00+00:00", f"le{TOMORROW}"], "full dates"),
    "RETR-013 a local time": ([f"ge{TODAY}", f"le{TOMORROW}T23:59:59"], "full dates"),
    "RETR-014 a month": ([f"ge{TODAY}", f"le{TOMORROW:%Y-%m}"], "full dates"),
    "RETR-014 a year": ([f"ge{TODAY}", f"le{NEXT_MONTH:%Y}"], "full dates"),
    "RETR-014 no such day": ([f"ge{TODAY}", "le2999-02-29"], "full dates"),
    "RETR-014 no such month": ([f"ge{TODAY}", "le2999-13-01"], "full dates"),
    "RETR-014 short numbers": ([f"ge{TODAY}", "le2999-1-1"], "full dates"),
    "RETR-014 other digits": ([f"ge{TODAY}", "le２９９９-01-01"], "full dates"),
    "RETR-014 without hyphens": ([f"ge{TODAY}", "le29990101"], "full dates"),
    "RETR-014 spaces": ([f"ge {TODAY}", f"le{TOMORROW}"], "full dates"),
    "RETR-014 nothing": (["ge", "le"], "full dates"),
    "RETR-015 backwards": ([f"ge{NEXT_MONTH}", f"le{TOMORROW}"], "must not end before it begins"),
    "RETR-003 RETR-016 from yesterday": (
        [f"ge{YESTERDAY}", f"le{TOMORROW}"],
        "past appointments cannot be requested",
    ),
    "RETR-016 wholly in the past": (
        ["ge2020-01-01", "le2020-01-31"],
        "past appointments cannot be requested",
    ),
}


@pytest.mark.req("RETR-001", "RETR-002", "RETR-003", "RETR-004", "RETR-010", "RETR-011", "RETR-012")
@pytest.mark.req("RETR-013", "RETR-014", "RETR-015", "RETR-016", "RETR-017")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize(("values", "words"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_is_no_range_of_days_to_come_is_refused(consumer, practice, values, words, format):
    before = diary()

    response = consumer.retrieve(practice.patient.pk, query={"start": values}, format=format)

    assert_refused(response, INVALID, words, before=before)


@pytest.mark.req("RETR-001", "RETR-005", "RETR-006", "GEN-071", "GEN-078", "GEN-114")
@pytest.mark.parametrize(
    "query",
    [
        pytest.param(f"start=ge{TODAY}&start=le{NEXT_MONTH}", id="in order"),
        pytest.param(f"start=le{NEXT_MONTH}&start=ge{TODAY}", id="in the other order"),
        pytest.param(f"start=ge{TOMORROW}&start=le{TOMORROW}", id="one day"),
        pytest.param(f"start=ge{TODAY}&start=le9999-12-31", id="without end"),
        pytest.param(f"%73tart=%67e{TODAY}&start=le{NEXT_MONTH}", id="percent-encoded"),
        pytest.param(
            f"start=ge{TODAY}&start=le{NEXT_MONTH}&_count=0&_sort=-start&_summary=count&status=free"
            "&end=le2020-01-01&nonsense=1",
            id="with parameters that are no part of it",
        ),
    ],
)
def test_a_range_of_days_to_come_is_searched(consumer, practice, query):
    booked = make_appointment(patient=practice.patient)

    assert ids(consumer.retrieve(practice.patient.pk, query=query)) == [str(booked.pk)]


@pytest.mark.req("RETR-003", "RETR-019", "RETR-035")
@pytest.mark.parametrize(
    ("now", "today"),
    [
        (datetime(2027, 6, 30, 22, 59, tzinfo=UTC), date(2027, 6, 30)),
        (datetime(2027, 6, 30, 23, 1, tzinfo=UTC), date(2027, 7, 1)),
        (datetime(2027, 1, 31, 23, 59, tzinfo=UTC), date(2027, 1, 31)),
        (datetime(2027, 2, 1, 0, 1, tzinfo=UTC), date(2027, 2, 1)),
    ],
    ids=["summer, before midnight", "summer, after midnight", "winter, before", "winter, after"],
)
def test_today_is_londons(consumer, practice, monkeypatch, now, today):
    """In summer London's day begins an hour before the server's."""
    monkeypatch.setattr("fhirapi.views.timezone.now", lambda: now)
    monkeypatch.setattr("workbench.consumer.timezone.now", lambda: now)
    yesterday = today - timedelta(days=1)

    accepted = consumer.retrieve(practice.patient.pk, f"{today}", f"{today}")
    refused = consumer.retrieve(practice.patient.pk, f"{yesterday}", f"{today}")

    assert (accepted.status_code, *answer(refused)) == (200, *INVALID)


# ---------------------------------------------------------------- whose


@pytest.mark.req("RETR-018")
@pytest.mark.parametrize(
    "state",
    [
        {"active": False},
        {"deceased_at": "2026-01-01"},
        {"nhs_number_verification": "02"},
        {"sensitive": True},
        {"registration_end": YESTERDAY},
    ],
    ids=["inactive", "deceased", "unverified", "sensitive", "registration ran out"],
)
def test_a_patient_who_is_not_to_be_seen_is_not_found(consumer, practice, state):
    make_appointment(patient=practice.patient)
    Patient.objects.update(**state)
    before = diary()

    response = consumer.retrieve(practice.patient.pk, f"{TODAY}", f"{NEXT_MONTH}")

    assert_refused(response, NO_PATIENT, "There is no such patient", before=before)
    assert AuditEvent.objects.latest("pk").patient_id == practice.patient.pk


@pytest.mark.req("RETR-018", "DEC-065")
@pytest.mark.parametrize("pk", ["999999", "0", "null", "01", "a.b", "9" * 64])
def test_an_unknown_patient_is_not_found(consumer, practice, pk):
    assert answer(consumer.retrieve(pk, f"{TODAY}", f"{NEXT_MONTH}")) == NO_PATIENT


@pytest.mark.req("RETR-018", "RETR-031", "GEN-117", "GEN-160")
def test_a_patient_of_another_practice_is_not_found(practice):
    """Also when the same person is registered at both."""
    elsewhere = make_organisation()
    there = make_patient(elsewhere, nhs_number=practice.patient.nhs_number)
    here = make_appointment(patient=practice.patient)
    make_appointment([make_slot(organisation=elsewhere)], there)
    range_ = (f"{TODAY}", f"{NEXT_MONTH}")

    own = Consumer(practice.organisation).retrieve(practice.patient.pk, *range_)
    foreign = Consumer(practice.organisation).retrieve(there.pk, *range_)

    assert ids(own) == [str(here.pk)]
    assert answer(foreign) == NO_PATIENT


# ---------------------------------------------------------------- what is found


@pytest.mark.req("RETR-030", "RETR-038", "GEN-110", "GEN-111")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_nothing_found_is_a_bundle_without_entries(consumer, practice, format):
    response = consumer.retrieve(practice.patient.pk, f"{TODAY}", f"{NEXT_MONTH}", format=format)

    assert response.status_code == 200
    assert as_dict(response) == {"resourceType": "Bundle", "type": "searchset"}
    assert "ETag" not in response.headers


@pytest.mark.req("RETR-031", "RETR-032", "RETR-039", "GEN-115")
def test_what_starts_on_one_of_the_days_is_found_and_nothing_else(consumer, practice):
    """From the first minute of the first day to the last of the last, by London's clock."""
    first, last = TODAY + timedelta(days=10), TODAY + timedelta(days=12)
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    booked_at(clock.day_start(first) - minute, practice.patient)
    booked_at(clock.day_end(last), practice.patient)
    late = booked_at(clock.day_end(last) - minute, practice.patient, minutes=60)
    middle = booked_at(clock.day_start(last) - 3 * hour, practice.patient)
    early = booked_at(clock.day_start(first), practice.patient)
    booked_at(clock.day_start(last), make_patient())

    found = ids(consumer.retrieve(practice.patient.pk, f"{first}", f"{last}"))

    assert found == [str(each.pk) for each in (early, middle, late)]


@pytest.mark.req("RETR-031", "GEN-131")
def test_the_days_of_the_clock_changes_are_whole(consumer, practice):
    changes = clock.offset_changes(timezone.now(), timezone.now() + timedelta(days=400))
    for change, _ in changes:
        day = clock.local(change).date()
        minute = timedelta(minutes=1)
        expected = [
            booked_at(start, practice.patient)
            for start in (clock.day_start(day), change, clock.day_end(day) - minute)
        ]
        booked_at(clock.day_start(day) - minute, practice.patient)
        booked_at(clock.day_end(day), practice.patient)

        found = ids(consumer.retrieve(practice.patient.pk, f"{day}", f"{day}"))

        assert found == [str(each.pk) for each in expected]


@pytest.mark.req("RETR-035", "DEC-016")
def test_what_has_begun_today_is_found(consumer, practice):
    """By date: reading it is refused by date and time, retrieving it is not."""
    begun = booked_at(clock.day_start(TODAY), practice.patient)

    found = ids(consumer.retrieve(practice.patient.pk, f"{TODAY}", f"{TODAY}"))

    assert found == [str(begun.pk)]
    assert answer(consumer.read_appointment(begun.pk)) == (422, "INVALID_RESOURCE")


@pytest.mark.req("RETR-033", "RETR-034", "RETR-054", "AVAIL-080")
def test_whoever_booked_and_whatever_became_of_it(consumer, practice):
    """Staff and others, today's in every state that staff set, and cancelled ones."""
    start = clock.day_start(TODAY)
    slots = make_slots(6, make_schedule(start=start), start=start, minutes=5)
    doors = ["staff", "gp-connect", "staff", "gp-connect", "staff", "gp-connect"]
    appointments = [
        make_appointment([slot], practice.patient, door=door, now=start - timedelta(days=1))
        for slot, door in zip(slots, doors, strict=True)
    ]
    statuses = ["booked", "arrived", "fulfilled", "noshow", "cancelled", "cancelled"]
    for each, status in zip(appointments, statuses, strict=True):
        if status in ("arrived", "fulfilled", "noshow"):
            attendance.mark(
                organisation=practice.organisation,
                appointment_id=each.pk,
                status=status,
                actor=make_actor(door="staff"),
                now=clock.day_end(TODAY) - timedelta(minutes=1),
            )
        elif status == "cancelled":
            cancel(each, now=start - timedelta(hours=1))

    response = consumer.retrieve(practice.patient.pk, f"{TODAY}", f"{TODAY}")

    assert ids(response) == [str(each.pk) for each in appointments]
    assert [each["status"] for each in resources(as_dict(response))] == statuses


@pytest.mark.req("RETR-037")
def test_nothing_but_appointments_is_returned(consumer, practice):
    make_appointment(patient=practice.patient)
    query = {
        "start": [f"ge{TODAY}", f"le{NEXT_MONTH}"],
        "_include": ["Appointment:patient", "Appointment:location", "*"],
    }

    found = resources(as_dict(consumer.retrieve(practice.patient.pk, query=query)))

    assert [each["resourceType"] for each in found] == ["Appointment"]


@pytest.mark.req("RETR-050", "RETR-051", "RETR-052", "RETR-054", "RETR-055", "RETR-056", "RETR-057")
@pytest.mark.req("RETR-058", "GEN-112", "GEN-113")
def test_the_whole_answer(consumer, practice):
    """One booked by staff, one that another organisation booked and then cancelled."""
    first, second = make_slots(2, slot_type="Nurse", delivery_channel="Video")
    created = timezone.now()
    given = {"patient": practice.patient, "now": created}
    by_staff = make_appointment([first], door="staff", description="", **given)
    from_outside = make_appointment([second], comment="Deaf.", **given)
    cancel(from_outside, now=created, reason="Feeling better")

    response = consumer.retrieve(practice.patient.pk, f"{TOMORROW}", f"{TOMORROW}")

    assert as_dict(response) == example(
        "retrieve_appointments_response",
        staff_appointment=by_staff.pk,
        outside_appointment=from_outside.pk,
        first=first.pk,
        second=second.pk,
        patient=practice.patient.pk,
        location=first.schedule.location_id,
        practitioner=first.schedule.session_holder_id,
        start=uk_time(first.start),
        middle=uk_time(first.end),
        end=uk_time(second.end),
        created=uk_time(created),
    )


@needs_shared
@pytest.mark.req("RETR-050", "RETR-051", "RETR-053", "RETR-057")
def test_answers_keep_to_the_profile_in_both_formats(consumer, practice):
    slots = make_slots(3)
    for slot, door in zip(slots, ("staff", "gp-connect", "gp-connect"), strict=True):
        made = make_appointment([slot], practice.patient, door=door)
    cancel(made, now=timezone.now())

    found = in_both_formats(
        lambda format: consumer.retrieve(
            practice.patient.pk, f"{TODAY}", f"{NEXT_MONTH}", format=format
        )
    )

    assert violations(found) == []
    for each in resources(found):
        assert not {"reason", "specialty", "text"} & each.keys()


@pytest.mark.req("AUD-001", "AUD-002", "AUD-007")
def test_a_retrieval_is_recorded(consumer, practice):
    consumer.retrieve(practice.patient.pk, f"{TODAY}", f"{TODAY}")

    event = AuditEvent.objects.get()
    assert (event.event, event.outcome) == (ssp.RETRIEVE_APPOINTMENTS.id, "200")
    assert event.patient_id == practice.patient.pk
    assert f"start=ge{TODAY}" in event.detail["url"]


def test_any_number_of_appointments_takes_as_many_queries_as_one(
    consumer, practice, django_assert_num_queries
):
    make_appointment(patient=practice.patient)
    range_ = (practice.patient.pk, f"{TODAY}", f"{NEXT_MONTH}")
    with django_assert_num_queries(10, exact=False) as one:
        consumer.retrieve(*range_)
    for slot in make_slots(12):
        make_appointment([slot], practice.patient)

    with django_assert_num_queries(len(one)):
        assert len(ids(consumer.retrieve(*range_))) == 13
