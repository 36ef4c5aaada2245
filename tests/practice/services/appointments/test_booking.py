"""The rules of booking, through the service: both doors, and shares of limits."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from practice.exceptions import (
    AppointmentInPast,
    BookedPatientNotFound,
    BookingRefused,
    LocationNotFound,
    NotOffered,
    PatientNotFound,
    PracticeError,
    PractitionerNotFound,
    SlotNotFound,
    SlotNotFree,
    SlotRepeated,
    SlotsNotAdjacent,
    SlotsNotAlike,
    TextTooLong,
    TimesDiffer,
    WrongLocation,
    WrongPractitioner,
)
from practice.models import AccessProfile, Appointment, AuditEvent, Patient, Slot
from practice.services.appointments import changing
from tests.practice.services.appointments.diary_of_june import (
    CALL_CENTRE,
    DAY,
    HOUR,
    NOW,
    RECEPTION,
    book,
    cancel,
    held,
    tables,
)
from workbench.factories import (
    make_access_profile,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- the refusals, one after the other


def refusals() -> dict[str, tuple[dict[str, Any], type[PracticeError]]]:
    """What spoils a booking of two slots, in the order in which it is noticed."""
    elsewhere = make_organisation()
    return {
        "no description": ({"description": " "}, BookingRefused),
        "long description": ({"description": "x" * 101}, TextTooLong),
        "long comment": ({"comment": "x" * 501}, TextTooLong),
        "no patient": ({"patient_id": 0}, BookedPatientNotFound),
        "patient elsewhere": ({"patient_id": make_patient(elsewhere).pk}, BookedPatientNotFound),
        "sensitive patient": ({"patient_id": make_patient(sensitive=True).pk}, PatientNotFound),
        "no location": ({"location_id": 0}, LocationNotFound),
        "location elsewhere": ({"location_id": make_location(elsewhere).pk}, LocationNotFound),
        "no practitioner": ({"practitioner_id": 0}, PractitionerNotFound),
        "no slots": ({"slot_ids": []}, SlotNotFound),
        "unknown slot": ({"slot_ids": [0]}, SlotNotFound),
        "slot elsewhere": ({"slot_ids": [make_slot(organisation=elsewhere).pk]}, SlotNotFound),
        "another start": ({"start": NOW}, TimesDiffer),
        "another end": ({"end": NOW}, TimesDiffer),
        "another location": ({"location_id": make_location().pk}, WrongLocation),
        "another practitioner": ({"practitioner_id": make_practitioner().pk}, WrongPractitioner),
        "too late": ({"now": NOW + 2 * DAY}, AppointmentInPast),
    }


@pytest.mark.req("BOOK-050", "BOOK-053", "BOOK-055", "BOOK-060", "BOOK-062", "BOOK-063", "BOOK-081")
def test_each_refusal_leaves_everything_as_it_was(practice):
    slots = make_slots(2, start=NOW + DAY)
    cases = refusals()
    before = tables()

    for name, (spoilt, refusal) in cases.items():
        with pytest.raises(refusal) as raised:
            book(*slots, **spoilt)
        assert type(raised.value) is refusal, name
        assert tables() == before, name


@pytest.mark.req("BOOK-072")
def test_refusals_come_in_the_order_of_the_specification(practice):
    """Everything is wrong at once; each thing put right uncovers the next."""
    schedule = make_schedule(start=NOW + DAY, access_profile=make_access_profile(ods_codes=["X"]))
    first, second, _, fourth = make_slots(4, schedule)
    book(second, door="staff")
    arguments: dict[str, Any] = {
        "description": "x" * 101,
        "patient_id": 0,
        "location_id": 0,
        "practitioner_id": 0,
        "slot_ids": [first.pk, first.pk, fourth.pk, 0],
        "start": NOW,
        "now": NOW + 2 * DAY,
    }
    steps: list[tuple[type[PracticeError], dict[str, Any]]] = [
        (TextTooLong, {"description": "Cough"}),
        (BookedPatientNotFound, {"patient_id": practice.patient.pk}),
        (LocationNotFound, {"location_id": make_location().pk}),
        (PractitionerNotFound, {"practitioner_id": make_practitioner().pk}),
        (SlotNotFound, {"slot_ids": [first.pk, first.pk, fourth.pk]}),
        (SlotRepeated, {"slot_ids": [first.pk, fourth.pk]}),
        (SlotsNotAdjacent, {"slot_ids": [first.pk, second.pk]}),
        (TimesDiffer, {"start": None}),
        (AppointmentInPast, {"now": NOW}),
        (WrongLocation, {"location_id": None}),
        (WrongPractitioner, {"practitioner_id": None}),
    ]

    for refusal, put_right in steps:
        with pytest.raises(refusal) as raised:
            book(first, second, **arguments)
        assert type(raised.value) is refusal
        arguments.update(put_right)
    with pytest.raises(NotOffered, match="Restricted to other ODS codes"):
        book(first, second, **arguments)
    AccessProfile.objects.update(ods_codes=[])
    with pytest.raises(SlotNotFree):
        book(first, second, **arguments)


@pytest.mark.req("BOOK-066", "BOOK-067")
@pytest.mark.parametrize("fields", [{"delivery_channel": "Video"}, {"slot_type": "Nurse"}])
def test_slots_of_two_kinds_are_not_one_appointment(practice, fields):
    """Not for staff either: an appointment says one channel and one type."""
    first = make_slot(start=NOW + DAY)
    second = make_slot(first.schedule, **fields)

    for door in ("gp-connect", "staff"):
        with pytest.raises(SlotsNotAlike):
            book(first, second, door=door)


# ---------------------------------------------------------------- the staff's door


@pytest.mark.req("AVAIL-080")
def test_staff_take_slots_that_are_offered_to_nobody(practice):
    """Not bookable from outside, restricted, before its window, in a session without a role."""
    schedule = make_schedule(
        start=NOW + 100 * DAY,
        practitioner_role="",
        access_profile=make_access_profile(ods_codes=["X"], slots_per_session=1),
        booking_window_days=1,
        embargo_minutes=60,
    )
    slots = make_slots(3, schedule, gp_connect_bookable=False, delivery_channel="")

    for slot in slots:
        booked = book(slot, door="staff")

    assert booked.booked_via == Appointment.Door.STAFF
    assert booked.access_profile is None
    assert booked.booking_organisation_json == ""


@pytest.mark.req("AVAIL-080")
@pytest.mark.parametrize(
    "state", [{"sensitive": True}, {"nhs_number_verification": "02"}], ids=["sensitive", "untraced"]
)
def test_staff_book_for_patients_whom_nobody_outside_may_know(practice, state):
    Patient.objects.update(**state)
    slot = make_slot(start=NOW + DAY)

    with pytest.raises((PatientNotFound, BookedPatientNotFound)):
        book(slot, patient=practice.patient)
    assert book(slot, patient=practice.patient, door="staff").pk


@pytest.mark.req("DEC-024")
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"active": False}, "The patient is not registered at the practice any more."),
        ({"deceased_at": date(2026, 6, 1)}, "The patient died on 01 Jun 2026."),
        ({"registration_end": date(2026, 6, 9)}, "The registration ended on 09 Jun 2026."),
    ],
    ids=["left", "deceased", "registration ran out yesterday"],
)
def test_nobody_books_for_a_patient_who_is_gone(practice, state, words):
    """Staff are told what became of them; others learn no more than of somebody unknown."""
    Patient.objects.update(**state)
    slot = make_slot(start=NOW + DAY)

    said = {}
    for door in ("gp-connect", "staff"):
        with pytest.raises(BookedPatientNotFound) as refusal:
            book(slot, patient=practice.patient, door=door)
        said[door] = str(refusal.value)

    assert said == {"gp-connect": str(BookedPatientNotFound()), "staff": words}


def test_a_registration_holds_to_the_end_of_its_last_day(practice):
    Patient.objects.update(registration_end=date(2026, 6, 10))

    assert book(make_slot(start=NOW + DAY), patient=practice.patient).pk


def test_staff_may_use_a_slot_that_has_begun_but_none_that_is_over(practice):
    """A patient walks in: the half of the slot that is left will do."""
    begun, over = make_slots(2, start=NOW - timedelta(minutes=5))
    Slot.objects.filter(pk=over.pk).update(start=NOW - 2 * HOUR, end=NOW - HOUR)

    assert book(begun, door="staff").pk
    with pytest.raises(AppointmentInPast):
        book(over, door="staff")


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"status": "busy-unavailable"}, SlotNotFree),
        ({"status": "busy-tentative"}, SlotNotFree),
        ({"status": "entered-in-error"}, SlotNotFree),
        ({"withdrawn": True}, BookingRefused),
    ],
)
def test_staff_do_not_take_what_is_not_free_or_not_planned(practice, fields, refusal):
    slot = make_slot(start=NOW + DAY)
    Slot.objects.filter(pk=slot.pk).update(**fields)

    with pytest.raises(refusal):
        book(slot, door="staff")


def test_staff_do_not_book_in_a_session_that_does_not_take_place(practice):
    slot = make_slot(make_schedule(start=NOW + DAY, withdrawn=True))

    with pytest.raises(BookingRefused, match="withdrawn"):
        book(slot, door="staff")


@pytest.mark.req("RETR-058", "DEC-055")
@pytest.mark.parametrize(
    ("slot_type", "said", "stored"),
    [
        ("Nurse", "", "Nurse"),
        ("Nurse", "  ", "Nurse"),
        ("", "", "Appointment"),
        ("Nurse", "Dressing", "Dressing"),
    ],
)
def test_staff_need_not_describe_an_appointment(practice, slot_type, said, stored):
    slot = make_slot(start=NOW + DAY, slot_type=slot_type, gp_connect_bookable=False)

    assert book(slot, door="staff", description=said).description == stored


@pytest.mark.req("AUD-019", "AUD-031")
def test_what_staff_do_is_recorded_with_old_and_new_values(practice):
    user = get_user_model().objects.create(username="rita")
    booked = book(
        make_slot(start=NOW + DAY),
        patient=practice.patient,
        door="staff",
        actor=RECEPTION,
        booked_by=user,
    )
    with transaction.atomic():
        changing.amend_appointment(
            appointment=held(booked),
            description="Cough",
            comment="Deaf",
            actor=RECEPTION,
            now=NOW + HOUR,
        )
    cancel(booked, now=NOW + 2 * HOUR)

    events = AuditEvent.objects.order_by("pk")
    booked.refresh_from_db()
    assert [event.event for event in events] == [
        "appointment.booked",
        "appointment.amended",
        "appointment.cancelled",
    ]
    for event in events:
        assert (event.patient_id, event.resource) == (
            practice.patient.pk,
            f"Appointment/{booked.pk}",
        )
        assert (event.user_id, event.user_name) == ("rita", "Rita Reception")
    assert events[1].detail["changes"] == {
        "description": {"from": "Sore throat for a week", "to": "Cough"},
        "comment": {"from": "", "to": "Deaf"},
    }
    assert events[2].detail["changes"]["status"] == {"from": "booked", "to": "cancelled"}
    assert [entry["action"] for entry in booked.provenance] == ["booked", "amended", "cancelled"]
    assert booked.booked_by == user
    assert booked.version == 3


# ---------------------------------------------------------------- shares of a limit

LIMITS = ["slots_per_session", "slots_per_day", "slots_per_week"]


@pytest.mark.req("AVAIL-006", "AVAIL-007", "AVAIL-073", "CANC-039")
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("cancelled_by", [RECEPTION, CALL_CENTRE], ids=["staff", "consumer"])
def test_a_share_is_taken_by_booking_and_given_back_by_cancelling(practice, limit, cancelled_by):
    """Whoever cancels; and slots count, not appointments."""
    schedule = make_schedule(start=NOW + DAY, access_profile=make_access_profile(**{limit: 2}))
    slots = make_slots(5, schedule)
    double = book(*slots[:2])

    with pytest.raises(NotOffered, match="limit is used up"):
        book(slots[2])
    cancel(double, cancelled_by)
    book(slots[2])
    with pytest.raises(NotOffered, match="limit is used up"):
        book(*slots[3:5])
    book(slots[3])
    with pytest.raises(NotOffered, match="limit is used up"):
        book(slots[4])


@pytest.mark.req("AVAIL-006", "AVAIL-007")
def test_more_slots_than_a_limit_admits_are_refused_at_once(practice):
    schedule = make_schedule(
        start=NOW + DAY, access_profile=make_access_profile(slots_per_session=1)
    )

    with pytest.raises(NotOffered, match="limit is used up"):
        book(*make_slots(2, schedule))


@pytest.mark.req("AVAIL-074")
def test_an_appointment_counts_against_the_limited_one_of_its_profiles(practice):
    """Its first slot is under no limit; the second must not be had for nothing because of that."""
    limited = make_access_profile(slots_per_session=2)
    schedule = make_schedule(start=NOW + DAY)
    free, first = make_slots(1, schedule) + make_slots(1, schedule, access_profile=limited)
    other = make_slots(1, schedule, access_profile=limited)

    assert book(free, first).access_profile == limited
    with pytest.raises(NotOffered, match="limit is used up"):
        book(*other)


@pytest.mark.req("AVAIL-074")
def test_slots_under_two_limits_are_not_one_appointment(practice):
    schedule = make_schedule(start=NOW + DAY)
    slots = [
        make_slots(1, schedule, access_profile=make_access_profile(slots_per_session=3))[0]
        for _ in range(2)
    ]

    with pytest.raises(NotOffered, match="one by one"):
        book(*slots)
    book(slots[0])
    book(slots[1])


def test_booking_takes_a_constant_number_of_queries(practice, django_assert_num_queries):
    few, many = make_slots(1, start=NOW + DAY), make_slots(12, start=NOW + 2 * DAY)
    with CaptureQueriesContext(connection) as for_few:
        book(*few, patient=practice.patient)

    with django_assert_num_queries(len(for_few)):
        book(*many, patient=practice.patient)


def test_created_is_kept_to_the_second_and_defaults_to_now(practice):
    first, second = make_slots(2, start=NOW + DAY)
    said = NOW - DAY + timedelta(microseconds=999_999)

    assert book(first, created=said).created == NOW - DAY
    assert book(second, now=NOW + timedelta(microseconds=1)).created == NOW
