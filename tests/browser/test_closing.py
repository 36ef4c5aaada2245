"""A clinician off sick, in a browser: from the impact to the last call."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from practice.models import Appointment, Closure, ContactAttempt
from workbench.factories import (
    make_appointment,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
    tomorrow,
)
from workbench.staff import MANAGER, make_staff

WIDE, NARROW = 1400, 390


class Sick:
    """A GP who will be off tomorrow, with three patients; a colleague has one slot left."""

    def __init__(self, practice) -> None:
        self.user = make_staff(practice.organisation, role=MANAGER)
        self.gp = make_practitioner(given_names="Nora", family_name="Unwell")
        slots = make_slots(6, make_schedule(session_holder=self.gp))
        names, telephones = ("Alder", "Birch", "Cedar"), ("0113 496 0005", "", "0113 496 0006")
        people = zip(slots, names, telephones, strict=False)
        self.alder, self.birch, self.cedar = (
            make_appointment(
                slots=[slot],
                patient=make_patient(prefix="", family_name=name, telephone=telephone),
            )
            for slot, name, telephone in people
        )
        colleague = make_practitioner(given_names="Basil", family_name="Well")
        self.free = make_slots(1, make_schedule(session_holder=colleague))[0]

    def became(self, appointment: Appointment) -> tuple[str, bool]:
        appointment.refresh_from_db()
        return appointment.status, appointment.orphaned


@pytest.fixture
def sick(staff_roles, practice) -> Sick:
    return Sick(practice)


def say_what_closes(page, sick: Sick) -> None:
    page.goto("/admin/practice/closure/add/")
    page.get_by_label("Reason, shown to patients").fill("Clinician unwell")
    page.get_by_label("Practitioner").select_option(label=str(sick.gp))
    page.get_by_label("From").fill(f"{tomorrow()}")
    page.get_by_label("To", exact=True).fill(f"{tomorrow()}")
    page.get_by_role("button", name="Show what it would do").click()


@pytest.mark.parametrize(
    ("width", "javascript"), [(WIDE, True), (NARROW, True), (WIDE, False)], ids=str
)
def test_off_sick_from_impact_to_call_list(page_for, sick, width, javascript):
    """See whom it meets, decide for each, close, and mark the first as told."""
    page = page_for(sick.user, width, javascript=javascript)
    say_what_closes(page, sick)

    expect(page.get_by_text("Nothing has changed yet.")).to_be_visible()
    expect(page.get_by_role("heading", name="No contact details (1)")).to_be_visible()
    assert not Closure.objects.filter(kind="sick").exists()
    page.get_by_role("group", name="What happens to Edie Birch").get_by_label("Cancel").check()
    page.get_by_role("button", name=re.compile("Close: withdraw 3 free slots")).click()

    page.wait_for_url("**/admin/practice/closure/*/change/")
    assert sick.became(sick.birch) == ("cancelled", False)
    assert sick.became(sick.cedar) == ("booked", True)
    moved = Appointment.objects.get(moved_from=sick.alder)
    assert moved.start == sick.free.start
    expect(page.get_by_text("3 of 3 still to be told.")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Birch"))).to_contain_text("Clinician unwell")

    page.get_by_label("Note about Edie Cedar").fill("Rings back")
    page.get_by_role("button", name="Not reached Edie Cedar").click()
    row = page.get_by_role("row", name=re.compile("Cedar"))
    expect(row).to_contain_text(re.compile(r"not reached by \S+\. Rings back"))
    page.get_by_role("button", name="Told Edie Cedar").click()

    expect(page.get_by_text("2 of 3 still to be told.")).to_be_visible()
    expect(page.get_by_role("button", name="Told Edie Cedar")).to_have_count(0)
    attempts = ContactAttempt.objects.filter(appointment=sick.cedar).order_by("pk")
    assert [(a.reached, a.by_name) for a in attempts] == [
        (False, sick.user.get_username()),
        (True, sick.user.get_username()),
    ]


@pytest.mark.parametrize(
    ("width", "javascript", "dark"), [(WIDE, False, False), (NARROW, True, True)], ids=str
)
def test_a_person_chooses_another_time_and_earlier_ones_only_when_they_ask(
    page_for, axe, sick, width, javascript, dark
):
    """The hazard (H23), for everybody who can use the page."""
    make_slots(3, make_schedule(start=sick.alder.start - timedelta(hours=1)))
    make_slots(8, make_schedule(date=tomorrow() + timedelta(days=1)))
    page = page_for(sick.user, width, javascript=javascript, dark=dark)
    say_what_closes(page, sick)
    birch, cedar = (
        page.get_by_role("group", name=f"What happens to Edie {name}")
        for name in ("Birch", "Cedar")
    )

    cedar.get_by_text(re.compile(r"\d other times? for Edie Cedar")).click()
    chosen = cedar.get_by_role("radio", name=re.compile("^Move to")).nth(1)
    chosen.check()
    expect(page.get_by_text("Earlier than their own time")).to_have_count(0)
    birch.get_by_label("Cancel").check()
    page.get_by_role("button", name="Offer earlier times too").click()
    expect(birch.get_by_label("Cancel")).to_be_checked()
    if javascript:
        assert axe(page) == []
    expect(chosen).to_be_checked()
    birch.get_by_label("Earlier than their own time").check()
    page.get_by_role("button", name=re.compile("^Close:")).click()

    page.wait_for_url("**/admin/practice/closure/*/change/")
    assert Appointment.objects.get(moved_from=sick.birch).start < sick.alder.start
    assert Appointment.objects.get(moved_from=sick.cedar).start > sick.cedar.start
    rows = page.get_by_role("row").filter(has=page.get_by_role("rowheader")).all_inner_texts()
    assert ["Birch" in text for text in rows] == [True, False, False], "told first"


def test_all_are_decided_for_at_once(page_for, sick):
    page = page_for(sick.user, WIDE)
    say_what_closes(page, sick)

    page.get_by_role("button", name="Cancel", exact=True).click()

    expect(page.locator("input[type=radio][value=cancel]:checked")).to_have_count(3)
    page.get_by_role("button", name="Move where a slot is free").click()
    expect(page.locator("input[type=radio][value=move]:checked")).to_have_count(1)
    page.get_by_role("button", name=re.compile("^Close:")).click()
    page.wait_for_url("**/admin/practice/closure/*/change/")
    assert sick.became(sick.birch) == ("cancelled", False)


def test_a_diary_that_changed_meanwhile_is_shown_anew_with_what_had_been_decided(page_for, sick):
    page = page_for(sick.user, WIDE)
    say_what_closes(page, sick)
    page.get_by_role("group", name="What happens to Edie Birch").get_by_label("Cancel").check()
    late = sick.alder.schedule.slots.filter(status="free").first()
    make_appointment(slots=[late], patient=make_patient(prefix="", family_name="Dogwood"))

    page.get_by_role("button", name=re.compile("^Close:")).click()

    expect(page.get_by_role("alert")).to_contain_text("Nothing was closed")
    expect(page.get_by_role("group", name="What happens to Edie Dogwood")).to_be_visible()
    birch = page.get_by_role("group", name="What happens to Edie Birch")
    expect(birch.get_by_label("Cancel")).to_be_checked()
    assert not Closure.objects.filter(kind="sick").exists()


def test_an_orphan_is_moved_from_the_worklist(page_for, sick, practice):
    page = page_for(sick.user, WIDE)
    say_what_closes(page, sick)
    page.get_by_role("button", name="Leave as orphaned").click()
    page.get_by_role("button", name=re.compile("^Close:")).click()
    page.get_by_role("link", name="Worklist").last.click()

    expect(page.get_by_role("heading", name="Orphaned appointments (3)")).to_be_visible()
    page.get_by_role("row", name=re.compile("Birch")).get_by_role("link", name="move").click()
    page.get_by_role("button", name=re.compile("^Move to .* Basil Well")).first.click()
    page.get_by_role("button", name=re.compile("^Move from")).click()

    expect(page.get_by_text("Moved.")).to_be_visible()
    page.goto("/admin/worklist/")
    expect(page.get_by_role("heading", name="Orphaned appointments (2)")).to_be_visible()
