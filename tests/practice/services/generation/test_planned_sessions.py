"""On which days a template runs, and which slots fill them. No database."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practice.clock import moment
from practice.models import SessionTemplate, TemplateBlock
from practice.services.generation.planned_sessions import planned_session, runs_on

AUTUMN, SPRING = date(2026, 10, 25), date(2027, 3, 28)
EVE_OF_AUTUMN, EVE_OF_SPRING = date(2026, 10, 24), date(2027, 3, 27)
MONDAY = date(2026, 11, 30)


def template(**fields) -> SessionTemplate:
    defaults = {"practitioner_role": "R0260", "weekdays": [0], "effective_from": MONDAY}
    return SessionTemplate(**{**defaults, **fields})


def block(start: str, end: str, minutes: int | None = 10, **fields) -> TemplateBlock:
    hours = {"start": time.fromisoformat(start), "end": time.fromisoformat(end)}
    return TemplateBlock(slot_minutes=minutes, slot_type="Routine", **hours, **fields)


def fill(*blocks: TemplateBlock, day: date = MONDAY, **fields):
    return planned_session(template(**fields), blocks, day)


def days_run(count: int, **fields) -> list[date]:
    """The dates on which a template runs, of so many from its first Monday on."""
    one = template(**fields)
    days = (MONDAY + timedelta(days=n) for n in range(count))
    return [day for day in days if runs_on(one, day)]


# ---------------------------------------------------------------- which days


def test_a_template_runs_on_its_weekdays():
    found = days_run(14, weekdays=[0, 4])

    assert found == [date(2026, 11, 30), date(2026, 12, 4), date(2026, 12, 7), date(2026, 12, 11)]


def test_a_template_runs_from_its_first_to_its_last_date():
    found = days_run(
        14,
        weekdays=[0, 1, 2, 3, 4, 5, 6],
        effective_from=date(2026, 12, 2),
        effective_to=date(2026, 12, 4),
    )

    assert found == [date(2026, 12, 2), date(2026, 12, 3), date(2026, 12, 4)]


def test_every_second_week_is_counted_from_the_monday_of_the_first_week():
    """A first date on a Thursday: the Mondays of the even weeks, not every fourteenth day on."""
    found = days_run(36, every_n_weeks=2, effective_from=date(2026, 12, 3))

    assert found == [date(2026, 12, 14), date(2026, 12, 28)]


def test_a_and_b_weeks_take_turns():
    a_weeks = days_run(28, every_n_weeks=2)
    b_weeks = days_run(28, every_n_weeks=2, effective_from=MONDAY + timedelta(days=7))

    assert a_weeks == [date(2026, 11, 30), date(2026, 12, 14)]
    assert b_weeks == [date(2026, 12, 7), date(2026, 12, 21)]


@pytest.mark.parametrize(
    ("nth", "expected"),
    [
        (1, [date(2026, 12, 1), date(2027, 1, 5)]),
        (2, [date(2026, 12, 8), date(2027, 1, 12)]),
        (4, [date(2026, 12, 22), date(2027, 1, 26)]),
        pytest.param(5, [date(2026, 12, 29), date(2027, 1, 26)], id="last, the fifth or fourth"),
    ],
)
def test_an_nth_weekday_of_the_month(nth, expected):
    assert days_run(60, weekdays=[1], nth_of_month=nth) == expected


# ---------------------------------------------------------------- which slots


@pytest.mark.parametrize(
    ("start", "end", "day", "count"),
    [
        pytest.param("22:00", "06:00", EVE_OF_AUTUMN, 54, id="night into the longer day"),
        pytest.param("22:00", "06:00", EVE_OF_SPRING, 42, id="night into the shorter day"),
        pytest.param("22:00", "06:00", MONDAY, 48, id="any other night"),
        pytest.param("00:00", "03:00", AUTUMN, 24, id="around the repeated hour"),
        pytest.param("00:00", "03:00", SPRING, 12, id="around the missing hour"),
        pytest.param("01:00", "02:00", AUTUMN, 12, id="in the repeated hour"),
        pytest.param("00:30", "01:30", SPRING, 3, id="into the missing hour"),
        pytest.param("01:30", "03:00", SPRING, 6, id="out of the missing hour"),
        pytest.param("08:00", "18:00", AUTUMN, 60, id="after the repeated hour"),
        pytest.param("08:00", "18:00", SPRING, 60, id="after the missing hour"),
    ],
)
def test_both_clock_changes_make_as_many_slots_as_there_is_time(start, end, day, count):
    found = fill(block(start, end), day=day)

    assert len(found.slots) == count
    assert len({slot.start for slot in found.slots}) == count
    assert {slot.end - slot.start for slot in found.slots} == {600}
    assert (found.slots[0].start, found.slots[-1].end) == (found.start, found.end)


def test_a_block_in_the_missing_hour_is_left_out_with_a_reason():
    found = fill(
        block("00:00", "01:00"), block("01:00", "02:00"), block("02:00", "03:00"), day=SPRING
    )

    assert len(found.slots) == 12
    assert found.notes == (
        "01:00 to 02:00 Routine: the clocks go forward then, and the whole block is missing.",
    )


def test_a_session_in_the_missing_hour_is_refused_in_words():
    with pytest.raises(ValueError, match="the whole session lies in the missing hour"):
        fill(block("01:10", "01:50"), day=SPRING)


def test_breaks_make_no_slots_but_belong_to_the_session():
    found = fill(
        block("09:00", "10:00"), block("10:00", "10:30", None), block("10:30", "11:00", 15)
    )

    starts = [moment(slot.start).strftime("%H:%M") for slot in found.slots]
    assert starts == ["09:00", "09:10", "09:20", "09:30", "09:40", "09:50", "10:30", "10:45"]
    assert moment(found.end) == datetime(2026, 11, 30, 11, tzinfo=UTC)


def test_a_count_limits_the_slots_of_a_block():
    found = fill(block("09:00", "12:00", slot_count=4))

    assert len(found.slots) == 4
    assert moment(found.end) == datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert found.notes == ()


def test_a_count_that_does_not_fit_is_said():
    found = fill(block("09:00", "09:30", slot_count=4))

    assert len(found.slots) == 3
    assert found.notes == ("09:00 to 09:30 Routine: only 3 of 4 slots fit.",)


def test_blocks_past_midnight_belong_to_the_following_day():
    found = fill(
        block("22:00", "23:30", 30), block("23:30", "00:30", 30), block("00:30", "01:00", 30)
    )

    assert [slot.start for slot in found.slots] == [found.start + n * 1800 for n in range(6)]
    assert moment(found.end) == datetime(2026, 12, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([], "no blocks"),
        ([block("09:00", "10:00", None)], "breaks only"),
        ([block("09:00", "09:10", 15)], "no slot of 15 minutes fits"),
        ([block("09:00", "12:00"), block("11:00", "13:00")], "The blocks overlap"),
    ],
    ids=["no blocks", "breaks only", "too short", "overlapping"],
)
def test_a_template_of_which_no_session_comes_says_why(blocks, words):
    with pytest.raises(ValueError, match=words):
        fill(*blocks)


@pytest.mark.req("AVAIL-052")
def test_slots_are_not_bookable_outside_while_the_session_has_no_role():
    bookable = block("09:00", "10:00", gp_connect_bookable=True, delivery_channel="In-person")

    found = fill(bookable, practitioner_role="")

    assert not any(slot.kind.gp_connect_bookable for slot in found.slots)
    assert "the session has no role" in found.notes[0]


@given(
    st.sampled_from([AUTUMN, SPRING, EVE_OF_AUTUMN, EVE_OF_SPRING, MONDAY]),
    st.lists(st.integers(1, 100), min_size=2, max_size=6),
    st.integers(0, 23 * 60),
    st.integers(1, 40),
)
def test_slots_never_overlap_and_never_leave_their_session(day, lengths, first, minutes):
    """Blocks laid end to end from any time of day, over either clock change."""
    wall = datetime.combine(day, time.min) + timedelta(minutes=first)
    blocks = []
    for length in lengths:
        end = wall + timedelta(minutes=length)
        blocks.append(block(f"{wall:%H:%M}", f"{end:%H:%M}", minutes))
        wall = end

    try:
        found = fill(*blocks, day=day)
    except ValueError:
        return

    edges = [edge for slot in found.slots for edge in (slot.start, slot.end)]
    assert edges == sorted(edges)
    assert {slot.end - slot.start for slot in found.slots} == {minutes * 60}
    assert found.start <= edges[0]
    assert edges[-1] <= found.end
