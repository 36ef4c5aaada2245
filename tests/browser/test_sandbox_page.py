"""A supplier reads what was wrong and resets their sandbox, on any screen and without scripts."""

import pytest

from demo import sandbox_page, sandboxes
from tests.browser.test_every_page import looked_at
from workbench.bodies import appointment_body
from workbench.consumer import ABSENT, Consumer
from workbench.factories import make_organisation, make_patient, make_schedule, make_slot
from workbench.staff import MANAGER, make_staff

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox(practice):
    sandbox_page.resets.left.clear()
    organisation = make_organisation(sandbox_of="Mocksoft", name="Sandbox Surgery of Mocksoft")
    patient = make_patient(organisation)
    slot = make_slot(make_schedule(organisation=organisation))
    supplier = Consumer(organisation)
    for _ in range(2):
        supplier.book(appointment_body(slots=[slot], patient=patient))
    supplier.find_patient("1" * 10, headers={"Ssp-To": ABSENT})
    return organisation


def test_a_supplier_finds_what_was_wrong_and_resets(page_for, axe, sandbox, monkeypatch):
    was_reset = []
    monkeypatch.setattr(sandboxes, "reset", lambda each, **options: was_reset.append(each))
    reader = make_staff(sandbox, role=MANAGER)
    page = page_for(reader, 390, javascript=False)
    page.goto(sandboxes.page_of(sandbox))

    page.get_by_role("link", name="Only what went wrong").click()
    refused = page.get_by_role("row").filter(has_text="DUPLICATE_REJECTED")
    refused.get_by_role("link", name="Booked an appointment").click()
    answer = page.get_by_role("region", name="What you were answered")
    assert "OperationOutcome" in answer.inner_text()
    exchange = page.url
    page.get_by_role("link", name="All that you sent").click()
    page.get_by_role("button", name="Reset the sandbox").click()

    assert "its diary begins today" in page.get_by_role("status").inner_text()
    assert was_reset == [sandbox]
    scripted = page_for(reader, 1400)
    for address in (sandboxes.page_of(sandbox), exchange, "/admin/worklist/"):
        scripted.goto(address)
        assert looked_at(scripted, axe, address) == []
    band = scripted.locator(".sandbox-band")
    assert band.inner_text() == "Sandbox of Mocksoft: nobody here is real"
