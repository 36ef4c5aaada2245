"""What staff change in slots: a new version, audited, and in their own practice only."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.exceptions import DiaryRefused, NotFound, ReferenceNotFound, SlotNotFound
from practice.models import AuditEvent, Location, Schedule, Slot
from practice.services import slots
from practice.services.audit.recording import Actor
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_organisation,
    make_schedule,
    make_slot,
    make_slots,
)

RITA = Actor(door="staff", user_id="7", name="Rita Reception", role="Receptionist")
HOUR = timedelta(hours=1)
pytestmark = pytest.mark.django_db


def act(service, slots, **options):
    """Call one of the services on slots, as Rita of their practice."""
    return service(
        organisation=slots[0].organisation,
        slot_ids=[slot.pk for slot in slots],
        actor=RITA,
        now=timezone.now(),
        **options,
    )


def the_reason(service, slot) -> str:
    """Why a service leaves a slot as it is."""
    before = Slot.objects.filter(pk=slot.pk).values().get()

    outcome = act(service, [slot])

    assert outcome.changed == ()
    assert Slot.objects.filter(pk=slot.pk).values().get() == before
    assert not AuditEvent.objects.filter(event__startswith="slot.").exists()
    return outcome.refused[0].why


# ---------------------------------------------------------------- slots


CHANGES = {
    "block": (slots.block_slots, {}, {"status": "busy-unavailable"}),
    "unblock": (slots.unblock_slots, {"status": "busy-unavailable"}, {"status": "free"}),
    "make-bookable": (
        slots.make_bookable,
        {"gp_connect_bookable": False},
        {"gp_connect_bookable": True},
    ),
    "make-not-bookable": (slots.make_not_bookable, {}, {"gp_connect_bookable": False}),
    "withdraw": (slots.withdraw_slots, {}, {"withdrawn": True, "withdrawn_by_plan": False}),
    "restore": (slots.restore_slots, {"withdrawn": True}, {"withdrawn": False}),
}


@pytest.mark.parametrize(
    ("event", "service", "before", "after"),
    [(event, *change) for event, change in CHANGES.items()],
    ids=CHANGES,
)
@pytest.mark.req("AVAIL-013", "GEN-032", "AUD-019")
def test_many_slots_are_changed_at_once_as_new_versions_and_audited(event, service, before, after):
    slots = make_slots(3, **before)

    outcome = act(service, slots)

    assert [slot.pk for slot in outcome.changed] == [slot.pk for slot in slots]
    assert outcome.refused == ()
    changed = Slot.objects.filter(version=2, changed_by_hand=True, **after)
    assert changed.count() == 3
    audited = AuditEvent.objects.get(event=f"slot.{event}")
    assert (audited.user_name, audited.door) == ("Rita Reception", "staff")
    assert [change["slot"] for change in audited.detail["changes"]] == [slot.pk for slot in slots]
    for change in audited.detail["changes"]:
        assert change["from"] == {**change["from"], **before}
        assert change["to"] == {**change["to"], **after}


@pytest.mark.parametrize("service", [change[0] for change in CHANGES.values()], ids=CHANGES)
def test_slots_of_another_practice_are_not_found(service):
    mine, theirs = make_slot(), make_slot(organisation=make_organisation())

    with pytest.raises(SlotNotFound):
        act(service, [mine, theirs])

    assert not Slot.objects.exclude(version=1).exists()


@pytest.mark.parametrize("service", [change[0] for change in CHANGES.values()], ids=CHANGES)
def test_the_number_of_queries_does_not_grow_with_the_slots(service, django_assert_max_num_queries):
    numbers = []
    for number in (2, 40):
        slots = make_slots(number)
        with django_assert_max_num_queries(12) as queries:
            act(service, slots)
        numbers.append(len(queries))

    assert numbers[0] == numbers[1]


REFUSALS = [
    (slots.block_slots, {"status": "busy-unavailable"}, "It is blocked already."),
    (slots.block_slots, {"status": "busy-tentative"}, "It is not free: held."),
    (slots.block_slots, {"withdrawn": True}, "It is withdrawn."),
    (slots.unblock_slots, {}, "It is not blocked."),
    (slots.unblock_slots, {"status": "busy-unavailable", "withdrawn": True}, "It is withdrawn."),
    (slots.make_not_bookable, {"gp_connect_bookable": False}, "It is not GP Connect bookable."),
    (slots.make_bookable, {}, "It is GP Connect bookable already."),
    (slots.withdraw_slots, {"withdrawn": True}, "It is withdrawn already."),
    (slots.withdraw_slots, {"status": "busy-tentative"}, "It is not free: held."),
    (slots.restore_slots, {}, "It is not withdrawn."),
]


@pytest.mark.parametrize(
    ("service", "fields", "why"), REFUSALS, ids=[f"{s.__name__}: {w}" for s, _, w in REFUSALS]
)
def test_a_slot_that_cannot_be_changed_is_left_with_the_reason(service, fields, why):
    assert the_reason(service, make_slot(**fields)) == why


@pytest.mark.parametrize("service", [slots.block_slots, slots.withdraw_slots])
@pytest.mark.req("AVAIL-083")
def test_a_booked_slot_is_neither_blocked_nor_withdrawn(service):
    slot = make_slot()
    make_appointment([slot])

    why = the_reason(service, slot)

    assert why == "It is booked: cancel or move the appointment first."


@pytest.mark.parametrize(
    "service", [slots.block_slots, slots.withdraw_slots, slots.make_bookable, slots.restore_slots]
)
def test_what_is_over_is_left(service):
    start = timezone.now().replace(second=0, microsecond=0) - timedelta(hours=1)
    slot = make_slot(
        start=start,
        gp_connect_bookable=service is not slots.make_bookable,
        withdrawn=service is slots.restore_slots,
    )
    if service is slots.make_bookable:
        Slot.objects.update(gp_connect_bookable=False)

    assert the_reason(service, slot) == "It is over."


def test_some_slots_are_changed_and_others_left_with_their_reasons():
    free, blocked = make_slots(2)
    act(slots.block_slots, [blocked], note="Catch-up")

    outcome = act(slots.block_slots, [free, blocked])

    assert [slot.pk for slot in outcome.changed] == [free.pk]
    assert [(refused.slot.pk, refused.why) for refused in outcome.refused] == [
        (blocked.pk, "It is blocked already.")
    ]
    blocked.refresh_from_db()
    assert blocked.note == "Catch-up"


@pytest.mark.req("AVAIL-013", "STAFF-028")
def test_slots_are_given_to_a_profile_but_those_that_have_it_or_are_over(
    django_assert_max_num_queries,
):
    profile = make_access_profile(name="NHS 111")
    free, has_it, withdrawn = make_slots(3)
    Slot.objects.filter(pk=has_it.pk).update(access_profile=profile)
    Slot.objects.filter(pk=withdrawn.pk).update(withdrawn=True)
    over = make_slot(start=timezone.now().replace(second=0, microsecond=0) - HOUR)

    with django_assert_max_num_queries(12):
        outcome = act(slots.give_slots, [free, has_it, withdrawn, over], profile_id=profile.pk)

    assert [slot.pk for slot in outcome.changed] == [free.pk]
    assert {refused.slot.pk: refused.why for refused in outcome.refused} == {
        has_it.pk: "It is for NHS 111 already.",
        withdrawn.pk: "It is withdrawn.",
        over.pk: "It is over.",
    }
    free.refresh_from_db()
    assert (free.access_profile, free.version, free.changed_by_hand) == (profile, 2, True)


def test_slots_are_not_given_to_a_profile_of_another_practice():
    slot, theirs = make_slot(), make_access_profile(make_organisation())

    with pytest.raises(ReferenceNotFound):
        act(slots.give_slots, [slot], profile_id=theirs.pk)

    assert Slot.objects.get().access_profile is None


def test_a_slot_is_not_restored_where_another_one_lies():
    withdrawn = make_slot(withdrawn=True)
    make_slot(withdrawn.schedule, start=withdrawn.start + timedelta(minutes=5))

    assert the_reason(slots.restore_slots, withdrawn) == "Another slot lies in its place."


def test_of_two_overlapping_slots_one_is_restored():
    one = make_slot(withdrawn=True)
    other = make_slot(one.schedule, start=one.start + timedelta(minutes=5), withdrawn=True)

    outcome = act(slots.restore_slots, [one, other])

    assert (len(outcome.changed), len(outcome.refused)) == (1, 1)


def test_a_slot_is_not_restored_in_a_session_that_does_not_take_place():
    slot = make_slot(withdrawn=True)
    Schedule.objects.update(withdrawn=True)

    assert the_reason(slots.restore_slots, slot) == "Its session does not take place."


def test_a_person_may_withdraw_for_good_what_the_plan_withdrew():
    slot = make_slot(withdrawn=True, withdrawn_by_plan=True)

    act(slots.withdraw_slots, [slot])

    slot.refresh_from_db()
    assert (slot.withdrawn, slot.withdrawn_by_plan) == (True, False)


# ---------------------------------------------------------------- never offered


NEVER_OFFERED = {
    "role": ({}, {"practitioner_role": ""}, "The session has no role"),
    "channel": ({"delivery_channel": ""}, {}, "The slot has no delivery channel"),
    "type": ({"slot_type": ""}, {}, "The slot has no slot type"),
    "extra": ({"overbooked": True}, {}, "An extra slot is never offered"),
    "withdrawn": ({"withdrawn": True}, {}, "Withdrawn: restore it first"),
    "session withdrawn": ({}, {"withdrawn": True}, "The session does not take place"),
    "embargo": (
        {"embargo_minutes": 60},
        {"minimum_notice_minutes": 90},
        "The minimum notice is longer than the embargo (90 minutes, 60 minutes)",
    ),
    "window": (
        {"booking_window_days": 1},
        {"minimum_notice_minutes": 1500},
        "The minimum notice is longer than the booking window (1500 minutes, 1 day)",
    ),
}


@pytest.mark.parametrize(
    ("of_slot", "of_session", "words"), NEVER_OFFERED.values(), ids=NEVER_OFFERED
)
@pytest.mark.req("AVAIL-050", "AVAIL-051", "AVAIL-052", "AVAIL-056", "STAFF-026")
def test_a_slot_that_could_never_be_offered_is_not_made_bookable(of_slot, of_session, words):
    slot = make_slot(gp_connect_bookable=False, **of_slot)
    Schedule.objects.update(**of_session)

    why = the_reason(slots.make_bookable, slot)

    assert why.startswith(words)


@pytest.mark.req("AVAIL-060")
@pytest.mark.parametrize("missing", ["address_line_1", "postal_code"])
def test_a_slot_in_a_place_without_an_address_is_not_made_bookable(missing):
    slot = make_slot(gp_connect_bookable=False)
    Location.objects.update(**{missing: ""})

    why = the_reason(slots.make_bookable, slot)

    assert "has no full address" in why


def test_every_reason_is_named_at_once():
    slot = make_slot(
        make_schedule(practitioner_role=""), delivery_channel="", gp_connect_bookable=False
    )

    why = the_reason(slots.make_bookable, slot)

    assert "no role" in why
    assert "no delivery channel" in why


# ---------------------------------------------------------------- extra slots


def add_extra(schedule, **overrides):
    arguments = {
        "organisation": schedule.organisation,
        "schedule_id": schedule.pk,
        "start": schedule.start,
        "end": schedule.start + timedelta(minutes=5),
        "slot_type": "Extra",
        "reason": "Blood results today",
        "actor": RITA,
        "now": timezone.now(),
    }
    return slots.add_extra_slot(**{**arguments, **overrides})


@pytest.mark.req("AVAIL-081")
def test_an_extra_slot_lies_beside_the_others_and_is_never_offered_outside():
    slot = make_slot()

    extra = add_extra(slot.schedule)

    assert extra.start == slot.start
    assert (extra.overbooked, extra.gp_connect_bookable) == (True, False)
    assert (extra.note, extra.changed_by_hand) == ("Blood results today", True)
    event = AuditEvent.objects.get(event="slot.add-extra")
    assert event.detail["to"]["reason"] == "Blood results today"


REFUSED_EXTRAS = {
    "no reason": (lambda s: {"reason": " "}, "needs a reason"),
    "long reason": (lambda s: {"reason": "x" * 201}, "at most 200"),
    "no type": (lambda s: {"slot_type": ""}, "needs a type"),
    "before the session": (lambda s: {"start": s.start - HOUR}, "within its session"),
    "after the session": (
        lambda s: {"start": s.end + HOUR, "end": s.end + 2 * HOUR},
        "within its session",
    ),
    "channel": (lambda s: {"delivery_channel": "Pigeon"}, "channel is not one of"),
}


@pytest.mark.parametrize(("change", "words"), REFUSED_EXTRAS.values(), ids=REFUSED_EXTRAS)
def test_an_extra_slot_that_makes_no_sense_is_refused_in_words(change, words):
    schedule = make_schedule()

    with pytest.raises(DiaryRefused, match=words):
        add_extra(schedule, **change(schedule))

    assert not Slot.objects.exists()


def test_a_session_that_does_not_take_place_has_no_extra_slots():
    with pytest.raises(DiaryRefused, match="does not take place"):
        add_extra(make_schedule(withdrawn=True))


def test_a_session_of_another_practice_has_no_extra_slots():
    with pytest.raises(NotFound):
        add_extra(make_schedule(), organisation=make_organisation())
