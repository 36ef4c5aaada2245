"""A practice is shown with its main surgery: another one is a new version of the practice."""

import pytest
from django.urls import reverse

from practice.models import Organisation
from workbench.factories import make_location
from workbench.staff import MANAGER, make_staff

pytestmark = pytest.mark.django_db


def save(client, location, **fields):
    values = {
        "name": location.name,
        "status": "active",
        "telephone": location.telephone,
        "email": location.email,
        "address_line_1": location.address_line_1,
        "address_line_2": "",
        "address_line_3": "",
        "city": location.city,
        "district": location.district,
        "postal_code": location.postal_code,
        "country": "",
        "seen_version": location.version,
    }
    address = reverse("admin:practice_location_change", args=[location.pk])
    return client.post(address, {**values, **fields})


@pytest.mark.req("GEN-032")
def test_another_main_surgery_is_a_new_version_of_the_practice(practice, client):
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    location = practice.location
    before = practice.organisation.version

    assert save(client, location, telephone="0113 496 0099", is_main="on").status_code == 302
    same = Organisation.objects.get().version
    location.refresh_from_db()
    assert save(client, location).status_code == 302

    assert same == before
    assert Organisation.objects.get().version == before + 1


def test_a_branch_surgery_changes_nothing_about_the_practice(practice, client):
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    branch = make_location()
    before = practice.organisation.version

    assert save(client, branch, city="Bradford").status_code == 302

    assert Organisation.objects.get().version == before
