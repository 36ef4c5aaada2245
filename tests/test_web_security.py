"""What a browser is told about each page, and what none of our templates holds."""

import re

import pytest
from django.contrib import admin
from django.test import Client
from unfold.sites import UnfoldAdminSite

from workbench.paths import ROOT
from workbench.staff import (
    ADMINISTRATOR,
    PASSWORD,
    make_staff,
    signed_in,
)

LOGIN = "/admin/login/"

# ---------------------------------------------------------------- headers


def directives(response):
    policy = response["Content-Security-Policy"]
    return dict(part.strip().partition(" ")[::2] for part in policy.split(";"))


@pytest.fixture
def administrator(practice):
    return signed_in(practice.organisation, role=ADMINISTRATOR)


@pytest.mark.req("SEC-021", "SEC-025", "SEC-029")
@pytest.mark.parametrize("path", [LOGIN, "/admin/", "/admin/practice/patient/", "/admin/none/"])
def test_pages_tell_the_browser_what_they_do_not_do(administrator, path):
    response = administrator.get(path, secure=True)

    policy = directives(response)
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    for name in ("script-src", "style-src"):
        assert "unsafe-inline" not in policy[name]
        assert "http" not in policy[name]
    assert response["Cache-Control"] == "no-store, private"
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert response["Strict-Transport-Security"].startswith("max-age=31536000")


@pytest.mark.django_db
@pytest.mark.req("SEC-021")
@pytest.mark.parametrize("path", ["/A1/STU3/1/gpconnect/Slot", "/health/live"])
def test_what_is_no_page_allows_a_browser_nothing(path):
    response = Client().get(path, secure=True)

    assert directives(response) == {"default-src": "'none'", "frame-ancestors": "'none'"}


@pytest.mark.django_db
@pytest.mark.req("SEC-021")
def test_cookies_are_for_this_site_and_out_of_reach_of_scripts():
    make_staff(role="", username="jo", password=PASSWORD)
    client = Client()
    client.get(LOGIN, secure=True)

    client.post(LOGIN, {"username": "jo", "password": PASSWORD}, secure=True)

    for name in ("sessionid", "csrftoken"):
        cookie = client.cookies[name]
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
    assert not client.cookies["sessionid"]["max-age"]  # gone with the browser


def test_our_templates_hold_no_script_or_style_of_their_own():
    """A nonce would allow them; files of their own need none."""
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<style(?![^>]*nonce)|<script(?![^>]*(nonce|src))", text), path
        assert not re.search(r"""\son[a-z]+\s*=\s*["']""", text), path


def test_the_colours_are_those_that_unfold_would_write():
    """Otherwise: print the expected text into the file."""
    colours = UnfoldAdminSite._get_colors(admin.site, "COLORS", None)
    lines = [f"    --color-{n}-{w}: {v};" for n, all in colours.items() for w, v in all.items()]

    text = (ROOT / "practice/static/practice/colours.css").read_text(encoding="utf-8")

    assert [line for line in text.splitlines() if line.startswith("    ")] == lines
