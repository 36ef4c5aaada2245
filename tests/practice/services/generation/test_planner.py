"""What becomes of sessions: planned, withdrawn, orphaning; a holder is in one place at a time."""

from datetime import date, time, timedelta

import pytest

from practice.models import AuditEvent, Closure, Schedule, SessionTemplate, Slot
from practice.services import slots
from practice.services.appointments import changing
from tests.practice.services.generation.weeks import (
    MONDAY,
    NOW,
    OPERATOR,
    at,
    change_block,
    counts,
    everything,
    generate,
    plan,
    reasons,
    slot_at,
    times,
)
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_closure,
    make_location,
    make_organisation,
    make_schedule,
    make_template,
)


def test_a_plan_writes_nothing_and_says_what_generating_does(practice, template):
    make_closure(start_date=MONDAY, start_time=time(9), end_time=time(9, 20))

    shown = plan(practice.organisation)

    assert everything() == [[], [], []]
    assert not Closure.objects.filter(kind="bank-holiday").exists()

    run = generate(practice.organisation)

    assert {name: n for name, n in shown.counts.items() if n} == counts(run)
    assert [item.as_json() for item in shown.skipped] == run.skipped


@pytest.mark.req("GEN-032")
def test_a_session_follows_its_template_as_a_new_version(practice, template):
    generate(practice.organisation)
    surgery, profile = make_location(), make_access_profile()
    SessionTemplate.objects.update(
        location=surgery, practitioner_role="R0270", session_name="Clinic", access_profile=profile
    )

    generate(practice.organisation)

    schedule = Schedule.objects.get()
    assert (schedule.location, schedule.practitioner_role) == (surgery, "R0270")
    assert (schedule.session_name, schedule.access_profile) == ("Clinic", profile)
    assert schedule.version == 2
    assert set(Slot.objects.values_list("version", flat=True)) == {1}


def test_a_session_on_another_day_moves_whole(practice, template):
    generate(practice.organisation)
    SessionTemplate.objects.update(weekdays=[2])

    generate(practice.organisation)

    monday, wednesday = Schedule.objects.order_by("date")
    assert (monday.withdrawn, monday.withdrawn_by_plan, monday.version) == (True, True, 2)
    assert wednesday.date == date(2027, 2, 3)
    assert times(schedule=monday) == []

    SessionTemplate.objects.update(weekdays=[0])

    generate(practice.organisation)

    monday.refresh_from_db()
    assert (monday.withdrawn, monday.withdrawn_by_plan) == (False, False)
    assert len(times(schedule=monday)) == 6
    assert Schedule.objects.count() == 2


def test_hand_changed_slots_of_a_session_that_is_no_longer_planned_stay_and_are_named(
    practice, template
):
    generate(practice.organisation)
    slots.make_not_bookable(
        organisation=practice.organisation,
        slot_ids=[slot_at("09:20").pk],
        actor=OPERATOR,
        now=NOW,
    )
    SessionTemplate.objects.update(weekdays=[2])

    run = generate(practice.organisation)

    assert times(schedule__date=MONDAY) == ["09:20-09:30"]
    assert not Schedule.objects.get(date=MONDAY).withdrawn
    assert reasons(run) == ["No longer planned, but 1 free slots were changed by hand and stay."]


def test_a_session_that_a_person_withdrew_is_not_resurrected(practice, template):
    generate(practice.organisation)
    Schedule.objects.update(withdrawn=True)
    change_block(template, slot_type="Other")
    before = everything()

    run = generate(practice.organisation)

    assert everything() == before
    assert reasons(run) == ["A person has withdrawn this session."]


def test_the_past_is_left_alone(practice, template):
    generate(practice.organisation)
    change_block(template, slot_type="Other", end=time(10, 10))

    run = generate(practice.organisation, now=at("09:25"))

    assert counts(run) == {"slots_created": 1, "slots_changed": 3, "slots_left": 1}
    assert set(Slot.objects.filter(start__lt=at("09:25")).values_list("version", flat=True)) == {1}


def test_nothing_is_made_of_a_session_that_is_over(practice, template):
    generate(practice.organisation, now=at("10:00"))

    assert not Schedule.objects.exists()


def test_what_is_left_of_a_session_that_has_begun_is_made(practice, template):
    generate(practice.organisation, now=at("09:35"))

    assert times() == ["09:40-09:50", "09:50-10:00"]
    assert Schedule.objects.get().start == at("09:00")


# ---------------------------------------------------------------- bookings


@pytest.mark.req("AVAIL-083")
def test_a_booked_slot_is_never_changed_and_its_stranded_booking_is_orphaned(practice, template):
    generate(practice.organisation)
    appointment = make_appointment([slot_at("09:40"), slot_at("09:50")], now=NOW)
    booked = list(Slot.objects.filter(status="busy").values())
    change_block(template, end=time(9, 50), slot_type="Other")

    run = generate(practice.organisation)

    appointment.refresh_from_db()
    assert list(Slot.objects.filter(status="busy").values()) == booked
    assert (appointment.orphaned, appointment.version) == (True, 1)
    assert run.appointments_orphaned == 1
    event = AuditEvent.objects.get(event="appointment.orphan")
    assert event.patient_id == appointment.patient_id
    assert event.resource == f"Appointment/{appointment.pk}"

    change_block(template, end=time(10))

    again = generate(practice.organisation)

    appointment.refresh_from_db()
    assert not appointment.orphaned
    assert again.appointments_orphaned == 0
    assert AuditEvent.objects.filter(event="appointment.unorphan").count() == 1


def test_a_booking_that_longer_slots_still_cover_is_not_orphaned(practice, template):
    generate(practice.organisation)
    appointment = make_appointment([slot_at("09:10")], now=NOW)
    change_block(template, slot_minutes=15)

    run = generate(practice.organisation)

    appointment.refresh_from_db()
    assert not appointment.orphaned
    assert times() == ["09:10-09:20", "09:30-09:45", "09:45-10:00"]
    assert "2 slots are not made" in reasons(run)[0]
    before = everything()

    generate(practice.organisation)

    assert everything() == before


def test_a_session_stands_while_a_booking_is_orphaned_in_it(practice, template):
    generate(practice.organisation)
    appointment = make_appointment([slot_at("09:10")], now=NOW)
    SessionTemplate.objects.update(weekdays=[2])

    generate(practice.organisation)

    monday = Schedule.objects.get(date=MONDAY)
    appointment.refresh_from_db()
    assert appointment.orphaned
    assert not monday.withdrawn
    assert times(schedule=monday) == ["09:10-09:20"]

    cancel(practice.organisation, appointment)
    generate(practice.organisation)

    monday.refresh_from_db()
    assert monday.withdrawn
    assert times(schedule=monday) == []


def cancel(organisation, appointment):
    locked = changing.appointment_for_change(
        organisation=organisation, appointment_id=appointment.pk, actor=OPERATOR, now=NOW
    )
    changing.cancel_appointment(appointment=locked, reason="Moved", actor=OPERATOR, now=NOW)


def test_a_cancelled_booking_is_not_orphaned(practice, template):
    generate(practice.organisation)
    appointment = make_appointment([slot_at("09:10")], now=NOW)
    cancel(practice.organisation, appointment)
    SessionTemplate.objects.update(weekdays=[2])

    run = generate(practice.organisation)

    appointment.refresh_from_db()
    assert not appointment.orphaned
    assert run.appointments_orphaned == 0


def test_extra_slots_beside_the_plan_stay_and_their_bookings_are_not_orphaned(practice, template):
    generate(practice.organisation)
    extra = slots.add_extra_slot(
        organisation=practice.organisation,
        schedule_id=Schedule.objects.get().pk,
        start=at("10:00"),
        end=at("10:05"),
        slot_type="Extra",
        reason="Results",
        actor=OPERATOR,
        now=NOW,
    )
    appointment = make_appointment([extra], door="staff", now=NOW)

    run = generate(practice.organisation)

    appointment.refresh_from_db()
    assert not appointment.orphaned
    assert counts(run) == {"slots_left": 7}


# ---------------------------------------------------------------- one holder, one place


def test_a_holder_is_not_planned_into_two_sessions_at_once(practice, template):
    other = make_template(
        session_holder=practice.practitioner,
        session_name="Nurse clinic",
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(9, 50), "end": time(11)}],
    )

    run = generate(practice.organisation)

    assert {schedule.template for schedule in Schedule.objects.all()} == {template}
    assert run.skipped == [
        {
            "date": "2027-02-01",
            "session": f"Nurse clinic, {other.session_holder}",
            "reason": f"{other.session_holder} already has Morning surgery from 09:00 to 10:00.",
        }
    ]


def test_a_session_under_way_keeps_its_holder_when_its_plan_now_ends_in_the_past(
    practice, template
):
    change_block(template, end=time(12))
    generate(practice.organisation)
    change_block(template, end=time(10))
    make_template(
        session_holder=practice.practitioner,
        session_name="Nurse clinic",
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(11), "end": time(12)}],
    )

    run = generate(practice.organisation, now=at("10:30"))

    assert {schedule.template for schedule in Schedule.objects.all()} == {template}
    assert times()[-1] == "10:20-10:30", "what is still to come is withdrawn"
    holder = practice.practitioner
    assert reasons(run) == [f"{holder} already has Morning surgery from 09:00 to 12:00."]


def test_sessions_that_touch_do_not_overlap(practice, template):
    make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(10), "end": time(11)}],
    )

    generate(practice.organisation)

    assert Schedule.objects.count() == 2


def test_a_session_made_by_hand_comes_first(practice, template):
    make_schedule(start=at("09:30"), session_holder=practice.practitioner, session_name="By hand")

    run = generate(practice.organisation)

    assert not Schedule.objects.filter(template=template).exists()
    assert "already has By hand from 09:30 to 12:30." in reasons(run)[0]


def test_a_holder_at_another_practice_is_not_here_and_that_practice_is_not_named(
    practice, template
):
    other = make_organisation()
    make_schedule(
        other, start=at("09:30"), session_holder=practice.practitioner, session_name="Secret"
    )

    run = generate(practice.organisation)

    assert not Schedule.objects.filter(template=template).exists()
    assert reasons(run)[0] == f"{practice.practitioner} is at another practice at that time."


def test_two_sessions_may_swap_their_holders(practice, template):
    other = make_template(
        weekdays=[0], effective_from=MONDAY, blocks=[{"start": time(9), "end": time(10)}]
    )
    generate(practice.organisation)
    first, second = template.session_holder, other.session_holder
    SessionTemplate.objects.filter(pk=template.pk).update(session_holder=second)
    SessionTemplate.objects.filter(pk=other.pk).update(session_holder=first)

    run = generate(practice.organisation)

    assert Schedule.objects.get(template=template).session_holder == second
    assert Schedule.objects.get(template=other).session_holder == first
    assert run.skipped == []


def test_a_session_that_cannot_move_stays_as_it_is(practice, template):
    other = make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(10), "end": time(11)}],
    )
    generate(practice.organisation)
    change_block(other, start=time(9, 30))
    before = everything()

    run = generate(practice.organisation)

    assert everything() == before
    assert "already has Morning surgery from 09:00 to 10:00." in reasons(run)[0]


def test_a_night_session_reaches_into_the_next_week_of_the_plan(practice):
    """Planned a week at a time: what Sunday night takes is not free on Monday."""
    sunday = MONDAY - timedelta(days=1)
    make_template(
        session_holder=practice.practitioner,
        weekdays=[6],
        effective_from=sunday,
        blocks=[{"start": time(22), "end": time(6)}],
    )
    make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(5), "end": time(7)}],
    )
    first = sunday - timedelta(days=6)

    shown = plan(practice.organisation, first, MONDAY)
    run = generate(practice.organisation, first, MONDAY)

    assert Schedule.objects.count() == 1
    assert [item.as_json() for item in shown.skipped] == run.skipped
    assert len(run.skipped) == 1


def test_a_night_session_that_ends_in_the_plan_leaves_room_in_the_next_week_of_it(practice):
    sunday = MONDAY - timedelta(days=1)
    night = make_template(
        session_holder=practice.practitioner,
        weekdays=[6],
        effective_from=sunday,
        blocks=[{"start": time(22), "end": time(6)}],
    )
    first = sunday - timedelta(days=6)
    generate(practice.organisation, first, MONDAY)
    SessionTemplate.objects.filter(pk=night.pk).update(weekdays=[5])
    make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(5), "end": time(7)}],
    )

    shown = plan(practice.organisation, first, MONDAY)
    run = generate(practice.organisation, first, MONDAY)

    assert shown.counts["sessions_created"] == run.sessions_created == 1
    assert [item.as_json() for item in shown.skipped] == run.skipped == []
