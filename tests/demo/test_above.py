"""What stands above the demo's practices."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from demo import above
from practice import clock
from practice.db.row_security import above_practices
from practice.models import Area
from practice.reads.consumer_groups import coming_changes
from practice.services.audit.recording import Actor
from workbench.staff import make_roles

pytestmark = pytest.mark.django_db


def test_one_group_changes_next_week_and_an_area_manager_sees_the_practices(practice):
    make_roles()
    now = timezone.now()
    for _ in range(2):  # going on with a demo makes nothing twice
        above.area_and_group([practice.organisation], actor=Actor(door="command"), now=now)

    (coming,) = coming_changes(organisation=practice.organisation, today=clock.today(now))
    assert coming.change.day == clock.today(now) + timedelta(days=8)
    assert "X9X07" in coming.sentence
    with above_practices():
        assert list(Area.objects.get().practices.all()) == [practice.organisation]
    client = Client()
    assert client.login(username=above.MANAGER, password=above.PASSWORD)
    assert practice.organisation.name in client.get("/admin/area/").content.decode()
