"""Templates, closures and what people made by hand: each has its part in a session."""

from datetime import time

import pytest

from practice.models import Closure, Schedule
from practice.services import cutting, sessions
from practice.services.closures import closing, reopening
from practice.services.generation.planned_sessions import SlotKind
from tests.practice.services.generation.weeks import (
    MONDAY,
    NOW,
    OPERATOR,
    at,
    change_block,
    counts,
    everything,
    generate,
    slot_at,
    times,
)
from workbench.factories import make_appointment


def make_longer(until: str, begins: str = "09:00") -> Schedule:
    schedule = Schedule.objects.get(date=MONDAY)
    sessions.extend_session(
        organisation=schedule.organisation,
        schedule_id=schedule.pk,
        start=at(begins),
        end=at(until),
        slot_minutes=15,
        kind=SlotKind("Routine", "In-person", True, None, None, None, None),
        actor=OPERATOR,
        now=NOW,
    )
    return schedule


def hours_of(schedule: Schedule) -> tuple[str, str]:
    schedule.refresh_from_db()
    return f"{schedule.start:%H:%M}", f"{schedule.end:%H:%M}"  # in February, UTC is the clock's


@pytest.mark.req("AVAIL-083")
def test_what_a_session_has_gained_by_hand_stays_and_so_do_its_bookings(practice, template):
    generate(practice.organisation)
    schedule = make_longer("10:30", begins="08:45")
    early = make_appointment([slot_at("08:45")])
    over_the_edge = make_appointment([slot_at("09:50"), slot_at("10:00")])
    before = everything()

    run = generate(practice.organisation)

    assert everything() == before
    assert hours_of(schedule) == ("08:45", "10:30")
    assert counts(run) == {"slots_left": 9}
    for appointment in (early, over_the_edge):
        appointment.refresh_from_db()
        assert not appointment.orphaned


def test_a_session_that_was_made_longer_still_follows_its_template(practice, template):
    generate(practice.organisation)
    schedule = make_longer("10:30")
    change_block(template, start=time(8), end=time(10), slot_minutes=30)

    generate(practice.organisation)

    assert hours_of(schedule) == ("08:00", "10:30")
    assert times() == [
        "08:00-08:30",
        "08:30-09:00",
        "09:00-09:30",
        "09:30-10:00",
        "10:00-10:15",
        "10:15-10:30",
    ]


def test_a_closure_takes_what_was_added_and_reopening_gives_it_back(practice, template):
    generate(practice.organisation)
    make_longer("10:30")
    taken = make_appointment([slot_at("10:15")])
    cutting.split_slot(
        organisation=practice.organisation,
        slot_id=slot_at("09:10").pk,
        first_minutes=5,
        actor=OPERATOR,
        now=NOW,
    )
    before = times()
    who = {"actor": OPERATOR, "now": NOW}
    closure = Closure(
        organisation=practice.organisation, start_date=MONDAY, end_date=MONDAY, start_time=time(9)
    )
    closing.close(closure, **who)
    assert times() == ["10:15-10:30"]
    generate(practice.organisation)
    taken.refresh_from_db()
    assert taken.orphaned

    reopening.reopen(organisation=practice.organisation, closure_id=closure.pk, **who)

    taken.refresh_from_db()
    assert times() == before
    assert not taken.orphaned


def test_a_closure_of_the_planned_time_leaves_what_was_added(practice, template):
    generate(practice.organisation)
    schedule = make_longer("10:30")
    stays = make_appointment([slot_at("10:15")])
    closing.close(
        Closure(
            organisation=practice.organisation,
            start_date=MONDAY,
            end_date=MONDAY,
            start_time=time(9),
            end_time=time(10),
        ),
        actor=OPERATOR,
        now=NOW,
    )

    generate(practice.organisation)

    stays.refresh_from_db()
    assert times() == ["10:00-10:15", "10:15-10:30"]
    assert not stays.orphaned
    assert hours_of(schedule) == ("09:00", "10:30")


def test_slots_that_were_split_or_merged_stay_so(practice, template):
    generate(practice.organisation)
    who = {"organisation": practice.organisation, "actor": OPERATOR, "now": NOW}
    cutting.split_slot(slot_id=slot_at("09:00").pk, first_minutes=5, **who)
    cutting.merge_slots(slot_ids=[slot_at("09:20").pk, slot_at("09:30").pk], **who)
    before = everything()

    generate(practice.organisation)

    assert everything() == before
    assert times()[:4] == ["09:00-09:05", "09:05-09:10", "09:10-09:20", "09:20-09:40"]
