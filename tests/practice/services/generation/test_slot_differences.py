"""Slots follow their template, and what a person did to one stays done."""

from datetime import date, time

import pytest

from practice.models import Schedule, SessionTemplate, Slot
from practice.services import sessions, slots
from tests.practice.services.generation.weeks import (
    MONDAY,
    NOW,
    OPERATOR,
    at,
    change_block,
    counts,
    everything,
    generate,
    reasons,
    slot_at,
    times,
)
from workbench.factories import (
    make_appointment,
    make_closure,
    make_location,
    make_practitioner,
    make_template,
)


def test_generating_again_changes_nothing(practice, template):
    make_template(effective_from=MONDAY, location=make_location())
    make_closure(start_date=date(2027, 2, 3))
    generate(practice.organisation)
    make_appointment([slot_at("09:30", schedule__template=template)], now=NOW)
    slots.block_slots(
        organisation=practice.organisation,
        slot_ids=[slot_at("09:40", schedule__template=template).pk],
        actor=OPERATOR,
        now=NOW,
    )
    before = everything()

    run = generate(practice.organisation)

    assert everything() == before
    assert set(counts(run)) == {"slots_left"}
    assert run.slots_left == Slot.objects.count()


@pytest.mark.parametrize(
    "values",
    [
        {"slot_type": "Telephone advice"},
        {"delivery_channel": "Telephone"},
        {"gp_connect_bookable": False},
        {"embargo_minutes": 30},
        {"booking_window_days": 3},
        {"minimum_notice_minutes": 10},
    ],
    ids=lambda values: next(iter(values)),
)
@pytest.mark.req("GEN-032")
def test_free_slots_follow_a_changed_block_as_new_versions(practice, template, values):
    generate(practice.organisation)
    change_block(template, **values)

    run = generate(practice.organisation)

    assert counts(run) == {"slots_changed": 6}
    assert Slot.objects.filter(version=2, **values).count() == 6
    assert Schedule.objects.get().version == 1


@pytest.mark.req("AVAIL-082", "GEN-032")
def test_a_new_holder_makes_new_versions_of_the_appointments(practice, template):
    generate(practice.organisation)
    appointment = make_appointment([slot_at("09:00")], now=NOW)
    locum = make_practitioner()
    SessionTemplate.objects.update(session_holder=locum)

    generate(practice.organisation)

    schedule = Schedule.objects.get()
    appointment.refresh_from_db()
    assert (schedule.session_holder, schedule.version) == (locum, 2)
    assert appointment.version == 2
    assert not appointment.orphaned


def test_a_shorter_block_withdraws_slots_and_a_longer_one_restores_them(practice, template):
    generate(practice.organisation)
    change_block(template, end=time(9, 30))

    shorter = generate(practice.organisation)

    assert counts(shorter) == {"slots_withdrawn": 3, "slots_left": 3}
    assert times() == ["09:00-09:10", "09:10-09:20", "09:20-09:30"]
    assert Slot.objects.filter(withdrawn=True, withdrawn_by_plan=True, version=2).count() == 3
    assert Schedule.objects.get().end == at("09:30")

    change_block(template, end=time(10, 10))

    longer = generate(practice.organisation)

    assert counts(longer) == {"slots_created": 1, "slots_restored": 3, "slots_left": 3}
    assert len(times()) == 7
    assert Slot.objects.filter(withdrawn_by_plan=True).count() == 0
    assert Slot.objects.filter(version=3).count() == 3


def test_another_slot_length_keeps_the_starts_it_can(practice, template):
    generate(practice.organisation)
    change_block(template, slot_minutes=15)

    run = generate(practice.organisation)

    assert times() == ["09:00-09:15", "09:15-09:30", "09:30-09:45", "09:45-10:00"]
    assert counts(run) == {"slots_created": 2, "slots_changed": 2, "slots_withdrawn": 4}


def test_what_a_person_did_stays_done(practice, template):
    generate(practice.organisation)
    act = {"organisation": practice.organisation, "actor": OPERATOR, "now": NOW}
    slots.withdraw_slots(slot_ids=[slot_at("09:00").pk], **act)
    slots.block_slots(slot_ids=[slot_at("09:10").pk], **act)
    slots.make_not_bookable(slot_ids=[slot_at("09:20").pk], **act)
    sessions.change_session_holder(
        schedule_id=Schedule.objects.get().pk, practitioner_id=make_practitioner().pk, **act
    )
    before = everything()

    run = generate(practice.organisation)

    assert everything() == before
    assert counts(run) == {"slots_left": 5}


def test_a_slot_that_was_withdrawn_in_whichever_way_is_not_resurrected(practice, template):
    """Also one without the mark that the services leave."""
    generate(practice.organisation)
    Slot.objects.filter(start=at("09:00")).update(withdrawn=True)

    run = generate(practice.organisation)

    assert slot_at("09:00").withdrawn
    assert counts(run) == {"slots_left": 5}


def test_a_free_slot_changed_by_hand_that_is_no_longer_planned_stays_and_is_named(
    practice, template
):
    generate(practice.organisation)
    slots.make_not_bookable(
        organisation=practice.organisation,
        slot_ids=[slot_at("09:50").pk],
        actor=OPERATOR,
        now=NOW,
    )
    change_block(template, end=time(9, 30))

    run = generate(practice.organisation)

    assert times() == ["09:00-09:10", "09:10-09:20", "09:20-09:30", "09:50-10:00"]
    assert reasons(run) == ["1 free slots are not planned, but were changed by hand."]
