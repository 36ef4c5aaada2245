"""The telephone at the desk, in a browser: how many clicks each job takes, and none at all."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from practice import clock
from practice.models import Appointment
from tests.browser.test_booking import NARROW, WIDE, Desk, tab_to
from workbench.factories import make_appointment, make_patient, make_schedule, make_slots


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


def test_enter_chooses_nobody_of_several_and_a_held_key_books_nothing(page_for, desk):
    """The hazard (H01): a booking for whoever came first in a list, or that nobody looked at."""
    make_patient(family_name="Fauxley", given_names="Edith", prefix="")
    page = page_for(desk.user, WIDE)
    page.goto(f"/admin/practice/appointment/add/?slot={desk.slots[0].pk}")

    expect(page.get_by_label("NHS number or name")).to_be_focused()
    page.keyboard.type("fauxley")
    expect(page.get_by_role("status").first).to_have_text(re.compile("2 patients found"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=re.compile("FAUXLEY, Edie"))).to_be_focused()
    page.keyboard.down("Enter")
    expect(page.get_by_label("Description")).to_be_focused()
    for _ in range(5):
        page.keyboard.down("Enter")  # as a key that is held down repeats itself
    page.keyboard.up("Enter")
    page.wait_for_timeout(300)
    assert not Appointment.objects.exists()

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


# ---------------------------------------------------------------- a caller whom nobody knows


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_an_unregistered_caller_is_booked(page_for, desk, javascript):
    """From a free slot: not found, one who is nearly the same is looked at, registered, booked."""
    make_patient(family_name="Testowska", given_names="Zofia", birth_date="1991-05-04")
    page = page_for(desk.user, WIDE, javascript=javascript)
    page.goto(f"/admin/practice/appointment/add/?slot={desk.slots[1].pk}")

    page.get_by_label("NHS number or name").fill("zosia testowska 4/5/91")
    page.get_by_role("button", name="Find patient").click()
    expect(page.get_by_role("status").first).to_contain_text("No patient of the practice fits.")
    page.get_by_role("link", name="Not registered yet: register and book").click()
    expect(page.get_by_label("First name")).to_have_value("Zosia")
    expect(page.get_by_label("Date of birth")).to_have_value("04/05/1991")
    page.get_by_label("Gender").select_option("Female")
    page.get_by_label("Mobile, or another number").fill("07700 900188")
    page.get_by_label("Description").fill("Ear ache")
    page.get_by_role("button", name=re.compile("^Register and book .* 09:10")).click()
    expect(page.get_by_role("cell", name="first name")).to_be_visible()
    page.get_by_role("button", name=re.compile("^None of these: register and book")).click()

    expect(page.get_by_text("Registered and booked.")).to_be_visible()
    booked = Appointment.objects.get()
    assert (booked.patient.full_name, booked.start) == ("Zosia Testowska", desk.slots[1].start)
    assert booked.description == "Ear ache"


def test_a_patients_page_is_where_a_call_happens(page_for, desk):
    """By search to the page; asked who it is, told of a note, cancelled; and back each time."""
    booked = make_appointment(slots=[desk.slots[0]], patient=desk.patient)
    page = page_for(desk.user, WIDE)
    page.goto("/admin/practice/appointment/add/?q=fauxley")
    page.get_by_role("link", name="Page of Edie Fauxley").click()

    for asked in ("Full name", "Date of birth", "Address"):
        page.get_by_label(re.compile(asked)).check()
    page.get_by_role("button", name="It is the patient").click()
    expect(page.get_by_text("Recorded: the caller is who they say.")).to_be_visible()
    page.get_by_label("New note").fill("Prefers mornings")
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_text("Prefers mornings").first).to_be_visible()
    page.get_by_role("link", name=re.compile("^Cancel ")).click()
    page.get_by_label("Why is it cancelled?").fill("Feels better")
    page.get_by_role("button", name="Cancel appointment").click()
    page.get_by_role("link", name="Back to the patient").click()

    expect(page.get_by_role("heading", name="Coming appointments (0)")).to_be_visible()
    expect(page.get_by_text("Feels better")).to_be_visible()
    booked.refresh_from_db()
    assert booked.status == "cancelled"


# ---------------------------------------------------------------- nobody is kept out


@pytest.mark.req("PERF-033")
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
        f"/admin/practice/patient/{patient}/",
        f"/admin/practice/patient/add/?slot={slot}",
    ]
    found = {}

    for path in pages:
        page.goto(path)
        sideways = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        found[path] = [*axe(page), *(["scrolls sideways"] if sideways else [])]

    assert {path: said for path, said in found.items() if said} == {}
