"""A template from blank to applied in a real browser, with and without JavaScript."""

from datetime import time, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from practice import clock
from practice.models import Schedule, SessionTemplate, Slot
from workbench.factories import make_appointment, make_closure, make_slot_type, make_template
from workbench.staff import MANAGER, make_staff

NEW = "/admin/practice/sessiontemplate/add/"
APPLY = "/admin/practice/generationrun/add/"


@pytest.fixture
def manager(practice, staff_roles):
    return make_staff(practice.organisation, role=MANAGER)


def monday():
    today = clock.today(timezone.now())
    return today + timedelta(days=14 - today.weekday())


def fill_session(page):
    """Say whose, where and when."""
    page.get_by_label("Session name").fill("Morning surgery")
    page.locator("[name=session_holder]").select_option(index=1)
    page.locator("[name=practitioner_role]").select_option("R0260")
    page.get_by_label("Mon", exact=True).check()
    page.get_by_label("First date").fill(monday().isoformat())
    page.get_by_label("Runs on bank holidays").check()


def sideways(page) -> int:
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_a_template_from_blank_to_applied(page_for, manager, practice, javascript):
    make_slot_type(practice.organisation, "Routine")
    page = page_for(manager, 1400, javascript=javascript)
    page.goto(NEW)
    fill_session(page)
    page.locator("[name=blocks-0-end]").fill("10:00")
    page.get_by_label("GP Connect bookable").check()
    if not javascript:
        page.get_by_role("button", name="Show the timeline").click()
    expect(page.locator("#timeline")).to_contain_text("6 slots: 6 GP Connect bookable")
    expect(page.locator("#said-blocks-0")).to_contain_text("All organisations see: Routine")

    page.get_by_role("button", name="+ Add break").click()
    expect(page.locator("#heading-blocks-1")).to_have_text("2. Break")
    page.get_by_role("button", name="Move block 2 up").click()
    expect(page.locator(".build-slot").first).to_contain_text("Break, 20 min")
    page.get_by_role("button", name="Copy block 2").click()
    page.get_by_role("button", name="Remove block 3").click()
    page.get_by_role("button", name="Save, and see what applying would do").click()

    expect(page.locator(".plan-table").first).to_contain_text("New session.")
    assert SessionTemplate.objects.get().blocks.count() == 2
    assert not Slot.objects.exists()
    page.get_by_role("button", name="Apply: create 24").click()
    expect(page.get_by_text("24 slots created").first).to_be_visible()
    assert Slot.objects.count() == 24
    assert Schedule.objects.count() == 4


def test_the_timeline_follows_and_says_what_is_wrong_before_saving(page_for, manager):
    page = page_for(manager, 1400)
    page.goto(NEW)
    fill_session(page)
    page.locator("[name=blocks-0-slot_minutes]").fill("30")
    expect(page.locator("#timeline")).to_contain_text("6 slots: 0 GP Connect bookable")
    expect(page.locator("#unsaved")).to_have_text("Changes not saved")

    page.locator("[name=practitioner_role]").select_option("")
    page.get_by_label("GP Connect bookable").check()
    expect(page.locator("#said-blocks-0")).to_contain_text(
        "Can never be offered: The session has no role"
    )
    expect(page.locator("#calendar")).to_contain_text("Runs")


def test_somebody_else_changed_the_diary_meanwhile(page_for, manager, practice):
    first = monday()
    template = make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=first,
        runs_on_bank_holidays=True,
        blocks=[{"end": time(10)}],
    )
    page = page_for(manager, 1400)
    page.goto(f"{APPLY}?template={template.pk}&from={first}")
    make_closure(start_date=first, end_date=first, name="Flood")

    page.get_by_role("button", name="Apply: create 24").click()
    expect(page.get_by_role("alert")).to_contain_text("The diary has changed since you looked")
    expect(page.locator(".plan-news")).to_contain_text("it was create 6")
    page.get_by_role("button", name="Apply: create 18").click()
    expect(page.get_by_text("18 slots created").first).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_keeps_people_out_and_nothing_scrolls_sideways(
    page_for, manager, practice, axe, width, dark
):
    first = monday()
    template = make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        every_n_weeks=2,
        effective_from=first,
        blocks=[
            {"end": time(10)},
            {"start": time(10), "end": time(10, 20), "slot_minutes": None,
             "slot_type": "", "delivery_channel": "", "gp_connect_bookable": False},
            {"start": time(10, 20), "end": time(11), "embargo_minutes": 240},
        ],
    )  # fmt: skip
    make_closure(start_date=first + timedelta(weeks=2), name="Fire alarm works")
    page = page_for(manager, width, dark=dark)
    apply = f"{APPLY}?template={template.pk}&from={first}"
    page.goto(apply)
    page.get_by_role("button", name="Apply:").click()
    make_appointment(slots=[Slot.objects.filter(embargo_minutes=None).order_by("start").last()])
    template.blocks.filter(position=0).update(end=time(9, 30))

    for address in (NEW, f"/admin/practice/sessiontemplate/{template.pk}/change/", apply):
        page.goto(address)
        assert axe(page) == [], address
        assert sideways(page) == 0, address
    expect(page.locator(".plan-person")).to_contain_text("Orphans")
