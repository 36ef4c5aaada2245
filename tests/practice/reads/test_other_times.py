"""Other times for those whom a closure meets: of the same kind, in a fair share, none earlier."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from practice import clock
from practice.models import Appointment, Closure, Patient, Slot
from practice.reads.other_times import OtherTimes, other_times
from workbench.factories import (
    make_appointment,
    make_location,
    make_organisation,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 30, 12, tzinfo=UTC)
MONDAY = date(2027, 2, 1)


def slots_at(clock_time: str, number: int = 1, *, days: int = 0, session=None, **slots):
    start = clock.instant(MONDAY + timedelta(days=days), time.fromisoformat(clock_time))
    return make_slots(number, make_schedule(start=start, **(session or {})), **slots)


def offered(practice, *appointments: Appointment, **asked) -> list[OtherTimes]:
    closure = Closure(organisation=practice.organisation, start_date=MONDAY, end_date=MONDAY)
    found = other_times(
        appointments, closure, **{"without": (), "earlier": False, "now": NOW, **asked}
    )
    return [found[each.pk] for each in appointments]


def slots_of(times: OtherTimes) -> list[Slot]:
    suggested = [times.suggested] if times.suggested else []
    return [each.slot for each in (*suggested, *times.others, *times.earlier)]


@pytest.fixture
def met(practice) -> list[Appointment]:
    """Two routine appointments of the Monday, at 10:00 and 10:10."""
    return [make_appointment([slot], now=NOW) for slot in slots_at("10:00", 2)]


def test_only_what_could_be_had_instead_is_offered(practice, met):
    """Of its kind, long enough, soon, not taken away itself, and here."""
    slots_at("11:00", slot_type="Urgent")
    slots_at("11:00", delivery_channel="Video")
    slots_at("11:00", minutes=5)
    slots_at("11:00", status="busy-unavailable")
    slots_at("11:00", withdrawn=True)
    slots_at("11:00", days=5)
    slots_at("11:00", session={"organisation": make_organisation()})
    (going,) = slots_at("11:00")
    (longer,) = slots_at("11:00", minutes=20)
    (last_day,) = slots_at("11:00", days=4)

    (times,) = offered(practice, met[0], without={going.pk})

    assert slots_of(times) == [longer, last_day]


def test_the_same_place_comes_first_and_at_one_place_the_earliest(practice, met):
    branch = make_location(practice.organisation)
    there = slots_at("10:30", session={"location": branch})
    here = slots_at("16:00", 2)

    (times,) = offered(practice, met[0])

    assert slots_of(times) == [*here, *there]


def test_scarce_times_are_shared_in_turns_and_no_more_than_five_each(practice, met):
    """The one who comes second has the second best, not what five have left over."""
    first, second, third = slots_at("11:00", 3)

    assert [slots_of(each) for each in offered(practice, *met)] == [[first, third], [second]]

    slots_at("12:00", 20)

    assert [len(each) for each in offered(practice, *met)] == [5, 5]


def test_earlier_times_come_besides_only_when_asked_for_the_nearest_first(practice, met):
    """The hazard (H23)."""
    before, at_once, after = slots_at("08:00"), slots_at("10:00"), slots_at("10:10")
    nearer = slots_at("09:00", 2)

    (times,) = offered(practice, met[1])
    (more,) = offered(practice, met[1], earlier=True)

    assert slots_of(times) == after
    assert slots_of(more) == [*after, *at_once, nearer[1], nearer[0], *before]
    assert [each.slot for each in more.earlier] == [*at_once, nearer[1], nearer[0], *before]


def test_nothing_is_offered_to_those_who_cannot_be_booked(practice, met):
    slots_at("11:00", 2)
    Patient.objects.filter(pk=met[0].patient_id).update(deceased_at=date(2027, 1, 29))
    met[0].patient.refresh_from_db()

    gone, other = offered(practice, *met)

    assert (len(gone), gone.why_none) == (0, "The patient died on 29 Jan 2027.")
    assert len(other) == 2, "and others have them"


def test_it_costs_one_query_however_many_there_are(practice, met, django_assert_num_queries):
    slots_at("11:00", 20)

    with django_assert_num_queries(1):
        offered(practice, *met, earlier=True)
