"""What stands above the demo's practices: an area with its manager, and a group that changes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User

from practice import clock
from practice.models import AccessProfile, Area, ConsumerGroup, Member, Organisation
from practice.services.areas import set_area
from practice.services.audit.recording import Actor
from practice.services.consumer_groups import save_group

AREA, GROUP = "Mockshire", "NHS 111 in Mockshire"
NEXT_CODE, NEXT_NAME = "X9X07", "Mockshire Integrated Urgent Care"  # of 111, from next week on
MANAGER, PASSWORD = "area", "demo-password-only"  # noqa: S105 - of the demo, and printed


def area_and_group(practices: Sequence[Organisation], *, actor: Actor, now: datetime) -> None:
    """Make both where they are missing: next week one provider of 111 follows another."""
    if not Area.objects.filter(name=AREA).exists():
        manager = User.objects.create_user(
            MANAGER, password=PASSWORD, first_name="Arda", last_name="Areaton", is_staff=True
        )
        set_area(AREA, practices=practices, managers=[manager], actor=actor, now=now)
    if not ConsumerGroup.objects.filter(name=GROUP).exists():
        last = clock.today(now) + timedelta(days=7)
        group = ConsumerGroup()
        members = [
            Member(ods_code="X9X01", name="Example Valley NHS 111", since="", until=str(last)),
            Member(
                ods_code=NEXT_CODE,
                name=NEXT_NAME,
                since=str(last + timedelta(days=1)),
                until="",
            ),
        ]
        save_group(group, name=GROUP, members=members, actor=actor, now=now)
        for practice in practices:
            AccessProfile.objects.create(
                organisation=practice, name="111 in Mockshire", consumer_group=group
            )
