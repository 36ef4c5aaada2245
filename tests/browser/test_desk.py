"""The telephone at the desk, in a browser: how many clicks each job takes, and none at all."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from practice import clock
from practice.models import Appointment
from tests.browser.test_booking import NARROW, WIDE, Desk, tab_to
from workbench.factories import make_appointment, make_schedule, make_slots


@pytest.fixture
def desk(staff_roles, practice) -> Desk:
    found = Desk(practice)
    make_slots(4, make_schedule(), slot_type="Urgent")
    return found


class Counted:
    """A page on which clicks are counted, and how often it is loaded as a whole."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks, self.loads = page, 0, 0
        page.on("load", self.loaded)

    def loaded(self, _: Page) -> None:
        self.loads += 1

    def begin(self, address: str) -> None:
        self.page.goto(address)
        self.clicks = self.loads = 0

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def type(self, text: str) -> None:
        """Type where the focus is: nobody has clicked into a field."""
        expect(self.page.locator("input:focus, textarea:focus")).to_have_count(1)
        self.page.keyboard.type(text)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=re.compile(name)).first

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=re.compile(name)).first


@pytest.fixture
def counted(page_for, desk) -> Counted:
    return Counted(page_for(desk.user, WIDE))


# ---------------------------------------------------------------- how many clicks


def test_booking_a_slot_takes_three_clicks(counted, desk):
    counted.begin(f"/admin/practice/slot/{desk.slots[1].pk}/change/")

    counted.click(counted.link("^Book…"))
    counted.type("fauxl")
    counted.click(counted.link("FAUXLEY, Edie"))
    counted.click(counted.button("^Book Edie Fauxley"))

    expect(counted.page.get_by_text("Booked.", exact=True)).to_be_visible()
    assert desk.booked().start == desk.slots[1].start
    assert (counted.clicks, counted.loads) == (3, 2)


def test_the_next_routine_appointment_of_a_caller_takes_five(counted, desk):
    counted.begin("/admin/")

    counted.click(counted.link("^Book an appointment"))
    counted.type("edie faux")
    counted.click(counted.link("FAUXLEY, Edie"))
    counted.page.get_by_label("Slot type").select_option("Routine")
    counted.clicks += 1
    expect(counted.page.locator(".next-times li", has_text="Urgent")).to_have_count(0)
    expect(counted.page.get_by_label("Slot type")).to_be_focused()
    counted.click(counted.button("^Book .* 09:00"))
    counted.click(counted.button("^Book Edie Fauxley"))

    expect(counted.page.get_by_text("Booked.", exact=True)).to_be_visible()
    assert desk.booked().start == desk.slots[0].start
    assert (counted.clicks, counted.loads) == (5, 2)


def test_moving_takes_three_cancelling_two_and_arriving_one(counted, desk, practice):
    old = make_appointment(slots=[desk.slots[0]], patient=desk.patient)
    address = f"/admin/practice/appointment/{old.pk}/change/"
    found = {}

    counted.begin(address)
    counted.click(counted.link("^Move…"))
    counted.click(counted.button("^Move to .* 09:30"))
    counted.click(counted.button("^Move from 09:00 to 09:30"))
    expect(counted.page.get_by_text("Moved.", exact=True)).to_be_visible()
    found["move"] = counted.clicks, counted.loads
    new = desk.booked()

    counted.begin(f"/admin/practice/appointment/{new.pk}/change/")
    counted.click(counted.link("^Cancel…"))
    tab_to(counted.page, "#cancel-reason")
    counted.type("Feels better")
    counted.click(counted.button("^Cancel appointment"))
    expect(counted.page.get_by_text(re.compile("appointment cancelled"))).to_be_visible()
    found["cancel"] = counted.clicks, counted.loads

    start = timezone.now().replace(second=0, microsecond=0)
    session = make_schedule(start=start, date=clock.today(start))
    today = make_appointment(slots=make_slots(1, session), patient=desk.patient, door="staff")
    counted.begin(f"/admin/practice/appointment/{today.pk}/change/")
    counted.click(counted.button("^Arrived"))
    expect(counted.page.get_by_text(re.compile("marked arrived"))).to_be_visible()
    found["arrive"] = counted.clicks, counted.loads

    assert found == {"move": (3, 2), "cancel": (2, 2), "arrive": (1, 1)}


# ---------------------------------------------------------------- no pointer, a step back


def focus(page: Page) -> str:
    label: str = page.evaluate("document.activeElement.getAttribute('aria-label') || ''")
    return label


def test_next_available_is_booked_by_keyboard_alone(page_for, desk):
    """Through the grid by arrows, into a half-day, and on to the patient; then once more back."""
    page = page_for(desk.user, WIDE)
    page.goto("/admin/next-available/")

    tab_to(page, ".next-grid button")
    first = focus(page)
    page.keyboard.press("ArrowDown")
    below = focus(page)
    page.keyboard.press("ArrowUp")
    assert focus(page) == first != below
    while "Specimen" not in focus(page):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(
        page.get_by_role("heading", name=re.compile("Dr Nora Specimen, .* morning"))
    ).to_be_focused()
    tab_to(page, ".next-times button[name=slot]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/appointment/add/*")
    page.keyboard.type("fauxley")
    expect(page.get_by_role("status").first).to_have_text(re.compile("1 patient found"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Description")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_text("Booked.", exact=True)).to_be_visible()
    assert desk.booked().start == desk.slots[0].start


def test_a_step_back_loses_neither_patient_nor_search(page_for, desk):
    page = page_for(desk.user, WIDE)
    page.goto("/admin/practice/appointment/add/")
    page.keyboard.type("fauxley")
    page.get_by_role("link", name=re.compile("FAUXLEY, Edie")).click()
    page.get_by_label("Slot type").select_option("Routine")
    expect(page.locator(".next-times li", has_text="Urgent")).to_have_count(0)
    page.get_by_role("button", name=re.compile("09:10")).click()
    expect(page.get_by_role("button", name="Book Edie Fauxley")).to_be_visible()

    page.get_by_role("link", name="Choose another time").click()
    expect(page.get_by_label("Slot type")).to_have_value("Routine")
    expect(page.get_by_role("heading", name="Edie Fauxley")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="Book Edie Fauxley")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Slot type")).to_have_value("Routine")
    page.go_back()
    expect(page.get_by_label("Slot type")).to_have_value("")
    page.go_back()
    expect(page.get_by_label("NHS number or name")).to_have_value("fauxley")
    expect(page.get_by_role("link", name=re.compile("FAUXLEY, Edie"))).to_be_visible()


def test_next_available_is_booked_without_scripts(page_for, desk):
    page = page_for(desk.user, NARROW, javascript=False)
    page.goto("/admin/next-available/")

    page.get_by_label("Slot type").select_option("Routine")
    page.get_by_role("button", name="Show free times").click()
    page.get_by_role("button", name=re.compile("Specimen, .* am: 9:00, 4 free")).click()
    page.get_by_role("button", name=re.compile("^Book .* 09:20")).click()
    page.get_by_label("NHS number or name").fill("fauxley")
    page.get_by_role("button", name="Find patient").click()
    page.get_by_role("link", name=re.compile("FAUXLEY, Edie")).click()
    page.get_by_role("button", name="Book Edie Fauxley").click()

    expect(page.get_by_text("Booked.")).to_be_visible()
    assert Appointment.objects.get().start == desk.slots[2].start


# ---------------------------------------------------------------- nobody is kept out


@pytest.mark.parametrize(
    ("width", "dark"), [(WIDE, False), (1366, True), (NARROW, True)], ids=["wide", "dark", "narrow"]
)
def test_every_step_can_be_read_by_everybody(page_for, axe, desk, width, dark):
    booked = make_appointment(slots=[desk.slots[3]], patient=desk.patient)
    page = page_for(desk.user, width, dark=dark)
    patient, slot = desk.patient.pk, desk.slots[0].pk
    pages = [
        "/admin/next-available/",
        f"/admin/practice/appointment/add/?q=fauxley&slot={slot}",
        f"/admin/practice/appointment/add/?patient={patient}",
        f"/admin/practice/appointment/add/?patient={patient}&slot={slot}",
        f"/admin/practice/appointment/{booked.pk}/move/",
        f"/admin/practice/appointment/{booked.pk}/slip/",
    ]
    found = {}

    for path in pages:
        page.goto(path)
        sideways = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        found[path] = [*axe(page), *(["scrolls sideways"] if sideways else [])]

    assert {path: said for path, said in found.items() if said} == {}
