"""Moving at the desk: both times are named, and nothing is moved that somebody else has changed."""

import re
from datetime import time, timedelta

import pytest
from django.urls import reverse

from practice import clock
from practice.models import Appointment, Slot
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_organisation,
    make_patient,
    make_schedule,
    make_slot,
    make_slots,
    tomorrow,
)
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def receptionist(practice, client):
    user = make_staff(practice.organisation, first_name="Rita", last_name="Reception")
    client.force_login(user)
    return user


def text(response) -> str:
    return response.content.decode()


def offered(page: str) -> list[int]:
    return [int(pk) for pk in re.findall(r'type="checkbox" name="slot" value="(\d+)"', page)]


def test_a_move_names_both_times_and_leads_to_the_new_appointment(practice, client, receptionist):
    old_slot, new_slot = make_slots(2)
    old = make_appointment(slots=[old_slot], patient=practice.patient)
    address = reverse("admin:move", args=[old.pk])

    page = text(client.get(address, {"slot": new_slot.pk}))
    response = client.post(address, {"slot": new_slot.pk, "version": old.version})

    assert (
        f"Move from {clock.local(old.start):%H:%M} to {clock.local(new_slot.start):%H:%M}" in page
    )
    new = Appointment.objects.get(moved_from=old)
    assert response.url == reverse("admin:booked", args=[new.pk])


def test_a_move_of_what_somebody_else_has_changed_meanwhile_is_not_made(
    practice, client, receptionist
):
    old_slot, new_slot = make_slots(2)
    old = make_appointment(slots=[old_slot], patient=practice.patient)
    Appointment.objects.filter(pk=old.pk).update(version=2)

    response = client.post(
        reverse("admin:move", args=[old.pk]), {"slot": new_slot.pk, "version": "1"}
    )

    assert response.status_code == 409
    assert "Nothing was moved" in text(response)
    assert Appointment.objects.filter(status="booked").get() == old


def test_appointments_and_slots_of_another_practice_are_out_of_reach(
    practice, client, receptionist
):
    there = make_organisation()
    theirs = make_appointment(slots=[make_slot(make_schedule(there))], patient=make_patient(there))
    mine = make_appointment(slots=[make_slot()], patient=practice.patient)
    free = make_slot(make_schedule(there))

    for name in ("admin:move", "admin:booked"):
        assert client.get(reverse(name, args=[theirs.pk])).status_code == 404
    client.post(reverse("admin:move", args=[mine.pk]), {"slot": free.pk, "version": "1"})

    mine.refresh_from_db()
    assert mine.status == "booked"
    assert Slot.objects.get(pk=free.pk).status == "free"


def test_an_earlier_time_is_offered_only_if_asked_for_and_says_so(practice, client, receptionist):
    """The hazard (H23): whoever is not reached before it would miss the appointment."""
    day = tomorrow() + timedelta(days=3)
    own, later = make_slots(2, make_schedule(start=clock.instant(day, time(11))))
    (same_day,) = make_slots(1, make_schedule(start=clock.instant(day, time(9))))
    (day_before,) = make_slots(1, make_schedule(date=day - timedelta(days=1)))
    address = reverse("admin:move", args=[make_appointment([own]).pk])

    first = text(client.get(address))
    asked = text(client.get(address, {"first": f"{tomorrow()}"}))
    whether = text(client.get(address, {"slot": day_before.pk}))

    assert offered(first) == [same_day.pk, later.pk]
    assert first.count("Earlier than their own time") == 1
    assert offered(asked) == [day_before.pk, same_day.pk, later.pk]
    assert asked.count("Earlier than their own time") == 2
    assert "This is earlier than their own time" in whether
    assert "This is earlier" not in text(client.get(address, {"slot": later.pk}))


def test_what_is_kept_for_others_says_so_beside_it(practice, client, receptionist):
    session = make_schedule(access_profile=make_access_profile(name="Hub", ods_codes=["B00001"]))
    own, _, not_offered = make_slots(3, session)
    Slot.objects.filter(pk=not_offered.pk).update(gp_connect_bookable=False)

    page = text(client.get(reverse("admin:move", args=[make_appointment([own], door="staff").pk])))

    assert len(offered(page)) == 2
    assert page.count("Reserved for others: Hub") == 1


def test_a_time_of_the_same_type_is_looked_for_unless_somebody_says_otherwise(
    practice, client, receptionist
):
    own, same = make_slots(2)
    (other,) = make_slots(1, make_schedule(), slot_type="Urgent")
    address = reverse("admin:move", args=[make_appointment([own], door="staff").pk])

    first = text(client.get(address))
    any_type = text(client.get(address, {"slot_type": ""}))
    Slot.objects.filter(pk=same.pk).update(status="busy-unavailable")
    none_left = text(client.get(address))

    assert offered(first) == [same.pk]
    assert '<option value="Routine" selected>' in first
    assert sorted(offered(any_type)) == sorted([same.pk, other.pk])
    assert offered(none_left) == [other.pk]


def test_a_time_that_is_shorter_says_so(practice, client, receptionist):
    """The hazard (H15): carried onto one slot, an appointment of two would lose its second half."""
    one, two, three, four = make_slots(4)
    address = reverse("admin:move", args=[make_appointment([one, two]).pk])

    shorter = text(client.get(address, {"slot": three.pk}))
    as_long = text(client.get(address, {"slot": [three.pk, four.pk]}))

    assert "This is shorter: the appointment lasts 20 minutes now." in shorter
    assert "This is shorter" not in as_long
