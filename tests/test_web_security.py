"""What a browser is told, and whether the site still works under it; signing in and staying in."""

import re
import time
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.sites import UnfoldAdminSite

from practice.models import AuditEvent
from practice.services import second_factor
from practice.staff import sign_in
from workbench.factories import make_organisation
from workbench.paths import ROOT
from workbench.staff import ADMINISTRATOR, RECEPTIONIST, make_staff, signed_in

PASSWORD = "correct horse battery staple"
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


# ---------------------------------------------------------------- signing in


def try_to_sign_in(client, username="jo", password=PASSWORD, **kwargs):
    return client.post(LOGIN, {"username": username, "password": password}, **kwargs)


@pytest.fixture
def throttled(settings):
    settings.AXES_ENABLED = True


@pytest.fixture
def jo(practice):
    return make_staff(practice.organisation, role=RECEPTIONIST, username="jo", password=PASSWORD)


@pytest.mark.usefixtures("throttled")
@pytest.mark.req("SEC-022", "SEC-025", "SEC-026")
def test_too_many_wrong_passwords_pause_signing_in(jo, settings):
    client = Client(headers={"X-Forwarded-For": "198.51.100.1"})
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        assert try_to_sign_in(client, password="wrong").status_code == 200

    paused = try_to_sign_in(client, password="wrong")
    right = try_to_sign_in(client)

    assert (paused.status_code, right.status_code) == (429, 429)
    assert "not even with the right password" in right.content.decode()
    assert client.get("/admin/").status_code == 302
    events = AuditEvent.objects.filter(event="sign-in", user_id="jo")
    assert set(events.values_list("outcome", flat=True)) == {"refused"}
    assert events.count() == settings.AXES_FAILURE_LIMIT + 1
    assert events.latest("pk").detail == {"locked_out": True}
    assert {event.organisation for event in events} == {jo.memberships.get().organisation}


@pytest.mark.usefixtures("throttled")
def test_strangers_cannot_lock_a_colleague_out(jo, settings):
    stranger = Client(headers={"X-Forwarded-For": "198.51.100.1"})
    for _ in range(settings.AXES_FAILURE_LIMIT + 1):
        try_to_sign_in(stranger, password="wrong")

    assert try_to_sign_in(Client(headers={"X-Forwarded-For": "198.51.100.2"})).status_code == 302


@pytest.mark.usefixtures("throttled", "jo")
def test_an_address_cannot_be_invented_to_try_on(settings):
    """Only the last entry counts: the one that nginx wrote."""
    answers = [
        try_to_sign_in(
            Client(headers={"X-Forwarded-For": f"203.0.113.{n}, 198.51.100.1"}), password="wrong"
        )
        for n in range(settings.AXES_FAILURE_LIMIT)
    ]

    assert answers[-1].status_code == 429


@pytest.mark.usefixtures("throttled", "jo")
def test_after_a_while_signing_in_goes_on(settings):
    client = Client()
    settings.AXES_COOLOFF_TIME = timedelta(seconds=1)
    for _ in range(settings.AXES_FAILURE_LIMIT):
        try_to_sign_in(client, password="wrong")
    time.sleep(1.2)

    assert try_to_sign_in(client).status_code == 302


@pytest.mark.req("SEC-026", "AUD-002")
def test_signing_in_and_out_is_audited(jo):
    client = Client()

    try_to_sign_in(client)
    client.post("/admin/logout/")

    events = AuditEvent.objects.order_by("pk").values_list("event", "outcome", "user_id")
    assert list(events) == [("sign-in", "ok", "jo"), ("sign-out", "ok", "jo")]


@pytest.mark.django_db
def test_a_name_that_nobody_has_is_not_kept():
    """People type their password into the wrong field."""
    try_to_sign_in(Client(), username="my secret password")

    event = AuditEvent.objects.get()
    assert (event.outcome, event.user_id, event.organisation) == ("refused", "", None)
    assert "my secret" not in str(vars(event))


@pytest.mark.parametrize(
    "password", ["short", "elevenchars", "123456789012345", "password1234", "receptionist-jo"]
)
def test_weak_passwords_are_refused(password):
    user = get_user_model()(username="receptionist-jo")

    with pytest.raises(ValidationError):
        validate_password(password, user)


# ---------------------------------------------------------------- staying in


def leave_alone(client, minutes, what=sign_in.SEEN_AT):
    session = client.session
    session[what] = (timezone.now() - timedelta(minutes=minutes)).timestamp()
    session.save()


@pytest.mark.req("SEC-025")
def test_somebody_who_is_idle_is_signed_out(jo, settings):
    client = Client()
    try_to_sign_in(client)
    leave_alone(client, settings.STAFF_IDLE_MINUTES + 1)

    response = client.get("/admin/practice/patient/", follow=True)

    assert response.redirect_chain == [("/admin/login/?next=/admin/practice/patient/", 302)]
    assert "nothing had been done for a while" in response.content.decode()
    assert AuditEvent.objects.latest("pk").detail == {"reason": "idle"}


def test_somebody_who_works_stays_signed_in(jo, settings):
    client = Client()
    try_to_sign_in(client)
    for _ in range(3):
        leave_alone(client, settings.STAFF_IDLE_MINUTES - 1)
        assert client.get("/admin/").status_code == 200


def test_nobody_stays_signed_in_for_ever(jo, settings):
    client = Client()
    try_to_sign_in(client)
    leave_alone(client, settings.SESSION_COOKIE_AGE / 60 + 1, what=sign_in.SIGNED_IN_AT)

    assert client.get("/admin/").status_code == 302


def test_a_part_of_a_page_sends_the_whole_page_to_sign_in(jo, settings):
    client = Client()
    try_to_sign_in(client)
    leave_alone(client, settings.STAFF_IDLE_MINUTES + 1)

    response = client.get("/admin/", headers={"HX-Request": "true"})

    assert response.status_code == 204
    assert response["HX-Redirect"] == "/admin/login/?next=/admin/"


# ---------------------------------------------------------------- the second factor


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
