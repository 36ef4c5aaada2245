"""Amending and cancelling through the service: versions, what is over, slots given back."""

from datetime import timedelta

import pytest
from django.db import transaction

from practice.exceptions import (
    AppointmentCancelled,
    AppointmentInPast,
    AppointmentNotFound,
    BookingRefused,
    ChangeRefused,
    ReasonMissing,
    TextTooLong,
    VersionConflict,
)
from practice.models import Appointment, AppointmentSlot, Slot
from practice.services.appointments import changing, rescheduling
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
from workbench.factories import make_organisation, make_slot, make_slots

pytestmark = pytest.mark.django_db


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


# ---------------------------------------------------------------- what took place, and what did not


def move(appointment: Appointment, slot: Slot, *, now) -> Appointment:
    return rescheduling.move_appointment(
        organisation=appointment.organisation,
        appointment_id=appointment.pk,
        slot_ids=[slot.pk],
        actor=RECEPTION,
        now=now,
    )


@pytest.mark.parametrize(
    ("status", "later", "said"),
    [
        pytest.param("arrived", -HOUR, "arrived", id="arrived, before the start"),
        pytest.param("arrived", HOUR, "arrived", id="arrived, on the day"),
        pytest.param("arrived", DAY, "arrived", id="arrived, a day later"),
        pytest.param("fulfilled", -HOUR, "seen", id="seen before the start"),
        pytest.param("fulfilled", HOUR, "seen", id="seen, on the day"),
        pytest.param("fulfilled", 30 * DAY, "seen", id="seen, a month later"),
        pytest.param("noshow", HOUR, "did not attend", id="did not attend, on the day"),
        pytest.param("noshow", DAY, "did not attend", id="did not attend, a day later"),
        pytest.param("booked", DAY, "earlier day", id="nobody said whether the patient came"),
        pytest.param("entered-in-error", -HOUR, "entered in error", id="entered in error"),
    ],
)
def test_what_took_place_is_neither_cancelled_nor_moved(practice, status, later, said):
    """The hazard (H24): that the patient came is lost, and a time in the past is given back."""
    booked = book(make_slot(start=NOW + DAY))
    free = make_slot(start=NOW + 40 * DAY)
    Appointment.objects.update(status=status)
    before, when = tables(), booked.start + later

    with pytest.raises(ChangeRefused, match=said):
        cancel(booked, now=when)
    with pytest.raises(ChangeRefused, match=said):
        move(booked, free, now=when)

    assert tables() == before


@pytest.mark.req("CANC-011")
@pytest.mark.parametrize("status", ["arrived", "fulfilled"])
def test_nobody_outside_cancels_for_a_patient_who_came_early(practice, status):
    booked = book(make_slot(start=NOW + DAY))
    Appointment.objects.update(status=status)

    with pytest.raises(ChangeRefused, match="The patient has"):
        cancel(booked, CALL_CENTRE)


def test_on_its_day_what_nobody_came_to_yet_is_still_moved_or_cancelled(practice):
    """Who is late is given a later time, and who rings late is not called a no-show."""
    first, second, free = make_slots(3, start=NOW + DAY)
    late, rings = book(first), book(second)

    moved = move(late, free, now=first.start + timedelta(minutes=5))
    cancelled = cancel(rings, now=second.end + HOUR)

    assert (moved.start, cancelled.status) == (free.start, "cancelled")


@pytest.mark.parametrize("status", ["booked", "arrived"])
def test_an_orphan_is_moved_or_cancelled_whenever_somebody_gets_to_it(practice, status):
    """Its session did not take place, so it would stay on the worklist for ever."""
    slots, later = make_slots(2, start=NOW + DAY), make_slot(start=NOW + 9 * DAY)
    one, other = (book(slot) for slot in slots)
    Appointment.objects.update(orphaned=True, status=status)

    moved = move(one, later, now=NOW + 8 * DAY)
    cancelled = cancel(other, now=NOW + 8 * DAY)

    assert (moved.start, cancelled.status) == (later.start, "cancelled")
    assert not Slot.objects.filter(pk__in=[slot.pk for slot in slots], withdrawn=False).exists()
