"""Django's usual addresses (list, add, change, history) each lead somewhere that does the job."""

import re
from collections.abc import Callable

import pytest
from django.db.models import Model
from django.urls import reverse
from playwright.sync_api import Page, expect

from practice.models import Appointment, Location, Practitioner, Schedule, Slot
from workbench.factories import make_appointment, make_patient, make_schedule, make_slots, tomorrow
from workbench.staff import MANAGER, make_staff

WIDE, NARROW = 1400, 390


@pytest.fixture
def manager(staff_roles, practice):
    """A manager; tomorrow one session with three free slots and one that is booked."""
    slots = make_slots(4, make_schedule(session_holder=practice.practitioner))
    make_appointment(slots=[slots[3]], patient=make_patient(family_name="Lorem"), door="staff")
    return make_staff(practice.organisation, role=MANAGER)


def usual(name: str, place: str, record: Model | None = None) -> str:
    """Django's own address of a list, or of a page of one record."""
    return reverse(f"admin:practice_{name}_{place}", args=[record.pk] if record else [])


# ---------------------------------------------------------------- what Add leads to


def add_practitioner(page: Page) -> Practitioner:
    page.get_by_label("Family name").fill("Newcome")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(re.compile("was added successfully"))).to_be_visible()
    return Practitioner.objects.get(family_name="Newcome")


def add_location(page: Page) -> Location:
    page.locator("#id_name").fill("Riverside branch")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(re.compile("was added successfully"))).to_be_visible()
    return Location.objects.get(name="Riverside branch")


def add_session(page: Page) -> Schedule:
    page.get_by_label("Session name").fill("Flu clinic")
    page.get_by_label("Location").select_option(index=1)
    page.get_by_label("Date").fill(str(tomorrow()))
    page.get_by_label("From").fill("14:00")
    page.get_by_label("To", exact=True).fill("15:00")
    page.get_by_label("Slot type").fill("Flu")
    page.get_by_role("button", name="Create the session and its slots").click()
    expect(page.get_by_text("Session added with its slots")).to_be_visible()
    return Schedule.objects.get(session_name="Flu clinic")


def add_extra_slot(page: Page) -> Slot:
    page.get_by_label("Session").select_option(index=1)
    page.get_by_label("At", exact=True).fill("09:05")
    page.get_by_label("Reason").fill("Baby of a patient already here")
    page.get_by_role("button", name="Add the slot").click()
    expect(page.get_by_text("Extra slot added.")).to_be_visible()
    return Slot.objects.get(overbooked=True)


def book(page: Page) -> Appointment:
    page.get_by_label("NHS number or name").fill("patient")
    page.get_by_role("button", name="Find patient").click()
    page.get_by_role("link", name=re.compile("^PATIENT")).first.click()
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Go on with the ticked time").click()
    page.get_by_role("button", name=re.compile("^Book .*Patient")).click()
    expect(page.get_by_text("Booked.")).to_be_visible()
    return Appointment.objects.exclude(patient__family_name="Lorem").get()


ADD: dict[str, tuple[Callable[[Page], Model], str, str]] = {
    # what is added, and then: what its page shows, what its history tells
    "practitioner": (add_practitioner, "Newcome", "Added"),
    "location": (add_location, "Riverside branch", "Added"),
    "schedule": (add_session, "Change the session…", "Added for one day"),
    "slot": (add_extra_slot, "Withdraw", "Added as an extra slot"),
    "appointment": (book, "Cancel…", "Booked"),
}


WAYS = [
    pytest.param(name, scripts, id=f"{name}, {'scripts' if scripts else 'no scripts'}")
    for name in ADD
    for scripts in (True, False)
]


@pytest.mark.parametrize(("name", "javascript"), WAYS)
def test_list_add_change_and_history_each_do_the_job(page_for, manager, name, javascript):
    add, shown, told = ADD[name]
    page = page_for(manager, WIDE, javascript=javascript)

    page.goto(usual(name, "changelist"))
    add_button = page.locator(f'a.addlink[href^="{usual(name, "add")}"]')
    page.goto(add_button.get_attribute("href") or "")
    record = add(page)

    page.goto(usual(name, "changelist"))
    change = usual(name, "change", record)
    page.locator(f'#result_list a[href^="{change}"]').first.click()
    page.wait_for_url(f"**{change}**")
    assert shown in page.content()

    page.goto(usual(name, "history", record))
    expect(page.locator("main")).to_contain_text(told)


@pytest.mark.parametrize(
    ("width", "dark"), [(WIDE, False), (NARROW, True)], ids=["1400-light", "390-dark"]
)
def test_nobody_is_kept_out_of_them(page_for, manager, practice, axe, width, dark):
    page = page_for(manager, width, dark=dark)
    records = {
        "practitioner": practice.practitioner,
        "location": practice.location,
        "schedule": Schedule.objects.get(),
        "slot": Slot.objects.order_by("start").first(),
        "appointment": Appointment.objects.get(),
    }
    wrong = {}

    for name, record in records.items():
        for place in ("changelist", "add", "change", "history"):
            if name == "practitioner" and place in {"add", "change"}:
                continue  # the box for roles is the admin's own select2, whose search has no label
            page.goto(usual(name, place, record if place in {"change", "history"} else None))
            found = axe(page)
            if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
                found.append(f"{wide} pixels wide")
            if found:
                wrong[f"{name} {place}"] = found

    assert wrong == {}


def test_a_form_of_many_parts_is_filled_in_without_scripts_and_says_what_it_cannot_do(
    page_for, manager, practice
):
    """Of a patient every part is shown at once; what is searched for stays as it is."""
    page = page_for(manager, WIDE, javascript=False)
    page.goto(usual("patient", "change", practice.patient))

    expect(page.get_by_text("JavaScript is switched off.")).to_be_visible()
    expect(page.locator("#id_addresses-0-city")).to_be_visible()
    page.locator("#id_family_name").fill("Renamed")
    page.locator("#id_telecoms-0-value").fill("0113 496 0999")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(re.compile("was changed successfully"))).to_be_visible()

    practice.patient.refresh_from_db()
    assert practice.patient.family_name == "Renamed"
    assert practice.patient.telecoms.get().value == "0113 496 0999"
