"""Signing in with a password, and staying in: who may try, how often, and for how long."""

import time
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from practice.models import AuditEvent
from practice.staff import sign_in
from workbench.staff import PASSWORD, RECEPTIONIST, make_staff, try_to_sign_in


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


# ---------------------------------------------------------------- where it leads

SIGN_IN = "/admin/login/"


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(None, id="nothing"),
        pytest.param("", id="empty"),
        pytest.param("https://elsewhere.example/admin/", id="another site"),
        pytest.param("//elsewhere.example/admin/", id="another site, shortly"),
        pytest.param("/Y99001/STU3/1/gpconnect/metadata", id="the other door"),
        pytest.param("/accounts/profile/", id="no page of ours"),
        pytest.param("/administration/", id="almost"),
        pytest.param("/admin/../calendar/x.ics", id="out again"),
        pytest.param("/admin/logout/", id="signing out"),
        pytest.param(SIGN_IN, id="signing in"),
    ],
)
@pytest.mark.parametrize("sent", ["in the address", "in the form"])
def test_whoever_signs_in_arrives_at_the_front_page_unless_a_page_of_ours_was_wanted(
    jo, wanted, sent
):
    client = Client()
    where = {} if wanted is None else {"next": wanted}
    address = f"{SIGN_IN}?{urlencode(where)}" if sent == "in the address" else SIGN_IN
    page = client.get(address)
    given = {"username": "jo", "password": PASSWORD} | (where if sent == "in the form" else {})
    if "next" in page.context and sent == "in the address":  # as the browser sends its form
        given["next"] = page.context["next"]

    response = client.post(address, given, follow=True)

    assert (response.status_code, response.redirect_chain[-1][0]) == (200, "/admin/")


def test_whoever_wanted_a_page_gets_to_it(jo):
    response = Client().post(
        f"{SIGN_IN}?next=/admin/diary/%3Fday%3D2027-01-04",
        {"username": "jo", "password": PASSWORD},
    )

    assert response["Location"] == "/admin/diary/?day=2027-01-04"


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
