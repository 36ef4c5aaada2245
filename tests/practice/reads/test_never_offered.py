"""Can a slot ever be offered? Whoever asks, of whatever page, gets one answer, reasons and all."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from practice.models import Location, Schedule, Slot
from practice.services import slots
from workbench.factories import make_actor, make_schedule, make_slot
from workbench.staff import MANAGER, make_staff

pytestmark = pytest.mark.django_db

NEVER = {
    "no role": {"session": {"practitioner_role": ""}},
    "a role of an older list": {"session": {"practitioner_role": "R9999"}},
    "no address": {"place": {"postal_code": ""}},
    "a notice longer than the day of a window of no days": {
        "session": {"booking_window_days": 0},
        "slot": {"minimum_notice_minutes": 1440},
    },
    "a window shorter than the notice": {
        "session": {"booking_window_days": 1},
        "slot": {"minimum_notice_minutes": 1441},
    },
    "an embargo shorter than the notice": {
        "session": {"embargo_minutes": 60},
        "slot": {"minimum_notice_minutes": 90},
    },
}


def spoil(slot, *, session=None, place=None, slot_=None):
    Schedule.objects.filter(pk=slot.schedule_id).update(**(session or {"version": 1}))
    Location.objects.filter(pk=slot.schedule.location_id).update(**(place or {"version": 1}))
    Slot.objects.filter(pk=slot.pk).update(**(slot_ or {"version": 1}))


def warned(slot) -> bool:
    """Whether check_diary warns of the slot's session."""
    written = StringIO()
    call_command("check_diary", "--json", stdout=written)
    found = json.loads(written.getvalue())["warnings"]
    return any(f"Schedule/{slot.schedule_id} " in text for one in found for text in one["examples"])


def on_worklist(slot, client) -> bool:
    """Whether the worklist leads to the slot's session."""
    page = client.get("/admin/worklist/").content.decode()
    return f"/admin/practice/schedule/{slot.schedule_id}/change/" in page


def may_be_marked(slot) -> bool:
    """Whether staff can mark the slot, when it is not marked yet."""
    Slot.objects.filter(pk=slot.pk).update(gp_connect_bookable=False)
    outcome = slots.make_bookable(
        organisation=slot.organisation,
        slot_ids=[slot.pk],
        actor=make_actor(door="staff"),
        now=timezone.now(),
    )
    return not outcome.refused


@pytest.mark.req("AVAIL-050", "AVAIL-053", "AVAIL-060", "STAFF-026")
@pytest.mark.parametrize("spoilt", NEVER.values(), ids=NEVER)
def test_form_worklist_and_check_agree_that_a_slot_can_never_be_offered(practice, client, spoilt):
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    slot = make_slot(make_schedule())
    answers = [not warned(slot), not on_worklist(slot, client), may_be_marked(slot)]
    assert answers == [True, True, True]

    Slot.objects.filter(pk=slot.pk).update(gp_connect_bookable=True)
    spoil(
        slot,
        session=spoilt.get("session"),
        place=spoilt.get("place"),
        slot_=spoilt.get("slot"),
    )

    answers = [not warned(slot), not on_worklist(slot, client), may_be_marked(slot)]
    assert answers == [False, False, False]
