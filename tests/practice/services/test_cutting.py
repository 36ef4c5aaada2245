"""Slots split in two and merged: only what is free, within a session, and as a person left it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from practice.exceptions import DiaryRefused, SlotNotFound, VersionConflict
from practice.models import AuditEvent, Slot
from practice.services import cutting, slots
from practice.services.audit.recording import Actor
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_organisation,
    make_schedule,
    make_slot,
    make_slots,
)

MO = Actor(door="staff", user_id="8", name="Mo Manager", role="Practice manager")
MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.django_db


def split(slot: Slot, first_minutes: int, **more) -> Slot:
    return cutting.split_slot(
        organisation=slot.organisation,
        slot_id=slot.pk,
        first_minutes=first_minutes,
        **{"actor": MO, "now": timezone.now(), **more},
    )


def merge(*chosen: Slot, **more) -> Slot:
    return cutting.merge_slots(
        organisation=chosen[0].organisation,
        slot_ids=[slot.pk for slot in chosen],
        **{"actor": MO, "now": timezone.now(), **more},
    )


def in_diary(slot: Slot) -> list[tuple[datetime, int]]:
    """The session's slots that are in the diary: when each begins, and how many minutes it has."""
    own = Slot.objects.filter(schedule=slot.schedule_id, withdrawn=False).order_by("start")
    return [(each.start, int((each.end - each.start) / MINUTE)) for each in own]


# ---------------------------------------------------------------- split


@pytest.mark.req("AVAIL-081", "GEN-032", "STAFF-011")
def test_a_slot_becomes_two_of_its_kind():
    profile = make_access_profile()
    slot = make_slot(minutes=20, access_profile=profile, embargo_minutes=30, note="Two of them")

    split(slot, 5)

    first, second = Slot.objects.order_by("start")
    assert first.pk == slot.pk
    assert in_diary(slot) == [(slot.start, 5), (slot.start + 5 * MINUTE, 15)]
    for name in ("schedule", "slot_type", "delivery_channel", "gp_connect_bookable", "note"):
        assert getattr(second, name) == getattr(slot, name)
    assert (second.access_profile, second.embargo_minutes) == (profile, 30)
    assert (first.version, second.version) == (2, 1)
    assert not Slot.objects.filter(changed_by_hand=False).exists()
    event = AuditEvent.objects.get(event="slot.split")
    assert [change["slot"] for change in event.detail["changes"]] == [first.pk, second.pk]
    assert event.user_name == "Mo Manager"


@pytest.mark.parametrize("minutes", [0, 10, -5])
def test_each_part_has_a_minute_at_least(minutes):
    slot = make_slot(minutes=10)

    with pytest.raises(DiaryRefused, match="lasts 10 minutes"):
        split(slot, minutes)

    assert in_diary(slot) == [(slot.start, 10)]


STAYS = {
    "held": ({"status": "busy-tentative"}, "not free: held"),
    "blocked": ({"status": "busy-unavailable"}, "not free: blocked"),
    "withdrawn": ({"withdrawn": True}, "withdrawn"),
    "extra": ({"overbooked": True, "gp_connect_bookable": False}, "extra slot"),
}


@pytest.mark.parametrize(("values", "words"), STAYS.values(), ids=STAYS)
def test_what_is_not_simply_free_is_neither_split_nor_merged(values, words):
    one, other = make_slots(2)
    Slot.objects.filter(pk=other.pk).update(**values)

    with pytest.raises(DiaryRefused, match=words):
        split(other, 5)
    with pytest.raises(DiaryRefused, match=words):
        merge(one, other)

    assert set(Slot.objects.values_list("version", flat=True)) == {1}
    assert not AuditEvent.objects.exists()


@pytest.mark.req("AVAIL-083")
def test_a_booked_slot_is_neither_split_nor_merged():
    free, taken = make_slots(2)
    make_appointment([taken])
    before = in_diary(free)

    for cut in (lambda: split(taken, 5), lambda: merge(free, taken)):
        with pytest.raises(DiaryRefused, match="It is booked"):
            cut()

    assert in_diary(free) == before


def test_what_is_over_is_not_cut():
    slot = make_slot()

    with pytest.raises(DiaryRefused, match="over"):
        split(slot, 5, now=slot.end)


def test_slots_of_another_practice_are_not_there():
    mine, theirs = make_slot(), make_slot(organisation=make_organisation())

    with pytest.raises(SlotNotFound):
        merge(mine, theirs)
    with pytest.raises(SlotNotFound):
        cutting.split_slot(
            organisation=mine.organisation,
            slot_id=theirs.pk,
            first_minutes=5,
            actor=MO,
            now=timezone.now(),
        )


def test_a_page_that_showed_another_version_cuts_nothing():
    one, other = make_slots(2)

    with pytest.raises(VersionConflict):
        split(one, 5, expected_version="9")
    with pytest.raises(VersionConflict):
        merge(one, other, expected_version="9")


# ---------------------------------------------------------------- merge


@pytest.mark.req("GEN-032")
def test_slots_that_follow_each_other_become_one():
    one, two, three, four = make_slots(4)
    Slot.objects.filter(pk=two.pk).update(note="Not before ten")

    merge(three, one, two)

    assert in_diary(one) == [(one.start, 30), (four.start, 10)]
    whole = Slot.objects.get(pk=one.pk)
    assert (whole.version, whole.changed_by_hand, whole.note) == (2, True, "Not before ten")
    gone = Slot.objects.filter(pk__in=[two.pk, three.pk], withdrawn=True, version=2)
    assert gone.filter(withdrawn_by_plan=False, changed_by_hand=True).count() == 2
    event = AuditEvent.objects.get(event="slot.merge")
    assert [change["slot"] for change in event.detail["changes"]] == [one.pk, two.pk, three.pk]


DIFFER = {
    "type": ({"slot_type": "Urgent"}, "different types"),
    "channel": ({"delivery_channel": "Telephone"}, "different channels"),
    "outside": ({"gp_connect_bookable": False}, "GP Connect bookable"),
    "embargo": ({"embargo_minutes": 60}, "different embargoes"),
    "notice": ({"minimum_notice_minutes": 0}, "different minimum notices"),
    "window": ({"booking_window_days": 7}, "different booking windows"),
}


@pytest.mark.parametrize(("values", "words"), DIFFER.values(), ids=DIFFER)
def test_slots_that_are_not_alike_are_not_merged(values, words):
    one, other = make_slots(2)
    Slot.objects.filter(pk=other.pk).update(**values)

    with pytest.raises(DiaryRefused, match=words):
        merge(one, other)


def test_slots_that_are_kept_for_others_are_not_merged():
    one, other = make_slots(2)
    Slot.objects.filter(pk=other.pk).update(access_profile=make_access_profile())

    with pytest.raises(DiaryRefused, match="different organisations"):
        merge(one, other)


def test_a_gap_or_another_session_keeps_slots_apart():
    one, two, three = make_slots(3)
    next_door = make_slot(make_schedule(start=one.end, session_holder=None))

    with pytest.raises(DiaryRefused, match="without a gap"):
        merge(one, three)
    with pytest.raises(DiaryRefused, match="different sessions"):
        merge(one, next_door)
    with pytest.raises(DiaryRefused, match="two slots at least"):
        merge(two)


def test_what_was_merged_is_split_again_where_it_was():
    one, other = make_slots(2)
    merge(one, other)

    split(one, 10)

    assert in_diary(one) == [(one.start, 10), (other.start, 10)]
    other.refresh_from_db()
    assert (other.withdrawn, other.status, other.version) == (False, "free", 3)
    assert Slot.objects.count() == 2


def test_the_part_that_was_merged_does_not_come_back_beside_the_whole():
    one, other = make_slots(2)
    merge(one, other)

    outcome = slots.restore_slots(
        organisation=one.organisation, slot_ids=[other.pk], actor=MO, now=timezone.now()
    )

    assert outcome.refused[0].why == "Another slot lies in its place."


def test_the_hour_that_an_autumn_night_has_twice_is_cut_by_the_minutes_that_pass():
    before = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)  # 01:30 BST; 01:30 GMT is an hour later
    session = make_schedule(date=date(2027, 10, 31), start=before, end=before + 90 * MINUTE)
    slot = make_slot(session, start=before, minutes=60)

    split(slot, 40, now=before)

    assert in_diary(slot) == [(before, 40), (before + 40 * MINUTE, 20)]
    merge(*Slot.objects.order_by("start"), now=before)
    assert in_diary(slot) == [(before, 60)]
