"""The pages for developers: off unless switched on, about sandboxes only, and nobody's way in."""

import json
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from fhirapi import errors, ssp
from fhirapi.developer import pages
from fhirapi.developer.refusals import REFUSALS
from fhirapi.sentinels import SENTINELS
from practice.models import AuditEvent
from tests.fhirapi.developer.world import make_world
from workbench.consumer import spine_code

NAMES = ("overview", "openapi", "try", "headers")


def asked(name, **query):
    return Client().get(reverse(f"developer:{name}"), query)


def test_nothing_is_there_unless_it_is_switched_on(sandbox, settings):
    settings.DEVELOPER_PAGES = False

    for name in NAMES:
        answer = asked(name, practice=sandbox.ods_code, interaction=ssp.READ_PATIENT.id)
        assert (answer.status_code, spine_code(answer)) == (404, "ORGANISATION_NOT_FOUND")


def test_they_are_off_by_default():
    from tests import settings

    assert settings.DEVELOPER_PAGES is False


def test_the_page_shows_every_interaction_and_every_error(sandbox):
    page = unescape(asked("overview", practice=sandbox.ods_code).content.decode())

    for interaction in ssp.INTERACTIONS:
        assert interaction.id in page
        assert f'id="{pages.anchor(interaction)}"' in page
    for refusal in REFUSALS:
        assert f'id="{refusal.name}"' in page
        assert refusal.meaning in page
        assert refusal.remedy in page
        assert page.count(f'href="#{refusal.name}"') == len(refusal.raised_by)
    for sentinel in SENTINELS:
        assert all(form in page for form in sentinel.forms)
    assert f"/{sandbox.ods_code}/STU3/1/gpconnect" in page
    for library in ("HAPI", "fhirpy", "fhirclient", "ONCE", "_include:recursive", "resolve()"):
        assert library in page


def test_requests_go_where_the_api_is_reached(sandbox, settings):
    """Which behind nginx is another name than that of these pages."""
    settings.GPCONNECT_HOST = "fhir.example"
    root = f"https://fhir.example/{sandbox.ods_code}/STU3/1/gpconnect"

    assert root in asked("overview", practice=sandbox.ods_code).content.decode()
    (server,) = asked("openapi", practice=sandbox.ods_code).json()["servers"]
    assert server["url"] == root
    policy = asked("try", practice=sandbox.ods_code)["Content-Security-Policy"]
    assert f"connect-src {root}/ http://testserver/developer/" in policy


def test_without_a_sandbox_it_shows_words_for_values(sandbox):
    page = asked("overview").content.decode()

    assert "PATIENT_ID" in page
    assert sandbox.ods_code not in page
    assert sandbox.sandbox_of not in page
    assert reverse("developer:try") not in page


def test_a_real_practice_is_as_unknown_as_none_at_all(sandbox):
    """Nothing of it is shown, no token made, nothing tried; and no code is told from another."""
    real = make_world()

    shown, unknown = (
        asked("overview", practice=code).content.decode().replace(code, "")
        for code in (real.ods_code, "ZZ999")
    )
    assert shown == unknown
    assert real.name not in shown
    assert (
        "localhost"
        in asked("openapi", practice=real.ods_code).json()["servers"][0]["variables"]["host"][
            "default"
        ]
    )
    for name in ("try", "headers"):
        answer = asked(name, practice=real.ods_code, interaction=ssp.READ_PATIENT.id)
        assert answer.status_code == 404


def test_what_is_typed_is_shown_as_text(sandbox):
    page = asked("overview", practice="<script>alert(1)</script>").content.decode()

    assert "<script" not in page


def test_only_reading(sandbox):
    for name in NAMES:
        assert Client().post(reverse(f"developer:{name}")).status_code == 405


def test_swagger_ui_may_speak_to_one_sandbox_and_to_nothing_else(sandbox):
    """It stands on the origin of the pages of staff: the policy keeps it from them."""
    answer = asked("try", practice=sandbox.ods_code)
    policy = {
        name: rest.split()
        for name, _, rest in (
            part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";")
        )
    }

    root = f"http://testserver/{sandbox.ods_code}/STU3/1/gpconnect/"
    assert policy["connect-src"] == [root, "http://testserver/developer/"]
    assert policy["script-src"] == ["'self'"]
    assert policy["form-action"] == policy["default-src"] == ["'none'"]
    assert policy["sandbox"] == ["allow-scripts", "allow-same-origin"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "unsafe" not in asked("overview")["Content-Security-Policy"]


def test_a_token_is_made_for_a_sandbox_and_passes_no_check_of_the_certificate(sandbox, settings):
    found = asked("headers", practice=sandbox.ods_code, interaction=ssp.READ_METADATA.id)
    sent = {
        **json.loads(found.content),
        "Ssp-TraceID": "t",
        "Ssp-From": "200000000115",
        "Ssp-To": sandbox.asid,
        "Ssp-InteractionID": ssp.READ_METADATA.id,
    }
    address = f"/{sandbox.ods_code}/STU3/1/gpconnect/metadata"

    assert list(json.loads(found.content)) == ["Authorization"]
    assert found["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    assert "Access-Control-Allow-Origin" not in found
    assert Client().get(address, headers=sent).status_code == 200

    settings.GPCONNECT_REQUIRE_CLIENT_CERTIFICATE = True
    for more in (
        {},
        {"Origin": "http://testserver", "Referer": "http://testserver/developer/try/"},
    ):
        answer = Client().get(address, headers={**sent, **more})
        assert spine_code(answer) == errors.ACCESS_DENIED.code
    assert b"certificate" in asked("overview", practice=sandbox.ods_code).content
    assert b"certificate" in asked("try", practice=sandbox.ods_code).content


def test_looking_at_the_pages_is_no_request_of_a_consumer(sandbox):
    before = AuditEvent.objects.count()

    for name in NAMES[:3]:
        assert asked(name, practice=sandbox.ods_code).status_code == 200

    assert AuditEvent.objects.count() == before


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["", "a b", "é", "x" * 3000, "\\x00", "%00", "../admin"])
def test_any_text_is_a_code_that_no_sandbox_has(code, settings):
    settings.DEVELOPER_PAGES = True

    assert asked("overview", practice=code).status_code == 200
    assert asked("try", practice=code).status_code == 404
