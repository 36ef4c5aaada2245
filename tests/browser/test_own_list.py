"""A clinician's day on a telephone: who waits, who is in, a word to reception and back."""

import re

import pytest
from playwright.sync_api import Page, expect

from practice import clock
from practice.models import Membership
from tests.browser.test_diary import NARROW, WIDE, World
from tests.browser.test_live import SOON
from workbench.factories import make_appointment, make_patient
from workbench.staff import CLINICIAN, make_staff

PAGE = "/admin/my-list/"
TOUCH = 44  # pixels: what a thumb hits


@pytest.fixture
def world(staff_roles, practice) -> World:
    """Today of Dr Alpha: Max has been on since a few minutes ago, Una comes next."""
    found = World(practice)
    found.una = make_appointment(  # type: ignore[attr-defined]
        slots=[found.slots[1]],
        patient=make_patient(given_names="Una", family_name="Mock"),
        door="staff",
    )
    found.doctor = make_staff(  # type: ignore[attr-defined]
        practice.organisation, role=CLINICIAN, first_name="Alva", last_name="Alpha"
    )
    Membership.objects.filter(user=found.doctor).update(  # type: ignore[attr-defined]
        session_holder=found.slots[0].schedule.session_holder
    )
    return found


def opened(page_for, world, width=NARROW, **kwargs) -> Page:
    page = page_for(world.doctor, width, **kwargs)
    page.goto(PAGE)
    return page


def test_a_clinicians_day_on_a_telephone(page_for, world):
    page = opened(page_for, world)
    desk = page_for(world.user, WIDE)
    desk.goto(f"/admin/practice/appointment/{world.appointment.pk}/change/")
    maxs = page.locator(f"#own-{world.appointment.pk}")
    expect(page.get_by_role("listitem").filter(has_text="Nia")).to_have_count(0)
    for button in page.locator(".own-list button:visible, .own-list summary").all():
        assert button.bounding_box()["height"] >= TOUCH

    # Reception says that he is here: the open page shows it by itself.
    desk.get_by_role("button", name="Arrived").click()
    expect(maxs).to_contain_text("Waiting", timeout=SOON)

    maxs.get_by_role("button", name=re.compile("^In .*Max Faux")).click()
    expect(maxs).to_contain_text("In since")
    desk.goto(f"/admin/diary/?date={clock.today(world.start):%Y-%m-%d}")
    expect(desk.locator(f"li:has(> {world.max})")).to_contain_text("In")

    # A word to reception, and its answer, which comes while something is being written.
    maxs.locator("summary").click()
    typing = maxs.get_by_label(re.compile("Message to reception about .*Max Faux"))
    typing.fill("See him again in two weeks")
    maxs.get_by_role("button", name="Send").click()
    expect(maxs).to_contain_text("not seen yet")
    desk.goto("/admin/worklist/")
    row = desk.get_by_role("row").filter(has_text="See him again in two weeks")
    row.get_by_label(re.compile("Answer about .*Max Faux")).fill("Booked")
    maxs.locator("summary").click()
    typing.fill("Thank")
    row.get_by_role("button", name="Send").click()
    expect(maxs).to_contain_text("Booked", timeout=SOON)
    expect(typing).to_be_focused()
    expect(typing).to_have_value("Thank")

    maxs.get_by_role("button", name="Noted").click()
    expect(maxs.get_by_role("button", name="Noted")).to_have_count(0)
    maxs.get_by_role("button", name=re.compile("^Seen .*Max Faux")).click()
    expect(maxs).to_contain_text("Seen")
    assert world.status() == "fulfilled"
    expect(page.locator(".own-counts")).to_contain_text("1 seen")


def test_it_works_without_scripts(page_for, world):
    page = opened(page_for, world, javascript=False)
    maxs = page.locator(f"#own-{world.appointment.pk}")

    maxs.get_by_role("button", name=re.compile("^In .*Max Faux")).click()
    maxs.locator("summary").click()
    maxs.get_by_label(re.compile("Message to reception about .*Max Faux")).fill("A chair, please")
    maxs.get_by_role("button", name="Send").click()
    maxs.get_by_role("button", name=re.compile("^Undo .*Max Faux")).click()

    expect(maxs).to_contain_text("Waiting")
    expect(maxs).to_contain_text("A chair, please")
    assert world.status() == "arrived"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nobody_is_kept_out(page_for, axe, world, width, dark):
    world.una.desk_messages.create(side="reception", text="She has come", written_at=world.start)
    world.una.desk_messages.create(side="clinician", text="Thank you", written_at=world.start)
    page = opened(page_for, world, width, dark=dark)
    page.locator(f"#own-{world.una.pk} summary").click()

    sideways = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")

    assert [*axe(page), *(["scrolls sideways"] if sideways else [])] == []
    desk = page_for(world.user, width, dark=dark)
    desk.goto("/admin/worklist/")
    assert axe(desk) == []
