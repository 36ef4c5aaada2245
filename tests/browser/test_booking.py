"""Booking and moving at the desk, in a browser: by keyboard, in a race, without scripts."""

import re

import pytest
from playwright.sync_api import Page, expect

from practice.models import Appointment, Slot
from workbench.factories import (
    make_appointment,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
)
from workbench.staff import make_staff

WIDE, NARROW = 1400, 390


class Desk:
    """A receptionist, a patient called Edie Fauxley, and four free slots tomorrow from 09:00."""

    def __init__(self, practice) -> None:
        self.user = make_staff(practice.organisation)
        self.patient = make_patient(family_name="Fauxley", given_names="Edie", prefix="")
        holder = make_practitioner(given_names="Nora", family_name="Specimen")
        self.slots: list[Slot] = make_slots(4, make_schedule(session_holder=holder))

    def booked(self) -> Appointment:
        """The one appointment of the patient."""
        return Appointment.objects.get(patient=self.patient, status="booked")

    def address(self, *slots: Slot) -> str:
        """The last step of booking for the patient."""
        chosen = "".join(f"&slot={slot.pk}" for slot in slots)
        return f"/admin/practice/appointment/add/?patient={self.patient.pk}{chosen}"


@pytest.fixture
def desk(staff_roles, practice) -> Desk:
    return Desk(practice)


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the element has the focus, as somebody without a mouse does."""
    for _ in range(80):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"The keyboard never reaches {wanted} on {page.url}")


# ---------------------------------------------------------------- booking


def test_an_appointment_is_booked_by_keyboard_alone(page_for, desk):
    """Who, when, check, and two slots that touch: nothing is clicked, and every focus is seen."""
    page = page_for(desk.user, WIDE)
    page.goto("/admin/practice/appointment/add/")

    tab_to(page, "#id_q")
    page.keyboard.type("fauxley e")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=fauxley*")
    expect(page.get_by_role("status").first).to_have_text(re.compile("1 patient found"))

    tab_to(page, f'a[href*="patient={desk.patient.pk}"]')
    page.keyboard.press("Enter")
    page.wait_for_url(f"**patient={desk.patient.pk}")

    for slot in desk.slots[1:3]:
        tab_to(page, f'input[name=slot][value="{slot.pk}"]')
        page.keyboard.press("Space")
    seen = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(seen) != "none"
    tab_to(page, "button.primary")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**slot={desk.slots[2].pk}")

    tab_to(page, "#id_comment")
    page.keyboard.type("Uses a hearing aid")
    tab_to(page, "button.primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/practice/appointment/*/slip/")

    appointment = desk.booked()
    assert list(appointment.slots.order_by("start")) == desk.slots[1:3]
    assert appointment.comment == "Uses a hearing aid"
    expect(page.get_by_role("heading", name=re.compile("at 09:10"))).to_be_visible()
    tab_to(page, "[data-print]")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_an_appointment_is_booked_without_scripts(page_for, desk, width):
    page = page_for(desk.user, width, javascript=False)
    page.goto("/admin/practice/appointment/add/")

    page.get_by_label("NHS number or name").fill(desk.patient.nhs_number)
    page.get_by_role("button", name="Find patient").click()
    page.get_by_role("link", name=re.compile("FAUXLEY, Edie")).click()
    page.get_by_label(re.compile("09:00 to 09:10")).check()
    page.get_by_role("button", name="Go on with the ticked time").click()
    page.get_by_role("button", name="Book Edie Fauxley").click()

    expect(page.get_by_text("Booked.")).to_be_visible()
    assert desk.booked().start == desk.slots[0].start


def test_the_second_of_two_receptionists_is_told_kindly_and_keeps_what_was_typed(
    page_for, desk, practice
):
    """Both have the last step open; one books; the other loses the time and nothing else."""
    slot, other = desk.slots[:2]
    rival = page_for(make_staff(practice.organisation), WIDE)
    page = page_for(desk.user, WIDE)
    rival.goto(f"/admin/practice/appointment/add/?patient={practice.patient.pk}&slot={slot.pk}")
    page.goto(desk.address(slot))
    page.get_by_label("Description").fill("Sore throat")
    page.get_by_label("Comment").fill("Please ring the bell")

    rival.get_by_role("button", name=re.compile("^Book ")).click()
    expect(rival.get_by_text("Booked.")).to_be_visible()
    page.get_by_role("button", name="Book Edie Fauxley").click()

    expect(page.get_by_role("alert")).to_have_text(
        "Somebody else has just taken this time. Nothing was booked: choose another."
    )
    expect(page.get_by_label("Description")).to_have_value("Sore throat")
    expect(page.get_by_label("Comment")).to_have_value("Please ring the bell")
    assert Appointment.objects.get().patient == practice.patient

    expect(page.get_by_label(re.compile("09:00 to 09:10"))).to_have_count(0)
    page.get_by_role("button", name="Book Edie Fauxley").click()
    expect(page.get_by_role("alert")).to_have_text("Tick a time first. Nothing was booked.")
    page.get_by_label(re.compile("09:10 to 09:20")).check()
    page.get_by_role("button", name="Book Edie Fauxley").click()

    expect(page.get_by_text("Booked.", exact=True)).to_be_visible()
    booked = desk.booked()
    assert booked.start == other.start
    assert (booked.description, booked.comment) == ("Sore throat", "Please ring the bell")


# ---------------------------------------------------------------- moving


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_an_appointment_is_moved(page_for, desk, javascript):
    old = make_appointment(slots=[desk.slots[0]], patient=desk.patient)
    page = page_for(desk.user, WIDE, javascript=javascript)
    page.goto(f"/admin/practice/appointment/{old.pk}/move/")

    page.get_by_label(re.compile("09:30 to 09:40")).check()
    page.get_by_role("button", name="Go on with the ticked time").click()
    page.get_by_role("button", name=re.compile("Move from 09:00 to 09:30")).click()

    expect(page.get_by_text("Moved.")).to_be_visible()
    expect(page.get_by_text(re.compile("Instead of"))).to_be_visible()
    new = desk.booked()
    assert (new.moved_from, new.start) == (old, desk.slots[3].start)
    assert Slot.objects.get(pk=desk.slots[0].pk).status == "free"


def test_somebody_who_was_overtaken_when_moving_is_told(page_for, desk):
    old = make_appointment(slots=[desk.slots[0]], patient=desk.patient)
    page = page_for(desk.user, WIDE)
    page.goto(f"/admin/practice/appointment/{old.pk}/move/?slot={desk.slots[3].pk}")
    make_appointment(slots=[desk.slots[3]])

    page.get_by_role("button", name=re.compile("Move from")).click()

    expect(page.get_by_role("alert")).to_contain_text("Somebody else has just taken this time.")
    assert desk.booked() == old
