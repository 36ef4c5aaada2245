"""The administrator keeps where the practice books elsewhere; others do not see it."""

import pytest
from django.urls import reverse

from practice.models import AuditEvent, RemoteService
from workbench.elsewhere import make_remote_appointment, make_remote_service
from workbench.factories import make_organisation
from workbench.staff import ADMINISTRATOR, AUDITOR, CLINICIAN, MANAGER, RECEPTIONIST, signed_in

pytestmark = pytest.mark.django_db

LIST = reverse("admin:practice_remoteservice_changelist")
ADD = reverse("admin:practice_remoteservice_add")
HUB = {
    "name": "Hilltop Hub",
    "ods_code": "y99001",
    "asid": "200000009901",
    "base_url": "https://hub.example/Y99001/STU3/1/gpconnect/",
    "active": "on",
}


@pytest.fixture
def client(practice, settings):
    settings.ELSEWHERE_HOSTS, settings.ELSEWHERE_ENCRYPTED = ["hub.example"], True
    return signed_in(practice.organisation, role=ADMINISTRATOR)


def test_an_organisation_is_entered_and_that_is_in_the_trail(practice, client):
    assert client.post(ADD, HUB).status_code == 302

    made = RemoteService.objects.get()
    assert (made.organisation, made.ods_code) == (practice.organisation, "Y99001")
    assert made.base_url == "https://hub.example/Y99001/STU3/1/gpconnect"
    event = AuditEvent.objects.get(event="remoteservice.add")
    assert event.detail["changes"]["base_url"]["to"] == made.base_url


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://hub.example/x", "Only encrypted connections"),
        ("https://169.254.169.254/x", "has to allow this host first"),
        ("https://hub.example.attacker.example/x", "has to allow this host first"),
        ("https://hub.example@attacker.example/x", "no user"),
        ("https://attacker.example\\@hub.example/x", "no user"),
        ("https://attacker.example#hub.example/", "no user"),
        ("https://hub.example/x?y=1", "no user"),
        ("https://hub.example:0/x", "no user"),
        ("https://hub.example:99999/x", "no user"),
        ("https://[hub.example/x", "no user"),
        ("ftp://hub.example/x", "begins with https://"),
        ("//hub.example/x", "begins with https://"),
    ],
)
def test_an_address_that_is_not_called_is_not_kept(client, address, why):
    answer = client.post(ADD, {**HUB, "base_url": address})

    assert answer.status_code == 200
    assert why in answer.content.decode()
    assert RemoteService.objects.count() == 0


@pytest.mark.parametrize("role", [RECEPTIONIST, MANAGER, AUDITOR, CLINICIAN])
def test_others_than_the_administrator_are_refused(practice, client, role):
    other = signed_in(practice.organisation, role=role)

    assert {other.get(LIST).status_code, other.post(ADD, HUB).status_code} == {403}


def test_what_another_practice_keeps_is_not_met(practice, client):
    theirs = make_remote_service(make_organisation(), name="Their Hub")

    assert "Their Hub" not in client.get(LIST).content.decode()
    address = reverse("admin:practice_remoteservice_change", args=[theirs.pk])
    assert client.get(address).status_code in {302, 404}


def test_where_something_was_booked_is_not_deleted(practice, client):
    hub = make_remote_service(practice.organisation)
    make_remote_appointment(hub)

    client.post(reverse("admin:practice_remoteservice_delete", args=[hub.pk]), {"post": "yes"})

    assert RemoteService.objects.filter(pk=hub.pk).exists()
