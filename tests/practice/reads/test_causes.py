"""What a template's block keeps from being offered is counted against that block."""

from datetime import UTC, datetime, time, timedelta

import pytest

from practice import clock
from practice.models import Slot
from practice.reads.bookability import Reason
from practice.reads.causes import block_of, causes
from practice.reads.profile_limits import BookingParty
from practice.reads.visibility import explain
from practice.services.audit.recording import Actor
from practice.services.generation import runs
from workbench.factories import make_access_profile, make_schedule, make_slots, make_template

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 15, 9, tzinfo=UTC)  # a Sunday
MONDAY = clock.today(NOW) + timedelta(days=1)
NHS_111 = BookingParty(frozenset({"Y00123"}), frozenset({"urgent-care"}))


def applied(organisation, **template):
    """A template, and a week of diary made of it."""
    made = make_template(organisation, effective_from=MONDAY, **template)
    runs.apply(
        runs.plan(
            organisation=organisation,
            from_date=MONDAY,
            to_date=MONDAY + timedelta(days=6),
            now=NOW,
            template_ids=[made.pk],
        ),
        actor=Actor(door="command"),
        now=NOW,
    )
    return made


def found(organisation):
    explained = explain(
        organisation=organisation,
        requester=NHS_111,
        first=MONDAY,
        last=MONDAY + timedelta(days=6),
        now=NOW,
    )
    return causes(explained.not_offered, organisation=organisation)


def test_the_block_that_hides_most_stands_first(practice):
    here = practice.organisation
    hub = make_access_profile(here, name="Hub", ods_codes=["X9X01"])
    template = applied(
        here,
        blocks=[
            {"start": time(9), "end": time(10), "access_profile": hub},
            {"start": time(10), "end": time(12), "gp_connect_bookable": False},
            {"start": time(12), "end": time(13)},
        ],
    )

    most, least = found(here)

    assert (most.reason, most.slots, most.only, most.place) == (Reason.NOT_BOOKABLE, 60, 60, 1)
    assert most.template == template
    assert str(most.block) == "10:00 to 12:00 Routine"
    assert (least.reason, least.slots, least.place) == (Reason.OTHER_CODES, 30, 0)


def test_what_no_template_made_or_settles_is_left_out(practice):
    here = practice.organisation
    start = clock.instant(MONDAY, time(9))
    make_slots(3, make_schedule(start=start), gp_connect_bookable=False)
    type(here).objects.filter(pk=here.pk).update(embargo_minutes=5)
    here.refresh_from_db()
    applied(here, blocks=[{}])

    # The embargo is the practice's: no template would change it.
    assert found(here) == []


def test_an_embargo_of_the_template_is_its_own(practice):
    applied(practice.organisation, embargo_minutes=5, blocks=[{}])

    (only,) = found(practice.organisation)

    assert (only.reason, only.slots) == (Reason.EMBARGOED, 90)


def test_a_slot_lies_in_the_block_of_its_type_and_past_midnight_too(practice):
    template = make_template(
        practice.organisation,
        blocks=[
            {"start": time(22), "end": time(2), "slot_type": "Night"},
            {"start": time(22), "end": time(6), "slot_type": "Duty doctor"},
        ],
    )

    assert block_of(template, "Duty doctor", time(1))[0] == 1
    assert block_of(template, "Night", time(1))[0] == 0
    assert block_of(template, "Renamed", time(5))[0] == 1
    assert block_of(template, "Night", time(7)) == (-1, None)


def test_two_queries_whatever_there_is(practice, django_assert_num_queries):
    here = practice.organisation
    for _ in range(3):
        applied(here, blocks=[{"gp_connect_bookable": False}])
    explained = explain(
        organisation=here,
        requester=NHS_111,
        first=MONDAY,
        last=MONDAY + timedelta(days=6),
        now=NOW,
    )
    assert Slot.objects.count() == 270

    with django_assert_num_queries(2):
        assert len(causes(explained.not_offered, organisation=here)) == 3
