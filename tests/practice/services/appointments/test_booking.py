"""The rules of booking, through the service: both doors, shares of limits, giving slots back."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from practice.exceptions import (
    AppointmentCancelled,
    AppointmentInPast,
    AppointmentNotFound,
    BookedPatientNotFound,
    BookingRefused,
    LocationNotFound,
    NotOffered,
    PatientNotFound,
    PracticeError,
    PractitionerNotFound,
    ReasonMissing,
    SlotNotFound,
    SlotNotFree,
    SlotRepeated,
    SlotsNotAdjacent,
    SlotsNotAlike,
    TextTooLong,
    TimesDiffer,
    VersionConflict,
    WrongLocation,
    WrongPractitioner,
)
from practice.models import AccessProfile, Appointment, AppointmentSlot, AuditEvent, Patient, Slot
from practice.services.appointments import changing
from workbench.factories import (
    make_access_profile,
    make_actor,
    make_appointment,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)  # a Wednesday, noon in London
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RECEPTION = make_actor(door="staff", user_id="rita", name="Rita Reception", organisation="Practice")
CALL_CENTRE = make_actor()


def book(*slots: Slot, **arguments: Any) -> Appointment:
    return make_appointment(slots, **{"now": NOW, **arguments})


def held(appointment: Appointment, actor=RECEPTION, **arguments: Any) -> Appointment:
    """The appointment, locked for a change."""
    return changing.appointment_for_change(
        organisation=appointment.organisation,
        appointment_id=appointment.pk,
        actor=actor,
        **{"now": NOW, **arguments},
    )


def cancel(appointment: Appointment, actor=RECEPTION, *, reason="Better", now=NOW) -> Appointment:
    with transaction.atomic():
        return changing.cancel_appointment(
            appointment=held(appointment, actor, now=now), reason=reason, actor=actor, now=now
        )


def tables() -> list[list[Any]]:
    kinds: tuple[Any, ...] = (Appointment, AppointmentSlot, Slot, AuditEvent)
    return [list(kind.objects.order_by("pk").values()) for kind in kinds]


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
        embargo_minutes=0,
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


@pytest.mark.parametrize(
    "state",
    [
        {"active": False},
        {"deceased_at": date(2026, 6, 1)},
        {"registration_end": date(2026, 6, 9)},
    ],
    ids=["left", "deceased", "registration ran out yesterday"],
)
def test_nobody_books_for_a_patient_who_is_gone(practice, state):
    Patient.objects.update(**state)
    slot = make_slot(start=NOW + DAY)

    for door in ("gp-connect", "staff"):
        with pytest.raises(BookedPatientNotFound):
            book(slot, patient=practice.patient, door=door)


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


# ---------------------------------------------------------------- giving slots back


@pytest.mark.req("CANC-031")
@pytest.mark.parametrize("orphaned", [False, True])
def test_slots_of_an_orphan_are_withdrawn_others_are_free(practice, orphaned):
    slots = make_slots(2, start=NOW + DAY)
    booked = book(*slots)
    Appointment.objects.update(orphaned=orphaned)

    ended = cancel(booked)

    for slot in Slot.objects.filter(pk__in=[slot.pk for slot in slots]):
        assert (slot.status, slot.withdrawn, slot.version) == ("free", orphaned, 3)
        assert slot.withdrawn_by_plan == orphaned, "the plan may bring it back"
    assert (ended.status, ended.orphaned, ended.version) == ("cancelled", False, 2)
    assert AppointmentSlot.objects.filter(appointment=booked, released=True).count() == 2
    if orphaned:
        with pytest.raises(BookingRefused):
            book(slots[0], door="staff")
    else:
        assert book(slots[0], door="staff").pk


@pytest.mark.req("CANC-032")
def test_a_cancelled_appointment_gives_nothing_back_twice(practice):
    """Its slots may be somebody else's by now."""
    slot = make_slot(start=NOW + DAY)
    first = book(slot)
    cancel(first)
    second = book(slot)

    with pytest.raises(AppointmentCancelled):
        cancel(first)

    assert Slot.objects.get(pk=slot.pk).status == "busy"
    assert AppointmentSlot.objects.get(slot=slot, released=False).appointment == second


@pytest.mark.req("CANC-014")
def test_a_cancellation_needs_a_reason(practice):
    booked = book(make_slot(start=NOW + DAY))

    with pytest.raises(ReasonMissing):
        cancel(booked, reason=" \n")

    booked.refresh_from_db()
    assert booked.status == "booked"


# ---------------------------------------------------------------- changing


@pytest.mark.req("AMEND-013", "AMEND-023", "CANC-012")
@pytest.mark.parametrize("expected", ["0", "2", "", "1 ", "01"])
def test_another_version_is_a_conflict_before_anything_else(practice, expected):
    """Even for what is cancelled and long over."""
    booked = book(make_slot(start=NOW + DAY))
    Appointment.objects.update(status="cancelled")

    with pytest.raises(VersionConflict), transaction.atomic():
        held(booked, CALL_CENTRE, expected_version=expected, now=NOW + 10 * DAY)


@pytest.mark.req("AMEND-012", "CANC-011")
def test_staff_change_what_is_over_others_do_not(practice):
    """By the stored start, to the second."""
    booked = book(make_slot(start=NOW + DAY))
    start = booked.start

    with transaction.atomic():
        assert held(booked, CALL_CENTRE, now=start - timedelta(microseconds=1))
        with pytest.raises(AppointmentInPast):
            held(booked, CALL_CENTRE, now=start)
        assert held(booked, RECEPTION, now=start + 10 * DAY)


def test_an_appointment_of_another_practice_is_not_there(practice):
    booked = book(make_slot(start=NOW + DAY))

    with pytest.raises(AppointmentNotFound), transaction.atomic():
        changing.appointment_for_change(
            organisation=make_organisation(), appointment_id=booked.pk, actor=RECEPTION, now=NOW
        )


@pytest.mark.req("AMEND-015", "AMEND-016", "AMEND-035")
def test_texts_are_checked_and_a_change_of_nothing_is_none(practice):
    booked = book(make_slot(start=NOW + DAY), comment="Deaf")

    def amend(description: str, comment: str) -> Appointment:
        with transaction.atomic():
            return changing.amend_appointment(
                appointment=held(booked),
                description=description,
                comment=comment,
                actor=RECEPTION,
                now=NOW,
            )

    for texts in (("", "Deaf"), ("x" * 101, ""), ("Cough", "x" * 501)):
        with pytest.raises((BookingRefused, TextTooLong)):
            amend(*texts)
    unchanged = amend(booked.description, "Deaf")
    changed = amend(booked.description, "")

    assert (unchanged.version, changed.version) == (1, 2)
    assert Appointment.objects.get().comment == ""


# ---------------------------------------------------------------- locks


@pytest.mark.req("BOOK-073", "GEN-102")
@pytest.mark.postgresql
def test_locks_are_taken_in_the_one_order_before_anything_is_decided(practice):
    """Slots by id, then access profiles by id: whoever keeps to it queues and never deadlocks."""
    schedule = make_schedule(
        start=NOW + DAY, access_profile=make_access_profile(slots_per_session=5)
    )
    slots = make_slots(2, schedule)

    with CaptureQueriesContext(
        connection,
    ) as booking_queries:
        booked = book(*reversed(slots), patient=practice.patient)
    with CaptureQueriesContext(connection) as cancel_queries:
        cancel(booked)

    def locks(queries: CaptureQueriesContext) -> list[str]:
        asked = [query["sql"] for query in queries if " FOR NO KEY UPDATE" in query["sql"]]
        assert all("ORDER BY" in sql or "LIMIT 1" in sql for sql in asked)
        return [sql.partition('FROM "practice_')[2].partition('"')[0] for sql in asked]

    assert locks(booking_queries) == ["slot", "accessprofile"]
    assert locks(cancel_queries) == ["slot", "appointment"]


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


def test_an_actor_without_role_or_device_leaves_no_empty_entries(practice):
    actor = replace(CALL_CENTRE, role="", device="")

    booked = book(make_slot(start=NOW + DAY), actor=actor)

    (entry,) = booked.provenance
    assert "role" not in entry
    assert "device" not in entry
    assert timezone.is_aware(datetime.fromisoformat(entry["at"]))
