"""What comes out of the printer: diary, clinic list, call list, the slip for a patient."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page

from practice import clock, nhs_number
from practice.models import Appointment, Closure, Practitioner
from tests.browser import pdf
from workbench.factories import (
    make_appointment,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
    tomorrow,
)
from workbench.staff import MANAGER, make_staff

TELEPHONE = "0113 496 0005"
TIME_OF_PRINTING = re.compile(r"Printed \w{3} \d{1,2} \w{3} \d{4}, \d{2}:\d{2}")


@pytest.fixture
def appointment(staff_roles, practice) -> Appointment:
    patient = make_patient(family_name="Fauxley", telephone=TELEPHONE)
    slots = make_slots(1, make_schedule(session_name="Morning surgery"))
    return make_appointment(
        slots=slots, patient=patient, door="staff", comment="Needs step-free access"
    )


@pytest.fixture
def call_list(appointment, practice) -> Closure:
    closure = Closure.objects.create(
        organisation=practice.organisation,
        kind="sick",
        name="Clinician unwell",
        start_date=tomorrow(),
        end_date=tomorrow(),
    )
    Appointment.objects.update(affected_by=closure, to_be_told=True, orphaned=True)
    return closure


def printed(page: Page, address: str) -> str:
    """Print a page; return the words on the paper, which is as long as the browser makes it."""
    page.goto(address)
    page.emulate_media(media="print")
    assert page.pdf(format="A4").startswith(b"%PDF")
    return page.locator("body").inner_text()


def is_only_the_page(words: str) -> bool:
    """Whether the menu, the buttons and the questions to the screen stay off the paper."""
    return not any(
        word in words for word in ("Book an appointment", "Visibility", "Session holder", "Skip to")
    )


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_clinic_list_on_paper(page_for, practice, appointment, dark):
    page = page_for(make_staff(practice.organisation), 1400, dark=dark)

    words = printed(page, f"/admin/clinic-list/?schedule={appointment.schedule_id}")

    for expected in (
        "FAUXLEY, Edie",
        nhs_number.spaced(appointment.patient.nhs_number),
        "29 Feb 1980",
        TELEPHONE,
        "Needs step-free access",
        "Morning surgery",
        practice.organisation.name,
    ):
        assert expected in words
    assert TIME_OF_PRINTING.search(words)
    assert is_only_the_page(words)
    ink = "getComputedStyle(document.querySelector('main td')).color"
    paper = "getComputedStyle(document.querySelector('#main')).backgroundColor"
    assert page.evaluate(ink) == "rgb(0, 0, 0)"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"


def test_the_call_list_on_paper(page_for, practice, appointment, call_list):
    page = page_for(make_staff(practice.organisation, role=MANAGER), 1400)

    words = printed(page, f"/admin/practice/closure/{call_list.pk}/change/")

    for expected in (
        "Edie Fauxley",
        nhs_number.spaced(appointment.patient.nhs_number),
        "29 Feb 1980",
        TELEPHONE,
        "Clinician unwell",
        "Has lost the session",
        practice.organisation.name,
    ):
        assert expected in words
    assert TIME_OF_PRINTING.search(words)
    assert is_only_the_page(words)
    assert "Not reached" not in words


def test_the_slip_for_a_patient_on_paper(page_for, practice, appointment):
    page = page_for(make_staff(practice.organisation), 1400)

    words = printed(page, f"/admin/practice/appointment/{appointment.pk}/slip/")

    assert "at 09:00" in words
    assert practice.organisation.telephone in words
    assert is_only_the_page(words)
    assert "Book another" not in words


def test_the_print_button_prints(page_for, practice, appointment):
    page = page_for(make_staff(practice.organisation), 1400)
    page.add_init_script("window.print = () => { window.printed = true; };")
    page.goto(f"/admin/clinic-list/?schedule={appointment.schedule_id}")

    page.get_by_role("button", name="Print").click()

    assert page.evaluate("window.printed") is True


# ---------------------------------------------------------------- twenty clinicians, page by page


@pytest.fixture
def twenty(staff_roles, practice) -> list[Practitioner]:
    """Twenty with long names; the first has more than a column of paper holds."""
    holders = []
    for letter in "ABCDEFGHIJKLMNOPQRST":
        holder = make_practitioner(
            given_names="Bartholomew", family_name=f"Featherstonehaugh-Mock-{letter}"
        )
        schedule = make_schedule(session_holder=holder, session_name="Morning surgery")
        schedule.end = schedule.start + timedelta(hours=9)
        schedule.save()
        first, *_ = make_slots(100 if letter == "A" else 6, schedule, minutes=5)
        make_appointment(slots=[first], patient=make_patient(family_name=f"Faux-{letter}"))
        holders.append(holder)
    return holders


def paper(page: Page, address: str) -> list[str]:
    """Print a page and read the paper: the words of each sheet, without spaces."""
    page.goto(address)
    return pdf.pages(page.pdf(prefer_css_page_size=True))


def spaceless(words: object) -> str:
    return "".join(str(words).split())


def test_the_printed_diary_has_everybody_and_says_on_each_page_what_it_is(
    page_for, practice, twenty
):
    page = page_for(make_staff(practice.organisation), 1400, dark=True)

    sheets = paper(page, f"/admin/diary/?date={tomorrow()}")

    everything = "".join(sheets)
    assert [each for each in twenty if spaceless(each) not in everything] == []
    assert [n for n in "ABCDEFGHIJKLMNOPQRST" if f"Faux-{n}" not in everything] == []
    day = clock.day_start(tomorrow())
    heading = spaceless(f"{day:%A} {clock.local(day).day} {clock.local(day):%B %Y}")
    for number, sheet in enumerate(sheets, 1):
        assert spaceless(practice.organisation) in sheet
        assert heading in sheet
        assert re.search(r"Printed\w{3}\d{1,2}\w{3}\d{4},\d{2}:\d{2}", sheet)
        assert f"Page{number}of{len(sheets)}" in sheet
    assert everything.count(spaceless(twenty[0])) > 1, "a name is repeated where its list goes on"
    assert "09:05Free" in everything
    assert "Nextday" not in everything


def test_the_clinic_list_is_a_page_for_each_clinician_with_what_is_free(page_for, practice, twenty):
    page = page_for(make_staff(practice.organisation), 1400)

    sheets = paper(page, f"/admin/clinic-list/?date={tomorrow()}")

    for number, sheet in enumerate(sheets, 1):
        assert f"{number}of{len(sheets)}" in sheet
        assert len([each for each in twenty if spaceless(each) in sheet]) == 1
        assert spaceless(practice.organisation) in sheet
    assert [each for each in twenty if not any(spaceless(each) in s for s in sheets)] == []
    assert len([s for s in sheets if spaceless(twenty[0]) in s]) > 1
    last = sheets[-1]
    assert "FAUX-T" in last
    assert "09:05Free" in last
