"""The main job in one walk, as a consumer makes it, in both formats."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.models import Appointment, AuditEvent
from workbench.bodies import appointment_body, cancelled
from workbench.consumer import as_dict, read_back, spine_code
from workbench.factories import make_slots


def search_query() -> dict:
    today = clock.today(timezone.now())
    return {
        "status": "free",
        "start": f"ge{today}",
        "end": f"le{today + timedelta(days=14)}",
        "_include": "Slot:schedule",
        "_include:recurse": [
            "Schedule:actor:Practitioner",
            "Schedule:actor:Location",
            "Location:managingOrganization",
        ],
    }


@pytest.mark.django_db
@pytest.mark.parametrize("format", ["json", "xml"])
def test_a_consumer_books_two_slots_changes_its_mind_and_gives_them_back(
    practice, consumer, format
):
    """Search, book, read, retrieve, amend, stale amend, cancel, search again."""
    consumer.format = format
    slots = make_slots(3)
    day = clock.local(slots[0].start).date()

    found = as_dict(consumer.search_slots(search_query()))
    booked = consumer.book(appointment_body(slots=slots[:2], patient=practice.patient))
    held = as_dict(consumer.search_slots(search_query()))
    read = consumer.read_appointment(Appointment.objects.get().pk)
    retrieved = as_dict(consumer.retrieve(practice.patient.pk, f"{day}", f"{day}"))
    body = {**as_dict(read), "description": "Worse since the morning."}
    amended = consumer.amend(body["id"], body, if_match=read["ETag"])
    stale = consumer.amend(body["id"], body, if_match=read["ETag"])
    ended = consumer.cancel(body["id"], cancelled(as_dict(amended)), if_match=amended["ETag"])
    freed = as_dict(consumer.search_slots(search_query()))

    def slot_ids(bundle):
        resources = [entry["resource"] for entry in bundle["entry"]]
        return [r["id"] for r in resources if r["resourceType"] == "Slot"]

    assert slot_ids(found) == slot_ids(freed) == [str(slot.pk) for slot in slots]
    assert slot_ids(held) == [str(slots[2].pk)]
    assert booked.status_code == 201, booked.content
    assert as_dict(booked) == as_dict(read) == retrieved["entry"][0]["resource"]
    assert (amended.status_code, amended["ETag"]) == (200, 'W/"2"')
    assert (stale.status_code, spine_code(stale)) == (409, "FHIR_CONSTRAINT_VIOLATION")
    assert (ended.status_code, as_dict(ended)["status"]) == (200, "cancelled")
    for response in (booked, read, amended, ended):
        assert read_back(response).get_resource_type() == "Appointment"
    assert AuditEvent.objects.count() == 9, "one event for each of the nine requests"
