"""What cannot work in a template is refused, in words."""

import pytest
from django.urls import reverse

from practice.models import SessionTemplate
from tests.practice.staff.template_page import (
    BREAK,
    NEW,
    said,
    sent,
)
from workbench.factories import make_slot_type

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mapped_types(practice):
    """Templates may use these: they have a national category."""
    return [make_slot_type(practice.organisation, name) for name in ("Routine", "Urgent")]


REFUSED = {
    "no day": ([{}], {"weekdays": []}, "This field is required"),
    "ends before it starts": (
        [{}],
        {"effective_to": "2020-01-01"},
        "The last date is before the first date",
    ),
    "every second week and the first of the month": (
        [{}],
        {"every_n_weeks": 2, "nth_of_month": 1},
        "Choose one: every few weeks, or a certain week of the month",
    ),
    "overlap": (
        [{"end": "10:00"}, {"start": "09:50"}],
        {},
        "This block starts at 09:50, before the block above it (09:00 to 10:00) has ended",
    ),
    "wrong order": (
        [{"start": "10:00", "end": "12:00"}, {"start": "08:00", "end": "09:00"}],
        {},
        "move the blocks into order",
    ),
    "slot longer than block": (
        [{"end": "09:20", "slot_minutes": 30}],
        {},
        "A slot of 30 minutes does not fit between 09:00 and 09:20 (20 minutes)",
    ),
    "count does not fit": (
        [{"end": "09:30", "slot_count": 5}],
        {},
        "5 slots of 10 minutes do not fit between 09:00 and 09:30: at most 3 do",
    ),
    "slots of no kind": ([{"slot_type": ""}], {}, "Say what kind of slots these are"),
    "bookable break": (
        [{**BREAK, "gp_connect_bookable": "on"}],
        {},
        "A break has no slots to book",
    ),
    "breaks only": ([BREAK], {}, "a session of breaks offers none"),
    "bookable without role": ([{}], {"practitioner_role": ""}, "The session has no role"),
    "bookable without channel": ([{"delivery_channel": ""}], {}, "It has no delivery channel"),
    "embargo against notice": (
        [{"embargo_minutes": 30, "minimum_notice_minutes": 60}],
        {},
        "The minimum notice is longer than the embargo",
    ),
    "role of another list": ([{}], {"practitioner_role": "R9999"}, "Select a valid choice"),
}


@pytest.mark.req("AVAIL-050", "AVAIL-051", "AVAIL-052", "AVAIL-053", "AVAIL-056")
@pytest.mark.parametrize(("blocks", "values", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_template_that_cannot_work_is_refused_in_words(
    practice, manager, blocks, values, expected
):
    answer = manager.post(NEW, sent(practice, *blocks, **values))

    assert expected in said(answer)
    assert not SessionTemplate.objects.exists()


@pytest.mark.req("AVAIL-060")
def test_a_bookable_block_needs_a_place_with_an_address(practice, manager):
    practice.location.address_line_1 = ""
    practice.location.save()

    page = said(manager.post(NEW, sent(practice, {})))

    assert "has no full address" in page
    assert reverse("admin:practice_location_change", args=[practice.location.pk]) in page


def test_a_night_session_is_no_overlap(practice, manager):
    blocks = (
        {"start": "22:00", "end": "01:00"},
        {"start": "01:00", "end": "01:30", **BREAK},
        {"start": "01:30", "end": "06:00"},
    )

    manager.post(NEW, sent(practice, *blocks))

    assert SessionTemplate.objects.get().blocks.count() == 3


def test_a_practice_wide_embargo_counts_when_a_block_says_nothing(practice, manager):
    practice.organisation.embargo_minutes = 15
    practice.organisation.save()

    answer = manager.post(NEW, sent(practice, {"minimum_notice_minutes": 60}))

    assert "The minimum notice is longer than the embargo" in said(answer)
