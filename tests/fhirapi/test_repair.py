"""manage.py repair_booking_organisations: what was stored before it was checked can be sent."""

import json
from copy import deepcopy
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from fhirapi.repair import problems, repaired
from fhirapi.resources.common import ODS_CODE
from practice.models import Appointment, AuditEvent
from practice.services.appointments.changing import replace_booking_organisation
from tests.fhirapi.answers import violations
from tests.fhirapi.appointments import FULL_ORGANISATION, appointment_in
from tests.shared import needs_shared
from workbench.bodies import appointment_body, booking_organisation, cancelled
from workbench.factories import make_actor, make_appointment, make_organisation, make_slots

pytestmark = pytest.mark.django_db

NOT = [{"url": "https://x.example/not", "valueBoolean": True}]
MAIN_LOCATION = (
    "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-MainLocation-1"
)

SPOILT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # what the organisation said, and what is left of it
    "a kind of contact that is none": (
        {"telecom": [{"system": "telephone", "value": "1"}, {"system": "skype", "value": "2"}]},
        {"telecom": [{"system": "phone", "value": "1"}, {"system": "other", "value": "2"}]},
    ),
    "a number of no kind": (
        {"telecom": [{"system": "phone", "value": "1"}, {"value": "2"}]},
        {"telecom": [{"system": "phone", "value": "1"}, {"system": "other", "value": "2"}]},
    ),
    "a use that is none": (
        {"telecom": [{"system": "phone", "value": "1", "use": "business"}]},
        {"telecom": [{"system": "phone", "value": "1"}]},
    ),
    "a use that organisations have not": (
        {"address": [{"use": "home", "city": "Leeds"}]},
        {"address": [{"city": "Leeds"}]},
    ),
    "a type of address that is none": (
        {"address": [{"type": "castle", "city": "Leeds"}]},
        {"address": [{"city": "Leeds"}]},
    ),
    "an address of nothing else": ({"address": [{"type": "castle"}]}, {}),
    "a period of a contact point": (
        {
            "telecom": [
                {"system": "phone", "value": "1", "period": {"start": "2021", "end": "2020"}}
            ]
        },
        {"telecom": [{"system": "phone", "value": "1"}]},
    ),
    "a county as a state": (
        {"contact": [{"address": {"city": "Leeds", "state": "Yorkshire"}}]},
        {"contact": [{"address": {"city": "Leeds", "district": "Yorkshire"}}]},
    ),
    "a name in one piece": (
        {"contact": [{"name": {"text": "The desk"}}]},
        {"contact": [{"name": {"text": "The desk", "family": "The desk"}}]},
    ),
    "a name without a word": ({"contact": [{"name": {"use": "usual"}}]}, {}),
    "references that lead out of here": (
        {
            "partOf": {"reference": "https://x.example/Organization/1", "display": "Trust"},
            "endpoint": [{"reference": "Endpoint/1"}, {"display": "Their system"}],
            "extension": [{"url": MAIN_LOCATION, "valueReference": {"reference": "Location/0"}}],
        },
        {"partOf": {"display": "Trust"}, "endpoint": [{"display": "Their system"}]},
    ),
    "a reference to another contained resource": ({"partOf": {"reference": "#2"}}, {}),
    "what changes the meaning": (
        {"implicitRules": "https://x.example/rules", "modifierExtension": NOT},
        {},
    ),
    "what changes the meaning of a contact": (
        {"contact": [{"purpose": {"text": "Bookings"}, "modifierExtension": NOT}]},
        {"contact": [{"purpose": {"text": "Bookings"}}]},
    ),
    "an extension of nothing": ({"extension": [{"url": "https://x.example/e"}]}, {}),
    "tags": (
        {
            "meta": {
                "profile": [*booking_organisation()["meta"]["profile"], "https://x.example/p"],
                "tag": [{"code": "t"}],
            }
        },
        {},
    ),
}


def nothing_held(kind: str, pk: int) -> bool:
    return False


@needs_shared
@pytest.mark.req("BOOK-031", "GEN-025", "GEN-035")
@pytest.mark.parametrize(("said", "left"), SPOILT.values(), ids=SPOILT.keys())
def test_what_cannot_stay_is_taken_out_and_nothing_else(said, left):
    json_of_it, wrong = repaired(json.dumps(booking_organisation(**said)), is_held=nothing_held)

    assert wrong
    assert json.loads(json_of_it) == booking_organisation(**left)
    assert violations(json.loads(json_of_it)) == []
    assert repaired(json_of_it, is_held=nothing_held) == (json_of_it, [])


def test_what_is_right_stays_letter_for_letter():
    text = json.dumps(FULL_ORGANISATION, indent=3)

    assert repaired(text, is_held=nothing_held) == (text, [])


def stored(**said: Any) -> Appointment:
    """An appointment whose booking organisation said what was not checked then."""
    appointment = make_appointment(make_slots(1))
    organisation = deepcopy(booking_organisation(**said))
    appointment.booking_organisation_json = json.dumps(organisation)
    appointment.save()
    return appointment


BAD = {"telecom": [{"system": "telephone", "value": "0113 496 0005"}]}


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("repair_booking_organisations", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.req("BOOK-031", "GEN-032", "AUD-031")
def test_a_repaired_appointment_is_the_next_version_audited_and_can_be_cancelled(
    practice, consumer
):
    """Before, its copy would have been refused."""
    spoilt, sound = stored(**BAD), stored()
    before = appointment_in(consumer.read_appointment(spoilt.pk))
    assert consumer.cancel(spoilt.pk, cancelled(before)).status_code == 422

    said = run()

    assert f"{practice.organisation.ods_code}: 2 looked at, 1 repaired" in said
    after = appointment_in(consumer.read_appointment(spoilt.pk))
    assert after["contained"][0]["telecom"] == [{"system": "phone", "value": "0113 496 0005"}]
    assert after["meta"]["versionId"] == str(int(before["meta"]["versionId"]) + 1)
    event = AuditEvent.objects.filter(event="appointment.repaired").get()
    assert event.resource == f"Appointment/{spoilt.pk}"
    assert "telephone" in event.detail["changes"]["booking_organisation"]["from"]
    assert Appointment.objects.get(pk=sound.pk).version == sound.version
    assert consumer.cancel(spoilt.pk, cancelled(after)).status_code == 200


def test_again_changes_nothing(practice):
    stored(**BAD)
    run()
    rows, events = list(Appointment.objects.values()), AuditEvent.objects.count()

    said = run()

    assert "1 looked at" in said
    assert "repair" not in said
    assert (list(Appointment.objects.values()), AuditEvent.objects.count()) == (rows, events)


def test_the_diary_agrees_with_the_trail_afterwards(practice, consumer):
    """A repair is a step like any other to ``check_diary``, which fails for what is not told."""
    consumer.book(appointment_body(slots=make_slots(1), patient=practice.patient))
    Appointment.objects.update(booking_organisation_json=json.dumps(booking_organisation(**BAD)))

    assert "1 repaired" in run()

    call_command("check_diary", stdout=StringIO())


def test_what_was_changed_meanwhile_is_left_alone(practice):
    appointment = stored(**BAD)

    done = replace_booking_organisation(
        organisation=practice.organisation,
        appointment_id=appointment.pk,
        stored="{}",
        json="[]",
        actor=make_actor(),
        now=timezone.now(),
    )

    assert not done
    assert Appointment.objects.get().version == appointment.version


def test_a_dry_run_counts_and_changes_nothing(practice):
    stored(**BAD)
    rows, events = list(Appointment.objects.values()), AuditEvent.objects.count()

    said = run("--dry-run")

    assert "1 looked at, 1 to repair" in said
    assert "telecom[0].system is not a code of its list" in said
    assert "0113" not in said
    assert (list(Appointment.objects.values()), AuditEvent.objects.count()) == (rows, events)


def test_only_the_practices_named_are_repaired(practice):
    appointment, other = stored(**BAD), make_organisation()

    run("--practice", other.ods_code)
    assert Appointment.objects.get().version == appointment.version
    run("--practice", practice.organisation.ods_code.lower())
    assert Appointment.objects.get().version == appointment.version + 1

    with pytest.raises(CommandError, match="There is no practice with the ODS code ZZZ"):
        run("--practice", "ZZZ")


def test_references_that_are_held_here_stay(practice):
    place = {"reference": f"Location/{practice.location.pk}"}
    ours = {"reference": f"Organization/{practice.organisation.pk}"}
    organisation = {
        "partOf": ours,
        "extension": [{"url": MAIN_LOCATION, "valueReference": place}],
        "identifier": [
            *booking_organisation()["identifier"],
            {"system": "https://x.example/id", "value": "7", "assigner": ours},
        ],
    }
    appointment = stored(**organisation)

    run()

    assert Appointment.objects.get().version == appointment.version


def test_what_a_booking_is_refused_for_is_what_is_repaired():
    """One rule, whichever end it is asked from."""
    spoilt = booking_organisation(
        **BAD, identifier=[{"system": ODS_CODE, "value": "A1001", "use": "code"}]
    )

    assert [problem.path for problem in problems(spoilt, nothing_held)] == [
        ("identifier", 0, "use"),
        ("telecom", 0, "system"),
    ]
