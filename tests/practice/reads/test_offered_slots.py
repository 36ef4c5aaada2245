"""The search as a query: of one practice, at a cost that does not depend on how much is found.

That it says what the rule says is held by test_bookability and test_bookability_agreement.
"""

from datetime import UTC, datetime, timedelta

import pytest

from practice.reads import offered_slots
from practice.reads.offered_slots import OfferedRows
from practice.reads.profile_limits import ANYBODY
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_organisation,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)  # a Wednesday, noon in London
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def slot_at(start):
    return make_slot(make_schedule(start=start), start=start)


@pytest.mark.req("SLOT-050", "AVAIL-072")
def test_a_slot_of_another_practice_is_never_offered():
    ours = slot_at(NOW + HOUR)
    make_slot(make_schedule(make_organisation(), start=NOW + HOUR))

    offered = offered_slots.offered(organisation=ours.organisation, requester=ANYBODY, now=NOW)

    assert list(offered) == [ours]


@pytest.mark.parametrize(("limit", "queries"), [(None, 2), (1, 3)], ids=["unlimited", "limited"])
def test_the_query_costs_the_same_however_many_sessions_and_bookings(
    django_assert_num_queries, limit, queries
):
    profile = make_access_profile(slots_per_session=limit)
    for day in range(1, 6):
        schedule = make_schedule(start=NOW + day * DAY, access_profile=profile)
        make_appointment(make_slots(2, schedule)[:1], now=NOW)

    with django_assert_num_queries(queries):
        found = list(
            offered_slots.offered(
                organisation=profile.organisation, requester=ANYBODY, now=NOW
            ).values_list("pk")
        )

    assert len(found) == (0 if limit else 5)


@pytest.mark.parametrize("switch", ["gp_connect_enabled", "appointment_management_enabled"])
def test_a_practice_that_is_switched_off_offers_nothing(switch, django_assert_num_queries):
    slot = slot_at(NOW + HOUR)
    setattr(slot.organisation, switch, False)
    asked = {"organisation": slot.organisation, "requester": ANYBODY, "now": NOW}
    prepared = OfferedRows(lambda found: found.values_list("pk"))

    with django_assert_num_queries(0):
        assert list(offered_slots.offered(**asked)) == []
        assert prepared.rows(**asked) == []
