"""Whoever was moved because of a closure is offered the old time when it is opened again."""

import pytest
from django.urls import reverse

from practice.models import AuditEvent, Closure
from tests.practice.staff.closing_page import close, text
from workbench.factories import (
    make_appointment,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db


def test_who_was_moved_is_offered_the_old_time_when_it_is_opened_again(
    practice, client, manager, sick
):
    gp, slots, with_number, _ = sick
    other = make_slots(1, make_schedule(session_holder=make_practitioner()))[0]
    close(client, gp, **{f"what-{with_number.pk}": f"move-{other.pk}"})
    moved = with_number.moved_to.get()
    closure = Closure.objects.get(kind="sick")
    address = reverse("admin:practice_closure_delete", args=[closure.pk])
    page = client.get(address)
    assert "1 person was moved because of it" in text(page)

    offer = client.post(address, {"digest": page.context_data["returning"].digest}, follow=True)

    [(old, way_back)] = offer.context_data["people"]
    assert old.appointment == moved
    assert old.slots == [slots[0]]
    assert old.appointment.telephone in text(offer)
    event = AuditEvent.objects.get(event="old_times.viewed")
    assert event.detail["patients"] == [moved.patient_id]
    asked = client.get(way_back)
    assert asked.status_code == 200
    client.post(way_back, {"version": moved.version, "slot": slots[0].pk})
    back = moved.moved_to.get()
    assert (back.start, back.patient) == (with_number.start, with_number.patient)
    again = client.get(reverse("admin:old_times"), {"moved": moved.pk})
    assert again.context_data["people"] == []


def test_an_old_time_that_somebody_else_has_taken_is_not_offered(practice, client, manager, sick):
    gp, slots, with_number, _ = sick
    other = make_slots(1, make_schedule(session_holder=make_practitioner()))[0]
    close(client, gp, **{f"what-{with_number.pk}": f"move-{other.pk}"})
    moved = with_number.moved_to.get()
    address = reverse("admin:practice_closure_delete", args=[Closure.objects.get(kind="sick").pk])
    client.post(address, {"digest": client.get(address).context_data["returning"].digest})
    make_appointment(slots=[slots[0]], patient=make_patient())

    page = client.get(reverse("admin:old_times"), {"moved": [moved.pk, "x", 10**30]})

    assert [way_back for _, way_back in page.context_data["people"]] == [""]
    assert "No longer free" in text(page)
