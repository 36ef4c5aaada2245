"""A series in a browser: booked, one of it moved, all of it cancelled; also without scripts."""

import re
from datetime import time, timedelta

import pytest
from playwright.sync_api import Page, expect

from practice import clock
from practice.models import Appointment, Slot
from practice.reads.series import appointments_of
from tests.browser.test_diary import NARROW, WIDE
from workbench.factories import (
    make_appointment,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
    tomorrow,
)
from workbench.staff import make_staff


class Weeks:
    """Three mornings of a holder, a week apart; the first slot of the second is taken."""

    def __init__(self, practice) -> None:
        holder = make_practitioner(practice.organisation, family_name="Alpha")
        self.slots: list[list[Slot]] = []
        for n in range(3):
            day = tomorrow() + timedelta(weeks=n)
            start = clock.instant(day, time(9))
            session = make_schedule(start=start, date=day, session_holder=holder)
            self.slots.append(make_slots(4, session))
        make_appointment(slots=[self.slots[1][0]], patient=make_patient())
        self.patient = practice.patient
        self.user = make_staff(practice.organisation)

    @property
    def address(self) -> str:
        first = self.slots[0][0].pk
        return f"/admin/practice/appointment/add/?patient={self.patient.pk}&slot={first}"

    def standing(self) -> list[Appointment]:
        found = Appointment.objects.live().filter(patient=self.patient)
        return list(found.order_by("start"))


@pytest.fixture
def weeks(staff_roles, practice) -> Weeks:
    return Weeks(practice)


def times_shown(page: Page, weeks: Weeks) -> None:
    """From the last step of a booking to the times of a series of three, a week apart."""
    page.goto(weeks.address)
    page.get_by_role("link", name="Several together").click()
    page.get_by_label("Every … weeks").fill("1")
    page.get_by_label("How many in all").fill("3")
    page.get_by_role("button", name="Show these times").click()
    expect(page.get_by_role("group", name="This time is not free")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_a_series_booked_one_of_it_moved_all_of_it_cancelled(page_for, weeks, javascript):
    page = page_for(weeks.user, WIDE, javascript=javascript)
    times_shown(page, weeks)

    # The second is taken: somebody decides. The third is the same time.
    page.get_by_role("group", name="This time is not free").get_by_label("09:10").check()
    page.get_by_role("button", name="Book them all").click()
    expect(page.get_by_text("Booked: 3 appointments.")).to_be_visible()
    first, second, third = weeks.standing()
    assert [each.start for each in (first, second, third)] == [
        weeks.slots[0][0].start,
        weeks.slots[1][1].start,
        weeks.slots[2][0].start,
    ]

    page.locator(f"#appointment-{second.pk}").get_by_role("link", name="Move").click()
    page.get_by_role("button", name=re.compile("^Move to .* 09:20")).first.click()
    page.get_by_role("button", name=re.compile("^Move from")).click()
    expect(page.get_by_text("Moved.", exact=True)).to_be_visible()
    _, moved, _ = weeks.standing()
    assert weeks.standing() == [first, moved, third]

    page.goto(f"/admin/practice/patient/{weeks.patient.pk}/")
    page.get_by_role("link", name=re.compile("^Every week")).first.click()
    expect(page.locator(f"#appointment-{moved.pk}")).to_contain_text("moved from")
    page.get_by_label("Why are they cancelled?").fill("Moved away")
    page.get_by_role("button", name="Cancel all 3").click()
    expect(page.get_by_text("3 appointments cancelled.")).to_be_visible()
    assert weeks.standing() == []
    assert appointments_of(first.in_series.series) == [first, moved, third]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nobody_is_kept_out(page_for, axe, weeks, width, dark):
    page = page_for(weeks.user, width, dark=dark)
    times_shown(page, weeks)
    found = look(page, axe)
    page.get_by_role("group", name="This time is not free").get_by_label("09:10").check()
    page.get_by_role("button", name="Book them all").click()
    expect(page.get_by_text("Booked: 3 appointments.")).to_be_visible()

    assert [*found, *look(page, axe)] == []


def look(page: Page, axe) -> list[str]:
    sideways = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return [*axe(page), *(["scrolls sideways"] if sideways else [])]
