"""Saying which practices belong to an area, and who looks after it: an operator's word."""

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import Group, User
from django.db import transaction

from practice.db.row_security import above_practices
from practice.exceptions import GroupRefused
from practice.models import Area, Organisation
from practice.services.audit.recording import Actor, Facts, record, record_all, resource_of

AREA_MANAGER = "Area manager"


def set_area(
    name: str,
    *,
    practices: Collection[Organisation],
    managers: Collection[User],
    actor: Actor,
    now: datetime,
) -> Area:
    """Make an area of exactly these practices, looked after by exactly these people.

    They get the role. Each practice that is in it, or was, gets the event into its trail. Raises
    GroupRefused for a sandbox.
    """
    if sandboxes := [each.ods_code for each in practices if each.sandbox_of]:
        raise GroupRefused(f"{', '.join(sandboxes)}: a sandbox is in no area.")
    with above_practices(), transaction.atomic():
        area, _ = Area.objects.get_or_create(name=name)
        touched = {*area.practices.values_list("pk", flat=True), *(each.pk for each in practices)}
        area.practices.set(practices)
        area.managers.set(managers)
        role = Group.objects.get(name=AREA_MANAGER)
        for user in managers:
            user.groups.add(role)
        facts = Facts(
            actor=actor,
            event="area.set",
            outcome="ok",
            now=now,
            resource=resource_of(area),
            detail={
                "area": name,
                "practices": sorted(each.ods_code for each in practices),
                "managers": sorted(each.get_username() for each in managers),
            },
        )
        record(organisation=None, **facts)
        record_all((pk, facts) for pk in sorted(touched))
    return area
