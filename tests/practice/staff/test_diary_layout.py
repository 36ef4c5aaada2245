"""Where everything of a day stands in its column."""

from datetime import date, datetime

from django.conf import settings

from practice import clock
from practice.staff.diary_layout import LANES, LONGEST_AXIS, Scale, lanes_of


def test_what_overlaps_shares_the_width_and_what_does_not_has_all_of_it():
    assert lanes_of([(0, 30), (0, 10), (10, 20), (30, 40)]) == [(0, 2), (1, 2), (1, 2), (0, 1)]


def test_the_days_of_a_week_share_an_axis_by_the_clock_on_the_wall():
    sunday = Scale(date(2026, 10, 25), by_wall=True)

    nine = clock.instant(date(2026, 10, 25), datetime(2026, 1, 1, 9).time())

    assert sunday.minutes(nine) == 9 * 60
    assert Scale(date(2026, 10, 25)).minutes(nine) == 10 * 60


def test_every_place_on_the_scale_has_its_class():
    sheet = (settings.BASE_DIR / "practice/static/practice/diary_scale.css").read_text()
    ranges = {
        "h": range(LONGEST_AXIS),
        "m": range(60),
        "x": range(25),
        "y": range(60),
        "lane": range(LANES),
        "of": range(1, LANES + 1),
        "from": range(LONGEST_AXIS),
        "to": range(LONGEST_AXIS + 1),
    }
    for name, numbers in ranges.items():
        for number in numbers:
            assert f".{name}{number}{{--{name}:{number}}}" in sheet
