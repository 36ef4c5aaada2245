"""The page of help, and the way to it from every page."""

import pytest
from django.urls import reverse

from workbench.staff import RECEPTIONIST, signed_in


@pytest.mark.django_db
def test_a_page_leads_to_its_topic(practice):
    desk = signed_in(practice.organisation, role=RECEPTIONIST)
    helped = desk.get("/admin/help/").content.decode()

    for page, anchor in (
        ("/admin/diary/", "diary"),
        ("/admin/practice/slot/", "practice-slot"),
        (
            reverse("admin:practice_location_change", args=[practice.location.pk]),
            "practice-location",
        ),
    ):
        assert f'href="/admin/help/#{anchor}"' in desk.get(page).content.decode(), page
        assert f'id="{anchor}"' in helped
    assert "/admin/help/" not in desk.get("/admin/no-such-page/").content.decode()
