"""Whatever takes slots away from whom they are promised to is told at the next watch, once.

At each moment the watch and the search agree: the API itself is asked as the same organisation.
"""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.utils import timezone

from fhirapi.resources.common import ODS_CODE
from practice import clock
from practice.models import Closure, Shortfall
from practice.services.closures.closing import close
from practice.services.generation.runs import generate
from practice.services.templates import end_template
from tests.fhirapi.test_walk import search_query
from tests.practice.promise_world import NOW, PROVIDER, TOMORROW, days, promise, session, watched
from workbench.consumer import Consumer, as_dict
from workbench.factories import (
    make_access_profile,
    make_actor,
    make_appointment,
    make_template,
)

pytestmark = pytest.mark.django_db

INTERVAL = timedelta(minutes=5)
OTHER = "X9X07"


@pytest.fixture
def look(practice, monkeypatch):
    """Watch at a moment: the mails that went. What is on offer is what a search finds then."""

    def at(moment, code=PROVIDER):
        monkeypatch.setattr(timezone, "now", lambda: moment)
        mails = watched(practice, moment)
        for day, found in days(practice, moment).items():
            if day > clock.today(moment):  # of today a search no longer finds what is over
                assert found.offered == searched(practice, day, code), day
        return mails

    return at


def searched(practice, day, code):
    asked = {
        **search_query(),
        "start": f"ge{day}",
        "end": f"le{day}",
        "searchFilter": f"{ODS_CODE}|{code}",
    }
    answer = as_dict(Consumer(practice.organisation).search_slots(asked))
    kinds = [each["resource"]["resourceType"] for each in answer.get("entry", [])]
    return kinds.count("Slot")


def names_another(profile, slots):
    profile.ods_codes = ["C22222"]
    profile.save()


def under_embargo(profile, slots):
    for slot in slots:
        slot.embargo_minutes = 60
        slot.save()


def closed(profile, slots):
    holder = slots[0].schedule.session_holder
    closure = Closure(
        organisation=profile.organisation,
        practitioner=holder,
        start_date=TOMORROW,
        end_date=TOMORROW,
    )
    close(closure, actor=make_actor(door="staff"), now=NOW)


def used_up(profile, slots):
    profile.slots_per_day = 1
    profile.save()
    make_appointment(slots[:1], now=NOW)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (names_another, "0 of 3 slots.\n  3 slots of “Routine”: Restricted to other ODS codes."),
        (under_embargo, "0 of 3 slots.\n  3 slots of “Routine”: Still under embargo."),
        (closed, "0 of 3 slots.\n  3 slots of “Routine”: The session does not take place."),
        (used_up, "1 of 3 slots.\n  2 slots of “Routine”: The access profile's limit is used up."),
    ],
)
def test_it_is_told_at_the_next_watch_with_its_cause_and_once(practice, look, spoil, said):
    profile = make_access_profile(ods_codes=[PROVIDER])
    promise(practice, weekdays=[TOMORROW.weekday()])
    slots = session(practice, TOMORROW, 3, slot_type="Routine", access_profile=profile)
    assert look(NOW) == []

    spoil(profile, slots)

    assert look(NOW + INTERVAL) == [f"Thursday 19 November: {said}"]
    assert look(NOW + 2 * INTERVAL) == []


def test_a_template_that_ended_is_told_when_its_days_are_generated_anew(practice, look):
    promise(practice, weekdays=[TOMORROW.weekday()])
    template = make_template(
        practice.organisation, effective_from=NOW.date(), blocks=[{"end": time(9, 30)}]
    )
    practised = {"organisation": practice.organisation, "actor": make_actor(door="staff")}
    span = {"from_date": TOMORROW, "to_date": TOMORROW}
    generate(**practised, **span, now=NOW)
    assert look(NOW) == []

    end_template(**practised, template_id=template.pk, last_date=NOW.date(), now=NOW)
    generate(**practised, **span, now=NOW)

    assert look(NOW + INTERVAL) == [
        "Thursday 19 November: 0 of 3 slots.\n"
        "  3 slots of “Routine”: The session does not take place."
    ]
    assert look(NOW + 2 * INTERVAL) == []


def test_another_provider_from_midnight_on_is_told_in_the_first_interval(practice, look):
    """From midnight the promise is to another, and profiles still name the one before."""
    profile = make_access_profile(ods_codes=[PROVIDER])
    one = promise(practice, weekdays=[4])
    friday = TOMORROW + timedelta(days=1)
    session(practice, friday, 3, slot_type="Routine", access_profile=profile)
    midnight = clock.day_start(TOMORROW)
    assert look(midnight - INTERVAL) == []

    one.ods_code = OTHER
    one.save()

    assert look(midnight, OTHER) == [
        "Friday 20 November: 0 of 3 slots.\n  3 slots of “Routine”: Restricted to other ODS codes."
    ]
    assert look(midnight + INTERVAL, OTHER) == []

    profile.ods_codes = [OTHER]
    profile.save()
    assert look(midnight + 2 * INTERVAL, OTHER) == ["Friday 20 November: as promised again."]


def test_an_embargo_that_ends_by_the_clock_is_told_once_and_its_end_once(practice, look):
    promise(practice, weekdays=[NOW.weekday()], days_ahead=1)
    session(practice, NOW.date(), 3, slot_type="Routine", embargo_minutes=90)
    opens = datetime(2026, 11, 18, 7, 50, tzinfo=UTC)  # for the last of three, from 09:00 on

    early = datetime(2026, 11, 18, 6, tzinfo=UTC)
    told = [look(early + number * INTERVAL) for number in range(24)]

    assert [mails for mails in told if mails] == [
        ["Wednesday 18 November: 0 of 3 slots.\n  3 slots of “Routine”: Still under embargo."],
        ["Wednesday 18 November: as promised again."],
    ]
    assert told.index(["Wednesday 18 November: as promised again."]) == (opens - early) / INTERVAL


@pytest.mark.parametrize("sunday", [date(2026, 10, 25), date(2027, 3, 28)], ids=["back", "forward"])
def test_on_a_sunday_on_which_clocks_change_days_and_hours_are_those_on_the_wall(
    practice, look, sunday
):
    """Three slots from nine o'clock are promised, and others just outside these hours."""
    promise(practice, weekdays=[6], start_time=time(9), end_time=time(9, 30), days_ahead=2)
    session(practice, sunday, 3, hour=8, slot_type="Routine")
    slots = session(practice, sunday, 3, slot_type="Routine", booking_window_days=1)
    saturday = sunday - timedelta(days=1)
    # From nine o'clock on the Saturday the first may be booked, by the wall, 24 hours or not.
    nine = clock.instant(saturday, time(9))

    first = watched(practice, nine + timedelta(minutes=20))
    again = watched(practice, clock.instant(sunday, time(0, 30)))
    changed = watched(practice, clock.instant(sunday, time(3, 30)))

    assert (first, again, changed) == ([], [], [])
    slots[0].gp_connect_bookable = False
    slots[0].save()
    (told,) = watched(practice, clock.instant(sunday, time(3, 35)))
    assert told.startswith(f"Sunday {sunday:%-d %B}: 2 of 3 slots.")
    assert watched(practice, clock.instant(sunday, time(3, 40))) == []
    assert Shortfall.objects.get().day == sunday
