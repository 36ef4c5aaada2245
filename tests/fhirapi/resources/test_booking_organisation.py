"""The organisation that books: checked, kept as it was sent, shown to staff."""

from typing import Any

import pytest

from fhirapi import formats
from fhirapi.resources import organization
from fhirapi.resources.common import ODS_CODE
from practice.models import Appointment, AuditEvent
from tests.fhirapi.appointments import FULL_ORGANISATION, appointment_in, extension
from workbench.bodies import booking_organisation
from workbench.consumer import as_dict

pytestmark = pytest.mark.django_db


def reversed_members(value: Any) -> Any:
    """The same value, the members of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: reversed_members(value[name]) for name in reversed(value)}
    return [reversed_members(item) for item in value] if isinstance(value, list) else value


@pytest.mark.req("BOOK-038", "BOOK-107", "GEN-138", "AUD-033")
@pytest.mark.parametrize("sent_as", ["json", "xml"])
@pytest.mark.parametrize("answered_as", ["json", "xml"])
def test_the_booking_organisation_comes_back_as_it_was_sent(consumer, world, sent_as, answered_as):
    """From JSON to XML and back: content, and the order of what repeats."""
    consumer.book(world.body(organisation=FULL_ORGANISATION), format=sent_as)
    pk = Appointment.objects.get().pk

    read = appointment_in(consumer.read_appointment(pk, format=answered_as))

    assert read["contained"] == [FULL_ORGANISATION]
    (link,) = extension(read, "Extension-GPConnect-BookingOrganisation-1")
    assert link["valueReference"] == {"reference": "#1"}


@pytest.mark.req("BOOK-107", "GEN-138")
def test_a_json_object_has_no_order_but_xml_has(consumer, world):
    """Members sent in any order are answered in FHIR's."""
    body = reversed_members(world.body(organisation=FULL_ORGANISATION))

    response = consumer.book(body)

    assert response.status_code == 201, response.content
    read = consumer.read_appointment(as_dict(response)["id"], format="xml")
    wanted = formats.to_xml(FULL_ORGANISATION).partition(b'xmlns="http://hl7.org/fhir">')[2]
    assert wanted in read.content


@pytest.mark.req("BOOK-107", "GEN-138")
def test_texts_and_what_stands_beside_them_keep_their_places(consumer, world):
    """A null in a list of primitives holds the place of an extension."""
    beside = {"extension": [{"url": "https://x.example/e", "valueString": "no text"}]}
    organisation = booking_organisation(
        alias=[None, "Second"], _alias=[beside, None], _name={"id": "name-1"}
    )

    booked = appointment_in(consumer.book(world.body(organisation=organisation)))
    read = appointment_in(consumer.read_appointment(booked["id"], format="xml"))

    for answered in (booked, read):
        (contained,) = answered["contained"]
        assert contained["alias"] == [None, "Second"]
        assert contained["_alias"] == [beside, None]
        assert contained["_name"] == {"id": "name-1"}


@pytest.mark.req("BOOK-107", "GEN-039")
def test_what_a_contained_resource_may_not_have_is_left_out(consumer, world):
    """FHIR forbids it a narrative, a version and resources of its own (dom-1, dom-2, dom-4)."""
    organisation = {
        **booking_organisation(),
        "meta": {"versionId": "7", "profile": [organization.PROFILE]},
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml">Test Hospital</div>',
        },
    }

    booked = appointment_in(consumer.book(world.body(organisation=organisation)))

    assert booked["contained"] == [booking_organisation()]
    echoed = {**booked, "contained": [organisation]}
    assert consumer.amend(booked["id"], echoed).status_code == 200


@pytest.mark.req("BOOK-038", "BOOK-085")
def test_staff_can_see_who_booked_and_what_they_wrote(consumer, world):
    """Name, ODS code and telephone of the booking organisation are kept for the diary."""
    consumer.book(world.body(description="Call on 0113 496 0007"))

    booked = Appointment.objects.get()
    assert booked.booked_via == Appointment.Door.GP_CONNECT
    assert booked.booking_organisation_name == "Test Hospital"
    assert booked.booking_organisation_ods_code == "A1001"
    assert "0113 496 0005" in booked.booking_organisation_json
    assert booked.description == "Call on 0113 496 0007"


def test_a_long_name_of_the_booking_organisation_is_no_reason_to_fail(consumer, world):
    """PostgreSQL refuses what is too long for a column; the name is answered whole all the same."""
    name = "Trust " * 50 + "End"

    booked = appointment_in(consumer.book(world.body(organisation=booking_organisation(name=name))))

    assert booked["contained"][0]["name"] == name
    assert len(Appointment.objects.get().booking_organisation_name) == 200


@pytest.mark.req("DEC-063")
def test_a_hub_may_book_for_another_organisation_than_its_token_names(consumer, world):
    """The appointment shows the booking organisation, the trail the token's."""
    organisation = booking_organisation(identifier=[{"system": ODS_CODE, "value": "H9009"}])

    consumer.book(world.body(organisation=organisation))

    assert Appointment.objects.get().booking_organisation_ods_code == "H9009"
    assert AuditEvent.objects.get().user_organisation == "Test Hospital (A1001)"


@pytest.mark.req("AMEND-033", "BOOK-107")
def test_an_extension_that_was_kept_may_be_left_out_when_the_copy_comes_back(consumer, world):
    """With what only held its place. It stays as it was stored."""
    beside = {"extension": [{"url": "https://x.example/e", "valueString": "no text"}]}
    organisation = booking_organisation(alias=[None, "Second"], _alias=[beside, None])
    booked = appointment_in(consumer.book(world.body(organisation=organisation)))
    body = {**booked, "contained": [booking_organisation(alias=["Second"])]}

    amended = appointment_in(consumer.amend(booked["id"], {**body, "comment": "Blind."}))

    assert amended["contained"] == booked["contained"]
