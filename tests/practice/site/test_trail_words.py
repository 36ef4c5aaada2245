"""The audit trail in words: every event that the product records has a sentence."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from fhirapi import ssp
from practice.models import AuditEvent
from practice.site.trail_words import FROM_OUTSIDE, PHRASES, SUBJECTS, changed_fields, phrase

ROOMS = ("practice/services", "practice/staff", "practice/admin", "practice/site", "fhirapi")
NAME = re.compile(r'record_\w+\(\s*f?"([a-z-]+\.[a-z_-]+)"')


def recorded() -> set[str]:
    """The names of events that stand in the sources."""
    found = set()
    for room in ROOMS:
        for file in Path(settings.BASE_DIR, room).rglob("*.py"):
            found |= set(NAME.findall(file.read_text(encoding="utf-8")))
    return found


def test_every_event_of_staff_is_said_without_its_code():
    names = recorded()
    assert len(names) > 25
    for name in names:
        subject = name.partition(".")[0]
        known = name in PHRASES or subject in SUBJECTS
        assert known, f"{name}: say it in PHRASES, or its subject in SUBJECTS"


def test_every_interaction_of_gp_connect_is_said():
    for interaction in ssp.INTERACTIONS:
        event = AuditEvent(event=interaction.id, door="gp-connect")
        assert phrase(event) in FROM_OUTSIDE.values(), interaction.id


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"event": "slot.block"}, "blocked slots"),
        ({"event": "appointment.cancelled"}, "cancelled an appointment"),
        ({"event": "location.change"}, "changed a place"),
        ({"event": "call_list.viewed", "detail": {"of": "Off sick"}}, "the call list of Off sick"),
        ({"event": "nonsense", "door": "gp-connect"}, "not one of GP Connect’s"),
    ],
)
def test_an_event_in_words(event, said):
    assert said in phrase(AuditEvent(**{"door": "staff", "detail": {}, **event}))


def test_what_was_changed_is_named():
    event = AuditEvent(detail={"changes": {"postal_code": {}, "city": {}}})

    assert changed_fields(event) == "city, postal code"
    assert changed_fields(AuditEvent(detail={"changes": [1]})) == ""
