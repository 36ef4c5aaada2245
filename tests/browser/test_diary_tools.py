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
from workbench.factories import make_access_profile, make_schedule, make_slots
from workbench.staff import AUDITOR, make_staff


@pytest.fixture
def world(staff_roles, practice) -> World:
    return World(practice)


def slot_of(page: Page, world: World, place: int):
    return page.locator(f"#s{world.slots[place].pk}")


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
    has_focus(page, f"#s{free.pk}")
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
    expect(page.locator(f"#a{moved(world).pk}")).to_be_visible()
    expect(banner).to_be_hidden()


def test_moving_by_carrying_takes_three_clicks(page_for, world):
    counted = Counted(page_for(world.user, WIDE))
    counted.begin(f"/admin/diary/?date={clock.today(world.start)}#a{world.appointment.pk}")
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

    expect(page.locator(f"#a{new.pk}")).to_be_focused(timeout=SOON)
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


# ---------------------------------------------------------------- several slots


def states(world: World) -> list[str]:
    """What has become of each slot: f(ree), b(usy), U(navailable), and w(ithdrawn)."""
    letters = {"free": "f", "busy": "b", "busy-unavailable": "U"}
    rows = Slot.objects.order_by("pk").values_list("status", "withdrawn")
    return ["w" if withdrawn else letters[status] for status, withdrawn in rows]


def test_slots_dragged_over_are_blocked_at_once_with_a_reason_and_freed_again(page_for, world, axe):
    page = open_diary(page_for, world)
    first, last = slot_of(page, world, 1), slot_of(page, world, 3)
    first.hover()
    page.mouse.down()
    last.hover()
    page.mouse.up()
    bar = page.locator("#diary-several")

    expect(bar).to_contain_text("3 slots chosen")
    bar.get_by_label("Why they are blocked").fill("Tutorial")
    assert axe(page) == []
    page.keyboard.press("Enter")

    expect(page.locator("#diary-said")).to_contain_text("3 slots blocked.")
    expect(first).to_contain_text("Tutorial", timeout=5_000)
    assert "".join(states(world)) == "bUUUfbff"
    expect(bar).to_contain_text("3 slots chosen")
    bar.get_by_role("button", name="Unblock").click()
    expect(page.locator("#diary-said")).to_contain_text("3 slots unblocked.")
    assert "".join(states(world)) == "bffffbff"
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    expect(page.locator(".entry.chosen")).to_have_count(0)


def test_slots_are_chosen_and_withdrawn_by_keyboard_alone(page_for, world):
    """A run of one column and the same times of the next; what is booked is not among them."""
    page = open_diary(page_for, world)
    slot_of(page, world, 2).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    bar = page.locator("#diary-several")
    expect(bar).to_contain_text("4 slots chosen")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")  # Nia's: booked
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    expect(bar).to_contain_text("5 slots chosen")
    page.keyboard.press("Space")
    expect(bar).to_contain_text("4 slots chosen")

    bar.get_by_role("button", name="Withdraw").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#diary-said")).to_contain_text("4 slots withdrawn.")
    assert "".join(states(world)) == "bfwwfbww"


def test_what_others_book_leaves_the_choice_and_nothing_else_does(page_for, world):
    page = open_diary(page_for, world)
    slot_of(page, world, 1).click(modifiers=["Control"])
    slot_of(page, world, 3).click(modifiers=["Shift"])
    bar = page.locator("#diary-several")
    expect(bar).to_contain_text("3 slots chosen")
    note = bar.get_by_label("Why they are blocked")
    note.fill("Tuto")

    booked_outside(world, 2, "Nova")

    expect(bar).to_contain_text("2 slots chosen; 1 slot gone meanwhile", timeout=SOON)
    expect(note).to_be_focused()
    page.keyboard.type("rial")
    page.keyboard.press("Enter")
    expect(page.locator("#diary-said")).to_contain_text("2 slots blocked.")
    assert set(Slot.objects.exclude(note="").values_list("note", flat=True)) == {"Tutorial"}


def test_two_slots_that_touch_are_booked_as_one(page_for, world):
    page = open_diary(page_for, world)
    page.get_by_role("link", name="Select several").click()
    slot_of(page, world, 1).click()
    slot_of(page, world, 2).click()
    page.get_by_role("button", name="Book…").click()

    page.wait_for_url(f"**/add/?slot={world.slots[1].pk}&slot={world.slots[2].pk}&*")


def test_slots_are_given_to_a_profile_without_scripts_by_way_of_the_list(page_for, world):
    profile = make_access_profile(name="NHS 111")
    page = open_diary(page_for, world, javascript=False)
    page.get_by_role("link", name="Select several").click()
    for place in (1, 2):
        page.locator(f'input[name=_selected_action][value="{world.slots[place].pk}"]').check()
    page.get_by_label("With those selected").select_option("several")
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("row")).to_have_count(3)

    page.get_by_label("Whom they are for").select_option("NHS 111")
    page.get_by_role("button", name="Give").click()

    expect(page.get_by_text("2 slots given to NHS 111.")).to_be_visible()
    assert Slot.objects.filter(access_profile=profile).count() == 2


def test_whoever_may_change_no_slots_is_offered_no_choosing(page_for, world):
    page = page_for(make_staff(world.slots[0].organisation, role=AUDITOR), WIDE)
    page.goto("/admin/diary/")
    slot_of(page, world, 1).focus()
    page.keyboard.press("Space")

    expect(page.get_by_text("Select several")).to_have_count(0)
    expect(page.locator("#diary-several")).to_have_count(0)
    expect(page.locator(".entry.chosen")).to_have_count(0)


# ---------------------------------------------------------------- keys anywhere


def test_keys_work_from_anywhere_that_is_no_text_field(page_for, world):
    page = open_diary(page_for, world)
    page.locator(".diary-more a").last.focus()

    page.keyboard.press("ArrowDown")
    expect(page.locator('.entry > a[tabindex="0"]')).to_be_focused()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.locator("#diary-keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#diary-keys")).to_be_hidden()  # the browser closes it in its own time
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
