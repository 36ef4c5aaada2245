"""The pages for developers in a real browser: for everybody, at both widths, in both themes."""

import os

import pytest
from playwright.sync_api import expect

from practice.models import AuditEvent
from tests.browser.test_every_page import OVERLAPPING
from tests.fhirapi.developer.world import make_world

PICTURES = os.environ.get("PICTURES", "")


@pytest.fixture
def visited(browser, live_server, transactional_db, settings):
    """``visited(width, dark=True)``: a page of somebody whom nobody knows; and the sandbox."""
    settings.DEVELOPER_PAGES = True
    practice = make_world(sandbox_of="Mockware", name="Sandbox of Mockware")
    contexts, told = [], []

    def open_page(width, *, dark=False, javascript=True):
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            locale="en-GB",
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("console", lambda said: said.type == "error" and told.append(said.text))
        return page

    open_page.practice, open_page.told = practice, told
    yield open_page
    for context in contexts:
        context.close()


def draw(page, name):
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


# Of the many alike, one of each kind: an interaction, an error, and all that is in them.
OPENED = "#rest-create-appointment-1, #INVALID_PATIENT_DEMOGRAPHICS-400"
OPEN = f"""document.querySelectorAll("{OPENED}").forEach((entry) => {{
  entry.open = true;
  entry.querySelectorAll("details").forEach((each) => (each.open = true));
}})"""


def test_the_page_is_for_everybody_at_both_widths(visited, axe):
    page = visited(1400)
    page.goto(f"/developer/?practice={visited.practice.ods_code}")
    page.evaluate(OPEN)
    for width in (1400, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            draw(page, f"developer.{width}.{theme}")
            assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.evaluate(OVERLAPPING) == []
    assert visited.told == []


def test_it_works_without_javascript_and_by_keyboard(visited):
    page = visited(1400, javascript=False)
    page.goto("/developer/")
    page.get_by_label("ODS code of your sandbox").fill(visited.practice.ods_code)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Sandbox of Mockware: nobody in it is real")).to_be_visible()

    book = page.locator("#rest-create-appointment-1")
    book.locator("summary").first.focus()
    page.keyboard.press("Enter")
    book.get_by_text("Python", exact=True).focus()
    page.keyboard.press("Enter")
    expect(book.locator("pre").nth(1)).to_contain_text("urllib.request")


def test_swagger_ui_sends_to_the_sandbox_and_the_policy_holds(visited):
    page = visited(1400)
    page.set_default_timeout(60_000)  # 1.6 MB of script draw it, on a busy machine too
    page.goto(f"/developer/try/?practice={visited.practice.ods_code}")
    page.locator(".opblock-summary-control", has_text="Find a patient").click()
    page.get_by_role("button", name="Try it out").click()
    draw(page, "try.1400.light")
    with page.expect_response(lambda answer: "/STU3/1/gpconnect/Patient" in answer.url) as sent:
        page.get_by_role("button", name="Execute").click()

    assert sent.value.status == 200
    assert sent.value.json()["entry"][0]["resource"]["resourceType"] == "Patient"
    expect(page.locator(".live-responses-table tbody .response-col_status")).to_contain_text(
        "200", timeout=60_000
    )
    draw(page, "tried.1400.light")
    event = AuditEvent.objects.latest("pk")
    assert (event.outcome, event.organisation) == ("200", visited.practice)

    # What a script that was tampered with would try.
    for address in ("/admin/", "/health/live", f"/{visited.practice.ods_code}x/STU3/1/gpconnect/"):
        assert (
            page.evaluate(
                "(address) => fetch(address).then(() => 'answered', () => 'kept back')", address
            )
            == "kept back"
        )
    assert page.evaluate("window.open('/admin/')") is None
    assert [
        line
        for line in visited.told
        if "/admin/" not in line
        and "kept" not in line
        and "Content Security Policy" not in line
        and "sandboxed" not in line
    ] == []
