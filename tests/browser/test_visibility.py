"""Why nobody outside sees a slot, in a browser: the reason, its link, the fix, the slot on offer.

And every page of the desk's for everybody: axe, both themes, both widths.
"""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from practice.models import Closure, Slot
from practice.services.closures import closing
from workbench.factories import (
    make_actor,
    make_appointment,
    make_cancellation_list_entry,
    make_patient,
    make_schedule,
    make_slot,
    make_slot_type,
    make_slots,
    make_template,
    tomorrow,
)
from workbench.staff import MANAGER, make_staff

WIDE, NARROW = 1400, 390

# ---------------------------------------------------------------- from a reason to its fix


def not_marked():
    make_slot(gp_connect_bookable=False)


def no_role():
    make_slot(make_schedule(practitioner_role=""))


def offer(page: Page) -> None:
    page.get_by_role("button", name="Make GP Connect bookable").click()
    expect(page.get_by_text(re.compile("is GP Connect bookable."))).to_be_visible()


def choose_role(page: Page) -> None:
    page.get_by_role("link", name="Change the session…").click()
    page.get_by_label("Role", exact=True).select_option("R0260")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The session is changed.")).to_be_visible()


@pytest.mark.parametrize(
    ("make", "reason", "fix", "form"),
    [
        pytest.param(not_marked, "Not marked GP Connect bookable", offer, "slot", id="not marked"),
        pytest.param(no_role, "no role", choose_role, "schedule", id="no role"),
    ],
)
def test_a_slot_that_nobody_sees_is_explained_and_the_link_leads_to_the_fix(
    page_for, practice, make, reason, fix, form
):
    make()
    page = page_for(make_staff(practice.organisation, role=MANAGER), WIDE)
    page.goto("/admin/visibility/")
    expect(page.get_by_role("status")).to_contain_text("0 of 1 slots are offered")

    page.locator("#others ~ table").get_by_role("link", name=re.compile(reason)).click()
    page.wait_for_url(f"**/admin/practice/{form}/**")
    fix(page)

    page.goto("/admin/visibility/")
    expect(page.get_by_role("status")).to_contain_text("1 of 1 slots is offered.")


def test_the_question_is_asked_as_a_certain_organisation_without_scripts(page_for, practice):
    """An urgent care centre, by type and by code; a reason of the table narrows the list."""
    make_slots(2)
    make_slot(gp_connect_bookable=False)
    page = page_for(make_staff(practice.organisation, role=MANAGER), WIDE, javascript=False)
    page.goto("/admin/visibility/")

    page.get_by_label("ODS code").fill("x9x01")
    page.get_by_label("Organisation type").select_option("urgent-care")
    page.get_by_role("button", name="Show what they are offered").click()

    expect(page.get_by_label("ODS code")).to_have_value(re.compile("X9X01", re.IGNORECASE))
    expect(page.get_by_role("heading", name=re.compile("Offered, in the order.*2"))).to_be_visible()
    page.get_by_role("link", name="Not marked GP Connect bookable").first.click()
    expect(page.get_by_role("heading", name="Not offered (1)")).to_be_visible()


# ---------------------------------------------------------------- for everybody


def desk(practice) -> dict[str, str]:
    """Every page of the desk's, with something on each; and three of the admin's own."""
    patient = make_patient(
        family_name="Fauxley", registration_type="T", registration_end=tomorrow()
    )
    slots = make_slots(6)
    here = make_appointment(slots=[slots[0]], patient=patient, door="staff", comment="Step-free")
    make_appointment(slots=[slots[1]], patient=make_patient(telephone=""), actor=make_actor())
    make_slot(make_schedule(practitioner_role=""))
    make_slot(gp_connect_bookable=False)
    free = make_slots(3)
    sick = make_schedule()
    stranded = make_appointment(slots=[make_slot(sick)], patient=make_patient())
    closure = Closure(
        organisation=practice.organisation,
        kind="sick",
        name="Clinician unwell",
        practitioner=sick.session_holder,
        start_date=tomorrow(),
        end_date=tomorrow(),
    )
    plan = closing.plan_closing(closure, now=timezone.now())
    closing.close(closure, digest=plan.digest, actor=make_actor(), now=timezone.now())
    stranded.refresh_from_db()
    stranded.affected_by, stranded.to_be_told = closure, True
    stranded.save()
    Slot.objects.filter(pk=free[1].pk).update(changed_by_hand=True)
    make_cancellation_list_entry(patient=patient, note="Ten minutes will do", minutes=10)
    entry = make_cancellation_list_entry(practitioners=[free[1].schedule.session_holder])
    entry.calls.create(start=free[1].start, outcome="no-answer", at=timezone.now(), by_name="Rita")
    make_cancellation_list_entry(ended_at=timezone.now(), ended_as="withdrawn")
    holder = slots[0].schedule.session_holder_id
    template = make_template()
    booking = f"/admin/practice/appointment/add/?patient={patient.pk}"
    return {
        "who": "/admin/practice/appointment/add/?q=fauxley",
        "who, mistyped": f"/admin/practice/appointment/add/?slot={free[0].pk}&q=9990123450",
        "when": booking,
        "whether": f"{booking}&slot={free[0].pk}&slot={free[1].pk}",
        "appointment": f"/admin/practice/appointment/{here.pk}/change/?ask=amend",
        "its history": f"/admin/practice/appointment/{here.pk}/history/",
        "slot": f"/admin/practice/slot/{free[0].pk}/change/?ask=change",
        "its own history": f"/admin/practice/slot/{free[0].pk}/history/",
        "session": f"/admin/practice/schedule/{sick.pk}/change/?ask=change",
        "another holder": f"/admin/practice/schedule/{sick.pk}/change/?ask=holder",
        "a session for one day": "/admin/practice/schedule/add/",
        "booked": f"/admin/practice/appointment/{here.pk}/slip/",
        "extra": f"/admin/practice/slot/add/?patient={patient.pk}",
        "move, when": f"/admin/practice/appointment/{here.pk}/move/",
        "move, whether": f"/admin/practice/appointment/{here.pk}/move/?slot={free[0].pk}",
        "close": "/admin/practice/closure/add/",
        "impact": f"/admin/practice/closure/add/?kind=sick&name=Unwell&practitioner={holder}"
        f"&location=&start_date={tomorrow()}&end_date={tomorrow()}&start_time=&end_time=",
        "closure": f"/admin/practice/closure/{closure.pk}/change/",
        "reopen": f"/admin/practice/closure/{closure.pk}/delete/",
        "worklist": "/admin/worklist/",
        "cancellation list": "/admin/cancellation-list/",
        "who would come": f"/admin/cancellation-list/time/{free[1].pk}/",
        "joining the list": f"/admin/cancellation-list/add/?appointment={here.pk}",
        "on the list": f"/admin/cancellation-list/{entry.pk}/",
        "patient": f"/admin/practice/patient/{patient.pk}/",
        "visibility": "/admin/visibility/",
        "clinic list": f"/admin/clinic-list/?date={tomorrow()}",
        "front page": "/admin/",
        "second factor": "/admin/second-factor/",
        "a list": reverse("admin:practice_slot_changelist"),
        "a form": reverse("admin:practice_patient_change", args=[patient.pk]),
        "a template": reverse("admin:practice_sessiontemplate_change", args=[template.pk]),
        "its end": reverse("admin:practice_sessiontemplate_delete", args=[template.pk]),
    }


# Of the desk's own pages, what is touched by fingers and lower than 44 pixels.
SMALL = """() => [...document.querySelectorAll('main :is(a, button, select, input, label)')]
    .filter(e => e.offsetParent && e.getBoundingClientRect().height < 44)
    .filter(e => e.matches('a, button, select, label:has(input[type=radio], input[type=checkbox])')
        || e.matches('input:not([type=hidden], [type=radio], [type=checkbox])'))
    .map(e => e.outerHTML.slice(0, 120))"""

LANDMARKS = """['main', 'header:not(article *)', 'nav#nav-sidebar-inner', 'h1']
    .map(e => document.querySelectorAll(e).length)"""


def too_faint(page: Page) -> list[str]:
    """What only the colours of a theme can violate: axe's two rules about them."""
    only = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
    options = {"runOnly": only, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [f"dark: {node['html']}" for violation in found for node in violation["nodes"]]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_no_page_keeps_anybody_out(page_for, practice, axe, width):
    """No violation, light or dark; nothing sideways; landmarks; on a telephone room to touch."""
    pages = desk(practice)
    page = page_for(make_staff(practice.organisation, role=MANAGER), width)
    wrong: dict[str, list[str]] = {}

    for name, address in pages.items():
        page.goto(address)
        found = axe(page)
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"{wide} pixels wide")
        if (count := page.evaluate(LANDMARKS)) != [1, 1, 1, 1]:
            found.append(f"landmarks: {count}")
        if width == NARROW and "practice/" not in address and name != "front page":
            found += [f"too small: {each}" for each in page.evaluate(SMALL)]
        page.evaluate("document.documentElement.classList.add('dark')")
        found += too_faint(page)
        if found:
            wrong[name] = found

    assert wrong == {}


def test_the_menu_opens_by_keyboard_and_can_be_passed_by(page_for, practice):
    page = page_for(make_staff(practice.organisation), NARROW)
    page.goto("/admin/practice/slot/")  # a page that puts nobody into a field
    menu = page.locator("#nav-sidebar")
    expect(menu).to_be_hidden()

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.get_by_role("button", name="Menu", exact=True).focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    page.get_by_role("button", name="Close the menu").focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_hidden()


def test_from_visibility_to_a_mended_block_and_back(page_for, practice):
    manager = make_staff(practice.organisation, role=MANAGER)
    make_slot_type(practice.organisation, "Routine")
    template = make_template(
        practice.organisation,
        weekdays=[0, 1, 2, 3, 4, 5, 6],
        runs_on_bank_holidays=True,
        blocks=[{"gp_connect_bookable": False}],
    )
    page = page_for(manager, WIDE)
    page.goto(f"/admin/practice/generationrun/add/?template={template.pk}")
    page.get_by_role("button", name=re.compile("^Apply")).click()
    expect(page.get_by_text("slots created").first).to_be_visible()

    page.goto("/admin/visibility/?ods_code=Y00123")
    expect(page.locator(".staff-sum")).to_contain_text("0 of 108 slots are offered")
    page.locator("#causes + table").get_by_role("link").click()
    page.locator("#blocks-0").get_by_label("GP Connect bookable").check()
    page.get_by_role("button", name="Save, and see what applying would do").click()
    page.get_by_role("button", name=re.compile("^Apply")).click()
    page.get_by_role("link", name=re.compile("^Back to your question")).click()

    expect(page.get_by_label("ODS code")).to_have_value("Y00123")
    expect(page.locator(".staff-sum")).to_contain_text("108 of 108 slots are offered")
