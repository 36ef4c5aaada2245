"""What would come of a template: its timeline, its calendar, what others see of it."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from practice.models import SessionTemplate
from tests.practice.staff.template_page import (
    BREAK,
    NEW,
    said,
    sent,
    timeline,
)
from workbench.factories import (
    make_access_profile,
    make_closure,
    make_template,
)
from workbench.staff import MANAGER, make_staff

pytestmark = pytest.mark.django_db


def test_the_timeline_shows_slots_and_breaks(practice, manager):
    page = manager.post(
        NEW,
        sent(
            practice,
            {"end": "09:20"},
            {"start": "09:20", "end": "09:40", **BREAK},
            {"start": "09:40", "end": "10:00", "gp_connect_bookable": None},
            do="show",
        ),
    )

    assert timeline(page) == [
        "09:00 Routine, In-person",
        "09:10 Routine, In-person",
        "09:20 Break",
        "09:40 Routine, In-person",
        "09:50 Routine, In-person",
    ]
    assert "4 slots: 2 GP Connect bookable, 2 staff only." in said(page)
    assert not SessionTemplate.objects.exists()


def test_it_says_what_others_see_of_each_block_and_why_one_never_can(practice, manager):
    profile = make_access_profile(name="111 daily")

    page = manager.post(
        NEW,
        sent(
            practice,
            {"access_profile": profile.pk, "embargo_minutes": 90},
            {"start": "10:00", "end": "11:00", "embargo_minutes": 5, "minimum_notice_minutes": 60},
            {"start": "11:00", "end": "12:00", "gp_connect_bookable": None},
            do="show",
        ),
    )

    views = page.context["preview"].views
    assert "Organisations of “111 daily” see: Routine, In-person" in views[0].seen
    assert "hidden until 1 h 30 min before it starts" in views[0].seen
    assert (
        "The minimum notice is longer than the embargo (60 minutes, 5 minutes)"
        in views[1].not_offered[0]
    )
    assert views[2].seen == "Staff only: other organisations see nothing of it."


def test_what_zero_means_is_said_by_the_form_and_shown_of_a_block(practice, manager):
    block = {"booking_window_days": 0, "embargo_minutes": 0}

    page = manager.post(NEW, sent(practice, block, do="show", embargo_minutes=90))

    [view] = page.context["preview"].views
    assert "on the day only" in view.seen
    assert "hidden until" not in view.seen
    for words in ("0: only on the day.", "0: not hidden.", "0: until it starts."):
        assert words in page.content.decode()


def test_the_calendar_shows_weeks_a_and_b_and_what_is_closed(practice, manager, monday):
    make_closure(start_date=monday, end_date=monday, name="Fire alarm works")
    template = make_template(
        session_holder=practice.practitioner,
        every_n_weeks=2,
        effective_from=monday,
        weekdays=[0],
        runs_on_bank_holidays=True,
    )

    page = manager.get(reverse("admin:practice_sessiontemplate_change", args=[template.pk]))

    days = {d.day: d for week in page.context["calendar"] for d in week.days}
    assert (days[monday].word, days[monday].why) == ("Closed", "Fire alarm works")
    words = [days[monday + timedelta(weeks=n)].word for n in range(1, 5)]
    assert words == ["", "Runs", "", "Runs"]
    names = [week.name for week in page.context["calendar"]]
    assert set(names) == {"Week A", "Week B"}
    assert len(names) == 12


def test_the_timeline_knows_the_clock_changes(practice, client, monkeypatch):
    """A night session over the spring change is shown as it will be."""
    monkeypatch.setattr(timezone, "now", lambda: datetime(2027, 3, 1, 12, tzinfo=UTC))
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    template = make_template(
        session_holder=practice.practitioner,
        effective_from=date(2027, 3, 27),
        weekdays=[5],
        blocks=[{"start": time(23), "end": time(3), "slot_minutes": 60}],
    )

    page = client.get(reverse("admin:practice_sessiontemplate_change", args=[template.pk]))

    assert [line[:5] for line in timeline(page)] == ["23:00", "00:00", "02:00"]
