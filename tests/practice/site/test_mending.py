"""Why a slot that a form describes could never be offered, and where that is mended."""

import pytest
from django.urls import reverse

from practice.site.mending import never_offered_with_links
from workbench.factories import make_location, make_schedule, make_slot

pytestmark = pytest.mark.django_db


def test_a_slot_that_can_be_offered_gets_no_reason(practice):
    assert never_offered_with_links(make_slot()) == []


@pytest.mark.parametrize(
    ("role", "said"),
    [("", "The session has no role"), ("R9999", "is not in the national list")],
    ids=["no role", "a role of another list"],
)
def test_a_role_that_nobody_outside_can_be_shown_is_said(practice, role, said):
    slot = make_slot(make_schedule(practitioner_role=role))

    assert said in " ".join(map(str, never_offered_with_links(slot)))


def test_a_place_without_an_address_is_said_with_a_link(practice):
    place = make_location(address_line_1="")
    slot = make_slot(make_schedule(location=place))

    said = " ".join(map(str, never_offered_with_links(slot)))

    assert reverse("admin:practice_location_change", args=[place.pk]) in said
