"""FHIR libraries as they come: through the local proxy, and directly with GP Connect's headers.

Each searches, books, reads, retrieves, amends and cancels. Those of Node and Java are in
test_foreign_clients.py.
"""

import pytest
from fhirclient.models.appointment import Appointment as STU3Appointment
from fhirclient.models.bundle import Bundle as STU3Bundle
from fhirclient.models.slot import Slot as STU3Slot
from fhirclient.server import FHIRServer
from fhirpy import SyncFHIRClient

from consumer import interactions
from practice.models import Appointment
from tests.consumer.journeys import booking, cancelled, days, search_query


def assert_cancelled(practice):
    """What became of the one appointment, in our own book."""
    held = Appointment.objects.get(organisation=practice.organisation)

    assert (held.patient, held.status) == (practice.patient, "cancelled")
    assert (held.description, held.comment) == ("Cough", "Uses the side door")
    assert held.cancellation_reason == "Feels better"


@pytest.mark.django_db(transaction=True)
def test_fhirpy(way, practice):
    def client(interaction):
        return SyncFHIRClient(way.address, extra_headers=way.headers(interaction))

    searching = client(interactions.SEARCH_SLOTS)
    found = searching.resources("Slot").search(**search_query()).fetch_raw()
    body = booking(found, practice.patient.pk, "Cough")
    booked = client(interactions.BOOK_APPOINTMENT).resource("Appointment", **body)
    booked.save()
    reading = client(interactions.READ_APPOINTMENT)
    read = reading.reference("Appointment", booked["id"]).to_resource()
    start, end = days()
    retrieved = client(interactions.RETRIEVE_APPOINTMENTS).execute(
        f"Patient/{practice.patient.pk}/Appointment",
        method="GET",
        params={"start": [f"ge{start}", f"le{end}"]},
    )
    amended = client(interactions.AMEND_APPOINTMENT).resource(
        "Appointment", **{**read.serialize(), "comment": "Uses the side door"}
    )
    amended.save()
    gone = client(interactions.CANCEL_APPOINTMENT).resource(
        "Appointment", **cancelled(amended.serialize(), "Feels better")
    )
    gone.save()

    assert read.serialize() == booked.serialize() == retrieved["entry"][0]["resource"]
    assert gone["meta"]["versionId"] != amended["meta"]["versionId"]
    assert_cancelled(practice)


@pytest.mark.django_db(transaction=True)
def test_fhirclient(way, practice):
    server = FHIRServer(None, base_uri=way.address)

    def to(interaction):
        server.session.headers.update(way.headers(interaction))
        return server

    found = STU3Slot.where(search_query()).perform(to(interactions.SEARCH_SLOTS))
    body = STU3Appointment(booking(found.as_json(), practice.patient.pk, "Cough"))
    booked = STU3Appointment(body.create(to(interactions.BOOK_APPOINTMENT)))
    read = STU3Appointment.read(booked.id, to(interactions.READ_APPOINTMENT))
    start, end = days()
    retrieved = STU3Bundle.read_from(
        f"Patient/{practice.patient.pk}/Appointment?start=ge{start}&start=le{end}",
        to(interactions.RETRIEVE_APPOINTMENTS),
    )
    read.comment = "Uses the side door"
    amended = STU3Appointment(read.update(to(interactions.AMEND_APPOINTMENT)))
    gone = STU3Appointment(cancelled(amended.as_json(), "Feels better"))
    gone.update(to(interactions.CANCEL_APPOINTMENT))

    assert retrieved.entry[0].resource.as_json() == booked.as_json()
    assert_cancelled(practice)
