"""The diary in a browser: by keyboard, beside the details, on a telephone, without scripts."""

import re
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from practice import clock
from practice.models import Appointment, Slot
from workbench.factories import (
    make_actor,
    make_appointment,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
)
from workbench.staff import make_staff

WIDE, NARROW = 1400, 390


class World:
    """Two session holders today; of the first, one slot has begun and its patient is Max."""

    def __init__(self, practice) -> None:
        now = timezone.now().replace(second=0, microsecond=0)
        day = clock.day_start(clock.today(now))
        self.start: datetime = max(now - timedelta(minutes=4), day)
        self.user = make_staff(practice.organisation)
        self.slots: list[Slot] = []
        for name in ("Alpha", "Beta"):
            holder = make_practitioner(practice.organisation, family_name=name)
            schedule = make_schedule(start=self.start, session_holder=holder)
            self.slots += make_slots(4, schedule)
        self.appointment: Appointment = make_appointment(
            slots=[self.slots[0]],
            patient=make_patient(given_names="Max", family_name="Faux"),
            door="staff",
            now=now - timedelta(days=1),
        )
        self.outside: Appointment = make_appointment(
            slots=[self.slots[5]],
            patient=make_patient(given_names="Nia", family_name="Lorem"),
            now=now - timedelta(days=1),
            actor=make_actor(),
        )

    @property
    def max(self) -> str:
        return f"#a{self.appointment.pk}"

    def status(self) -> str:
        self.appointment.refresh_from_db()
        return self.appointment.status


@pytest.fixture
def world(staff_roles, practice) -> World:
    return World(practice)


def open_diary(page_for, world: World, width: int = WIDE, **kwargs) -> Page:
    page = page_for(world.user, width, **kwargs)
    page.goto(f"/admin/diary/?date={clock.today(world.start):%Y-%m-%d}")
    return page


def has_focus(page: Page, selector: str) -> None:
    expect(page.locator(selector)).to_be_focused()


# ---------------------------------------------------------------- by keyboard


def test_the_day_is_worked_by_keyboard_alone(page_for, world):
    page = open_diary(page_for, world)
    first, second, beside = world.max, f"#s{world.slots[1].pk}", f"#s{world.slots[4].pk}"

    # Tab enters the diary once, at one block; the next Tab leaves it.
    assert page.locator('[data-grid] a[tabindex="0"]').count() == 1
    assert page.locator('[data-grid] .entry > a:not([tabindex="-1"])').count() == 1
    assert page.locator('[data-grid] summary:not([tabindex="-1"])').count() == 1
    page.locator('.diary-filter button[type="submit"]').focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.diary-column') !== null")

    page.keyboard.press("Home")
    has_focus(page, first)
    page.keyboard.press("ArrowDown")
    has_focus(page, second)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    has_focus(page, beside)
    page.keyboard.press("ArrowLeft")
    has_focus(page, first)

    # Enter opens the details and goes there; Escape closes them and comes back.
    page.keyboard.press("Enter")
    has_focus(page, "#detail-title")
    expect(page.locator("#diary-panel h3").first).to_contain_text("Max Faux")
    page.keyboard.press("Escape")
    has_focus(page, first)
    expect(page.locator("#diary-panel")).to_be_hidden()

    # C asks for a reason in the details, where letters are letters.
    page.keyboard.press("c")
    has_focus(page, "#cancel-chosen")
    page.keyboard.press("Tab")
    page.keyboard.type("a cold, better")
    assert page.locator("#cancel-reason").input_value() == "a cold, better"
    page.keyboard.press("Escape")
    has_focus(page, first)
    assert world.status() == "booked"

    # A: arrived, announced; the focus stays where the next patient is one key away.
    page.keyboard.press("a")
    expect(page.locator("#diary-said")).to_contain_text("Max Faux marked arrived.")
    expect(page.locator(f"li:has(> {first})")).to_have_class(re.compile("arrived"))
    assert world.status() == "arrived"

    # Who has arrived is no longer cancelled; the key says so.
    page.locator(first).focus()
    page.keyboard.press("c")
    expect(page.locator("#diary-said")).to_contain_text("That cannot be done here.")
    assert world.status() == "arrived"


def test_letters_lead_to_today_and_booking(page_for, world):
    page = open_diary(page_for, world)

    page.locator(f"#s{world.slots[1].pk}").focus()
    page.keyboard.press("b")
    page.wait_for_url(f"**/admin/practice/appointment/add/?slot={world.slots[1].pk}*")

    page = open_diary(page_for, world)
    page.locator(world.max).focus()
    with page.expect_navigation():
        page.keyboard.press("t")


def test_the_letters_are_listed_and_can_be_switched_off_for_good(page_for, world):
    page = open_diary(page_for, world)
    page.locator(world.max).focus()

    page.keyboard.press("?")
    expect(page.locator("#diary-keys")).to_be_visible()
    page.locator("[data-letters]").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.locator(world.max).focus()
    page.keyboard.press("a")
    page.keyboard.press("?")
    page.keyboard.press("Enter")
    has_focus(page, "#detail-title")

    assert world.status() == "booked"
    expect(page.locator("#diary-keys")).to_be_hidden()
    page.get_by_role("button", name="Keys").click()
    expect(page.locator("[data-letters]")).not_to_be_checked()


def test_no_letter_works_outside_the_diary(page_for, world):
    page = open_diary(page_for, world)
    page.locator(world.max).click()
    expect(page.locator("#diary-panel h3").first).to_contain_text("Max Faux")

    page.locator("#diary-filters").get_by_role("link", name="Clinic list").focus()
    page.keyboard.press("a")

    expect(page.locator("#diary-said")).to_be_empty()
    assert world.status() == "booked"


# ---------------------------------------------------------------- did not attend, and undo


def test_did_not_attend_and_undo_beside_the_diary(page_for, world):
    page = open_diary(page_for, world)
    block = page.locator(f"li:has(> {world.max})")

    page.locator(world.max).click()
    page.get_by_role("button", name="Did not attend").click()

    said = page.locator("#diary-said")
    expect(said).to_contain_text("Max Faux marked did not attend.")
    expect(block).to_contain_text("Did not attend")
    assert world.status() == "noshow"

    said.get_by_role("button", name="Undo").click()

    expect(said).to_contain_text("Undone: Max Faux is booked again.")
    expect(block).to_contain_text("Booked")
    assert world.status() == "booked"


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("javascript", [True, False])
def test_did_not_attend_and_undo_on_a_page_of_its_own(page_for, world, width, javascript):
    if javascript and width == WIDE:
        pytest.skip("the details open beside the diary there")
    page = open_diary(page_for, world, width, javascript=javascript)

    page.locator(world.max).click()
    page.wait_for_url(f"**/admin/practice/appointment/{world.appointment.pk}/change/")
    page.get_by_role("button", name="Did not attend").click()
    expect(page.get_by_text("Max Faux marked did not attend.")).to_be_visible()
    assert world.status() == "noshow"

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: Max Faux is booked again.")).to_be_visible()
    assert world.status() == "booked"

    page.get_by_role("link", name="Back to the diary").click()
    assert page.url.endswith(world.max)
    expect(page.locator(world.max)).to_be_in_viewport()


def test_cancelling_without_scripts_asks_for_a_reason(page_for, world):
    page = open_diary(page_for, world, javascript=False)

    page.locator(world.max).click()
    page.get_by_role("link", name="Cancel…").click()
    page.get_by_label("Why is it cancelled?").fill("He rang: better")
    page.get_by_role("button", name="Cancel appointment").click()

    expect(page.get_by_text("Max Faux: appointment cancelled.")).to_be_visible()
    assert world.status() == "cancelled"


def test_cancelling_beside_the_diary_frees_the_slot_there_and_counts_what_is_hidden(
    page_for, world
):
    page = open_diary(page_for, world)
    page.locator(world.max).click()
    page.get_by_role("link", name="Cancel…").click()
    page.get_by_label("Why is it cancelled?").fill("He rang: better")
    page.get_by_role("button", name="Cancel appointment").click()

    expect(page.locator(f"#s{world.slots[0].pk}")).to_contain_text("Free")
    expect(page.locator(world.max)).to_have_count(0)
    expect(page.locator("[data-hidden-total]")).to_have_text("1")
    assert page.locator('[data-grid] a[tabindex="0"]').count() == 1


def test_a_slot_is_blocked_beside_the_diary(page_for, world):
    page = open_diary(page_for, world)
    slot = page.locator(f"#s{world.slots[6].pk}")

    slot.click()
    page.get_by_label("Note for a block").fill("Tutorial")
    page.get_by_role("button", name="Block", exact=True).click()

    expect(page.locator("#diary-said")).to_contain_text("is blocked.")
    expect(slot).to_contain_text("Blocked")
    expect(slot).to_contain_text("Tutorial")


def test_somebody_who_was_overtaken_is_told_and_shown_what_is(page_for, world):
    page = open_diary(page_for, world)
    page.locator(world.max).click()
    expect(page.get_by_role("button", name="Arrived")).to_be_visible()
    Appointment.objects.filter(pk=world.appointment.pk).update(status="arrived", version=2)

    page.get_by_role("button", name="Did not attend").click()

    expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed this")
    expect(page.locator(f"li:has(> {world.max})")).to_contain_text("Arrived")
    assert world.status() == "arrived"


# ---------------------------------------------------------------- narrow


def test_go_to_leads_to_a_holder_with_and_without_scripts(page_for, world):
    for javascript in (True, False):
        page = open_diary(page_for, world, NARROW, javascript=javascript)
        page.locator("#diary-go").select_option(index=1)
        page.get_by_role("button", name="Go", exact=True).click()
        expect(page.get_by_role("heading", name="Beta")).to_be_in_viewport()


def test_what_is_touched_is_large_enough(page_for, world):
    page = open_diary(page_for, world, NARROW)
    small = """() => [...document.querySelectorAll('#diary a, #diary button, #diary select')]
        .filter(e => e.offsetParent && e.getBoundingClientRect().height < 44)
        .map(e => e.outerHTML.slice(0, 100))"""

    assert page.evaluate(small) == []


# ---------------------------------------------------------------- for everybody


@pytest.mark.req("PERF-033")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_keeps_anybody_out_and_nothing_scrolls_sideways(page_for, world, axe, width, dark):
    page = open_diary(page_for, world, width, dark=dark)
    assert ("dark" in page.locator("html").get_attribute("class").split()) == dark
    page.get_by_role("link", name="Help on this page").click(trial=True)  # nothing lies on it
    addresses = [
        page.url,
        f"{page.url}&view=week&hidden=1",
        f"/admin/practice/appointment/{world.outside.pk}/change/",
        f"/admin/practice/appointment/{world.appointment.pk}/change/?ask=cancel",
        f"/admin/practice/slot/{world.slots[1].pk}/change/",
        f"/admin/diary/m/holder-{world.slots[0].schedule.session_holder_id}",
    ]
    for address in addresses:
        page.goto(address)
        if width == WIDE and "view" not in address and page.locator("[data-grid]").count():
            page.locator(world.max).click()
            expect(page.locator("#detail-title")).to_be_visible()
        assert axe(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


LONG = "Bartholomew Featherstonehaugh-Mock"


def test_twenty_people_with_long_names_leave_room_for_eight_columns_and_three_hours(
    page_for, world
):
    """At 1366 by 650, with the menu open."""
    for n in range(18):
        holder = make_practitioner(world.slots[0].organisation, family_name=f"{LONG}-{n}")
        make_slots(8, make_schedule(start=world.start, session_holder=holder), minutes=30)
    page = page_for(world.user, 1366)
    page.set_viewport_size({"width": 1366, "height": 650})
    page.goto("/admin/diary/")

    hours, columns = page.evaluate("""() => {
        const grid = document.querySelector("[data-grid]").getBoundingClientRect();
        const head = document.querySelector(".diary-head").getBoundingClientRect();
        const column = document.querySelector(".diary-column").getBoundingClientRect();
        const diary = getComputedStyle(document.getElementById("diary"));
        const px = parseFloat(diary.getPropertyValue("--px"));
        return [
            (Math.min(innerHeight, grid.bottom) - head.bottom) / px / 60,
            (grid.right - column.left) / column.width,
        ];
    }""")

    assert hours >= 3
    assert columns >= 8
    cut = """() => [...document.querySelectorAll('.diary-head h3')]
        .filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent)"""
    assert page.evaluate(cut) == []
