"""Whoever changes their own password is in the trail; what it is or was is not."""

import pytest
from django.test import Client
from django.urls import reverse

from practice.models import AuditEvent
from workbench.factories import make_organisation
from workbench.staff import PASSWORD, RECEPTIONIST, make_staff, try_to_sign_in

NEW = "another-long-enough-secret"


@pytest.fixture
def jo(practice):
    return make_staff(
        practice.organisation,
        make_organisation(),
        role=RECEPTIONIST,
        username="jo",
        password=PASSWORD,
    )


def change(old=PASSWORD, new=NEW, **given):
    client = Client()
    try_to_sign_in(client)
    answer = client.post(
        reverse("admin:password_change"),
        {"old_password": old, "new_password1": new, "new_password2": new},
        **given,
    )
    return client, answer


def events():
    return AuditEvent.objects.filter(event="user.change-password")


@pytest.mark.req("AUD-002", "SEC-026")
def test_a_change_of_the_own_password_is_in_the_trail_of_each_practice(jo):
    client, answer = change(REMOTE_ADDR="192.0.2.7")

    assert answer["Location"] == reverse("admin:password_change_done")
    assert client.get("/admin/").status_code == 200, "this session goes on"
    assert try_to_sign_in(Client(), password=NEW).status_code == 302
    practices = {membership.organisation for membership in jo.memberships.all()}
    assert {event.organisation for event in events()} == practices
    for event in events():
        assert (event.outcome, event.user_id, event.address) == ("ok", "jo", "192.0.2.7")
        assert event.resource == f"User/{jo.pk}"
        assert NEW not in str(vars(event))
        assert PASSWORD not in str(vars(event))


@pytest.mark.req("AUD-002", "SEC-026")
def test_a_wrong_old_password_is_in_the_trail_too(jo):
    """Somebody may have found a browser that was left alone."""
    _, answer = change(old="a-wrong-guess")

    assert answer.status_code == 200
    assert {event.outcome for event in events()} == {"refused"}
    assert "a-wrong-guess" not in str([vars(event) for event in events()])
    assert try_to_sign_in(Client()).status_code == 302


def test_a_new_password_that_is_too_short_is_no_event(jo):
    _, answer = change(new="short")

    assert answer.status_code == 200
    assert not events().exists()
