"""From nothing but a name to a slot that a search from outside finds, by an administrator."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from practice import clock
from practice.models import Organisation, Patient, Slot
from workbench.consumer import Consumer, as_dict
from workbench.staff import ADMINISTRATOR, PASSWORD, make_staff

PAGE = "/admin/setting-up/"


@pytest.fixture
def bare(staff_roles):
    """As an operator makes it: a practice, and somebody who administers it."""
    organisation = Organisation.objects.create(ods_code="N00009", name="Newtown Practice")
    return make_staff(organisation, role=ADMINISTRATOR)


def go(page, step, button):
    """Open the way from a step to the page where it is done."""
    page.goto(PAGE)
    page.locator(".set-up-step", has_text=step).get_by_role("link", name=button).click()


def save(page):
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errornote, .staff-error")).to_have_count(0)


def done(page, number):
    """Expect so many steps to be done."""
    page.goto(PAGE)
    expect(page.locator("#how-far")).to_contain_text(f"{number} of 12 done")


def monday():
    today = clock.today(timezone.now())
    return today + timedelta(days=7 - today.weekday())


def test_a_practice_is_set_up_from_nothing_to_the_first_search(page_for, bare):
    page = page_for(bare, 1400)
    done(page, 1)
    expect(page.locator(".set-up-next")).to_contain_text("1. The practice")

    go(page, "1. The practice", "Change the practice")
    page.get_by_label("Telephone").fill("01632 960001")
    page.get_by_label("ASID").fill("200000000555")
    page.locator("[name=address_line_1]").fill("2 New Row")
    page.locator("[name=city]").fill("Newtown")
    page.locator("[name=postal_code]").fill("MO9 1AA")
    save(page)

    go(page, "2. Places", "Add a place")
    page.get_by_label("Name").fill("Newtown Surgery")
    page.locator("[name=address_line_1]").fill("2 New Row")
    page.locator("[name=city]").fill("Newtown")
    page.locator("[name=postal_code]").fill("MO9 1AA")
    save(page)

    go(page, "3. People", "Add a clinician")
    page.locator("[name=prefix]").fill("Dr")
    page.locator("[name=given_names]").fill("Noor")
    page.locator("[name=family_name]").fill("Beispiel")
    page.locator("[name=sds_user_id]").fill("N1234567")
    page.locator("[name=roles-0-role]").select_option("R0260")
    save(page)

    go(page, "4. Who may sign in", "Add a member of staff")
    page.locator("[name=username]").fill("reception-newtown")
    page.locator("[name=password1]").fill(PASSWORD)
    page.locator("[name=password2]").fill(PASSWORD)
    page.get_by_role("button", name="Save and continue").click()

    page.get_by_label("Receptionist").check()
    page.get_by_role("button", name="Save", exact=True).click()

    go(page, "5. Slot types", "Add a slot type")
    page.get_by_label("Name").fill("Routine")
    page.get_by_label("National category").select_option("General Consultation Routine")
    page.get_by_label("Service setting").select_option("General Practice")
    page.get_by_role("button", name="Add the slot type").click()

    go(page, "6. A first template", "Build a template")
    page.get_by_label("Session name").fill("Morning surgery")
    page.locator("[name=session_holder]").select_option(index=1)
    page.locator("[name=practitioner_role]").select_option("R0260")
    page.get_by_label("Mon", exact=True).check()
    page.get_by_label("First date").fill(monday().isoformat())
    page.get_by_label("Runs on bank holidays").check()
    page.locator("[name=blocks-0-end]").fill("10:00")
    page.get_by_label("GP Connect bookable").check()
    page.get_by_role("button", name="Save, and see what applying would do").click()

    go(page, "8. The first weeks", "Make the diary")
    page.get_by_label("To", exact=True).fill(f"{monday() + timedelta(weeks=6)}")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("button", name=re.compile("^Apply")).click()
    expect(page.get_by_text("slots created").first).to_be_visible()

    go(page, "9. Patients", "Register a patient")
    page.get_by_label("First name").fill("Max")
    page.get_by_label("Surname").fill("Faux")
    page.get_by_label("Date of birth").fill("4/7/1961")
    page.get_by_label("Gender").select_option("male")
    page.get_by_label("Mobile, or another number").fill("07700 900123")
    page.get_by_role("button", name=re.compile("^Register")).click()

    go(page, "11. The door", "Change the practice")
    page.locator("[name=gp_connect_enabled]").check()
    page.locator("[name=appointment_management_enabled]").check()
    save(page)
    done(page, 11)

    here = Organisation.objects.get(ods_code="N00009")
    found = as_dict(
        Consumer(here, headers={"Ssp-To": here.asid}).search_slots(
            {
                "status": "free",
                "start": f"ge{monday()}",
                "end": f"le{monday() + timedelta(days=3)}",
                "_include": "Slot:schedule",
            }
        )
    )
    slots = [each for each in found["entry"] if each["resource"]["resourceType"] == "Slot"]
    assert len(slots) == Slot.objects.filter(organisation=here, start__date=monday()).count() > 0
    assert Patient.objects.get(organisation=here).family_name == "Faux"
    done(page, 12)
    expect(page.locator(".set-up-step", has_text="12.")).to_contain_text("Test Hospital")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_nobody_is_kept_out(page_for, axe, bare, width, dark):
    page = page_for(bare, width, dark=dark)
    found = {}
    for path in (PAGE, "/admin/help/"):
        page.goto(path)
        sideways = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        found[path] = [*axe(page), *(["scrolls sideways"] if sideways else [])]

    assert found == {PAGE: [], "/admin/help/": []}


def test_help_opens_beside_what_is_being_typed(page_for, bare):
    page = page_for(bare, 1400)
    page.goto("/admin/practice/patient/add/")
    page.get_by_label("Surname").fill("Faux")

    with page.expect_popup() as opened:
        page.get_by_role("link", name="Help on this page").click()

    topic = opened.value.url.partition("#")[2]
    expect(opened.value.locator(f"#{topic}")).to_have_text("Register a patient")
    expect(page.get_by_label("Surname")).to_have_value("Faux")
