"""The second factor: the code of an app, recovery codes, and who may remove it from whom."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from practice.models import AuditEvent
from practice.services import second_factor
from practice.staff import sign_in
from workbench.factories import make_organisation
from workbench.staff import (
    ADMINISTRATOR,
    PASSWORD,
    RECEPTIONIST,
    make_staff,
    signed_in,
    try_to_sign_in,
)


@pytest.fixture
def administrator(practice):
    return signed_in(practice.organisation, role=ADMINISTRATOR)


@pytest.fixture
def jo(practice):
    return make_staff(practice.organisation, role=RECEPTIONIST, username="jo", password=PASSWORD)


@pytest.fixture
def with_app(jo):
    """Jo's app knows the key; gives a function that says what it shows, and the recovery codes."""
    actor = sign_in.Actor(door="staff", user_id="jo")
    device = second_factor.candidate(jo)
    codes = second_factor.turn_on(
        user=jo, code=f"{totp(device.bin_key):06}", actor=actor, now=timezone.now()
    )

    def shown(steps=0):
        TOTPDevice.objects.filter(user=jo).update(
            last_t=-1, throttling_failure_count=0, throttling_failure_timestamp=None
        )
        return f"{totp(device.bin_key, t0=-30 * steps):06}"

    return shown, codes


PAGE = "/admin/second-factor/"


@pytest.mark.req("SEC-026")
def test_a_password_alone_opens_nothing(with_app):
    """Every address of the site, also those not yet written: the guard looks at the path only."""
    client = Client()
    try_to_sign_in(client)

    for path in ("/admin/", "/admin/practice/patient/", "/admin/clinic-list/", "/admin/none/"):
        assert client.get(path)["Location"].startswith(PAGE)
    assert client.post("/admin/practice/patient/add/", {})["Location"] == PAGE
    assert "Patients" not in client.get(PAGE).content.decode()


@pytest.mark.req("SEC-026")
def test_the_code_of_the_app_opens_the_site(with_app):
    shown, _ = with_app
    client = Client()
    try_to_sign_in(client)

    response = client.post(f"{PAGE}?next=/admin/clinic-list/", {"code": shown()})

    assert response["Location"] == "/admin/clinic-list/"
    assert client.get("/admin/clinic-list/").status_code == 200
    assert AuditEvent.objects.filter(event="second-factor.check", outcome="ok").count() == 1


@pytest.mark.req("SEC-026")
def test_a_wrong_code_opens_nothing_and_slows_the_next(with_app):
    shown, _ = with_app
    client = Client()
    try_to_sign_in(client)
    right = shown()

    wrong = client.post(PAGE, {"code": "000000" if right != "000000" else "111111"})
    too_soon = client.post(PAGE, {"code": right})

    for response in (wrong, too_soon):
        assert "wait a little" in response.content.decode()
    assert client.get("/admin/").status_code == 302
    assert AuditEvent.objects.filter(event="second-factor.check", outcome="refused").count() == 2


def test_a_code_is_good_once(with_app):
    shown, _ = with_app
    code = shown()
    first, second = Client(), Client()
    for client in (first, second):
        try_to_sign_in(client)

    assert first.post(PAGE, {"code": code}).status_code == 302
    assert second.post(PAGE, {"code": code}).status_code == 200


def test_a_recovery_code_is_good_once_and_kept_as_a_hash(with_app):
    _, codes = with_app
    first, second = Client(), Client()
    for client in (first, second):
        try_to_sign_in(client)

    assert first.post(PAGE, {"code": codes[0].upper()}).status_code == 302
    assert second.post(PAGE, {"code": codes[0]}).status_code == 200
    kept = set(StaticToken.objects.values_list("token", flat=True))
    assert len(kept) == 7
    assert not kept & {code.replace("-", "") for code in codes}


def test_where_to_go_on_is_a_page_of_ours(with_app):
    shown, _ = with_app
    client = Client()
    try_to_sign_in(client)

    response = client.post(f"{PAGE}?next=//evil.example/admin/", {"code": shown()})

    assert response["Location"] == "/admin/"


def test_turning_it_off_needs_a_code(with_app, jo):
    shown, _ = with_app
    client = Client()
    client.force_login(jo)

    client.post(PAGE, {"do": "off", "code": "123"})
    still_on = second_factor.is_on(jo)
    client.post(PAGE, {"do": "off", "code": shown()})

    assert still_on
    assert not second_factor.is_on(jo)
    assert AuditEvent.objects.filter(event="second-factor.off").count() == 1
    refused = AuditEvent.objects.get(event="second-factor.check", outcome="refused")
    assert refused.user_id == "jo", "somebody may have found an open browser"


def test_new_recovery_codes_replace_the_old_ones(with_app, jo):
    shown, codes = with_app
    client = Client()
    client.force_login(jo)

    response = client.post(PAGE, {"do": "renew", "code": shown()})

    assert response.content.decode().count("<li><code>") == 8
    assert codes[0] not in response.content.decode()


@pytest.mark.req("SEC-026")
def test_an_administrator_can_remove_what_a_colleague_has_lost(with_app, jo, administrator):
    page = reverse("admin:auth_user_remove_second_factor", args=[jo.pk])

    asked = administrator.get(page)
    still_on = second_factor.is_on(jo)
    administrator.post(page, {"_do": "1"})

    assert asked.status_code == 200
    assert still_on
    assert not second_factor.is_on(jo)
    assert AuditEvent.objects.get(event="second-factor.off").user_id == administrator.user.username


def test_an_administrator_elsewhere_or_a_colleague_cannot(with_app, jo, practice):
    page = reverse("admin:auth_user_remove_second_factor", args=[jo.pk])
    elsewhere = signed_in(make_organisation(), role=ADMINISTRATOR)
    colleague = signed_in(practice.organisation, role=RECEPTIONIST)

    for client in (elsewhere, colleague):
        assert client.post(page, {"_do": "1"}).status_code in {403, 404}
    assert second_factor.is_on(jo)


@pytest.mark.django_db
def test_nobody_finds_keys_in_the_admin_site():
    assert TOTPDevice not in admin.site._registry
    assert {model._meta.app_label for model in admin.site._registry} == {"auth", "practice"}


@pytest.mark.req("SEC-026")
def test_where_it_is_required_everybody_sets_it_up_first(jo, settings):
    settings.STAFF_SECOND_FACTOR_REQUIRED = True
    client = Client()
    try_to_sign_in(client)

    assert client.get("/admin/")["Location"].startswith(PAGE)
    assert "asks everybody" in client.get(PAGE).content.decode()
    device = TOTPDevice.objects.get(user=jo)
    response = client.post(PAGE, {"code": f"{totp(device.bin_key):06}"})

    assert "Write these recovery codes down" in response.content.decode()
    assert client.get("/admin/").status_code == 200
