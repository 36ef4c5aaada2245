"""Every kind of answer, in both formats, held to the published profiles and read back.

One world in which everything has been filled in that can be, so that each element is rendered once.
"""

import json
from datetime import date, timedelta

import pytest
from django.utils import timezone

from fhirapi import ssp
from practice import clock
from practice.services.appointments.changing import appointment_for_change, cancel_appointment
from tests import profiles
from tests.shared import needs_shared
from workbench import factories
from workbench.bodies import appointment_body, cancelled
from workbench.consumer import ABSENT, as_dict, read_back

pytestmark = [pytest.mark.django_db, needs_shared]


@pytest.fixture
def world(practice, settings, tmp_path):
    """The small practice with everything filled in, a booking, a cancelled one and free slots."""
    surgery = practice.location
    surgery.address_line_2, surgery.address_line_3, surgery.country = "Moor", "Far", "England"
    surgery.save()
    branch = factories.make_location(practice.organisation, status="suspended")
    practice.practitioner.languages = ["en", "cy"]
    practice.practitioner.save()
    fill_in(practice.patient, branch=branch, practitioner=practice.practitioner)
    schedule = factories.make_schedule(session_holder=practice.practitioner)
    free = factories.make_slots(3, schedule, delivery_channel="Video")
    booked = factories.make_appointment(factories.make_slots(2, schedule), practice.patient)
    ended = factories.make_appointment(factories.make_slots(1, schedule), practice.patient)
    actor, now = factories.make_actor(), timezone.now()
    cancel_appointment(
        appointment=appointment_for_change(
            organisation=practice.organisation, appointment_id=ended.pk, actor=actor, now=now
        ),
        reason="Feeling better",
        actor=actor,
        now=now,
    )
    person = {
        "nhs_number": factories.new_nhs_number(),
        "family_name": "Newcomer",
        "given_names": "Nia",
        "birth_date": "1990-01-01",
        "gender": "female",
    }
    people = tmp_path / "people.json"
    people.write_text(json.dumps([person]))
    settings.DEMOGRAPHICS_FILE = str(people)
    return {
        "practice": practice,
        "free": free,
        "booked": booked,
        "ended": ended,
        "person": person,
    }


def fill_in(patient, *, branch, practitioner):
    patient.preferred_branch, patient.general_practitioner = branch, practitioner
    patient.registration_end = date(2999, 12, 31)
    patient.save()
    patient.other_names.create(use="maiden", given_names="Edie", family_name="Before")
    patient.addresses.create(
        use="temp", address_line_1="1 Elsewhere", city="Hull", start=date(2026, 1, 1)
    )
    patient.telecoms.create(system="email", value="edie@example.com", use="home")
    patient.contacts.create(
        relationship="Sister",
        family_name="Kin",
        given_names="Ann",
        gender="female",
        telephone="0113 496 0009",
        address_line_1="4 Near Street",
        city="Leeds",
    )
    patient.languages.create(
        language="cy", preferred=True, mode="RSP", proficiency="E", interpreter_required=True
    )


def search(days=14):
    today = clock.today(timezone.now())
    return {
        "status": "free",
        "start": f"ge{today}",
        "end": f"le{today + timedelta(days=days)}",
        "_include": "Slot:schedule",
        "_include:recurse": [
            "Schedule:actor:Practitioner",
            "Schedule:actor:Location",
            "Location:managingOrganization",
        ],
    }


def registration(person):
    return {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "registerPatient",
                "resource": {
                    "resourceType": "Patient",
                    "meta": {"profile": [profiles.DEFAULTS["Patient"]]},
                    "identifier": [
                        {
                            "system": "https://fhir.nhs.uk/Id/nhs-number",
                            "value": person["nhs_number"],
                        }
                    ],
                    "name": [
                        {
                            "use": "official",
                            "family": person["family_name"],
                            "given": [person["given_names"]],
                        }
                    ],
                    "gender": person["gender"],
                    "birthDate": person["birth_date"],
                },
            }
        ],
    }


def amend(consumer, world):
    held = consumer.read_appointment(world["booked"].pk, format="json")
    body = {**as_dict(held), "description": "Worse since the morning"}
    return consumer.amend(body["id"], body, if_match=held["ETag"])


def cancel(consumer, world):
    held = consumer.read_appointment(world["booked"].pk, format="json")
    return consumer.cancel(world["booked"].pk, cancelled(as_dict(held)), if_match=held["ETag"])


def retrieve(consumer, world):
    day = clock.local(world["booked"].start).date()
    return consumer.retrieve(world["practice"].patient.pk, f"{day}", f"{day}")


def book(consumer, world):
    body = appointment_body(slots=world["free"][:2], patient=world["practice"].patient)
    return consumer.book(body)


ANSWERS = {
    ssp.READ_METADATA: lambda c, w: c.read_metadata(),
    ssp.FIND_PATIENT: lambda c, w: c.find_patient(w["practice"].patient.nhs_number),
    ssp.READ_PATIENT: lambda c, w: c.read_patient(w["practice"].patient.pk),
    ssp.REGISTER_PATIENT: lambda c, w: c.register(registration(w["person"])),
    ssp.FIND_PRACTITIONER: lambda c, w: c.find_practitioner(w["practice"].practitioner.sds_user_id),
    ssp.READ_PRACTITIONER: lambda c, w: c.read_practitioner(w["practice"].practitioner.pk),
    ssp.FIND_ORGANISATION: lambda c, w: c.find_organisation(w["practice"].organisation.ods_code),
    ssp.READ_ORGANISATION: lambda c, w: c.read_organisation(w["practice"].organisation.pk),
    ssp.READ_LOCATION: lambda c, w: c.read_location(w["practice"].location.pk),
    ssp.SEARCH_SLOTS: lambda c, w: c.search_slots(search()),
    ssp.BOOK_APPOINTMENT: book,
    ssp.RETRIEVE_APPOINTMENTS: retrieve,
    ssp.READ_APPOINTMENT: lambda c, w: c.read_appointment(w["ended"].pk),
    ssp.AMEND_APPOINTMENT: amend,
    ssp.CANCEL_APPOINTMENT: cancel,
}


def test_every_interaction_is_held_to_its_profiles():
    assert set(ANSWERS) == set(ssp.INTERACTIONS)


@pytest.mark.req("GEN-030", "GEN-130", "GEN-131", "GEN-133", "GEN-139", "GEN-141")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize("interaction", ANSWERS, ids=lambda each: each.name)
def test_answers_conform(consumer, world, interaction, format):
    """The profiles, FHIR's order of elements, UK times, and fhir.resources all agree."""
    consumer.format = format

    response = ANSWERS[interaction](consumer, world)

    assert response.status_code == interaction.success_status, response.content
    resource = as_dict(response)
    # Reading XML gives no order of its own: the dict follows the document.
    assert profiles.check(resource, ordered=True) == []
    if resource["resourceType"] != "CapabilityStatement":
        assert profiles.uk_times(resource) == []
    assert read_back(response).get_resource_type() == resource["resourceType"]


@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize("interaction", ssp.INTERACTIONS, ids=lambda each: each.name)
def test_refusals_conform(consumer, world, interaction, format):
    """Each interaction without a token is refused in the format asked for, as its profile wants."""
    response = consumer.send(interaction, format=format, headers={"Authorization": ABSENT})

    assert response.status_code == 400
    assert profiles.check(as_dict(response), ordered=True) == []
    assert read_back(response).get_resource_type() == "OperationOutcome"
