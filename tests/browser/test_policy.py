"""The Content-Security-Policy in a real browser: it forbids nothing that the site needs."""

from base64 import b32decode

import pytest
from django.conf import settings as django_settings
from django.urls import NoReverseMatch, reverse
from django_otp.oath import totp

from practice.staff.urls import urlpatterns as staff_pages
from tests.practice.admin_world import LISTS, make_one_of_each
from workbench.staff import RECEPTIONIST, make_staff, signed_in

PASSWORD = "correct horse battery staple"

# Told by the browser itself for each thing that the policy forbade.
LISTENER = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(
    event.effectiveDirective + " forbade " + event.blockedURI + " " + event.sample
));
"""


@pytest.fixture
def watched(browser, live_server, staff_roles, settings):
    """``watched(session)`` opens a page; ``page.complaints()`` is what the browser has said."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False  # plain HTTP here
    contexts = []

    def open_page(session=""):
        context = browser.new_context(base_url=live_server.url, locale="en-GB")
        contexts.append(context)
        context.add_init_script(LISTENER)
        if session:
            cookie = {"name": django_settings.SESSION_COOKIE_NAME, "value": session}
            context.add_cookies([{**cookie, "url": live_server.url}])
        page, told = context.new_page(), []
        page.on("pageerror", lambda error: told.append(f"{page.url}: {error}"))
        page.on("console", lambda said: said.type == "error" and told.append(said.text))

        def complaints():
            told.extend(page.evaluate("window.violations.splice(0)"))
            return [line for line in told if "status of 40" not in line]

        page.complaints = complaints
        return page

    yield open_page
    for context in contexts:
        context.close()


def addresses(world):
    """Every page of the site that a person can open: lists, forms, and the staff's own pages."""
    yield "/admin/"
    for name in LISTS:
        yield reverse(f"admin:{name}_changelist")
        if name in world:
            yield reverse(f"admin:{name}_change", args=[world[name].pk])
    for name in ("practice_sessiontemplate", "practice_closure", "auth_user"):
        yield reverse(f"admin:{name}_add")
    for page in staff_pages:
        if not hasattr(page.callback.view_class, "get"):
            continue  # it only takes a form
        try:
            yield reverse(f"admin:{page.name}")
        except NoReverseMatch:
            continue


@pytest.mark.req("SEC-021")
def test_the_site_works_under_its_policy(watched, practice):
    """Every page opens without a complaint, and what scripts do there is done."""
    world = make_one_of_each(practice.organisation)
    paths = list(addresses(world))
    patient = world["practice_patient"].pk
    page = watched(signed_in(is_superuser=True).cookies["sessionid"].value)
    statuses, complaints = {}, {}

    for path in paths:
        statuses[path] = page.goto(path, wait_until="load").status
        complaints[path] = page.complaints()[sum(map(len, complaints.values())) :]
    page.goto("/admin/practice/patient/")
    page.locator("body").press("Control+e")  # Alpine: another theme
    theme = page.locator("html").get_attribute("class")
    page.goto(reverse("admin:practice_patient_change", args=[patient]))
    page.locator("input.vDateField").first.fill("")
    page.locator(".datetimeshortcuts a").first.dispatch_event("click")  # Django's "Today"
    date = page.locator("input.vDateField").first.input_value()

    print(f"{len(paths)} pages opened under the policy")
    assert {path: said for path, said in complaints.items() if said} == {}
    assert [path for path, status in statuses.items() if status >= 500] == []
    assert theme in {"dark", "light"}
    assert date


@pytest.mark.req("SEC-021", "SEC-026")
def test_a_person_signs_in_with_a_second_factor(watched, practice, settings):
    """Password, set-up with the key that is shown, recovery codes, and on to the page wanted."""
    settings.STAFF_SECOND_FACTOR_REQUIRED = True
    make_staff(practice.organisation, role=RECEPTIONIST, username="jo", password=PASSWORD)
    page = watched()

    page.goto("/admin/practice/patient/")
    page.locator("#id_username").fill("jo")
    page.locator("#id_password").fill(PASSWORD)
    page.locator("#login-form button[type=submit]").click()
    page.wait_for_url("**/admin/second-factor/**")
    key = page.locator("code").inner_text().replace(" ", "")
    pictures = page.locator(".qr svg").count()
    page.locator("#id_code").fill(f"{totp(b32decode(key)):06}")
    page.get_by_role("button", name="Turn it on").click()
    page.locator(".recovery-codes").wait_for()
    codes = page.locator(".recovery-codes code").all_inner_texts()
    page.get_by_role("link", name="I have written them down").click()
    page.wait_for_url("**/admin/practice/patient/")

    assert pictures == 1
    assert len(codes) == 8
    assert page.complaints() == []
