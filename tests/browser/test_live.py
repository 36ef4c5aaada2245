"""Pages that stay open show what others change, and leave alone what somebody is doing."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Request, expect

from practice import clock
from practice.models import Appointment, AuditEvent
from tests.browser.test_diary import WIDE, World, open_diary
from workbench.factories import make_appointment, make_patient

SOON = 15_000  # milliseconds


@pytest.fixture
def world(staff_roles, practice) -> World:
    return World(practice)


def booked_outside(world: World, place: int, name: str) -> Appointment:
    return make_appointment(
        slots=[world.slots[place]],
        patient=make_patient(given_names=name),
        now=timezone.now() - timedelta(days=1),
    )


def polls_made(page: Page) -> list[str]:
    """The addresses of what the page asks from now on."""
    made: list[str] = []

    def note(request: Request) -> None:
        if "/version/" in request.url:
            made.append(request.url)

    page.on("request", note)
    return made


def test_a_booking_from_outside_appears_and_keeps_what_is_being_typed(page_for, world):
    page = open_diary(page_for, world)
    page.locator(world.max).click()
    page.get_by_role("link", name="Cancel…").click()
    reason = page.get_by_label("Why is it cancelled?")
    reason.fill("He rang: bett")
    page.evaluate("window.scrollTo(0, 40)")
    before = page.evaluate("[scrollY, document.querySelector('[data-grid]').scrollTop]")

    new = booked_outside(world, 2, "Nova")

    block = page.locator(f"li:has(> #a{new.pk})")
    expect(block).to_contain_text("New from outside", timeout=SOON)
    expect(page).to_have_title("(1 new) Diary | Appointment book")
    expect(page.locator(f"#s{world.slots[2].pk}")).to_have_count(0)
    expect(reason).to_be_focused()
    page.keyboard.type("er")
    expect(reason).to_have_value("He rang: better")
    after = page.evaluate("[scrollY, document.querySelector('[data-grid]').scrollTop]")
    assert after == before

    # Looked at, it is new no more.
    page.locator(f"#a{new.pk}").click()
    expect(block).not_to_contain_text("New from outside")
    expect(page).to_have_title("Diary | Appointment book")


def test_the_details_and_their_block_agree_unless_somebody_writes_there(page_for, world):
    page = open_diary(page_for, world)
    page.locator(world.max).click()
    expect(page.get_by_role("button", name="Arrived")).to_be_visible()
    Appointment.objects.filter(pk=world.appointment.pk).update(status="arrived", version=2)

    expect(page.locator(f"li:has(> {world.max})")).to_contain_text("Arrived", timeout=SOON)
    expect(page.locator("#diary-panel .diary-chip").first).to_have_text("Arrived")

    free = page.locator(f"#s{world.slots[6].pk}")
    free.click()
    note = page.get_by_label("Note for a block")
    note.fill("Tuto")
    booked_outside(world, 6, "Nova")
    expect(page.locator(".diary-overtaken")).to_be_visible(timeout=SOON)
    expect(note).to_have_value("Tuto")
    expect(note).to_be_focused()


def test_a_page_that_nobody_sees_asks_nothing_and_asks_at_once_when_it_is_seen(page_for, world):
    page = open_diary(page_for, world)
    expect(page.locator("[data-live-said]")).to_contain_text("Live,")
    made = polls_made(page)
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    page.evaluate(hide % "true" + "document.dispatchEvent(new Event('visibilitychange'))")
    new = booked_outside(world, 2, "Nova")
    page.wait_for_timeout(1_000)
    assert made == []

    page.evaluate(hide % "false" + "document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.locator(f"#a{new.pk}")).to_be_visible(timeout=3_000)


def test_the_page_says_so_when_it_is_no_longer_live(page_for, world):
    page = open_diary(page_for, world)
    page.route("**/admin/version/**", lambda route: route.abort())
    for _ in range(2):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(200)

    expect(page.locator("[data-live-said]")).to_contain_text("Not live since")


def test_polls_of_nothing_leave_no_trace(page_for, world):
    page = open_diary(page_for, world)
    written = AuditEvent.objects.count()
    made = polls_made(page)
    for _ in range(3):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(200)

    assert len(made) == 3
    assert AuditEvent.objects.count() == written


def test_without_scripts_an_ordinary_reload_shows_it(page_for, world):
    page = open_diary(page_for, world, WIDE, javascript=False)
    expect(page.locator("[data-live-said]")).to_be_hidden()
    new = booked_outside(world, 2, "Nova")

    page.goto(f"/admin/diary/?date={clock.today(world.start):%Y-%m-%d}")

    expect(page.locator(f"#a{new.pk}")).to_be_visible()


def test_the_worklist_shows_who_was_told_and_keeps_the_note_that_is_being_typed(page_for, world):
    both = [booked_outside(world, place, f"Nr{place}") for place in (2, 6)]
    Appointment.objects.filter(pk__in=[each.pk for each in both]).update(orphaned=True)
    Appointment.objects.filter(pk=both[0].pk).update(to_be_told=True)
    page = page_for(world.user, WIDE)
    page.goto("/admin/worklist/")
    note = page.get_by_label("Note about").first
    note.fill("Engaged, try")

    Appointment.objects.filter(pk=both[1].pk).update(to_be_told=True)

    expect(page.get_by_label("Note about")).to_have_count(2, timeout=SOON)
    expect(note).to_be_focused()
    page.keyboard.type(" again")
    expect(note).to_have_value("Engaged, try again")


def test_the_front_page_shows_a_booking_from_outside(page_for, world):
    page = page_for(world.user, WIDE)
    page.goto("/admin/")
    new = booked_outside(world, 2, "Nova")

    expect(page.get_by_role("link", name=new.patient.full_name)).to_be_visible(timeout=SOON)


# ---------------------------------------------------------------- sick at 07:45


def test_a_receptionist_reports_a_clinician_sick_from_the_heading_to_the_call_list(
    page_for, world, axe
):
    page = open_diary(page_for, world)
    column = page.locator(f"#column-holder-{world.slots[4].schedule.session_holder_id}")
    column.get_by_text("•••").click()
    assert axe(page) == []
    column.get_by_role("link", name="Off sick today…").click()
    expect(page.get_by_text("Nothing has changed yet.")).to_be_visible()
    page.get_by_role("button", name="Close: withdraw").click()

    expect(page.get_by_role("heading", name="Call list")).to_be_visible()
    expect(page.get_by_role("rowheader", name=world.outside.patient.full_name)).to_be_visible()

    page.goto(f"/admin/diary/?date={clock.today(world.start):%Y-%m-%d}")
    expect(column).to_contain_text("Off sick, 1 to ring")
    expect(column.locator(".closed").first).to_contain_text("Off sick")
    assert axe(page) == []
