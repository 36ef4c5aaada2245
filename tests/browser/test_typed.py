"""Nobody is signed out without a warning, and what they had typed is there when they are back."""

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from practice.models import Patient
from workbench.staff import MANAGER, PASSWORD, make_staff


@pytest.fixture
def clerk(staff_roles, practice):
    user = make_staff(practice.organisation, role=MANAGER)
    user.set_password(PASSWORD)
    user.save()
    return user


def forget(page):
    """What the server does to a session that was left alone: it knows it no longer."""
    page.context.clear_cookies(name="sessionid")


def sign_in(page, user):
    page.locator("[name=username]").fill(user.username)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("#login-form button[type=submit]").click()


def test_a_half_filled_form_outlives_the_session(page_for, practice, clerk):
    """A warning, then the end; after signing in the form stands as it was, and can be saved."""
    page = page_for(clerk, 1400)
    page.clock.install()
    form = reverse("admin:practice_patient_change", args=[practice.patient.pk])
    page.goto(form)
    page.get_by_label("Family name").first.fill("Retyped-Never")
    page.get_by_label("Gender").first.select_option("female")

    page.clock.fast_forward("27:00")
    warning = page.get_by_role("alert").filter(has_text="You will be signed out at")
    expect(warning).to_be_visible()
    page.get_by_role("button", name="Stay signed in").click()
    expect(warning).to_be_hidden()

    page.clock.fast_forward("31:00")
    expect(page.get_by_role("alert").filter(has_text="You have been signed out")).to_be_visible()
    forget(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Sign in again").click()
    sign_in(page, clerk)

    expect(page.get_by_role("status").filter(has_text="stands here again")).to_be_visible()
    expect(page.get_by_label("Family name").first).to_have_value("Retyped-Never")
    expect(page.get_by_label("Gender").first).to_have_value("female")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(lambda url: form not in url)
    assert Patient.objects.get(pk=practice.patient.pk).family_name == "Retyped-Never"


def test_somebody_else_at_the_same_desk_does_not_see_it(page_for, practice, clerk):
    page = page_for(clerk, 1400)
    form = reverse("admin:practice_patient_change", args=[practice.patient.pk])
    page.goto(form)
    page.get_by_label("Family name").first.fill("Not-For-You")
    forget(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    other = make_staff(practice.organisation, role=MANAGER)
    other.set_password(PASSWORD)
    other.save()
    sign_in(page, other)

    page.wait_for_url(f"**{form}")
    expect(page.get_by_label("Family name").first).to_have_value(practice.patient.family_name)
    page.wait_for_load_state("load")
    assert page.evaluate("sessionStorage.getItem('typed')") is None


@pytest.mark.django_db
def test_a_form_sent_too_late_leads_back_to_the_page_it_stands_on(practice, settings):
    client = Client()
    client.force_login(make_staff(practice.organisation))
    session = client.session
    session["seen_at"] = 0
    session.save()
    diary = reverse("admin:diary")

    late = client.post(
        reverse("admin:stay"), headers={"Referer": f"http://testserver{diary}?date=2026-11-30"}
    )

    assert late["Location"].endswith(f"?next={diary}%3Fdate%3D2026-11-30")
