"""Each thing that must always be true of the diary is broken once, by raw SQL, and is named."""

import json
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from practice.models import Appointment, AppointmentSlot, Schedule, Slot
from practice.reads import diary_check
from practice.services import enablement
from practice.services.appointments import attendance, changing
from practice.services.appointments.rescheduling import move_appointment
from practice.services.audit import recording
from practice.services.audit.recording import Actor
from tests.append_only import unprotected
from workbench.bodies import appointment_body, cancelled
from workbench.consumer import as_dict
from workbench.factories import (
    make_appointment,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)

STAFF = Actor(door="staff", user_id="rita", name="Rita Reception", role="Receptionist")


def faults(organisation=None):
    """The names of the broken rules, each with the records that break it."""
    report = diary_check.check(now=timezone.now(), organisation=organisation)
    return {fault.check: fault.examples for fault in report.faults}


def run(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def without_constraints():
    """Let the database store what its constraints make impossible, until the test ends."""
    if connection.vendor == "postgresql":
        connection.check_constraints()
        run(
            "DROP INDEX slot_booked_once",
            "ALTER TABLE practice_slot DROP CONSTRAINT booked_slot_not_withdrawn",
            "ALTER TABLE practice_schedule DROP CONSTRAINT holder_in_one_session_at_a_time",
        )
        yield
        return
    run("DROP INDEX slot_booked_once", "PRAGMA ignore_check_constraints = ON")
    yield
    run("PRAGMA ignore_check_constraints = OFF")


@pytest.fixture
def booked(practice):
    """An appointment of two slots that staff booked."""
    return make_appointment(make_slots(2), practice.patient, door="staff")


def slots_of(appointment):
    held = AppointmentSlot.objects.filter(appointment=appointment).order_by("slot__start")
    return list(held.values_list("slot_id", flat=True))


# ---------------------------------------------------------------- what is right


@pytest.mark.django_db
def test_a_diary_in_which_everything_happened_has_no_faults(consumer, practice):
    """Booked, amended, cancelled, moved, marked and undone, through both doors."""
    organisation, patient = practice.organisation, practice.patient
    now = timezone.now()
    outside = as_dict(consumer.book(appointment_body(slots=make_slots(2), patient=patient)))
    unchanged = as_dict(consumer.amend(outside["id"], outside))
    amended = as_dict(consumer.amend(outside["id"], {**unchanged, "comment": "Uses a stick."}))
    consumer.cancel(outside["id"], cancelled(amended))
    inside = make_appointment(make_slots(1), patient, door="staff")
    moved = move_appointment(
        organisation=organisation,
        appointment_id=inside.pk,
        slot_ids=[make_slot().pk],
        actor=STAFF,
        now=now,
    )
    change = {"organisation": organisation, "appointment_id": moved.pk, "actor": STAFF}
    during = moved.start + timedelta(minutes=5)
    attendance.mark(status="arrived", now=during, **change)
    attendance.undo(now=during, **change)
    attendance.mark(status="fulfilled", now=during, **change)
    consumer.book(appointment_body(slots=make_slots(1), patient=make_patient()))
    recording.record(
        organisation=organisation,
        actor=STAFF,
        event="appointment.viewed",
        outcome="ok",
        now=now,
        resource=f"Appointment/{moved.pk}",
    )

    assert faults() == {}
    assert faults(organisation) == {}


@pytest.mark.django_db
def test_an_extra_slot_may_overlap_and_a_withdrawn_session_may_too(practice):
    first, *_ = make_slots(3)
    make_slot(first.schedule, start=first.start, overbooked=True, gp_connect_bookable=False)
    make_schedule(session_holder=first.schedule.session_holder, withdrawn=True)

    assert faults() == {}


# ---------------------------------------------------------------- what is wrong


@pytest.mark.django_db
def test_a_busy_slot_without_an_appointment(practice):
    slot = make_slot(status="busy")

    assert faults() == {"busy_without_appointment": [f"Slot/{slot.pk}"]}


@pytest.mark.django_db
def test_a_slot_of_a_live_appointment_that_is_not_busy(booked):
    first, _ = slots_of(booked)
    run(f"UPDATE practice_slot SET status = 'free' WHERE id = {first}")

    assert faults() == {"held_but_not_busy": [f"Slot/{first}"]}


@pytest.mark.django_db
def test_a_slot_in_two_live_appointments(booked):
    first, second = slots_of(booked)
    other = make_appointment(make_slots(1), door="staff")
    with without_constraints():
        run(
            f"INSERT INTO practice_appointmentslot (appointment_id, slot_id, released) "
            f"VALUES ({other.pk}, {first}, FALSE)"
        )

        found = faults()

    assert found["held_twice"] == [f"Slot/{first} (2 ×)"]
    assert found["slots_of_another_session"] == [f"Appointment/{other.pk}"]


@pytest.mark.django_db
def test_a_live_appointment_without_slots(booked):
    slots = tuple(slots_of(booked))
    run(
        f"UPDATE practice_appointmentslot SET released = TRUE WHERE slot_id IN {slots}",
        f"UPDATE practice_slot SET status = 'free', version = 3 WHERE id IN {slots}",
    )

    assert faults() == {"live_without_slots": [f"Appointment/{booked.pk}"]}


@pytest.mark.django_db
def test_a_cancelled_appointment_that_still_has_its_slots(booked):
    run(f"UPDATE practice_appointment SET status = 'cancelled' WHERE id = {booked.pk}")

    found = faults()

    assert found["cancelled_with_slots"] == [f"Appointment/{booked.pk}"]
    assert found["state_not_explained"] == [
        f"Appointment/{booked.pk} (it is cancelled, but its provenance ends with booked)"
    ]


@pytest.mark.django_db
def test_an_appointment_whose_session_is_not_that_of_its_slots(booked):
    elsewhere = make_schedule(start=booked.start + timedelta(days=1))
    run(
        f"UPDATE practice_appointment SET schedule_id = {elsewhere.pk} WHERE id = {booked.pk}",
    )

    assert faults() == {"slots_of_another_session": [f"Appointment/{booked.pk}"]}


@pytest.mark.django_db
def test_slots_with_a_gap_between_them(practice):
    appointment = make_appointment(make_slots(3), door="staff")
    _, middle, _ = slots_of(appointment)
    run(
        f"UPDATE practice_appointmentslot SET released = TRUE WHERE slot_id = {middle}",
        f"UPDATE practice_slot SET status = 'free', version = 3 WHERE id = {middle}",
    )

    assert faults() == {"slots_not_adjacent": [f"Appointment/{appointment.pk}"]}


@pytest.mark.parametrize("column", ["start", "end"])
@pytest.mark.django_db
def test_times_that_are_not_those_of_the_slots(booked, column):
    earlier = {"start": booked.start, "end": booked.end}[column] - timedelta(minutes=5)
    Appointment.objects.filter(pk=booked.pk).update(**{column: earlier})

    assert faults() == {"times_not_those_of_its_slots": [f"Appointment/{booked.pk}"]}


@pytest.mark.django_db
def test_a_withdrawn_slot_that_is_booked(booked):
    first, _ = slots_of(booked)
    with without_constraints():
        run(f"UPDATE practice_slot SET withdrawn = TRUE WHERE id = {first}")

        found = faults()

    assert found == {"booked_though_withdrawn": [f"Slot/{first}"]}


@pytest.mark.django_db
def test_a_holder_in_two_sessions_at_once_the_later_one_is_named(practice):
    holder = make_practitioner()
    make_schedule(session_holder=holder)
    with without_constraints():
        start = Schedule.objects.get().start + timedelta(hours=1)
        inside = make_schedule(start=start, end=start + timedelta(hours=1), session_holder=holder)
        # Behind the one inside, but still within the first: only the latest end shows it.
        late = make_schedule(
            start=start + timedelta(minutes=90),
            end=start + timedelta(hours=5),
            session_holder=holder,
        )

        found = faults()

    assert found == {"holder_in_two_sessions": [f"Schedule/{inside.pk}", f"Schedule/{late.pk}"]}


@pytest.mark.django_db
def test_a_holder_who_is_at_two_practices_at_once_is_found_from_either(practice):
    holder, elsewhere = make_practitioner(), make_organisation()
    make_schedule(session_holder=holder)
    with without_constraints():
        other = make_schedule(elsewhere, session_holder=holder)

        found = faults(practice.organisation)

    assert found == {"holder_in_two_sessions": [f"Schedule/{other.pk}"]}


@pytest.mark.django_db
def test_slots_of_one_session_that_overlap(practice):
    first, second = make_slots(2)
    Slot.objects.filter(pk=second.pk).update(start=first.start + timedelta(minutes=5))

    assert faults() == {"slots_overlap": [f"Slot/{second.pk}"]}


@pytest.mark.django_db
def test_records_of_another_practice(booked):
    stranger = make_patient(make_organisation())
    Appointment.objects.filter(pk=booked.pk).update(patient=stranger)

    assert faults() == {"of_another_practice": [f"Appointment/{booked.pk} (its patient)"]}


@pytest.mark.django_db
def test_an_appointment_in_a_withdrawn_session_that_is_not_an_orphan(booked):
    Schedule.objects.update(withdrawn=True)

    assert faults() == {"orphaned_wrongly": [f"Appointment/{booked.pk} (its session is withdrawn)"]}


@pytest.mark.django_db
def test_a_cancelled_orphan(booked, practice):
    changing.cancel_appointment(
        appointment=booked, reason="Moved away", actor=STAFF, now=timezone.now()
    )
    Appointment.objects.update(orphaned=True)

    assert faults() == {"orphaned_wrongly": [f"Appointment/{booked.pk} (not live)"]}


@pytest.mark.parametrize(
    ("table", "version"),
    [("organisation", 0), ("location", 0), ("patient", 0), ("schedule", 0), ("appointment", 0)],
)
@pytest.mark.django_db
def test_a_version_of_nought(booked, table, version):
    run(f"UPDATE practice_{table} SET version = {version}")

    (records,) = faults().values()
    assert records[0].lower().startswith(f"{table}/")


@pytest.mark.django_db
def test_versions_that_did_not_grow_with_the_changes(booked):
    first, _ = slots_of(booked)
    changing.cancel_appointment(
        appointment=booked, reason="Moved away", actor=STAFF, now=timezone.now()
    )
    assert faults() == {}
    run(
        f"UPDATE practice_appointment SET version = 1 WHERE id = {booked.pk}",
        f"UPDATE practice_slot SET version = 2 WHERE id = {first}",
    )

    assert faults() == {"version_too_low": [f"Appointment/{booked.pk}", f"Slot/{first}"]}


# ---------------------------------------------------------------- the trail


@pytest.mark.req("AUD-016")
@pytest.mark.django_db
def test_a_booking_that_is_in_no_audit_event(practice):
    """A booking through GP Connect is audited by the API, here it was not there."""
    appointment = make_appointment(make_slots(1), door="gp-connect")

    assert faults() == {
        "state_not_explained": [
            f"Appointment/{appointment.pk} (booked through gp-connect: 1 × in no audit event)"
        ]
    }


@pytest.mark.django_db
def test_a_step_that_was_refused_explains_nothing(practice):
    appointment = make_appointment(make_slots(1), door="gp-connect")
    recording.record(
        organisation=practice.organisation,
        actor=Actor(door="gp-connect"),
        event="urn:nhs:names:services:gpconnect:fhir:rest:create:appointment-1",
        outcome="409",
        now=timezone.now(),
        resource=f"Appointment/{appointment.pk}",
    )

    assert list(faults()) == ["state_not_explained"]


@pytest.mark.django_db
def test_a_step_that_the_appointment_has_forgotten(booked):
    changing.cancel_appointment(
        appointment=booked, reason="Moved away", actor=STAFF, now=timezone.now()
    )
    first, *_ = Appointment.objects.get().provenance
    Appointment.objects.update(provenance=[first])

    (records,) = faults().values()
    assert records == [
        f"Appointment/{booked.pk} ({why})"
        for why in (
            "it is cancelled, but its provenance ends with booked",
            "cancelled through staff: 1 × audited, but not in its provenance",
        )
    ]


@pytest.mark.django_db
def test_a_status_that_nobody_set(booked):
    run("UPDATE practice_appointment SET status = 'fulfilled'")

    (records,) = faults().values()
    assert records == [
        f"Appointment/{booked.pk} (it is fulfilled, but its provenance ends with booked)"
    ]


@pytest.mark.django_db(transaction=True)
def test_an_appointment_that_was_removed(booked):
    with unprotected():
        run(
            "DELETE FROM practice_appointmentslot",
            "DELETE FROM practice_appointment",
            "UPDATE practice_slot SET status = 'free'",
        )

    assert faults() == {"audited_but_gone": [f"Appointment/{booked.pk}"]}


# ---------------------------------------------------------------- warnings and days left


def warnings():
    report = diary_check.check(now=timezone.now())
    assert report.faults == []
    return {warning.check: warning.examples for warning in report.warnings}


@pytest.mark.parametrize(
    ("session", "slot", "why"),
    [
        ({"practitioner_role": ""}, {}, "The session has no role"),
        (
            {"embargo_minutes": 60},
            {"minimum_notice_minutes": 90},
            "The minimum notice is longer than the embargo",
        ),
        (
            {"booking_window_days": 1},
            {"minimum_notice_minutes": 1441},
            "The minimum notice is longer than the booking window",
        ),
        (
            {"booking_window_days": 0},
            {"minimum_notice_minutes": 1440},
            "The minimum notice is longer than the booking window",
        ),
    ],
)
@pytest.mark.django_db
def test_a_session_that_can_never_be_offered_and_why(practice, session, slot, why):
    schedule = make_schedule(**session)
    make_slots(2, schedule, **slot)

    assert warnings() == {"never_offered": [f"Schedule/{schedule.pk} ({schedule.date}: {why})"]}


@pytest.mark.django_db
def test_switched_off_nothing_can_be_offered(practice):
    make_slot()
    enablement.switch(
        organisation=practice.organisation,
        actor=STAFF,
        now=timezone.now(),
        gp_connect_enabled=False,
    )

    (session,) = warnings()["never_offered"]
    assert session.endswith("GP Connect is switched off)")


@pytest.mark.django_db
def test_a_session_is_not_remarked_on_when_a_slot_can_be_seen_or_none_is_meant_to(practice):
    schedule = make_schedule()
    make_slot(schedule, embargo_minutes=60, minimum_notice_minutes=90)
    make_slot(schedule)
    make_slot(gp_connect_bookable=False)

    assert warnings() == {}


# ---------------------------------------------------------------- the command


@pytest.mark.django_db
def test_check_diary_says_that_all_is_well(booked, capsys):
    call_command("check_diary")

    printed = capsys.readouterr().out
    assert "1 days left" in printed
    assert printed.endswith("checks, no faults\n")


@pytest.mark.django_db
def test_check_diary_names_each_fault_and_fails(practice, capsys):
    broken = [make_slot(status="busy") for _ in range(12)]

    with pytest.raises(CommandError, match="12 faults"):
        call_command("check_diary")
    with pytest.raises(CommandError, match="12 faults"):
        call_command("check_diary", practice=practice.organisation.ods_code, json=True)

    text, *_, last = capsys.readouterr().out.splitlines()
    assert text.startswith(f"FAULT {practice.organisation.ods_code}: a booked slot belongs to no")
    assert text.endswith("and 2 more")
    report = json.loads(last)
    assert report["faults"][0]["count"] == 12
    assert report["faults"][0]["examples"][0] == f"Slot/{broken[0].pk}"


@pytest.mark.django_db
def test_check_diary_of_one_practice_leaves_the_others_alone(practice):
    elsewhere = make_organisation()
    make_slot(organisation=elsewhere, status="busy")

    call_command("check_diary", practice=practice.organisation.ods_code)
    with pytest.raises(CommandError, match="No practice"):
        call_command("check_diary", practice="NONE")
    with pytest.raises(CommandError, match="1 faults"):
        call_command("check_diary", practice=elsewhere.ods_code)
