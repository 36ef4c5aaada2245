"""The pages above practices: an area, and the groups of organisations."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.models import ConsumerGroup, Promise
from practice.services.areas import set_area
from practice.services.promises import watch
from workbench.factories import make_access_profile, make_actor, make_consumer_group
from workbench.staff import AREA_MANAGER, make_staff

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def area_manager(staff_roles, practice):
    """Of an area whose only practice is short of slots every day, with a group that changes."""
    now = timezone.now()
    user = make_staff(role=AREA_MANAGER, username="ari")
    here = {"practices": [practice.organisation], "managers": [user]}
    set_area("Mockshire", **here, actor=make_actor(door="command"), now=now)
    last = clock.today(now) + timedelta(days=3)
    group = make_consumer_group("NHS 111", X9X01=("", str(last)))
    profile = make_access_profile(consumer_group=group)
    Promise.objects.create(
        organisation=practice.organisation,
        name="NHS 111",
        access_profile=profile,
        slots_a_day=2,
        weekdays=list(range(7)),
    )
    watch(organisation=practice.organisation, now=now)
    return user


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (390, True)])
def test_nobody_is_kept_out(page_for, axe, area_manager, width, dark):
    page = page_for(area_manager, width, dark=dark)
    group = ConsumerGroup.objects.get()

    for address in ("/admin/area/", "/admin/groups/", f"/admin/groups/{group.pk}/"):
        page.goto(address)
        assert axe(page) == [], address
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        for box in page.locator("main input:visible").all():
            assert box.evaluate("e => getComputedStyle(e).borderTopWidth") != "0px", address
