"""A time comes free: who on the cancellation list fits, in order, is asked and takes it."""

import re
from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import Page, expect

from practice.models import Appointment, CancellationListEntry
from tests.browser.test_booking import NARROW, WIDE
from workbench.factories import (
    make_appointment,
    make_cancellation_list_entry,
    make_patient,
    make_schedule,
    make_slots,
    tomorrow,
)
from workbench.staff import make_staff


def people(page: Page) -> list[str]:
    """Who is on the page, in its order."""
    return page.locator("tbody tr th a").all_inner_texts()


def test_a_freed_slot_shows_who_on_the_cancellation_list_fits_in_order(page_for, practice):
    slots = make_slots(3, make_schedule(), slot_type="Routine")
    late = make_schedule(date=tomorrow() + timedelta(days=14))
    cass, june, kit, ulla = (
        make_patient(given_names=name, family_name="Fauxley", prefix="")
        for name in ("Cass", "June", "Kit", "Ulla")
    )
    given_up = make_appointment(slots=[slots[1]], patient=cass, door="staff")
    later = make_appointment(
        slots=make_slots(1, late, slot_type="Routine"), patient=june, door="staff"
    )
    now = timezone.now()
    for days, patient, wish in (
        (1, kit, {}),
        (5, june, {"appointment": later}),
        (9, ulla, {"slot_type": "Urgent"}),
    ):
        make_cancellation_list_entry(now=now - timedelta(days=days), patient=patient, **wish)
    page = page_for(make_staff(practice.organisation), WIDE)

    page.goto(f"/admin/practice/appointment/{given_up.pk}/change/")
    page.get_by_role("link", name=re.compile("^Cancel…")).click()
    page.locator("#cancel-reason").fill("Feels better")
    page.get_by_role("button", name="Cancel appointment").click()
    page.get_by_role("link", name="2 people would take 09:10").click()

    expect(page.get_by_role("heading", name="Who would take it (2)")).to_be_visible()
    assert people(page) == ["June Fauxley", "Kit Fauxley"]
    expect(page.get_by_role("link", name=re.compile("^0113"))).to_have_count(2)

    page.get_by_role("button", name=re.compile("^Not this time.*June Fauxley")).click()
    expect(page.get_by_text(re.compile("^Declined this time"))).to_be_visible()
    assert people(page) == ["Kit Fauxley", "June Fauxley"]

    page.get_by_role("link", name=re.compile("^Book 09:10….*Kit Fauxley")).click()
    page.get_by_role("button", name="Book Kit Fauxley").click()
    expect(page.get_by_text("Off the cancellation list")).to_be_visible()
    assert Appointment.objects.get(patient=kit).slots.get() == slots[1]
    assert {each.patient for each in CancellationListEntry.objects.filter(ended_at=None)} == {
        june,
        ulla,
    }


def test_where_nothing_suits_a_patient_joins_the_list_on_a_telephone_without_scripts(
    page_for, practice
):
    make_slots(1, make_schedule(), slot_type="Routine")
    page = page_for(make_staff(practice.organisation), NARROW, javascript=False)
    page.goto(f"/admin/practice/appointment/add/?patient={practice.patient.pk}")

    page.get_by_role("link", name="Nothing suits: put on the cancellation list").click()
    page.get_by_label("Friday").check()
    page.get_by_label("Not before").fill("15:30")
    page.get_by_role("button", name="Put on the list").click()

    expect(page.get_by_text("is on the cancellation list.")).to_be_visible()
    expect(page.get_by_text(re.compile("Fri, from 15:30, with anybody"))).to_be_visible()
    assert CancellationListEntry.objects.get().weekdays == [4]
