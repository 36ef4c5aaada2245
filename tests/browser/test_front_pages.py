"""Front page, figures, access and calendar feeds in a browser: widths, themes, axe, no scripts."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.models import AskingOrganisation, AskingWatch, CalendarFeed, Promise, Rehearsal
from practice.reads.asking import Finding, stored
from tests.practice.rehearsal_world import OtherSide
from tests.practice.services.test_rehearsals import begun
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_organisation,
    make_patient,
    make_schedule,
    make_slots,
)
from workbench.staff import MANAGER, make_staff

PAGES = [
    "/admin/",
    "/admin/utilisation/",
    "/admin/practice/accessprofile/",
    "/admin/audit/",
    "/admin/measures/?period=year&list=all",
    "/admin/who-asks/",
    "/admin/calendars/",
    "/admin/practice/choose/",
    "/admin/auth/user/",  # not for a manager
    "/admin/no-such-page/",
    "/admin/going-live/",
]


@pytest.fixture
def manager(practice):
    """A manager of two practices, on a day on which something happens."""
    now = timezone.now()
    hub = make_access_profile(
        name="Hub", ods_codes=["B00001"], slots_per_session=4, slots_per_day=5, slots_per_week=9
    )
    start = (now - timedelta(minutes=20)).replace(second=0, microsecond=0)
    today = make_schedule(
        start=start,
        date=clock.today(start),
        session_holder=practice.practitioner,
        access_profile=hub,
    )
    for slot in make_slots(6, today)[:4]:
        booked = make_appointment(
            slots=[slot], patient=make_patient(), now=slot.start - timedelta(days=2)
        )
        booked.status, booked.orphaned = "arrived", True
        booked.save()
    who_asks(practice, now)
    OtherSide(practice, begun(practice)).book(patient=practice.patient)
    return make_staff(practice.organisation, make_organisation(), role=MANAGER)


def who_asks(practice, now):
    """One who is promised slots went silent; a stranger is shown nothing, and was refused."""
    promised = Promise.objects.create(
        organisation=practice.organisation, name="NHS 111", ods_code="X9X05", slots_a_day=4
    )
    AskingOrganisation.objects.create(
        organisation=practice.organisation,
        ods_code="X9X07",
        name="Mockshire Integrated Urgent Care",
        for_ods_codes=["X9X07"],
        for_organisation_types=["urgent-care"],
        last_search_at=now,
        last_shown=0,
        nothing_since=now,
        days={str(clock.today(now)): {"searches": 12, "refusals": {"No slot is free.": 3}}},
    )
    found = [
        Finding("nothing", "X9X07", "Mockshire Integrated Urgent Care", now.isoformat()),
        Finding("silent", "X9X05", "X9X05", "", promised.pk, "NHS 111"),
    ]
    AskingWatch.objects.create(
        organisation=practice.organisation,
        began_at=now,
        read_at=now,
        findings=[stored(each) for each in found],
    )


@pytest.mark.req("PERF-033")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_nobody_is_kept_out(page_for, axe, manager, width, dark):
    page = page_for(manager, width, dark=dark)
    found = {}

    rehearsal = f"/admin/going-live/{Rehearsal.objects.get().pk}/"
    for path in [*PAGES, rehearsal]:
        page.goto(path)
        sideways = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        found[path] = [*axe(page), *(["scrolls sideways"] if sideways else [])]

    assert {path: said for path, said in found.items() if said} == {}


def test_the_practice_is_changed_by_keyboard_and_without_scripts(page_for, manager):
    for javascript in (True, False):
        page = page_for(manager, 1400, javascript=javascript)
        page.goto("/admin/")
        summary = page.locator(".practice-chooser summary")
        summary.focus()
        summary.press("Enter")
        choices = page.locator(".practice-chooser button[name=practice]:not([value=all])")
        other = choices.nth(1)
        name = other.inner_text().rsplit(" ", 1)[0]
        other.focus()
        other.press("Enter")

        assert f"You now work in {name}" in page.locator("body").inner_text()
        assert name in page.locator(".practice-chooser summary").inner_text()


def test_charts_are_drawn_and_their_figures_can_be_read(page_for, manager):
    page = page_for(manager, 1400)
    page.goto("/admin/utilisation/")

    drawn = page.evaluate(
        "[...document.querySelectorAll('canvas')].map(c => Boolean(Chart.getChart(c)))"
    )
    page.get_by_text("The same as a table").click()

    assert drawn == [True, True]
    assert page.get_by_role("table", name="By day").is_visible()


def test_a_feed_is_made_copied_and_revoked_without_scripts(page_for, manager, practice):
    page = page_for(manager, 390, javascript=False)
    page.goto("/admin/calendars/")

    page.get_by_role("button", name="Make a feed").first.click()
    address = page.locator("#feed-address").input_value()
    answers = [page.request.get(address).status]
    page.get_by_role("button", name="Revoke").click()
    answers.append(page.request.get(address).status)

    assert answers == [200, 404]
    assert CalendarFeed.objects.get().revoked_at is not None
