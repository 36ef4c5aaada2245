"""What is done on the diary itself: carrying an appointment, changing several slots, keys."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from practice import clock
from practice.models import Appointment, AppointmentSlot, Slot
from tests.browser.test_desk import Counted
from tests.browser.test_diary import WIDE, World, has_focus, open_diary
from tests.browser.test_live import SOON, booked_outside
from workbench.factories import make_schedule, make_slots


@pytest.fixture
def world(staff_roles, practice) -> World:
    return World(practice)


def slot_of(page: Page, world: World, place: int):
    return page.locator(f"#slot-{world.slots[place].pk}")


def moved(world: World) -> Appointment:
    return Appointment.objects.get(moved_from=world.appointment)


# ---------------------------------------------------------------- carrying


def test_an_appointment_is_carried_to_another_day_by_keyboard_alone(page_for, world, axe):
    """Taken up with M, carried by T and by the links of the day, put on a slot with Enter."""
    tomorrow = clock.today(world.start) + timedelta(days=1)
    holder = world.slots[0].schedule.session_holder
    [free] = make_slots(1, make_schedule(date=tomorrow, session_holder=holder))
    page = open_diary(page_for, world)
    banner = page.locator("#diary-carried")

    page.locator(world.max).focus()
    page.keyboard.press("m")
    expect(banner).to_contain_text("Moving Max Faux, Today")
    has_focus(page, world.max)
    assert axe(page) == []
    page.keyboard.press("t")
    page.wait_for_url("**move=*")
    expect(banner).to_be_visible()
    page.locator("a[rel=next]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**date={tomorrow}*")
    expect(banner).to_contain_text("Moving Max Faux, Today")
    page.keyboard.press("ArrowDown")
    has_focus(page, f"#slot-{free.pk}")
    page.keyboard.down("Enter")
    expect(page.get_by_role("button", name=re.compile("^Move from"))).to_be_focused()
    for _ in range(3):
        page.keyboard.down("Enter")  # as a key that is held down repeats itself
    page.keyboard.up("Enter")
    page.wait_for_timeout(300)
    assert world.status() == "booked"

    page.keyboard.press("Enter")

    expect(page.get_by_text("Moved.", exact=True)).to_be_visible()
    assert (moved(world).start, world.status()) == (free.start, "cancelled")
    page.get_by_role("link", name="Back to the diary").click()
    expect(page.locator(f"#appointment-{moved(world).pk}")).to_be_visible()
    expect(banner).to_be_hidden()


def test_moving_by_carrying_takes_three_clicks(page_for, world):
    counted = Counted(page_for(world.user, WIDE))
    counted.begin(
        f"/admin/diary/?date={clock.today(world.start)}#appointment-{world.appointment.pk}"
    )
    counted.page.keyboard.press("Enter")

    counted.click(counted.link("^Move…"))
    counted.click(slot_of(counted.page, world, 2))
    counted.click(counted.button("^Move from"))

    expect(counted.page.get_by_text("Moved.", exact=True)).to_be_visible()
    assert moved(world).start == world.slots[2].start
    assert (counted.clicks, counted.loads) == (3, 2)


def test_an_appointment_is_dragged_onto_a_free_slot_and_as_many_more_as_it_needs(page_for, world):
    held = AppointmentSlot.objects.create(appointment=world.appointment, slot=world.slots[1])
    Slot.objects.filter(pk=held.slot_id).update(status="busy")
    Appointment.objects.filter(pk=world.appointment.pk).update(end=world.slots[1].end)
    page = open_diary(page_for, world)
    page.locator(world.max).drag_to(slot_of(page, world, 6))

    page.get_by_role("button", name=re.compile("^Move from")).click()

    expect(page.get_by_text("Moved.", exact=True)).to_be_visible()
    assert (moved(world).start, moved(world).end) == (world.slots[6].start, world.slots[7].end)


def test_what_others_change_ends_neither_carrying_nor_the_focus_and_escape_does(page_for, world):
    page = open_diary(page_for, world)
    page.locator(world.max).focus()
    page.keyboard.press("m")
    expect(page.locator("#diary-carried")).to_be_visible()
    slot_of(page, world, 2).focus()

    new = booked_outside(world, 2, "Nova")

    expect(page.locator(f"#appointment-{new.pk}")).to_be_focused(timeout=SOON)
    expect(page.locator("#diary-carried")).to_be_visible()
    expect(page.locator(f"li:has(> {world.max})")).to_have_class(re.compile("carried"))
    page.keyboard.press("Escape")
    expect(page.locator("#diary-carried")).to_be_hidden()
    assert "move=" not in page.url
    page.reload()
    expect(page.locator("#diary-carried")).to_be_hidden()
    assert world.status() == "booked"


def test_what_cannot_be_moved_is_not_carried(page_for, world):
    Appointment.objects.filter(pk=world.appointment.pk).update(status="arrived")
    page = page_for(world.user, WIDE)
    page.goto(f"/admin/diary/?move={world.appointment.pk}")

    expect(page.locator("#diary-said")).to_contain_text("Max Faux")
    expect(page.locator("#diary-said")).to_contain_text("The patient has arrived")
    expect(page.locator("#diary-carried")).to_be_hidden()


# ---------------------------------------------------------------- keys anywhere


def test_keys_work_from_anywhere_that_is_no_text_field(page_for, world):
    page = open_diary(page_for, world)
    page.get_by_role("link", name="Print clinic list").focus()

    page.keyboard.press("ArrowDown")
    expect(page.locator('.entry > a[tabindex="0"]')).to_be_focused()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.locator("#diary-keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#diary-find input")).to_be_focused()
    page.keyboard.type("t/b?")
    expect(page.locator("#diary-find input")).to_have_value("t/b?")
    page.keyboard.press("Escape")
    expect(page.locator("#diary-find")).to_be_hidden()
    page.get_by_label("Date").focus()
    page.keyboard.press("b")
    page.wait_for_timeout(200)
    assert "/diary/" in page.url

    page.locator(world.max).focus()
    page.keyboard.press("b")  # booked: the next free one below
    page.wait_for_url(f"**/appointment/add/?slot={world.slots[1].pk}&back=*")
    page.go_back()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("b")
    page.wait_for_url("**/appointment/add/?back=*")
    page.go_back()
    page.keyboard.press("/")
    page.keyboard.type("faux")
    page.keyboard.press("Enter")
    page.wait_for_url("**/practice/patient/?q=faux")
