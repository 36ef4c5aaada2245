"""The list of people to be told: worked through, and as fast for many as for few."""

import pytest
from django.urls import reverse
from django.utils import timezone

from practice.models import Appointment, AuditEvent, Closure, ContactAttempt
from workbench.factories import (
    make_appointment,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
    tomorrow,
)
from workbench.staff import MANAGER, make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(practice, client):
    user = make_staff(practice.organisation, role=MANAGER)
    client.force_login(user)
    return user


@pytest.fixture
def sick(practice):
    """A GP with four slots tomorrow, two of them booked: one patient has no telephone."""
    gp = make_practitioner()
    slots = make_slots(4, make_schedule(session_holder=gp))
    with_number = make_appointment(slots=[slots[0]], patient=make_patient())
    without = make_appointment(slots=[slots[1]], patient=make_patient(telephone=""))
    return gp, slots, with_number, without


def values(gp) -> dict:
    return {
        "kind": "sick",
        "name": "Clinician unwell",
        "practitioner": gp.pk,
        "location": "",
        "start_date": f"{tomorrow()}",
        "start_time": "",
        "end_date": f"{tomorrow()}",
        "end_time": "",
    }


def text(response) -> str:
    return response.content.decode()


def close(client, gp, **decisions):
    shown = client.get(reverse("admin:practice_closure_add"), values(gp))
    digest = shown.context_data["plan"].digest
    return client.post(
        reverse("admin:practice_closure_add"), {**values(gp), "digest": digest, **decisions}
    )


def test_the_call_list_is_worked_through(practice, client, manager, sick):
    gp, *_ = sick
    close(client, gp)
    closure = Closure.objects.get(kind="sick")
    calls = reverse("admin:practice_closure_change", args=[closure.pk])
    first = Appointment.objects.filter(affected_by=closure).first()

    client.post(
        reverse("admin:contacted", args=[first.pk]),
        {"reached": "no", "note": "No answer", "back": calls},
    )
    client.post(reverse("admin:contacted", args=[first.pk]), {"reached": "yes", "back": calls})

    first.refresh_from_db()
    assert not first.to_be_told
    assert [a.reached for a in ContactAttempt.objects.order_by("pk")] == [False, True]
    page = text(client.get(calls))
    assert "1 of 2 still to be told" in page
    assert manager.get_username() in page
    assert AuditEvent.objects.filter(event="appointment.patient_contacted").count() == 2


@pytest.mark.parametrize("page", ["worklist", "calls"])
def test_a_list_of_people_makes_as_many_queries_for_12_as_for_3(
    practice, client, manager, django_assert_max_num_queries, page
):
    closure = Closure.objects.create(
        organisation=practice.organisation,
        kind="sick",
        start_date=tomorrow(),
        end_date=tomorrow(),
    )
    address = (
        reverse("admin:practice_closure_change", args=[closure.pk])
        if page == "calls"
        else "/admin/worklist/"
    )

    def queries(count: int) -> int:
        for slot in make_slots(count):
            waiting = make_appointment(slots=[slot], patient=make_patient())
            Appointment.objects.filter(pk=waiting.pk).update(
                to_be_told=True, orphaned=True, affected_by=closure
            )
            waiting.contact_attempts.create(at=timezone.now(), by=manager, by_name="Mo", note="")
        with django_assert_max_num_queries(60) as made:
            client.get(address)
        return len(made.captured_queries)

    assert queries(3) == queries(9)
