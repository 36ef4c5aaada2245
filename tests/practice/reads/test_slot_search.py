"""What a search for free slots finds: slots that lie within a time, and each session once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from practice.models import Location, Slot
from practice.reads import slot_search
from practice.reads.profile_limits import ANYBODY
from workbench.factories import make_organisation, make_practitioner, make_schedule, make_slots

pytestmark = pytest.mark.django_db

START = datetime(2030, 5, 20, 9, tzinfo=UTC)


def found(practice, *, start=START, end=START + timedelta(hours=8)):
    return slot_search.free_slots(
        organisation=practice.organisation,
        requester=ANYBODY,
        start=start,
        end=end,
        now=timezone.now(),
    )


@pytest.mark.req("SLOT-052", "SLOT-056")
def test_slots_are_found_that_lie_fully_between_two_instants(practice):
    first, second, third = make_slots(3, make_schedule(start=START))

    assert [row[0] for row in found(practice, start=second.start, end=second.end)] == [second.pk]
    assert [row[0] for row in found(practice, end=third.end)] == [first.pk, second.pk, third.pk]
    assert found(practice, start=first.start + timedelta(seconds=1), end=first.end) == []
    assert list(slot_search.within(Slot.objects.all(), start=first.start, end=first.end)) == [first]


def test_a_row_holds_its_columns_in_their_order(practice):
    (slot,) = make_slots(1, make_schedule(start=START))

    (row,) = found(practice)

    assert dict(zip(slot_search.SLOT_COLUMNS, row, strict=True)) == {
        "pk": slot.pk,
        "version": slot.version,
        "delivery_channel": slot.delivery_channel,
        "slot_type": slot.slot_type,
        "schedule_id": slot.schedule_id,
        "status": "free",
        "start_epoch": int(slot.start.timestamp()),
        "end_epoch": int(slot.end.timestamp()),
    }


@pytest.mark.req("SLOT-071")
def test_each_session_is_found_once_with_todays_versions_of_its_holder_and_place(practice):
    session = make_schedule(start=START, session_holder=practice.practitioner)
    make_slots(3, session)
    other = make_schedule(start=START + timedelta(hours=4), session_holder=None)
    make_slots(1, other)
    Location.objects.filter(pk=session.location_id).update(version=7)
    slots = found(practice)

    first, second = slot_search.sessions_of(slots, organisation=practice.organisation)

    assert (first.row.pk, second.row.pk) == (session.pk, other.pk)
    assert first.row.session_holder_id == practice.practitioner.pk
    assert first.holder is not None
    assert first.holder[:2] == (practice.practitioner.pk, practice.practitioner.version)
    assert first.location[:2] == (session.location_id, 7)
    assert (second.row.session_holder_id, second.holder) == (None, None)


@pytest.mark.req("GEN-032")
def test_the_version_of_a_holder_counts_their_roles_here_and_nowhere_else(practice):
    other = make_organisation()
    holder = make_practitioner(practice.organisation, also_at=[other], version=3)
    make_slots(1, make_schedule(start=START, session_holder=holder))
    holder.roles.create(organisation=practice.organisation, role="R0270", version=4)
    slots = found(practice)

    def version():
        (session,) = slot_search.sessions_of(slots, organisation=practice.organisation)
        return session.holder

    before = version()
    holder.roles.filter(organisation=other).update(version=9)

    assert before[:2] == (holder.pk, 7)
    assert version() == before
    holder.roles.filter(organisation=practice.organisation, role="R0270").update(version=5)
    assert version()[:2] == (holder.pk, 8)


def test_without_a_slot_nothing_is_asked(practice, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert slot_search.sessions_of([], organisation=practice.organisation) == []


def test_sessions_of_another_practice_are_not_found(practice):
    make_slots(1, make_schedule(start=START))

    assert slot_search.sessions_of(found(practice), organisation=make_organisation()) == []
