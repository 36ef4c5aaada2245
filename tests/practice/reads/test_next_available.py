"""The grid of clinicians by days: first free time and how many, and what else a cell may say."""

from datetime import date, time, timedelta

import pytest

from practice import clock
from practice.clock import seconds
from practice.models import Closure, Slot
from practice.reads.free_times import Wanted, free_times
from practice.reads.next_available import NOBODY, Cell, Place, next_available, times_at
from workbench.factories import (
    make_access_profile,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db

MONDAY = date(2027, 3, 22)  # the clocks change on the Sunday after
NOW = clock.instant(MONDAY, time(8))


def session(day, at, count=4, **fields):
    """A session of four slots of ten minutes that begins at a time of a day."""
    schedule = make_schedule(start=clock.instant(day, time(*at)), date=day, **fields)
    return make_slots(count, schedule)


def grid(practice, **wanted):
    return next_available(
        Wanted(**wanted), organisation=practice.organisation, now=NOW, first=MONDAY
    )


@pytest.fixture
def ada(practice):
    return make_practitioner(practice.organisation, given_names="Ada", family_name="Aspecimen")


def test_a_cell_is_the_first_free_time_and_how_many(practice, ada):
    """On both sides of the clock change, and with a half-day that noon parts."""
    later = MONDAY + timedelta(days=14)
    taken, *morning = session(MONDAY, (9,), session_holder=ada)
    Slot.objects.filter(pk=taken.pk).update(status="busy")
    noon = session(later, (11, 40), session_holder=ada)

    (row,) = grid(practice).rows

    assert (row.holder, row.name) == (ada.pk, "Dr Ada Aspecimen")
    assert row.cells == {
        (MONDAY, "am"): Cell(seconds(morning[0].start), 3, works=True),
        (later, "am"): Cell(seconds(noon[0].start), 2, works=True),
        (later, "pm"): Cell(seconds(noon[2].start), 2, works=True),
    }


def test_four_weeks_are_shown_and_a_weekend_only_with_a_session(practice, ada):
    saturday = MONDAY + timedelta(days=12)
    session(saturday, (9,), session_holder=ada)
    session(MONDAY + timedelta(days=28), (9,), session_holder=ada)

    found = grid(practice)

    assert (found.first, found.last) == (MONDAY, MONDAY + timedelta(days=27))
    assert len(found.days) == 21
    assert saturday in found.days
    assert list(found.rows[0].cells) == [(saturday, "am")]


def test_what_is_kept_for_others_is_counted_apart_and_says_for_whom(practice, ada):
    hub = make_access_profile(name="Hub", ods_codes=["B00001"])
    own, reserved, under_embargo, not_offered = session(MONDAY, (9,), session_holder=ada)
    Slot.objects.filter(pk=reserved.pk).update(access_profile=hub)
    Slot.objects.filter(pk=under_embargo.pk).update(embargo_minutes=1)
    Slot.objects.filter(pk=not_offered.pk).update(access_profile=hub, gp_connect_bookable=False)

    (row,) = grid(practice).rows

    assert row.cells[MONDAY, "am"] == Cell(seconds(own.start), 2, 2, "Hub", works=True)
    listed = free_times(Wanted(), organisation=practice.organisation, now=NOW, most=9)
    assert [bool(slot.kept) for slot in listed] == [False, True, True, False]


def test_nothing_free_and_away_are_told_apart(practice, ada):
    tuesday, wednesday = (MONDAY + timedelta(days=days) for days in (1, 2))
    taken = session(MONDAY, (9,), session_holder=ada)
    Slot.objects.filter(pk__in=[slot.pk for slot in taken]).update(status="busy")
    Closure.objects.create(
        organisation=practice.organisation,
        kind="leave",
        practitioner=ada,
        start_date=tuesday,
        end_date=tuesday,
    )
    Closure.objects.create(
        organisation=practice.organisation,
        kind="training",
        start_date=wednesday,
        start_time=time(13),
        end_date=wednesday,
    )

    (row,) = grid(practice).rows

    assert row.cells == {
        (MONDAY, "am"): Cell(works=True),
        (tuesday, "am"): Cell(away="leave"),
        (tuesday, "pm"): Cell(away="leave"),
        (wednesday, "pm"): Cell(away="training"),
    }


@pytest.mark.parametrize(
    "wish",
    [
        {"slot_type": "Urgent"},
        {"role": "R0600"},
        {"channel": "Video"},
        {"gender": "male"},
        {"part": "pm"},
        {"part": "evening"},
    ],
    ids=str,
)
def test_each_wish_narrows_grid_and_times_alike(practice, ada, wish):
    he = make_practitioner(practice.organisation, gender="male")
    session(MONDAY, (9,), session_holder=ada)
    fits = session(
        MONDAY,
        (17, 30),
        session_holder=he,
        practitioner_role="R0600",
        location=make_location(practice.organisation),
    )
    Slot.objects.filter(pk__in=[slot.pk for slot in fits]).update(
        slot_type="Urgent", delivery_channel="Video"
    )

    free = {
        (row.holder, *at): cell.free
        for row in grid(practice, **wish).rows
        for at, cell in row.cells.items()
        if cell.free
    }

    assert free == {(he.pk, MONDAY, "pm"): 4}
    place = Place(he.pk, MONDAY, "pm")
    asked = {"organisation": practice.organisation, "now": NOW}
    assert times_at(place, Wanted(**wish), **asked) == fits
    assert times_at(Place(he.pk, MONDAY, "am"), Wanted(**wish), **asked) == []


def test_sessions_without_a_holder_come_last_and_others_practices_not_at_all(practice, ada):
    session(MONDAY, (9,), session_holder=None)
    slots = session(MONDAY, (14,), session_holder=ada)
    elsewhere = make_organisation()
    session(MONDAY, (9,), organisation=elsewhere, session_holder=ada)

    rows = grid(practice).rows

    assert [row.holder for row in rows] == [ada.pk, NOBODY]
    assert list(rows[0].cells) == [(MONDAY, "pm")]
    asked = {"organisation": practice.organisation, "now": NOW}
    assert len(times_at(Place(NOBODY, MONDAY, "am"), Wanted(), **asked)) == 4
    assert times_at(Place(ada.pk, MONDAY, "pm"), Wanted(), **asked) == slots


def test_the_grid_asks_once_for_each_kind_of_thing(practice, django_assert_num_queries):
    for holder in (make_practitioner(practice.organisation) for _ in range(3)):
        for day in range(5):
            session(MONDAY + timedelta(days=day), (9,), session_holder=holder)

    with django_assert_num_queries(4):
        assert sum(len(row.cells) for row in grid(practice).rows) == 15


@pytest.mark.parametrize("text", ["", "1", "1.2027-03-22", "x.2027-03-22.am", "1.2027-02-30.am"])
def test_what_is_no_place_is_none(text):
    assert Place.read(text) is None


def test_a_place_is_read_as_it_is_written():
    place = Place(12, MONDAY, "am")

    assert Place.read(str(place)) == place
